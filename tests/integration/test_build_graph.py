"""An edit rebuilds what depends on it, on the platforms it is for: shown by counting processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bootstrap
import pytest

from tests.integration.scratch import SOURCES, Repository, environment, started

pytestmark = pytest.mark.integration

LINUX, WINDOWS = "linux/amd64", "windows/amd64"
# A path no run had before: the store is the machine's own, and may remember every edit made here.
MODULE = f"example.test/graph{secrets.token_hex(4)}"
FILES = {
    "go.mod": f"module {MODULE}\n\ngo 1.25\n",
    "base/base.go": 'package base\n\n//go:noinline\nfunc Word() string { return "one" }\n',
    "base/base_windows.go": 'package base\n\nconst System = "windows"\n',
    "base/base_linux.go": 'package base\n\nconst System = "linux"\n',
    "middle/middle.go": (
        f'package middle\n\nimport "{MODULE}/base"\n\n'
        "//go:noinline\nfunc Words() string { return base.Word() + base.System }\n"
    ),
    "cmd/uses/main.go": (
        f'package main\n\nimport "{MODULE}/middle"\n\n'
        "var version string\n\nfunc main() { println(middle.Words(), version) }\n"
    ),
    "cmd/alone/main.go": 'package main\n\nfunc main() { println("alone") }\n',
    "BUILD": (
        'go_module(name="mod")\n'
        'go_cross_binary(name="uses", main="cmd/uses", x_defs={"main.version": "{version}"})\n'
        'go_cross_binary(name="alone", main="cmd/alone")\n'
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """One repository, and so one pantsd, for all tests."""
    found = Repository(tmp_path_factory.mktemp("graph"))
    found.configure(platforms=(LINUX, WINDOWS))
    yield found
    found.stop()


@pytest.fixture
def repository(shared: Repository) -> Repository:
    """A small module, as it was before any test, built for two platforms."""
    for path in (".gitignore", "base/base_test.go"):
        (shared.root / path).unlink(missing_ok=True)
    for path, text in FILES.items():
        shared.write(path, text)
    shared.pants("package", "::")
    return shared


def edit(repository: Repository, path: str, old: str, new: str) -> None:
    """Change one file."""
    text = (repository.root / path).read_text()
    assert old in text
    (repository.root / path).write_text(text.replace(old, new))


def processes(repository: Repository, *options: str) -> list[str]:
    """Package everything; returns what ran, without what only reads sources."""
    printed = started(repository.pants(*options, "package", "::"))
    return sorted(line for line in printed if line.startswith(("Compile", "Link")))


def compiled(name: str, *platforms: str) -> list[str]:
    return [f"Compile {MODULE}/{name} for {platform}" for platform in platforms]


def linked(name: str, *platforms: str) -> list[str]:
    return [f"Link //:{name}#{platform}" for platform in platforms]


def test_nothing_changed_runs_nothing(repository: Repository) -> None:
    assert processes(repository) == []


def test_a_body_edit_runs_no_rule_of_importers_and_the_next_run_none(
    repository: Repository,
) -> None:
    # Another level of the log may need another daemon, which has run nothing yet.
    repository.pants("--level=debug", "package", "::")
    edit(repository, "base/base.go", '"one"', '"three"')
    rule = "Completed: Compile a Go package"
    edited = repository.pants("--level=debug", "package", "::").stderr
    assert f"{rule} - {MODULE}/base (linux/amd64)" in edited
    assert f"{rule} - {MODULE}/middle" not in edited
    after = repository.pants("--level=debug", "package", "::").stderr
    assert "0 built, 4 cached" in after
    assert rule not in after


def test_a_file_for_windows_recompiles_nothing_for_linux(repository: Repository) -> None:
    edit(repository, "base/base_windows.go", '"windows"', '"Windows"')
    ran = processes(repository)
    assert ran
    assert all(WINDOWS in line for line in ran)


def test_a_body_edit_recompiles_one_package_and_relinks_its_binaries(
    repository: Repository,
) -> None:
    edit(repository, "base/base.go", '"one"', '"two"')
    assert processes(repository) == sorted(
        compiled("base", LINUX, WINDOWS) + linked("uses", LINUX, WINDOWS)
    )
    program = repository.root / "dist/uses/linux/amd64/uses"
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stderr
    assert printed == "twolinux \n" or printed.startswith("twolinux 0")


def test_a_comment_at_the_end_relinks_nothing(repository: Repository) -> None:
    edit(repository, "base/base.go", '"one" }\n', '"one" }\n\n// No code.\n')
    assert processes(repository) == compiled("base", LINUX, WINDOWS)


def test_a_new_exported_function_recompiles_direct_importers(repository: Repository) -> None:
    edit(repository, "base/base.go", '"one" }\n', '"one" }\n\nfunc Added() int { return 1 }\n')
    ran = processes(repository)
    assert set(compiled("base", LINUX, WINDOWS) + compiled("middle", LINUX, WINDOWS)) <= set(ran)
    assert not set(ran) & set(linked("alone", LINUX, WINDOWS))


def test_another_version_only_links_what_is_stamped(repository: Repository) -> None:
    ran = processes(repository, "--multiarch-version=2.0.0")
    assert ran == linked("uses", LINUX, WINDOWS)


def test_a_test_file_rebuilds_nothing(repository: Repository) -> None:
    repository.write("base/base_test.go", "package base\n")
    assert processes(repository) == []


def test_changed_since_names_the_binaries_of_the_right_platforms(repository: Repository) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.test"]
    (repository.root / ".gitignore").write_text("/dist/\n/.pants.d/\n/.pids/\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *command], cwd=repository.root, check=True)
    edit(repository, "middle/middle.go", "base.Word()", "base.Word() + base.Word()")
    changed = ["--changed-since=HEAD", "--changed-dependents=transitive", "list"]
    found = repository.pants(*changed).stdout.split()
    assert {f"//:uses#{LINUX}", f"//:uses#{WINDOWS}"} <= set(found)
    assert not [address for address in found if "alone" in address]


def test_an_interrupted_run_leaves_nothing_and_the_next_one_finishes(tmp_path: Path) -> None:
    found = Repository(tmp_path)
    found.configure(platforms=(LINUX,))
    # A path of its own, so that there is something left to build when it is interrupted.
    for path, text in FILES.items():
        found.write(path, text.replace(MODULE, f"{MODULE}/interrupted"))
    client = subprocess.Popen(
        [str(bootstrap.ROOT / "pants"), "--no-dynamic-ui", "package", "::"],
        cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert client.stderr
    for line in client.stderr:
        if f"Starting: Compile {MODULE}" in line:
            break
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=120)
    assert client.returncode != 0
    assert not (tmp_path / "dist").exists() or not list((tmp_path / "dist").rglob("uses"))
    found.pants("package", "::")
    program = tmp_path / "dist/uses/linux/amd64/uses"
    first = hashlib.sha256(program.read_bytes()).hexdigest()
    found.pants("--no-local-cache", "--no-pantsd", "package", ":uses")
    assert hashlib.sha256(program.read_bytes()).hexdigest() == first
    found.stop()


# With what these import a program has more than 256 packages, all of them Go's own.
MANY = """
archive/tar archive/zip compress/bzip2 compress/lzw container/ring crypto/ecdh crypto/hpke
crypto/x509 database/sql debug/dwarf debug/elf debug/macho debug/pe encoding/ascii85 encoding/asn1
encoding/csv encoding/gob encoding/xml expvar go/build go/doc go/format go/importer go/types
hash/adler32 hash/fnv html/template image/gif image/jpeg image/png index/suffixarray log/slog
log/syslog math/big math/cmplx mime/multipart net/http net/http/cookiejar net/http/httptest
net/http/httputil net/http/pprof net/mail net/rpc/jsonrpc net/smtp os/signal os/user runtime/metrics
runtime/trace testing/fstest testing/iotest testing/quick text/tabwriter
"""


def test_a_big_link_waits_until_there_is_memory_for_it(shared: Repository, tmp_path: Path) -> None:
    imports = "".join(f'import _ "{name}"\n' for name in MANY.split())
    shared.write(
        "cmd/big/main.go",
        f'package main\n\n{imports}\nfunc main() {{ println("{secrets.token_hex(4)}") }}\n',
    )
    shared.write("go.mod", FILES["go.mod"])
    shared.write(
        "BUILD",
        'go_module(name="mod")\n'
        'go_cross_binary(name="big", main="cmd/big", platforms=["linux/amd64"])\n',
    )
    shares = tmp_path / "multiarch_link_memory/shares"
    shares.parent.mkdir()
    lines: list[str] = []
    with shares.open("wb") as file:
        # As one does that came before and waits.
        fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
        client = subprocess.Popen(
            [str(bootstrap.ROOT / "pants"), "--no-dynamic-ui", "--no-pantsd",
             f"--named-caches-dir={tmp_path}", "package", ":big"],
            cwd=shared.root, env=environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert client.stderr
        for line in client.stderr:
            lines.append(line)
            if "Starting: Link //:big" in line:
                break
        # Such a link takes less than two seconds.
        assert not select.select([client.stderr], [], [], 5)[0]
    lines += client.communicate(timeout=120)[1]
    assert client.returncode == 0, "".join(lines)


def test_a_verifier_that_is_killed_verifies_nothing(tmp_path: Path) -> None:
    plugin, found = tmp_path / "plugin", Repository(tmp_path / "repository")
    shutil.copytree(SOURCES, plugin, ignore=shutil.ignore_patterns("__pycache__"))
    verifier = plugin / "multiarch/tools/verify.py"
    killed = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    verifier.write_text(verifier.read_text().replace("\nimport sys\n", f"\n{killed}import sys\n"))
    found.configure(platforms=(LINUX,))
    settings = found.root / "pants.toml"
    settings.write_text(settings.read_text().replace(str(SOURCES), str(plugin)))
    for path, text in FILES.items():
        found.write(path, text)
    result = found.pants("--no-pantsd", "package", ":alone", check=False)
    assert result.returncode != 0
    assert f"//:alone#{LINUX} [{LINUX}]\n  exit code -9" in result.stderr
    assert not list(found.root.glob("dist/**/alone"))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_is_said_and_loses_nothing(repository: Repository) -> None:
    dist = repository.root / "dist"
    before = {f: f.read_bytes() for f in dist.rglob("*") if f.is_file()}
    small = repository.root / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small], check=True)
    try:
        result = repository.pants(f"--pants-distdir={small}/dist", "package", "::", check=False)
        assert result.returncode != 0
        assert "No space left on device" in result.stderr
    finally:
        subprocess.run(["umount", small], check=True)
    assert {f: f.read_bytes() for f in dist.rglob("*") if f.is_file()} == before
    repository.pants("package", "::")


def test_tailor_writes_what_is_missing(repository: Repository) -> None:
    repository.write("cmd/third/main.go", "package main\n\nfunc main() {}\n")
    try:
        printed = repository.pants("tailor", "--check", "::", check=False)
        assert printed.returncode != 0
        assert "Would create cmd/third/BUILD" in printed.stdout
        assert "go_cross_binary target third" in printed.stdout
        assert "cmd/uses" not in printed.stdout
    finally:
        (repository.root / "cmd/third/main.go").unlink()


def vendored(repository: Repository, version: str) -> None:
    """A program that imports forty packages of each of two vendored modules."""
    token, paths = secrets.token_hex(4), []
    versions = {"example.org/one": "v1.0.0", "example.org/two": version}
    for module in versions:
        for number in range(40):
            path = f"{module}/p{number}"
            paths.append(path)
            repository.write(
                f"vendored/vendor/{path}/p.go",
                f'package p\n\n//go:noinline\nfunc P() string {{ return "{token} {path}" }}\n',
            )
    lines = [
        f"# {module} {tag}\n## explicit; go 1.25\n"
        + "".join(f"{path}\n" for path in paths if path.startswith(module))
        for module, tag in versions.items()
    ]
    repository.write("vendored/vendor/modules.txt", "".join(lines))
    repository.write(
        "vendored/go.mod",
        f"module {MODULE}/vendored\n\ngo 1.25\n\n"
        f"require (\n\texample.org/one v1.0.0\n\texample.org/two {version}\n)\n",
    )
    imports = "".join(f'\tp{n} "{path}"\n' for n, path in enumerate(paths))
    calls = "".join(f"\tprintln(p{n}.P())\n" for n in range(len(paths)))
    repository.write(
        "vendored/main.go",
        f"package main\n\nimport (\n{imports})\n\nfunc main() {{\n{calls}}}\n",
    )
    repository.write(
        "vendored/BUILD",
        f'go_module(name="mod")\ngo_cross_binary(name="all", platforms=["{LINUX}"])\n',
    )


def third_party(repository: Repository) -> list[str]:
    """Package the program; returns the parts of its third-party packages that were compiled."""
    printed = started(repository.pants("package", "vendored:all"))
    return sorted(line for line in printed if "third-party" in line)


def test_an_edit_or_a_bump_of_a_vendored_module_recompiles_its_part_alone(
    repository: Repository,
) -> None:
    vendored(repository, "v1.0.0")
    parts = third_party(repository)
    assert len(parts) > 2
    assert all("third-party packages of vendored (part " in part for part in parts)
    edit(repository, "vendored/vendor/example.org/one/p7/p.go", "return", "return `edited `+")
    (edited,) = third_party(repository)
    assert edited in parts
    program = repository.root / "vendored"
    for file in ("go.mod", "vendor/modules.txt"):
        text = (program / file).read_text()
        (program / file).write_text(text.replace("two v1.0.0", "two v1.0.1"))
    bumped = third_party(repository)
    assert bumped
    assert set(bumped) < set(parts)
    shutil.rmtree(program)
