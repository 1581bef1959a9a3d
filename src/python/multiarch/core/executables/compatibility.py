"""Whether an executable belongs into an image of a platform, whoever built it."""

from __future__ import annotations

from collections.abc import Iterator

from multiarch.core.executables.build_info import BuildInfo
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.expectations import header_mismatches, native_format
from multiarch.core.platforms import Platform

# Values of Go's variables that code for a later value needs and code for an earlier one does not.
_ORDERS = {
    "GO386": ("softfloat", "sse2"),
    "GOMIPS": ("softfloat", "hardfloat"),
    "GOMIPS64": ("softfloat", "hardfloat"),
    "GOPPC64": ("power8", "power9", "power10"),
    "GORISCV64": ("rva20u64", "rva22u64", "rva23u64"),
}


def matches(executable: Executable, platform: Platform) -> str | None:
    """Say why an executable is wrong for an image of a platform; None when it is right.

    An image gets code of its own architecture alone. 32-bit code in a 64-bit image (386 in
    amd64, arm in arm64) is refused too: not every kernel, emulator and core runs it, and it is most
    often the wrong file. Code for a lesser variant is right (v6 in v7), for a greater one not.

    A file in the format of another system is data there, such as the Windows launchers inside
    Python's pip; but a Go binary for another system was meant for another image.
    """
    info = executable.build_info
    if executable.format != native_format(platform.os) and info is None:
        return None
    problems = (*header_mismatches(executable, platform), *_go_mismatches(info, platform))
    return problems[0] if problems else None


def _go_mismatches(info: BuildInfo | None, platform: Platform) -> Iterator[str]:
    if info is None:
        return
    for name, value in (("GOOS", platform.os), ("GOARCH", platform.arch)):
        found = info.setting(name)
        if found not in (None, value):
            yield f"expected a Go binary for {name}={value}, found {name}={found}"
    for name, value in platform.go_env[2:]:
        found = info.setting(name)
        if found is not None and _level(name, found) > _level(name, value):
            yield f"expected a Go binary for {name}={value} at most, found {name}={found}"


def _level(name: str, value: str) -> tuple[int, ...]:
    """A number that grows with what the code demands, for one value of one of Go's variables.

    GOARM and GOARM64 may have options behind a comma, of which only `lse` demands more.
    """
    text, *options = value.split(",")
    if name in _ORDERS:
        return (_ORDERS[name].index(text) if text in _ORDERS[name] else len(_ORDERS[name]),)
    digits = [int(part) for part in text.lstrip("v").split(".") if part.isdecimal()]
    if name == "GOARM64" and len(digits) == 2:
        # v9.0 has what v8.5 has; the Large System Extensions are a part of v8.1.
        level = digits[1] + (5 if digits[0] >= 9 else 0)
        return (max(level, 1) if "lse" in options else level,)
    return tuple(digits)
