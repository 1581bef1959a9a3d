"""The formats of Go's rarer ports: AIX' XCOFF, Plan 9's a.out and WebAssembly.

The magic numbers of the first two are short, so a file must also have a plausible header to count.
"""

from __future__ import annotations

from multiarch.core.executables.build_info import find_build_info
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.reader import ExecutableError, Reader

XCOFF_MAGIC = b"\x01\xf7"
_XCOFF_HEADER = 24
_XCOFF_OPTIONAL_HEADER = 120
_XCOFF_EXEC = 0x0002
_XCOFF_DATA, _XCOFF_LOADER = 0x40, 0x1000

# The first four bytes -> GOARCH and bits (a.out(6): _MAGIC(f, b) = f | ((4*b + 0)*b + 7)).
PLAN9_MAGICS = {
    b"\0\0\x01\xeb": ("386", 32),
    b"\0\0\x8a\x97": ("amd64", 64),
    b"\0\0\x06\x47": ("arm", 32),
}
_PLAN9_HEADER = 32
_PLAN9_LONG_HEADER = 40

WASM_MAGIC = b"\0asm"
_WASM_IMPORTS = 2
_WASM_SYSTEMS = {b"gojs": "js", b"go": "js", b"wasi_snapshot_preview1": "wasip1"}


def read_xcoff(reader: Reader) -> Executable | None:
    """Read a 64-bit XCOFF program. Source: AIX Files Reference, "XCOFF Object File Format"."""
    if reader.size < _XCOFF_HEADER + _XCOFF_OPTIONAL_HEADER:
        return None
    _, count, _, _, size, flags, _ = reader.unpack(">HHIQHHI", 0, "XCOFF header")
    if size != _XCOFF_OPTIONAL_HEADER or not flags & _XCOFF_EXEC:
        return None
    rows = reader.rows(">8sQQQQQQIIII", _XCOFF_HEADER + size, count, 72, "section table")
    sections = {row[9] & 0xFFFF: (row[4], row[3]) for row in reversed(rows)}
    needed = _xcoff_needed(reader, *sections.get(_XCOFF_LOADER, (0, 0)))
    data = sections.get(_XCOFF_DATA)
    return Executable(
        format="XCOFF", os="aix", arch="ppc64", bits=64, endian="big", machine=0x1F7,
        needed=needed, dynamic=bool(needed),
        build_info=find_build_info(reader, *data) if data else None,
    )  # fmt: skip


def _xcoff_needed(reader: Reader, at: int, size: int) -> tuple[str, ...]:
    """The import file IDs of the loader section, but for the first, which is a search path."""
    if not size:
        return ()
    fields = reader.unpack(">IIIIIIQQQQ", at, "loader section")
    length, count, offset = fields[3], fields[4], fields[6]
    names = reader.read(at + offset, length, "import files").split(b"\0")
    # Each ID has three texts: a path, a file's name and the member of that archive.
    rows = [names[3 * i : 3 * i + 3] for i in range(1, min(count, len(names)))]
    return tuple("/".join(part.decode("utf-8", "replace") for part in r if part) for r in rows)


def read_plan9(reader: Reader) -> Executable | None:
    """Read a Plan 9 program; they are all static. Source: Plan 9 manual, a.out(6)."""
    arch, bits = PLAN9_MAGICS[reader.read(0, 4, "a.out header")]
    if reader.size < _PLAN9_LONG_HEADER:
        return None
    magic, text, data, _, symbols, _, _, lines = reader.unpack(">8I", 0, "a.out header")
    start = _PLAN9_HEADER + text if bits == 32 else _PLAN9_LONG_HEADER + text
    if not text or start + data + symbols + lines > reader.size:
        return None
    return Executable(
        format="Plan 9", os="plan9", arch=arch, bits=bits, endian="little", machine=magic,
        build_info=find_build_info(reader, start, data),
    )  # fmt: skip


def read_wasm(reader: Reader) -> Executable:
    """Read a WebAssembly module; the host interface that it imports tells its system.

    Go's linker writes no readable build info there, so there is none in the result.
    Source: WebAssembly Core Specification, chapter 5, "Binary Format".
    """
    (version,) = reader.unpack("<I", 4, "WebAssembly header")
    if version != 1:
        raise ExecutableError(f"the file is WebAssembly of the version {version}; allowed: 1.")
    os, at = "", 8
    while at < reader.size:
        kind = reader.read(at, 1, "WebAssembly section")[0]
        size, content = _number(reader, at + 1)
        reader.check(content, size, "WebAssembly section")
        if kind == _WASM_IMPORTS and size:
            _, name = _number(reader, content)
            length, name = _number(reader, name)
            os = _WASM_SYSTEMS.get(reader.read(name, length, "import's name"), "")
        at = content + size
    return Executable(
        format="WebAssembly", os=os, arch="wasm", bits=32, endian="little", machine=0
    )  # fmt: skip


def _number(reader: Reader, at: int) -> tuple[int, int]:
    """Read one unsigned 32-bit LEB128 number; returns it and the offset behind it."""
    value = 0
    for shift in range(0, 35, 7):
        byte = reader.read(at, 1, "WebAssembly section")[0]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ExecutableError("the file is damaged: a number in it does not end.")
