"""Writes small executable files: real headers and tables around no code at all."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_MARKS = (
    bytes.fromhex("3077af0c9274080241e1c107e6d618e6"),
    bytes.fromhex("f932433186182072008242104116d8f2"),
)


def varint(number: int) -> bytes:
    """One unsigned LEB128 number."""
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def go_blob(text: str | None, *, version: str = "go1.27.3") -> bytes:
    """The build info of a Go binary, as the linker writes it; None for one without modules."""
    module = b"" if text is None else _MARKS[0] + text.encode() + _MARKS[1]
    header = (b"\xff Go buildinf:" + bytes([8, 2])).ljust(32, b"\0")
    data = header + varint(len(version)) + version.encode() + varint(len(module)) + module
    return data + bytes(-len(data) % 16)


def go_text(**settings: str) -> str:
    """The module text of a build with these settings."""
    lines = ["path\tdemo/cmd/hello", "mod\tdemo\t(devel)\t"]
    return "\n".join([*lines, *(f"build\t{k}={v}" for k, v in settings.items())]) + "\n"


def arm_attributes(*numbers: int, order: str = "<") -> bytes:
    """An `.ARM.attributes` section whose file attributes are these ULEB128 numbers."""
    data = b"".join(map(varint, numbers))
    scope = b"\x01" + struct.pack(order + "I", 5 + len(data)) + data
    return b"A" + struct.pack(order + "I", 4 + 6 + len(scope)) + b"aeabi\0" + scope


@dataclass(frozen=True)
class Section:
    """One section of an ELF file: its name, type, flags and bytes."""

    name: str
    data: bytes
    type: int = 1
    flags: int = 2


TEXT = Section(".text", b"\x90" * 16, flags=6)


@dataclass(frozen=True)
class Elf:
    """An ELF file to write: header, program headers, the sections' bytes, section headers."""

    machine: int = 0x3E
    bits: int = 64
    big: bool = False
    type: int = 2
    abi: int = 0
    flags: int = 0
    interpreter: str | None = None
    needed: tuple[str, ...] | None = None
    go: bytes = b""
    sections: tuple[Section, ...] = (TEXT,)
    has_sections: bool = True
    ends_dynamic: bool = True
    string_table: int | None = None

    def bytes(self) -> bytes:
        """The file's bytes, loaded at address 0x10000."""
        order = ">" if self.big else "<"
        wide = self.bits == 64
        header, phsize = (64, 56) if wide else (52, 32)
        base = 0x10000
        body = b""
        segments: list[tuple[int, int, int]] = []
        count = 1 + (self.interpreter is not None) + (self.needed is not None)
        start = header + phsize * count
        if self.interpreter is not None:
            text = self.interpreter.encode() + b"\0"
            segments.append((3, start + len(body), len(text)))
            body += text
        if self.needed is not None:
            names, offsets = b"\0", []
            for name in self.needed:
                offsets.append(len(names))
                names += name.encode() + b"\0"
            table = base + start + len(body) if self.string_table is None else self.string_table
            entries = [*((1, offset) for offset in offsets), (5, table)]
            if self.string_table == 0:
                entries.pop()
            entries += [(0, 0), (1, 999)] if self.ends_dynamic else []
            rows = b"".join(struct.pack(order + ("qQ" if wide else "iI"), *e) for e in entries)
            segments.append((2, start + len(body) + len(names), len(rows)))
            body += names + rows
        all_sections = [Section("", b"", 0, 0), *self.sections]
        if self.go:
            all_sections.append(Section(".go.buildinfo", self.go, flags=3))
        all_sections.append(Section(".shstrtab", b"", 3, 0))
        texts = b"\0".join(s.name.encode() for s in all_sections) + b"\0"
        all_sections[-1] = Section(".shstrtab", texts, 3, 0)
        rows, name = b"", 0
        for section in all_sections:
            at = start + len(body)
            layout = order + ("IIQQQQIIQQ" if wide else "IIIIIIIIII")
            values = (section.flags, base + at, at, len(section.data), 0, 0, 1, 0)
            rows += struct.pack(layout, name, section.type, *values)
            name += len(section.name) + 1
            # A section without bytes in the file is of the type NOBITS.
            body += section.data if section.type != 8 else b""
        loaded = (1, 0, start + len(body))
        headers = b"".join(self._segment(order, s, base) for s in (*segments, loaded))
        fields = (
            self.type, self.machine, 1, base, header,
            start + len(body) if self.has_sections else 0,
            self.flags, header, phsize, count, 64 if wide else 40,
            *((len(all_sections), len(all_sections) - 1) if self.has_sections else (0, 0)),
        )  # fmt: skip
        ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if self.big else 1, 1, self.abi, *[0] * 8])
        layout = order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
        return (
            ident
            + struct.pack(layout, *fields)
            + headers
            + body
            + (rows if self.has_sections else b"")
        )

    def _segment(self, order: str, segment: tuple[int, int, int], base: int) -> bytes:
        type, offset, size = segment
        if self.bits == 64:
            return struct.pack(order + "IIQQQQQQ", type, 5, offset, base + offset, 0, size, size, 1)
        return struct.pack(order + "8I", type, offset, base + offset, 0, size, size, 5, 1)


def _command(order: str, type: int, data: bytes) -> bytes:
    data += bytes(-len(data) % 8)
    return struct.pack(order + "II", type, 8 + len(data)) + data


