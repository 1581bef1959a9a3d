"""zig as a C compiler: its name of each platform, and of each variant's processor.

The names are those of `zig targets`, of zig 0.17. A platform is here when zig brings a libc for it
whose calling convention is the one that Go uses there. MIPS is not: zig refuses the flags that the
Go command compiles `runtime/cgo` with there, and LLD refuses to link the debug information of Go's
linker with C's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from multiarch.core.c.options import CError, Libc
from multiarch.core.platforms import Platform

# GOARCH -> zig's architecture and what it appends to `musl` and `gnu` there.
_LINUX: Mapping[str, tuple[str, str]] = {
    "386": ("x86", ""),
    "amd64": ("x86_64", ""),
    "arm": ("arm", "eabihf"),
    "arm64": ("aarch64", ""),
    "loong64": ("loongarch64", ""),
    "ppc64le": ("powerpc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
}
_OTHERS: Mapping[tuple[str, str], str] = {
    ("darwin", "amd64"): "x86_64-macos",
    ("darwin", "arm64"): "aarch64-macos",
    ("windows", "386"): "x86-windows-gnu",
    ("windows", "amd64"): "x86_64-windows-gnu",
    ("windows", "arm64"): "aarch64-windows-gnu",
}

# The processor that has no more than the variant, musl's and the start-up code included.
_CPUS: Mapping[tuple[str, str | None], str] = {
    ("386", "sse2"): "pentium4",
    ("386", "softfloat"): "i586",
    ("amd64", "v1"): "x86_64",
    ("amd64", "v2"): "x86_64_v2",
    ("amd64", "v3"): "x86_64_v3",
    ("amd64", "v4"): "x86_64_v4",
    ("arm", "v5"): "arm926ej_s",
    ("arm", "v6"): "arm1176jzf_s",
    # Not every ARMv7 has NEON, and Go does not ask for it.
    ("arm", "v7"): "generic+v7a+vfp3d16-neon",
    # Go finds out about vectors when the program runs.
    ("loong64", None): "la64v1_0-lsx",
    ("ppc64le", "power8"): "pwr8",
    ("ppc64le", "power9"): "pwr9",
    ("ppc64le", "power10"): "pwr10",
    ("riscv64", "rva20u64"): "baseline_rv64",
    ("s390x", None): "z13",
}


@dataclass(frozen=True)
class ZigTarget:
    """What `zig cc` gets as `-target` and `-mcpu`; an empty `cpu` is zig's own choice."""

    triple: str
    cpu: str

    @property
    def flags(self) -> tuple[str, ...]:
        """The two as flags."""
        return ("-target", self.triple, *((f"-mcpu={self.cpu}",) if self.cpu else ()))


def zig_target(platform: Platform, libc: Libc, *, where: str) -> ZigTarget:
    """Name a platform as zig does; raises CError where zig has no C library that fits.

    >>> zig_target(Platform.parse("linux/arm/v5"), Libc("musl"), where="a").triple
    'arm-linux-musleabi'
    """
    variant = platform.variant
    if platform.os == "linux" and platform.arch in _LINUX:
        arch, abi = _LINUX[platform.arch]
        if variant == "v5":
            abi = "eabi"
        name = "musl" if libc.name == "musl" else "gnu"
        version = f".{libc.version}" if libc.version else ""
        triple = f"{arch}-linux-{name}{abi}{version}"
    elif (platform.os, platform.arch) in _OTHERS:
        triple = _OTHERS[platform.os, platform.arch]
    else:
        known = [f"linux/{arch}" for arch in _LINUX] + ["/".join(port) for port in _OTHERS]
        raise CError(
            f"{where}: there is no C compiler for `{platform}`: zig has a C library for "
            f'{", ".join(known)}. Leave the platform out with `exclude`, set `cgo` to "off" for '
            "it with `overrides`, or name a GCC of this machine: "
            f'[c-toolchain].compilers = {{"{platform}": "gcc"}} and '
            f'[c-toolchain].gcc_programs = {{"{platform}": "TRIPLE-gcc"}}.'
        )
    return ZigTarget(triple, _CPUS.get((platform.arch, variant), ""))
