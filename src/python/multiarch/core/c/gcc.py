"""GCC of the host as a C compiler: Debian's name for each platform, and each variant's flags."""

from __future__ import annotations

from collections.abc import Mapping

from multiarch.core.c.options import CError
from multiarch.core.platforms import Platform

# Debian's armhf is ARMv7 throughout, its libc too; older variants take armel's.
_PROGRAMS: Mapping[tuple[str, str | None], str] = {
    ("386", None): "i686-linux-gnu-gcc",
    ("amd64", None): "x86_64-linux-gnu-gcc",
    ("arm", "v5"): "arm-linux-gnueabi-gcc",
    ("arm", "v6"): "arm-linux-gnueabi-gcc",
    ("arm", "v7"): "arm-linux-gnueabihf-gcc",
    ("arm64", None): "aarch64-linux-gnu-gcc",
    ("loong64", None): "loongarch64-linux-gnu-gcc",
    ("mips", None): "mips-linux-gnu-gcc",
    ("mipsle", None): "mipsel-linux-gnu-gcc",
    ("mips64", None): "mips64-linux-gnuabi64-gcc",
    ("mips64le", None): "mips64el-linux-gnuabi64-gcc",
    ("ppc64", None): "powerpc64-linux-gnu-gcc",
    ("ppc64le", None): "powerpc64le-linux-gnu-gcc",
    ("riscv64", None): "riscv64-linux-gnu-gcc",
    ("s390x", None): "s390x-linux-gnu-gcc",
}
_FLAGS: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("amd64", "v2"): ("-march=x86-64-v2",),
    ("amd64", "v3"): ("-march=x86-64-v3",),
    ("amd64", "v4"): ("-march=x86-64-v4",),
    ("arm", "v5"): ("-march=armv5te",),
    ("arm", "v6"): ("-march=armv6",),
    ("ppc64le", "power9"): ("-mcpu=power9",),
    ("ppc64le", "power10"): ("-mcpu=power10",),
}


def gcc_program(platform: Platform, *, where: str) -> str:
    """Debian's GCC for a platform; raises CError where there is none."""
    for variant in (platform.variant, None):
        found = _PROGRAMS.get((platform.arch, variant))
        if found and platform.os == "linux":
            return found
    raise CError(
        f"{where}: no name of a GCC is known for `{platform}`. Name the program: "
        f'[c-toolchain].gcc_programs = {{"{platform}": "TRIPLE-gcc"}}, or use zig.'
    )


def gcc_flags(platform: Platform) -> tuple[str, ...]:
    """What makes GCC compile for the variant and nothing later."""
    return _FLAGS.get((platform.arch, platform.variant), ())


def cxx_of(program: str) -> str:
    """The C++ compiler beside a C compiler: `x-g++` for `x-gcc`.

    >>> cxx_of("aarch64-linux-gnu-gcc-12")
    'aarch64-linux-gnu-g++-12'
    """
    head, found, tail = program.rpartition("gcc")
    return f"{head}g++{tail}" if found else program


def archiver_of(program: str) -> str:
    """The archiver beside a C compiler: `x-ar` for `x-gcc`, whatever its version.

    >>> archiver_of("aarch64-linux-gnu-gcc-12")
    'aarch64-linux-gnu-ar'
    """
    head, found, _ = program.rpartition("gcc")
    return f"{head}ar" if found else "ar"


def multiarch_triple(platform: Platform) -> str:
    """Debian's name of a platform in the paths of its libraries; empty where it has none.

    >>> multiarch_triple(Platform.parse("linux/arm/v7"))
    'arm-linux-gnueabihf'
    """
    for variant in (platform.variant, None):
        found = _PROGRAMS.get((platform.arch, variant))
        if found and platform.os == "linux":
            triple = found.rpartition("-")[0]
            return {"i686-linux-gnu": "i386-linux-gnu"}.get(triple, triple)
    return ""


# What a link takes from beside the compiler, as far as it is there. Headers come in one package
# with the C library; a shared library is told by its own file.
_LINKED = (
    *("crt1.o", "Scrt1.o", "crti.o", "crtn.o", "crtbegin.o", "crtbeginS.o", "crtbeginT.o"),
    *("crtend.o", "crtendS.o", "libc.a", "libc.so.6", "libm.a", "libpthread.a", "libgcc.a"),
    *("libgcc_eh.a", "libgcc_s.so.1", "libstdc++.a", "libstdc++.so"),
)
# For /bin/sh, with the compiler as $0: what it and its parts say of themselves, and the sums of
# what it links. A path that is not absolute is GCC's way to say that there is no such file.
ASK_GCC = f"""\
"$0" --version && "$0" -dumpmachine || exit 1
for part in as ld; do
    "$("$0" -print-prog-name=$part)" --version 2>/dev/null </dev/null | head -n 1
done
for part in {" ".join(_LINKED)}; do
    file=$("$0" -print-file-name=$part)
    case $file in /*) echo "$part $(cksum <"$file")" ;; esac
done
"""