@dataclass(frozen=True)
class MachO:
    """A thin Mach-O file to write."""

    machine: int = 0x0100000C
    bits: int = 64
    big: bool = False
    type: int = 2
    needed: tuple[str, ...] = ("/usr/lib/libSystem.B.dylib",)
    version: tuple[int, int] | None = (0x32, 1)
    go: bytes = b""

    def bytes(self) -> bytes:
        """The file's bytes: header, load commands, and the Go section behind them."""
        order = ">" if self.big else "<"
        head = 32 if self.bits == 64 else 28
        start = head + len(self._commands(order, 0))
        commands = self._commands(order, start)
        count = 2 + (self.version is not None) + len(self.needed)
        magic = 0xFEEDFACF if self.bits == 64 else 0xFEEDFACE
        fields = (magic, self.machine, 0, self.type, count, len(commands), 0)
        header = struct.pack(order + "7I", *fields).ljust(head, b"\0")
        return header + commands + self.go

    def _commands(self, order: str, start: int) -> bytes:
        wide = self.bits == 64
        head, row = ("4Q4I", "16s16sQQ8I") if wide else ("8I", "16s16s9I")
        size = len(self.go)
        segment = b"__DATA".ljust(16, b"\0")
        segment += struct.pack(order + head, start, size, start, size, 3, 3, 2, 0)
        for name, length in ((b"__data", 0), (b"__go_buildinfo", size)):
            tail = (0,) * (7 if wide else 6)
            segment += struct.pack(order + row, name, b"__DATA", start, length, start, *tail)
        data = _command(order, 0x19 if wide else 0x01, segment)
        offset = struct.pack(order + "I", 12)
        data += _command(order, 0x0E, offset + b"/usr/lib/dyld\0")
        if self.version is not None:
            command, platform = self.version
            data += _command(order, command, struct.pack(order + "IIII", platform, 0, 0, 0))
        for name in self.needed:
            offset = struct.pack(order + "IIII", 24, 0, 0, 0)
            data += _command(order, 0x0C, offset + name.encode() + b"\0")
        return data


@dataclass(frozen=True)
class Pe:
    """A PE file to write: one section with the imports, one with Go's data."""

    machine: int = 0x8664
    bits: int = 64
    flags: int = 0x22
    subsystem: int = 3
    needed: tuple[str, ...] = ("kernel32.dll",)
    managed: bool = False
    directories: int = 16
    imports_at: int = 0x1000
    ends: bool = True
    go: bytes = b""

    def bytes(self) -> bytes:
        """The file's bytes; the sections' addresses are 0x1000 and 0x2000."""
        fixed = 112 if self.bits == 64 else 96
        optional = bytearray(fixed + 8 * self.directories)
        struct.pack_into("<H", optional, 0, 0x20B if self.bits == 64 else 0x10B)
        struct.pack_into("<H", optional, 68, self.subsystem)
        struct.pack_into("<I", optional, fixed - 4, self.directories)
        if self.needed and self.directories > 1:
            struct.pack_into("<II", optional, fixed + 8, self.imports_at, 40)
        if self.managed:
            struct.pack_into("<II", optional, fixed + 8 * 14, 0x1000, 72)
        start = 64 + 4 + 20 + len(optional) + 2 * 40
        rows, names = b"", b""
        first = 0x1000 + 20 * (len(self.needed) + self.ends)
        for name in self.needed:
            rows += struct.pack("<5I", 0, 0, 0, first + len(names), 0)
            names += name.encode() + b"\0"
        imports = rows + bytes(20 * self.ends) + names
        table = b""
        for name, address, data, flags in (
            (b".idata", 0x1000, imports, 0x40000040),
            (b".data", 0x2000, self.go, 0xC0500040),
        ):
            fields = (len(data), address, len(data), start, 0, 0, 0, 0, flags)
            table += struct.pack("<8s6IHHI", name, *fields)
            start += len(data)
        dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
        coff = struct.pack("<HHIIIHH", self.machine, 2, 0, 0, 0, len(optional), self.flags)
        return dos + b"PE\0\0" + coff + bytes(optional) + table + imports + self.go


def xcoff(
    *, flags: int = 2, go: bytes = b"", needed: tuple[str, ...] = ("libc.a/shr_64.o",)
) -> bytes:
    """A 64-bit XCOFF program with a data and, for its libraries, a loader section."""
    ids = b"/usr/lib:/lib\0\0\0"
    for name in needed:
        file, _, member = name.partition("/")
        ids += b"\0" + file.encode() + b"\0" + member.encode() + b"\0"
    loader = struct.pack(">6I4Q", 2, 0, 0, len(ids), 1 + len(needed), 0, 56, 0, 0, 0) + ids
    contents = [(0x40, go)] + ([(0x1000, loader)] if needed else [])
    start = 24 + 120 + 72 * len(contents)
    table = b""
    for type, data in contents:
        table += struct.pack(">8s6Q4I", b"", 0, 0, len(data), start, 0, 0, 0, 0, type, 0)
        start += len(data)
    header = struct.pack(">HHIQHHI", 0x1F7, len(contents), 0, 0, 120, flags, 0)
    return header + bytes(120) + table + b"".join(data for _, data in contents)


def plan9(magic: int = 0x8A97, *, go: bytes = b"", text: int = 16) -> bytes:
    """A Plan 9 program."""
    header = struct.pack(">8I", magic, text, len(go), 0, 0, 0, 0, 0)
    return header + bytes(8 if magic & 0x8000 else 0) + bytes(text) + go + bytes(8)


def wasm(module: str = "gojs", *, version: int = 1) -> bytes:
    """A WebAssembly module with one import and an empty code section."""
    imports = b"\x01" + varint(len(module)) + module.encode() + b"\x01f\x00\x00"
    section = b"\x02" + varint(len(imports)) + imports if module else b""
    return b"\0asm" + struct.pack("<I", version) + section + b"\x0a\x01\x00"
