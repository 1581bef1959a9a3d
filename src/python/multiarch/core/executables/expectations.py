"""What the headers of an executable must say on a platform; every mismatch is one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from multiarch.core.executables.executable import Executable
from multiarch.core.platforms import Platform

# The format that each operating system starts; all others start ELF.
_FORMATS = {
    "aix": "XCOFF",
    "darwin": "Mach-O",
    "ios": "Mach-O",
    "js": "WebAssembly",
    "plan9": "Plan 9",
    "wasip1": "WebAssembly",
    "windows": "PE",
}
_EF_ARM_ABI_FLOAT_HARD = 0x400


def native_format(os: str) -> str:
    """The format of the executables that an operating system starts."""
    return _FORMATS.get(os, "ELF")


def header_mismatches(executable: Executable, platform: Platform) -> tuple[str, ...]:
    """Compare format, operating system, machine and variant; empty when all agree.

    Go's own linker writes neither ARM build attributes nor floating-point flags, so that GOARM
    shows in these headers only where a C compiler's objects were linked in.
    """
    return (
        *_format(executable, platform),
        *_system(executable, platform),
        *_machine(executable, platform),
        *_variant(executable, platform),
    )


def _format(executable: Executable, platform: Platform) -> Iterator[str]:
    expected = native_format(platform.os)
    if executable.format != expected:
        yield f"expected a file in the format {expected}, found {executable.format}"


def _system(executable: Executable, platform: Platform) -> Iterator[str]:
    # illumos descends from Solaris, and their headers are the same.
    expected = "solaris" if platform.os == "illumos" else platform.os
    if executable.os not in ("", expected):
        yield f"expected the operating system {platform.os}, found {executable.os}"


def _machine(executable: Executable, platform: Platform) -> Iterator[str]:
    if executable.arch != platform.arch:
        yield f"expected code for {platform.arch}, found {executable.arch} ({executable})"


def _variant(executable: Executable, platform: Platform) -> Iterator[str]:
    if executable.arch != platform.arch or platform.variant is None:
        return
    if platform.arch == "arm":
        level = int(platform.variant[1:])
        if executable.arm_arch is not None and executable.arm_arch > level:
            yield f"expected code for ARM v{level} at most, found v{executable.arm_arch}"
        if level < 6 and executable.flags & _EF_ARM_ABI_FLOAT_HARD:
            yield "expected soft floating point for ARM v5, found the hard-float ABI"
    if platform.variant == "softfloat" and executable.mips_float == "hardfloat":
        yield "expected softfloat code, found hardfloat"
