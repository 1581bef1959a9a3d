"""ELF files. Source: System V gABI, chapters 4 and 5; each machine's own processor supplement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from multiarch.core.executables.arm_attributes import arm_architecture
from multiarch.core.executables.build_info import find_build_info
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.reader import ExecutableError, Reader, zero_ended

EXEC_TYPES, OBJECT_TYPES = (2, 3), (1,)  # ET_EXEC, ET_DYN; ET_REL
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_SHT_NOBITS, _SHT_ARM_ATTRIBUTES, _SHT_MIPS_ABIFLAGS = 8, 0x70000003, 0x7000002A
_SHF_EXECINSTR = 4
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 15, 29
_EM_MIPS, _EF_MIPS_ABI2 = 8, 0x20

# (e_machine, bits, endianness) -> GOARCH, or what its own community calls it.
_ARCHES = {
    (0x03, 32, "little"): "386",
    (0x3E, 64, "little"): "amd64",
    (0x3E, 32, "little"): "x32",
    (0x28, 32, "little"): "arm",
    (0x28, 32, "big"): "armbe",
    (0xB7, 64, "little"): "arm64",
    (0xB7, 64, "big"): "arm64be",
    (0x08, 32, "big"): "mips",
    (0x08, 32, "little"): "mipsle",
    (0x08, 64, "big"): "mips64",
    (0x08, 64, "little"): "mips64le",
    (0x14, 32, "big"): "ppc",
    (0x15, 64, "big"): "ppc64",
    (0x15, 64, "little"): "ppc64le",
    (0x16, 64, "big"): "s390x",
    (0x16, 32, "big"): "s390",
    (0xF3, 64, "little"): "riscv64",
    (0xF3, 32, "little"): "riscv32",
    (0x102, 64, "little"): "loong64",
    (0x2B, 64, "big"): "sparc64",
}

_OS_ABIS = {2: "netbsd", 3: "linux", 6: "solaris", 9: "freebsd", 12: "openbsd"}
# Where the ABI byte is 0, the interpreter tells; first match wins. illumos is Solaris' sister.
_INTERPRETERS = (
    ("/system/bin/linker", "android"),
    ("/libexec/ld-elf.so.2", "dragonfly"),
    ("/libexec/ld-elf.so", "freebsd"),
    ("/libexec/ld.elf_so", "netbsd"),
    ("/libexec/ld.so", "openbsd"),
    ("/lib/amd64/ld.so.1", "solaris"),
    ("/lib/64/ld.so.1", "solaris"),
    ("/ld-linux", "linux"),
    ("/ld-musl-", "linux"),
    ("/ld64.so.", "linux"),
)


class _Segment(NamedTuple):
    type: int
    offset: int
    address: int
    size: int


class _Section(NamedTuple):
    name: str
    type: int
    flags: int
    offset: int
    size: int


@dataclass(frozen=True)
class _File:
    """The header and tables of one file; `order` is the byte order for `struct`."""

    reader: Reader
    bits: int
    order: str
    machine: int
    flags: int
    segments: tuple[_Segment, ...]
    sections: tuple[_Section, ...]

    def section(self, name: str, type: int | None = None) -> _Section | None:
        found = (s for s in self.sections if s.name == name and type in (None, s.type))
        return next(found, None)

    def content(self, section: _Section | None) -> bytes | None:
        if section is None:
            return None
        return self.reader.read(section.offset, section.size, f"section {section.name}")


def read_elf(reader: Reader, types: tuple[int, ...] = EXEC_TYPES) -> Executable | None:
    """Read an ELF program or shared library, or a file of another of ELF's `types`.

    None for other types, which no loader starts: object files, core dumps and separate debug
    information.
    """
    bits = {1: 32, 2: 64}.get(reader.read(0, 16, "ELF header")[4])
    order = {1: "<", 2: ">"}.get(reader.read(0, 16, "ELF header")[5])
    if bits is None or order is None:
        raise ExecutableError("the ELF header is damaged: it has no known class and byte order.")
    layout = order + ("HHIIIIIHHHHHH" if bits == 32 else "HHIQQQIHHHHHH")
    header = reader.unpack(layout, 16, "ELF header")
    if header[0] not in types:
        return None
    file = _tables(reader, bits, order, header)
    if _is_debug_information(file):
        return None
    for segment in file.segments:
        if segment.type == _PT_LOAD:
            reader.check(segment.offset, segment.size, "loadable segment")
    return _executable(file, reader.read(7, 1, "ELF header")[0])


def _tables(reader: Reader, bits: int, order: str, header: tuple[Any, ...]) -> _File:
    _, machine, _, _, phoff, shoff, flags, _, phsize, phnum, shsize, shnum, names = header
    row = order + ("IIIIIIIIII" if bits == 32 else "IIQQQQIIQQ")
    sections: tuple[tuple[Any, ...], ...] = ()
    if shoff:
        # Counts that do not fit the header are in the first section's header.
        first = reader.rows(row, shoff, 1, shsize, "section table")[0]
        shnum, names = shnum or first[5], first[6] if names == 0xFFFF else names
        phnum = first[7] if phnum == 0xFFFF else phnum
        sections = reader.rows(row, shoff, shnum, shsize, "section table")
    segments = reader.rows(
        order + ("IIIIIIII" if bits == 32 else "IIQQQQQQ"), phoff, phnum, phsize, "program headers"
    )
    # The 32-bit layout keeps the flags behind the sizes.
    at = (0, 1, 2, 4) if bits == 32 else (0, 2, 3, 5)
    return _File(
        reader, bits, order, machine, flags,
        tuple(_Segment(*(s[i] for i in at)) for s in segments),
        _named(reader, sections, names),
    )  # fmt: skip


def _named(
    reader: Reader, sections: tuple[tuple[Any, ...], ...], names: int
) -> tuple[_Section, ...]:
    if not sections or not names:
        return ()
    if names >= len(sections):
        raise ExecutableError(
            f"the file is damaged: its section names should be in section {names}, "
            f"but it has {len(sections)} sections."
        )
    table = reader.read(sections[names][4], sections[names][5], "section names")
    found = []
    for name, type, flags, _, offset, size, *_ in sections:
        text = zero_ended(table[name : name + 4096], "section name")
        found.append(_Section(text, type, flags, offset, size))
    return tuple(found)


def _is_debug_information(file: _File) -> bool:
    """Whether it is what `objcopy --only-keep-debug` leaves: headers whose code is elsewhere."""
    code = [s.type for s in file.sections if s.flags & _SHF_EXECINSTR]
    return bool(code) and all(type == _SHT_NOBITS for type in code)


def _executable(file: _File, abi: int) -> Executable:
    endian = "little" if file.order == "<" else "big"
    arch = _ARCHES.get((file.machine, file.bits, endian), f"ELF machine {file.machine}")
    if file.machine == _EM_MIPS and file.bits == 32 and file.flags & _EF_MIPS_ABI2:
        arch += "n32"
    interpreter = _interpreter(file)
    info = file.section(".go.buildinfo")
    attributes = file.content(file.section(".ARM.attributes", _SHT_ARM_ATTRIBUTES))
    return Executable(
        format="ELF",
        os=_OS_ABIS.get(abi) or _system(interpreter),
        arch=arch,
        bits=file.bits,
        endian=endian,
        machine=file.machine,
        flags=file.flags,
        interpreter=interpreter,
        needed=_dynamic_texts(file, (_DT_NEEDED,)),
        runpath=_dynamic_texts(file, (_DT_RPATH, _DT_RUNPATH)),
        dynamic=any(s.type == _PT_DYNAMIC for s in file.segments),
        arm_arch=arm_architecture(attributes, endian) if attributes and arch == "arm" else None,
        mips_float=_mips_float(file),
        build_info=find_build_info(file.reader, info.offset, info.size) if info else None,
    )


def _system(interpreter: str | None) -> str:
    found = (os for part, os in _INTERPRETERS if part in (interpreter or ""))
    return next(found, "")


def _interpreter(file: _File) -> str | None:
    for segment in file.segments:
        if segment.type == _PT_INTERP:
            data = file.reader.read(segment.offset, segment.size, "interpreter's path")
            return zero_ended(data, "interpreter's path")
    return None


def _dynamic_texts(file: _File, wanted: tuple[int, ...]) -> tuple[str, ...]:
    """The texts of some entries of the dynamic section, in the file's order."""
    size = file.bits // 8
    row = file.order + ("iI" if size == 4 else "qQ")
    for segment in file.segments:
        if segment.type == _PT_DYNAMIC:
            count = segment.size // (2 * size)
            rows = file.reader.rows(row, segment.offset, count, 2 * size, "dynamic section")
            break
    else:
        return ()
    tags = [tag for tag, _ in rows]
    rows = rows[: tags.index(_DT_NULL)] if _DT_NULL in tags else rows
    names = [value for tag, value in rows if tag in wanted]
    tables = [value for tag, value in rows if tag == _DT_STRTAB]
    if not names:
        return ()
    if not tables:
        raise ExecutableError("the file is damaged: it needs libraries, but names none of them.")
    start = _offset(file, tables[0])
    return tuple(file.reader.text(start + name, "needed library") for name in names)


def _offset(file: _File, address: int) -> int:
    for segment in file.segments:
        if segment.type == _PT_LOAD and 0 <= address - segment.address < segment.size:
            return segment.offset + address - segment.address
    raise ExecutableError(
        f"the file is damaged: its dynamic section names the address {address:#x}, "
        "which no segment holds."
    )


def _mips_float(file: _File) -> str | None:
    """The floating-point ABI of `.MIPS.abiflags` (its fp_abi: 3 is soft, others are hard)."""
    flags = file.content(file.section(".MIPS.abiflags", _SHT_MIPS_ABIFLAGS))
    if flags is None or len(flags) < 8 or flags[7] == 0:
        return None
    return "softfloat" if flags[7] == 3 else "hardfloat"
