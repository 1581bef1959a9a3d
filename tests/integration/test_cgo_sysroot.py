"""Programs with a C library of a Debian root: it is their sysroot, and the base of their image."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bootstrap
import pytest
from multiarch.core.c.gcc import gcc_program
from multiarch.core.platforms import Platform

from tests.integration.scratch import Repository, debian, require, require_docker
from tests.integration.test_cgo import ON_DEBIAN, in_docker
from tests.integration.test_examples import cpu, emulator

pytestmark = pytest.mark.integration

STATIC = tuple(Platform.parse(f"linux/{arch}") for arch in ("arm/v7", "s390x"))
GCC = tuple(Platform.parse(f"linux/{arch}") for arch in ("arm/v7", "arm64"))
# The library is where Debian has it; a base of its own would have it from the package.
LIBRARY = "usr/lib/*/libz.so.1.*"

PROGRAM = """\
package main

// #cgo pkg-config: zlib
// #include <zlib.h>
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

func main() {
	text := C.CString("123456789")
	sum := C.crc32(0, (*C.Bytef)(unsafe.Pointer(text)), 9)
	fmt.Printf("%s %x %s\\n", runtime.GOARCH, uint32(sum), C.GoString(C.zlibVersion()))
}
"""


def images(name: str, platforms: tuple[Platform, ...]) -> str:
    """The targets of images with a program and the library, which is another file in each."""
    written = []
    for platform in platforms:
        (library,) = sysroot(platform).glob(LIBRARY)
        copied = f"sysroots/{platform.slug}/{library.relative_to(sysroot(platform))}"
        written.append(
            f'multiarch_image(name="{name}-{platform.slug}", binaries=[":{name}"],\n'
            f'    bases=[":debian"], dependencies=[":libraries"], platforms=["{platform}"],\n'
            f'    instructions=["FROM debian", "COPY bin/{name} /app",\n'
            f'        "COPY {copied} /usr/lib/libz.so.1"])\n'
        )
    return "".join(written)


def sysroot(platform: Platform) -> Path:
    """The root with headers and libraries that build-support/debian_base.py made."""
    root = bootstrap.cache_root(os.environ) / "debian-sysroots" / platform.slug
    if not root.is_dir():
        require(
            f"build-support/debian_base.py has not been run with --sysroots: {root}", found=False
        )
    return root


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A program that uses zlib, a sysroot for each platform, and images on a Debian base."""
    found = Repository(tmp_path_factory.mktemp("zlib"))
    for platform in ON_DEBIAN:
        copy = found.root / "sysroots" / platform.slug
        shutil.copytree(sysroot(platform), copy, symlinks=True)
    shutil.copyfile(debian(), found.root / "debian.tar")
    compilers = {str(p): {"cc": gcc_program(p, where="")} for p in GCC}
    found.configure(platforms=("linux/amd64",))
    found.write("go.mod", "module example.test/packed\n\ngo 1.25\n")
    found.write("main.go", PROGRAM)
    found.write(
        "BUILD",
        'go_module(name="mod")\n'
        'image_base(name="debian", sources=["debian.tar"])\n'
        f'files(name="libraries", sources=["sysroots/*/{LIBRARY}"])\n'
        f'go_cross_binary(name="zig", cgo="dynamic", platforms={[*map(str, ON_DEBIAN)]})\n'
        f'go_cross_binary(name="static", cgo="static", platforms={[*map(str, STATIC)]})\n'
        f'go_cross_binary(name="gcc", cgo="dynamic", platforms={[*map(str, GCC)]},\n'
        f"    overrides={compilers})\n"
        'multiarch_image(name="without", binaries=[":zig"], bases=[":debian"],\n'
        '    platforms=["linux/s390x"], instructions=["FROM debian", "COPY bin/zig /app"])\n'
        + images("zig", ON_DEBIAN)
        + images("gcc", GCC),
    )
    roots = "".join(f'"{p}" = "sysroots/{p.slug}"\n' for p in ON_DEBIAN)
    with (found.root / "pants.toml").open("a") as file:
        file.write(f"\n[c-toolchain.sysroots]\n{roots}")
    yield found
    found.stop()


@pytest.mark.parametrize(("name", "platforms"), [("zig", ON_DEBIAN), ("gcc", GCC)])
def test_a_dynamic_program_uses_the_library_of_its_base(
    repository: Repository, name: str, platforms: tuple[Platform, ...]
) -> None:
    require_docker()
    repository.pants("package", *(f":{name}-{platform.slug}" for platform in platforms))
    for platform in platforms:
        image = f"{name}-{platform.slug}"
        tar = repository.root / "dist" / image / platform.path / f"{image}.tar"
        assert in_docker(tar, platform) == [f"{platform.arch} cbf43926 1.2.13"]


def test_a_static_program_has_the_library_in_it(repository: Repository) -> None:
    repository.pants("package", ":static")
    for platform in STATIC:
        program = repository.root / "dist/static" / platform.path / "static"
        printed = subprocess.run(
            [emulator(platform), "-L", "/nonexistent", program],
            env={"PATH": "/usr/bin", **cpu(platform)}, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert printed == f"{platform.arch} cbf43926 1.2.13\n"


def test_an_image_without_the_library_is_an_error_that_names_it(repository: Repository) -> None:
    result = repository.pants("package", ":without", check=False)
    assert result.returncode == 1
    assert "/app needs libz.so.1" in result.stderr
