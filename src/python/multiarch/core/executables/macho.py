"""Mach-O files. Source: Apple's <mach-o/loader.h> and <mach-o/fat.h>."""

from __future__ import annotations

import struct
from typing import NamedTuple

from multiarch.core.executables.build_info import BuildInfo, find_build_info
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.reader import ExecutableError, Reader, zero_ended

# The first four bytes -> bits and byte order of a thin file.
MACHO_MAGICS = {
    b"\xce\xfa\xed\xfe": (32, "<"),
    b"\xcf\xfa\xed\xfe": (64, "<"),
    b"\xfe\xed\xfa\xce": (32, ">"),
    b"\xfe\xed\xfa\xcf": (64, ">"),
}
UNIVERSAL_MAGICS = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")

_ARCHES = {
    0x00000007: "386",
    0x01000007: "amd64",
    0x0000000C: "arm",
    0x0100000C: "arm64",
    0x00000012: "ppc",
    0x01000012: "ppc64",
}
# MH_EXECUTE, MH_DYLIB, MH_BUNDLE; MH_OBJECT.
LOADED_TYPES, OBJECT_TYPES = (2, 6, 8), (1,)
_SEGMENTS = {0x01: 32, 0x19: 64}
_DYLIBS = (0x0C, 0x20, 0x80000018, 0x8000001F, 0x80000023)  # load, lazy, weak, re-export, upward
_DYLINKER, _BUILD_VERSION = 0x0E, 0x32
_SYSTEMS_OF_COMMANDS = {0x24: "darwin", 0x25: "ios"}  # LC_VERSION_MIN_MACOSX, ..._IPHONEOS
_SYSTEMS_OF_PLATFORMS = {1: "darwin", 2: "ios", 6: "darwin", 7: "ios"}


class _Command(NamedTuple):
    type: int
    data: bytes


def read_macho(reader: Reader, types: tuple[int, ...] = LOADED_TYPES) -> Executable | None:
    """Read a thin Mach-O program or library, or a file of another of Mach-O's `types`.

    None for other types: object files and debug symbols.
    """
    bits, order = MACHO_MAGICS[reader.read(0, 4, "Mach-O header")]
    header = reader.unpack(order + "IIIIIII", 0, "Mach-O header")
    _, machine, _, type, count, size, _ = header
    if type not in types:
        return None
    commands = _commands(reader.read(28 if bits == 32 else 32, size, "load commands"), count, order)
    interpreters = [_text(c.data, order) for c in commands if c.type == _DYLINKER]
    needed = tuple(_text(c.data, order) for c in commands if c.type in _DYLIBS)
    return Executable(
        format="Mach-O",
        os=_system(commands, order),
        arch=_ARCHES.get(machine, f"Mach-O machine {machine:#x}"),
        bits=bits,
        endian="little" if order == "<" else "big",
        machine=machine,
        interpreter=interpreters[0] if interpreters else None,
        needed=needed,
        dynamic=bool(needed),
        build_info=_segments(reader, commands, order),
    )


def read_universal(reader: Reader) -> Executable | None:
    """Describe a file of several Mach-O files as one that is for no single architecture.

    None for a Java class file, which begins with the same bytes.
    """
    _, count = reader.unpack(">II", 0, "universal header")
    # A class file has its version there, which began with 45.
    if count >= 45:
        return None
    return Executable(
        format="Mach-O universal", os="darwin", arch=f"{count} architectures in one file",
        bits=32, endian="big", machine=0,
    )  # fmt: skip


def _commands(data: bytes, count: int, order: str) -> tuple[_Command, ...]:
    found: list[_Command] = []
    at = 0
    for _ in range(count):
        if at + 8 > len(data):
            raise ExecutableError(
                f"the file is damaged: it should have {count} load commands, found {len(found)}."
            )
        type, size = struct.unpack_from(order + "II", data, at)
        if size < 8:
            raise ExecutableError("the file is damaged: a load command has no size.")
        found.append(_Command(type, data[at : at + size]))
        at += size
    return tuple(found)


def _unpack(layout: str, data: bytes, at: int = 0) -> tuple[int, ...]:
    try:
        values: tuple[int, ...] = struct.unpack_from(layout, data, at)
    except struct.error:
        raise ExecutableError("the file is damaged: a load command is too short.") from None
    return values


def _text(data: bytes, order: str) -> str:
    """The text of a command, whose offset within the command is its first field."""
    (offset,) = _unpack(order + "I", data, 8)
    return zero_ended(data[offset:] + b"\0", "load command")


def _system(commands: tuple[_Command, ...], order: str) -> str:
    for command in commands:
        if command.type == _BUILD_VERSION:
            (platform,) = _unpack(order + "I", command.data, 8)
            return _SYSTEMS_OF_PLATFORMS.get(platform, f"Apple platform {platform}")
        if command.type in _SYSTEMS_OF_COMMANDS:
            return _SYSTEMS_OF_COMMANDS[command.type]
    return "darwin"


def _segments(reader: Reader, commands: tuple[_Command, ...], order: str) -> BuildInfo | None:
    """Demand that the file holds its segments, and read Go's section of them."""
    info = None
    for command in commands:
        if command.type not in _SEGMENTS:
            continue
        wide = _SEGMENTS[command.type] == 64
        head, row = ("QQQQIIII", "16s16sQQIIIIIIII") if wide else ("IIIIIIII", "16s16sIIIIIIIII")
        _, _, offset, size, _, _, count, _ = _unpack(order + head, command.data, 24)
        reader.check(offset, size, "segment")
        at = 24 + struct.calcsize(order + head)
        for _ in range(min(count, len(command.data))):
            name, _, _, length, start, *_ = _unpack(order + row, command.data, at)
            if bytes(name).rstrip(b"\0") == b"__go_buildinfo":
                info = find_build_info(reader, start, length)
            at += struct.calcsize(order + row)
    return info
