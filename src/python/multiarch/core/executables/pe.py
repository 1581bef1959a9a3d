"""PE files. Source: Microsoft's "PE Format" specification."""

from __future__ import annotations

from typing import NamedTuple

from multiarch.core.executables.build_info import BuildInfo, find_build_info
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.reader import ExecutableError, Reader

_ARCHES = {
    0x014C: "386",
    0x8664: "amd64",
    0xAA64: "arm64",
    0x01C0: "arm",
    0x01C4: "arm",
    0x5064: "riscv64",
    0x6264: "loong64",
}
# Optional header's magic -> bits, and where the count of its data directories is.
_LAYOUTS = {0x10B: (32, 92), 0x20B: (64, 108)}
_SUBSYSTEM_OFFSET = 68
_SUBSYSTEMS = {2: "windows", 3: "windows", 9: "windows"}
_IMPORTS, _CLR = 1, 14
_IMPORT_SIZE = 20
_MOST_IMPORTS = 4096
_EXECUTABLE_IMAGE = 0x0002
# What a section of initialised data that is read and written has, but for its alignment bits.
_WRITABLE_DATA, _ALIGNMENT_BITS = 0xC0000040, 0x00F00000


class _Section(NamedTuple):
    address: int
    size: int
    offset: int
    flags: int


def read_pe(reader: Reader) -> Executable | None:
    """Read a PE program or DLL.

    None for a DOS program, an object file, and a .NET assembly of portable code.
    """
    start = _signature(reader)
    if start is None:
        return None
    machine, count, _, _, _, size, flags = reader.unpack("<HHIIIHH", start, "PE header")
    optional = start + 20
    if not flags & _EXECUTABLE_IMAGE or size == 0:
        return None
    (magic,) = reader.unpack("<H", optional, "PE header")
    if magic not in _LAYOUTS:
        raise ExecutableError(f"the file is damaged: its PE header has the magic {magic:#x}.")
    bits, directories = _LAYOUTS[magic]
    (subsystem,) = reader.unpack("<H", optional + _SUBSYSTEM_OFFSET, "PE header")
    rows = reader.rows("<8sIIIIIIHHI", optional + size, count, 40, "section table")
    sections = tuple(_Section(row[2], row[3], row[4], row[9]) for row in rows)
    if _directory(reader, optional + directories, _CLR):
        return None
    for section in sections:
        reader.check(section.offset, section.size, "section")
    needed = _needed(reader, sections, _directory(reader, optional + directories, _IMPORTS))
    return Executable(
        format="PE",
        os=_SUBSYSTEMS.get(subsystem, f"Windows subsystem {subsystem}"),
        arch=_ARCHES.get(machine, f"PE machine {machine:#x}"),
        bits=bits,
        endian="little",
        machine=machine,
        needed=needed,
        dynamic=bool(needed),
        build_info=_build_info(reader, sections),
    )


def read_coff(reader: Reader) -> Executable | None:
    """Read an object file for Windows; None for what begins with no machine of Windows."""
    if reader.size < 20:
        return None
    machine, count, _, _, _, size, flags = reader.unpack("<HHIIIHH", 0, "COFF header")
    if machine not in _ARCHES or flags & _EXECUTABLE_IMAGE:
        return None
    # Go's linker writes an optional header into the object that it hands to the C linker.
    rows = reader.rows("<8sIIIIIIHHI", 20 + size, count, 40, "section table")
    sections = tuple(_Section(row[2], row[3], row[4], row[9]) for row in rows)
    arch = _ARCHES[machine]
    return Executable(
        format="PE",
        os="windows",
        arch=arch,
        bits=64 if arch.endswith("64") else 32,
        endian="little",
        machine=machine,
        build_info=_build_info(reader, sections),
    )


def _signature(reader: Reader) -> int | None:
    """The offset behind the PE signature, if there is one."""
    if reader.size < 64:
        return None
    (at,) = reader.unpack("<I", 60, "DOS header")
    if at + 4 > reader.size or reader.read(at, 4, "PE signature") != b"PE\0\0":
        return None
    return int(at) + 4


def _directory(reader: Reader, at: int, index: int) -> int:
    """The address of a data directory; 0 when the file has none. `at` is where their count is."""
    (count,) = reader.unpack("<I", at, "PE header")
    if index >= count:
        return 0
    address, size = reader.unpack("<II", at + 4 + 8 * index, "data directories")
    return int(address) if size else 0


def _needed(reader: Reader, sections: tuple[_Section, ...], address: int) -> tuple[str, ...]:
    if not address:
        return ()
    at = _offset(sections, address)
    names: list[str] = []
    for _ in range(_MOST_IMPORTS):
        row = reader.unpack("<IIIII", at, "import table")
        if row[3] == 0:
            return tuple(names)
        names.append(reader.text(_offset(sections, row[3]), "imported library"))
        at += _IMPORT_SIZE
    raise ExecutableError("the file is damaged: its import table does not end.")


def _offset(sections: tuple[_Section, ...], address: int) -> int:
    for section in sections:
        if 0 <= address - section.address < section.size:
            return section.offset + address - section.address
    raise ExecutableError(
        f"the file is damaged: its imports are at the address {address:#x}, which no section holds."
    )


def _build_info(reader: Reader, sections: tuple[_Section, ...]) -> BuildInfo | None:
    """Go's linker puts it into the first section of writable data (debug/buildinfo, peExe)."""
    for section in sections:
        if section.size and section.flags & ~_ALIGNMENT_BITS == _WRITABLE_DATA:
            return find_build_info(reader, section.offset, section.size)
    return None
