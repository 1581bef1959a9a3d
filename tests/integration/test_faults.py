"""Faults while something is built: nothing wrong is ever used, and the next run is right.

What is right is what `go build` of the same Go makes of the same sources.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bootstrap
import pytest
from multiarch.core.platforms import Platform

from tests.integration.scratch import (
    Repository,
    environment,
    go_environment,
    go_program,
    started,
)

pytestmark = pytest.mark.integration

LINUX = Platform.parse("linux/amd64")
PROGRAM = f"dist/program/{LINUX.path}/program"
BUILD = 'go_module(name="mod")\ngo_cross_binary(name="program", main="cmd/program")\n'
# A compile that takes some seconds, so that there is a middle of it.
WORD = re.compile(r'"\w{8}"')
FUNCTIONS = 3000


def sources(token: str) -> dict[str, str]:
    """A module that no run had before: the store is the machine's own, and remembers."""
    module = f"example.test/faults{token}"
    many = "".join(
        f'//go:noinline\nfunc f{n}(s string) string {{\n\tif s == "{n}" {{\n\t\ts += "x"\n\t}}\n'
        "\treturn s[1:]\n}\n"
        for n in range(FUNCTIONS)
    )
    return {
        "BUILD": BUILD,
        "go.mod": f"module {module}\n\ngo 1.25\n",
        "base/base.go": (
            f'package base\n\n//go:noinline\nfunc Word() string {{ return "{token}" }}\n'
        ),
        "large/large.go": (
            f'package large\n\nimport "{module}/base"\n\n{many}\n'
            "func All() string { return f0(base.Word()) }\n"
        ),
        "cmd/program/main.go": (
            f'package main\n\nimport "{module}/large"\n\nfunc main() {{ println(large.All()) }}\n'
        ),
    }


def write(root: Path, files: dict[str, str]) -> None:
    """Write the module."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.fixture(scope="module")
def go_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the Go command for all that is compared."""
    return tmp_path_factory.mktemp("go")


@pytest.fixture
def token() -> str:
    """What makes a module another one."""
    return secrets.token_hex(4)


@pytest.fixture
def repository(tmp_path: Path, token: str) -> Iterator[Repository]:
    """A module that was never built."""
    found = Repository(tmp_path / "repository")
    found.configure(platforms=[str(LINUX)])
    write(found.root, sources(token))
    yield found
    found.stop()


def expected(repository: Repository, cache: Path) -> bytes:
    """The program as `go build` makes it."""
    out = repository.root.parent / f"expected-{secrets.token_hex(4)}"
    argv = [go_program(), "build", "-trimpath", "-buildvcs=false", "-ldflags=-buildid=", "-o", out]
    env = go_environment(LINUX, cache, PATH="/usr/bin:/bin", HOME=str(cache))
    subprocess.run([*argv, "./cmd/program"], cwd=repository.root, env=env, check=True)
    return out.read_bytes()


def built(repository: Repository) -> bytes | None:
    """The program in dist, if there is one."""
    file = repository.root / PROGRAM
    return file.read_bytes() if file.exists() else None


def client(repository: Repository, *argv: str) -> subprocess.Popen[str]:
    """Start Pants."""
    return subprocess.Popen(
        [str(bootstrap.ROOT / "pants"), "--no-dynamic-ui", *argv],
        cwd=repository.root, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(run: subprocess.Popen[str], text: str) -> None:
    """Read what a run prints until a line has the text."""
    seen = []
    assert run.stderr
    for line in run.stderr:
        seen.append(line)
        if text in line:
            return
    pytest.fail("".join(seen))


def compile_processes(repository: Repository) -> list[int]:
    """The compilers that run now on the large package of this repository."""
    module = (repository.root / "go.mod").read_text().split()[1].encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            argv = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if argv[0].endswith(b"/tool/compile") and module + b"/large" in argv:
            found.append(int(folder.name))
    return found


def pantsd(repository: Repository) -> int:
    """The process of this repository's daemon."""
    (file,) = repository.root.glob(".pids/*/pantsd/pid")
    return int(file.read_text())


def test_pantsd_is_killed_in_the_middle(repository: Repository, go_cache: Path) -> None:
    run = client(repository, "package", "::")
    wait_for(run, "Starting: Compile ")
    while not compile_processes(repository):
        time.sleep(0.05)
    os.kill(pantsd(repository), signal.SIGKILL)
    run.communicate(timeout=120)
    assert run.returncode != 0
    assert built(repository) is None
    repository.pants("package", "::")
    assert built(repository) == expected(repository, go_cache)


def test_a_compiler_is_killed_in_the_middle(repository: Repository, go_cache: Path) -> None:
    run = client(repository, "--no-pantsd", "package", "::")
    wait_for(run, "/large for ")
    while not (pids := compile_processes(repository)):
        time.sleep(0.05)
    os.kill(pids[0], signal.SIGKILL)
    _, err = run.communicate(timeout=120)
    assert run.returncode != 0
    assert "137" in err or "killed" in err.lower(), err
    assert "Traceback" not in err
    assert built(repository) is None
    repository.pants("--no-pantsd", "package", "::")
    assert built(repository) == expected(repository, go_cache)


def test_two_runs_at_once_in_one_checkout(repository: Repository, go_cache: Path) -> None:
    # One by the daemon, one without: neither waits for the other.
    runs = [client(repository, "package", "::"), client(repository, "--no-pantsd", "package", "::")]
    for run in runs:
        _, err = run.communicate(timeout=600)
        assert run.returncode == 0, err
    assert built(repository) == expected(repository, go_cache)


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system of its own, of a size that is soon used up."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


needs_mount = pytest.mark.skipif(
    os.geteuid() != 0, reason="mounting a small file system needs root"
)


@needs_mount
def test_the_disk_of_the_sandboxes_is_full(
    repository: Repository, go_cache: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", "1m") as small:
        place = f"--local-execution-root-dir={small}"
        result = repository.pants("--no-pantsd", place, "package", "::", check=False)
    assert result.returncode != 0
    assert "o space left on device" in result.stderr
    assert built(repository) is None
    repository.pants("--no-pantsd", "package", "::")
    assert built(repository) == expected(repository, go_cache)


def test_files_that_a_clock_set_back_has_dated(repository: Repository, go_cache: Path) -> None:
    """An edit of the same length and of the same or an older date is an edit."""
    repository.pants("package", "::")
    file = repository.root / "base/base.go"
    was = file.stat()
    for number, date in enumerate((was.st_mtime_ns, 0, was.st_mtime_ns + 10**18)):
        if number == 1:
            # Without a daemon that has watched the file.
            repository.stop()
        text = file.read_text()
        file.write_text(text.replace(WORD.search(text)[0], f'"{number:08}"'))
        os.utime(file, ns=(date, date))
        assert file.stat().st_size == was.st_size
        ran = started(repository.pants("package", "::"))
        assert any("/base for " in line for line in ran)
        assert built(repository) == expected(repository, go_cache)
