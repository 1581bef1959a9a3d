"""The C library of a platform, and what each compiler calls it."""

from __future__ import annotations

import pytest
from multiarch.core.c.gcc import archiver_of, cxx_of, gcc_flags, gcc_program, multiarch_triple
from multiarch.core.c.options import CError, Libc, parse_libc
from multiarch.core.c.zig import zig_target
from multiarch.core.platforms import Platform

MUSL, GLIBC = Libc("musl"), Libc("glibc", "2.31")


@pytest.mark.parametrize(
    ("text", "platform", "static", "expected"),
    [
        ("", "linux/amd64", True, MUSL),
        ("", "linux/amd64", False, GLIBC),
        # glibc has it since 2.36 only.
        ("", "linux/loong64", False, Libc("glibc", "2.36")),
        ("musl", "linux/arm/v6", False, MUSL),
        ("glibc-2.17", "linux/arm64", False, Libc("glibc", "2.17")),
        ("", "windows/amd64", True, Libc("system")),
        ("", "darwin/arm64", False, Libc("system")),
    ],
)
def test_the_c_library(text: str, platform: str, static: bool, expected: Libc) -> None:
    assert parse_libc(text, Platform.parse(platform), static=static, where="a") == expected


@pytest.mark.parametrize(
    ("text", "platform", "static", "said"),
    [
        ("glibc", "linux/amd64", False,
         r"a: `libc` is 'glibc'; expected `musl`, or `glibc-2\.N` with the oldest version that the "
         r"program is to run on, such as `glibc-2\.31`\."),
        ("glibc-2.31\n", "linux/amd64", False, r"expected `musl`, or `glibc-2\.N`"),
        ("glibc-2.31", "linux/amd64", True,
         r"a: `libc` is 'glibc-2\.31', and a static file cannot be made with it: zig has only the "
         r'dynamic library of glibc\. Use "musl", or cgo="dynamic"\.'),
        ("musl", "windows/amd64", True, r"'musl', but only linux has a choice of libraries\."),
    ],
)  # fmt: skip
def test_a_c_library_that_cannot_be(text: str, platform: str, static: bool, said: str) -> None:
    with pytest.raises(CError, match=said):
        parse_libc(text, Platform.parse(platform), static=static, where="a")


@pytest.mark.parametrize(
    ("platform", "libc", "flags"),
    [
        ("linux/amd64", MUSL, "-target x86_64-linux-musl -mcpu=x86_64"),
        ("linux/amd64/v3", GLIBC, "-target x86_64-linux-gnu.2.31 -mcpu=x86_64_v3"),
        ("linux/386", MUSL, "-target x86-linux-musl -mcpu=pentium4"),
        ("linux/arm/v5", MUSL, "-target arm-linux-musleabi -mcpu=arm926ej_s"),
        ("linux/arm/v6", GLIBC, "-target arm-linux-gnueabihf.2.31 -mcpu=arm1176jzf_s"),
        ("linux/arm", MUSL, "-target arm-linux-musleabihf -mcpu=generic+v7a+vfp3d16-neon"),
        ("linux/arm64", MUSL, "-target aarch64-linux-musl"),
        ("linux/loong64", MUSL, "-target loongarch64-linux-musl -mcpu=la64v1_0-lsx"),
        ("linux/ppc64le", GLIBC, "-target powerpc64le-linux-gnu.2.31 -mcpu=pwr8"),
        ("linux/s390x", MUSL, "-target s390x-linux-musl -mcpu=z13"),
        ("windows/arm64", Libc("system"), "-target aarch64-windows-gnu"),
        ("darwin/arm64", Libc("system"), "-target aarch64-macos"),
    ],
)
def test_zigs_name_of_a_platform(platform: str, libc: Libc, flags: str) -> None:
    target = zig_target(Platform.parse(platform), libc, where="a")
    assert " ".join(target.flags) == flags


def test_two_variants_never_share_a_target() -> None:
    names = ("linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/amd64", "linux/amd64/v3")
    found = {zig_target(Platform.parse(n), MUSL, where="a") for n in names}
    assert len(found) == len(names)


@pytest.mark.parametrize("platform", ["freebsd/amd64", "linux/ppc64", "linux/mips64le", "js/wasm"])
def test_a_platform_without_a_compiler(platform: str) -> None:
    with pytest.raises(CError, match="there is no C compiler") as raised:
        zig_target(Platform.parse(platform), Libc("system"), where="//:app")
    text = str(raised.value)
    normal = str(Platform.parse(platform))
    assert text.startswith(f"//:app: there is no C compiler for `{normal}`: zig has a C library ")
    assert "linux/386, linux/amd64, linux/arm, linux/arm64" in text
    assert 'Leave the platform out with `exclude`, set `cgo` to "off" for it' in text
    assert f'[c-toolchain].gcc_programs = {{"{normal}": "TRIPLE-gcc"}}' in text


@pytest.mark.parametrize(
    ("platform", "program", "flags"),
    [
        ("linux/arm/v5", "arm-linux-gnueabi-gcc", "-march=armv5te"),
        ("linux/arm/v6", "arm-linux-gnueabi-gcc", "-march=armv6"),
        ("linux/arm", "arm-linux-gnueabihf-gcc", ""),
        ("linux/amd64/v2", "x86_64-linux-gnu-gcc", "-march=x86-64-v2"),
        ("linux/386", "i686-linux-gnu-gcc", ""),
        ("linux/ppc64le/power9", "powerpc64le-linux-gnu-gcc", "-mcpu=power9"),
        ("linux/riscv64", "riscv64-linux-gnu-gcc", ""),
    ],
)
def test_debians_gcc(platform: str, program: str, flags: str) -> None:
    parsed = Platform.parse(platform)
    assert gcc_program(parsed, where="a") == program
    assert " ".join(gcc_flags(parsed)) == flags


def test_a_gcc_without_a_name() -> None:
    with pytest.raises(CError, match="no name of a GCC") as raised:
        gcc_program(Platform.parse("windows/amd64"), where="//:app")
    assert str(raised.value) == (
        "//:app: no name of a GCC is known for `windows/amd64`. Name the program: "
        '[c-toolchain].gcc_programs = {"windows/amd64": "TRIPLE-gcc"}, or use zig.'
    )


def test_what_stands_beside_a_gcc() -> None:
    assert cxx_of("s390x-linux-gnu-gcc-12") == "s390x-linux-gnu-g++-12"
    assert archiver_of("s390x-linux-gnu-gcc-12") == "s390x-linux-gnu-ar"
    assert (cxx_of("mycc"), archiver_of("mycc")) == ("mycc", "ar")


def test_debians_folders_of_libraries() -> None:
    assert multiarch_triple(Platform.parse("linux/386")) == "i386-linux-gnu"
    assert multiarch_triple(Platform.parse("linux/arm/v6")) == "arm-linux-gnueabi"
    assert multiarch_triple(Platform.parse("darwin/arm64")) == ""
