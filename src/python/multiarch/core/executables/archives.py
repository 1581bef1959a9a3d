"""Archives of object files (`libx.a`): their members, and what the header of each says.

Source: GNU binutils, ar(5); the BSD form with `#1/LENGTH`, which Apple's tools write.
"""

from __future__ import annotations

from collections.abc import Iterator

from multiarch.core.executables.elf import OBJECT_TYPES as ELF_OBJECTS
from multiarch.core.executables.elf import read_elf
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.macho import MACHO_MAGICS, read_macho
from multiarch.core.executables.macho import OBJECT_TYPES as MACHO_OBJECTS
from multiarch.core.executables.pe import read_coff
from multiarch.core.executables.reader import ExecutableError, Reader, Source

_MAGIC = b"!<arch>\n"
_HEADER_SIZE, _HEADER_END = 60, b"`\n"
# Symbol tables of GNU's and of Apple's archives.
_TABLES = ("/", "/SYM64/", "__.SYMDEF", "__.SYMDEF SORTED", "__.SYMDEF_64", "__.SYMDEF_64 SORTED")
_BSD = "#1/"


def members(source: Source) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each member, in order; the archive's own tables are left out.

    `source` is a seekable binary file, or its bytes. Raises `ExecutableError` for another file,
    and for an archive that is cut short or damaged.
    """
    reader = Reader(source)
    if reader.start(len(_MAGIC)) != _MAGIC:
        raise ExecutableError("expected an archive of object files, found another file")
    at, long_names = len(_MAGIC), b""
    while at < reader.size:
        header = reader.read(at, _HEADER_SIZE, "header of a member")
        name, size = header[:16].decode("latin-1").rstrip(), header[48:58].strip()
        if header[58:] != _HEADER_END or not size.isdigit():
            raise ExecutableError(f"the archive is damaged: at {at} is no header of a member.")
        data = reader.read(at + _HEADER_SIZE, int(size), f"member {name}")
        # Members begin at even offsets.
        at += _HEADER_SIZE + int(size) + int(size) % 2
        if name == "//":
            long_names = data
            continue
        name, data = _named(name, data, long_names)
        if name not in _TABLES:
            yield name, data


def _is_number(text: str) -> bool:
    """Whether all are digits from 0 to 9: `isdigit` knows more, which `int` does not."""
    return text.isascii() and text.isdigit()


def _named(name: str, data: bytes, long_names: bytes) -> tuple[str, bytes]:
    if name.startswith(_BSD) and _is_number(name[len(_BSD) :]):
        length = int(name[len(_BSD) :])
        return data[:length].rstrip(b"\0").decode("utf-8", "replace"), data[length:]
    if name.startswith("/") and _is_number(name[1:]):
        text = long_names[int(name[1:]) :].partition(b"\n")[0]
        return text.rstrip(b"/").decode("utf-8", "replace"), data
    return (name, data) if name in _TABLES else (name.rstrip("/"), data)


def read_object(data: bytes) -> Executable | None:
    """Read the headers of an object file; None for any other file."""
    reader = Reader(data)
    magic = reader.start(4)
    if magic == b"\x7fELF":
        return read_elf(reader, ELF_OBJECTS)
    if magic in MACHO_MAGICS:
        return read_macho(reader, MACHO_OBJECTS)
    return read_coff(reader)
