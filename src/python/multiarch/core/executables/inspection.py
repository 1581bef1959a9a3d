"""Tells whether a file is an executable, and reads it by the format that its first bytes name."""

from __future__ import annotations

from multiarch.core.executables.elf import read_elf
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.macho import (
    MACHO_MAGICS,
    UNIVERSAL_MAGICS,
    read_macho,
    read_universal,
)
from multiarch.core.executables.other_formats import (
    PLAN9_MAGICS,
    WASM_MAGIC,
    XCOFF_MAGIC,
    read_plan9,
    read_wasm,
    read_xcoff,
)
from multiarch.core.executables.pe import read_pe
from multiarch.core.executables.reader import Reader, Source


def inspect(source: Source) -> Executable | None:
    """Read the headers of an executable: `source` is a seekable binary file, or its bytes.

    Only headers, tables and Go's build info are read, never the whole file. None for what no
    loader starts: scripts, data, object files, debug information. Raises `ExecutableError` for
    a file that begins like an executable but is cut short or damaged.
    """
    reader = Reader(source)
    magic = reader.start(4)
    if magic == b"\x7fELF":
        return read_elf(reader)
    if magic in MACHO_MAGICS:
        return read_macho(reader)
    if magic in UNIVERSAL_MAGICS and reader.size >= 8:
        return read_universal(reader)
    if magic[:2] == b"MZ":
        return read_pe(reader)
    if magic == WASM_MAGIC:
        return read_wasm(reader)
    if magic[:2] == XCOFF_MAGIC:
        return read_xcoff(reader)
    if magic in PLAN9_MAGICS:
        return read_plan9(reader)
    return None
