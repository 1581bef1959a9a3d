"""What the linter of 64-bit atomics flags panics on 32-bit machines; in its order it does not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from multiarch.core.golang.packages import package_from_json
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.lint.atomics import atomics_request
from multiarch.core.platforms import Platform

from tests.data import atomics_module, guarded_module
from tests.integration.scratch import SOURCES, Repository, go_environment, go_program, require

pytestmark = pytest.mark.integration

TOOL = SOURCES / "multiarch/tools/atomicalign"


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


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The analysis, compiled."""
    built = tmp_path_factory.mktemp("tool") / "atomicalign"
    native = go_environment(Platform.parse("linux/amd64"), built.parent)
    subprocess.run(
        [go_program(), "build", "-o", built, "main.go"], cwd=TOOL, env=native, check=True
    )
    return built


def analysed(tool: Path, folder: Path, pattern: str, platform: Platform) -> list[dict[str, Any]]:
    """What the analysis finds in packages and all that they import, std read from source too."""
    listed = subprocess.run(
        [go_program(), "list", "-deps", "-json=Dir,ImportPath,Name,GoFiles,Imports,ImportMap",
         pattern],
        cwd=folder, env=go_environment(platform, folder), check=True, capture_output=True,
        text=True,
    ).stdout  # fmt: skip
    decoder, at, packages = json.JSONDecoder(), 0, []
    while at < len(listed):
        value, at = decoder.raw_decode(listed, at)
        at += len(listed[at:]) - len(listed[at:].lstrip())
        packages.append(package_from_json({**value, "Kind": "std"}))
    settings = BuildSettings(platform, "go1.27.3")
    request = atomics_request((p for p in packages if p.import_path != "unsafe"), settings, {})
    file = folder / "request.json"
    file.write_text(json.dumps(request))
    answer = subprocess.run([tool, file], capture_output=True, text=True, check=True).stdout
    assert pattern != "std" or len(packages) > 300
    return list(json.loads(answer))


@pytest.mark.parametrize("text", ["linux/arm/v7", "linux/386"])
def test_std_is_clean(tool: Path, tmp_path: Path, text: str) -> None:
    assert analysed(tool, tmp_path, "std", Platform.parse(text)) == []


# Each line with `// bad` is a finding on 32-bit platforms, and no other line is.
SHAPES = """\
package shapes

import "sync/atomic"

type inner struct {
	hits int64
	ok   bool
}

type outer struct {
	name string
	inner
}

type late struct {
	ready bool
	in    inner // bad
}

type nested struct {
	ready bool
	rest  struct{ n uint64 } // bad
}

type behind struct {
	ready bool
	in    *inner
}

type single struct {
	ready bool
	row   [1]inner // bad
}

type rows struct {
	row [4]inner // bad
}

type safe struct {
	ready bool
	n     atomic.Uint64
	row   []atomic.Int64
}

type padded struct {
	a, b int32
	n    int64
}

type pair[T any] struct {
	value T
	n     int64
}

var word int64

func shapes(o *outer, n *nested, b *behind, s *safe, p *padded, list []inner, g *pair[string]) {
	atomic.AddInt64(&word, 1)
	atomic.AddInt64(&o.hits, 1)
	atomic.AddUint64(&n.rest.n, 1) // bad
	atomic.LoadInt64(&b.in.hits)
	s.n.Add(1)
	s.row[1].Add(1)
	atomic.StoreInt64(&p.n, 1)
	atomic.AddInt64(&list[1].hits, 1) // bad
	atomic.AddInt64(&g.n, 1)
	local := make([]int64, 4)
	atomic.SwapInt64(&local[3], 1)
	array := [2]int64{}
	atomic.CompareAndSwapInt64(&array[1], 0, 1)
}
"""


@pytest.mark.parametrize("text", ["linux/arm/v7", "linux/386", "linux/amd64"])
def test_each_shape(tool: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "go.mod").write_text("module example.test/shapes\n\ngo 1.25\n")
    (tmp_path / "shapes.go").write_text(SHAPES)
    found = analysed(tool, tmp_path, ".", Platform.parse(text))
    bad = [n for n, line in enumerate(SHAPES.splitlines(), 1) if line.endswith("// bad")]
    assert [one for one in found if one["error"]] == []
    assert [one["line"] for one in found] == ([] if text == "linux/amd64" else bad)
