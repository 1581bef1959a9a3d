"""What the linter of 64-bit atomics flags panics on 32-bit machines; in its order it does not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from multiarch.core.golang.packages import package_from_json
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.lint.atomics import atomics_request
from multiarch.core.platforms import Platform

from tests.data import atomics_module, guarded_module
from tests.integration.scratch import SOURCES, Repository, go_environment, go_program, require

pytestmark = pytest.mark.integration

TOOL = SOURCES / "multiarch/tools/atomicalign"
ARM = Platform.parse("linux/arm/v7")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The generated module."""
    root = tmp_path_factory.mktemp("atomics")
    guarded_module.write(root, atomics_module.FILES)
    found = Repository(root)
    found.configure(platforms=atomics_module.PLATFORMS)
    yield found
    found.stop()


def run(repository: Repository, platform: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the packaged program on one platform."""
    emulator = [require("qemu-arm-static")] if platform.startswith("linux/arm/") else []
    program = repository.root / "dist/app" / platform / "app"
    return subprocess.run(
        [*emulator, str(program), *argv], capture_output=True, text=True, timeout=60
    )


def test_what_is_flagged_panics_and_the_named_order_does_not(repository: Repository) -> None:
    linted = repository.pants("lint", "::", check=False)
    assert linted.returncode == 1, linted.stderr
    for part in (
        "app/main.go:19: [linux/386, linux/arm/v7] field `Counter` of struct `server` is at offset "
        "4, and sync/atomic uses its word `hits`: it panics there. Put the fields in the order "
        "Counter, ready, or use",
        "app/main.go:36: [linux/386, linux/arm/v7] atomic.AddInt64 is called with field `size` of "
        "struct `pool` at offset 4, which is no multiple of 8: it panics there. Put the fields in "
        "the order size, closed, name, or use",
    ):
        assert part in linted.stderr
    assert linted.stderr.count("it panics there") == 2
    assert "arm64" not in linted.stderr.partition("app/main.go")[2]

    repository.pants("package", ":app")
    for arguments in ((), ("embedded",)):
        for platform in ("linux/386", "linux/arm/v7"):
            done = run(repository, platform, *arguments)
            assert done.returncode == 2
            assert "unaligned 64-bit atomic operation" in done.stderr
        assert run(repository, "linux/amd64", *arguments).stdout == "1\n"

    call = "\tfmt.Println(atomic.AddInt64"
    waiver = "\t// multiarch:allow atomic-alignment: a test of the linter\n"
    waived = atomics_module.FILES["app/main.go"].replace(call, waiver + call)
    repository.write("app/main.go", waived)
    printed = repository.pants("lint", "::", check=False).stderr
    assert "struct `server`" in printed
    assert "struct `pool`" not in printed

    repository.write("app/main.go", atomics_module.FIXED)
    repository.pants("lint", "package", "::")
    for arguments in ((), ("embedded",)):
        for platform in ("linux/386", "linux/arm/v7"):
            assert run(repository, platform, *arguments).stdout == "1\n"


def test_std_is_clean(tmp_path: Path) -> None:
    go = go_program()
    environment = go_environment(ARM, tmp_path)
    native = go_environment(Platform.parse("linux/amd64"), tmp_path)
    tool = tmp_path / "atomicalign"
    subprocess.run([go, "build", "-o", tool, "main.go"], cwd=TOOL, env=native, check=True)
    listed = subprocess.run(
        [go, "list", "-deps", "-json=Dir,ImportPath,Name,GoFiles,Imports,ImportMap", "std"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    decoder, at, packages = json.JSONDecoder(), 0, []
    while at < len(listed):
        value, at = decoder.raw_decode(listed, at)
        at += len(listed[at:]) - len(listed[at:].lstrip())
        packages.append(package_from_json({**value, "Kind": "std"}))
    settings = BuildSettings(ARM, "go1.27.3")
    request = atomics_request((p for p in packages if p.import_path != "unsafe"), settings, {})
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request))
    answer = subprocess.run([tool, file], capture_output=True, text=True, check=True).stdout
    assert len(packages) > 300
    assert json.loads(answer) == []
