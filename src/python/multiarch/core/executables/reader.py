"""Random access to the bytes of one file, so that a large executable is never read whole."""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO, Union

from multiarch.core.errors import MultiarchError

Source = Union[BinaryIO, bytes, memoryview]

# No path, library or section name that a loader accepts is longer.
_LONGEST_TEXT = 4096
_CHUNK = 1 << 20


class ExecutableError(MultiarchError):
    """Says that a file begins like an executable but is cut short or damaged, and where."""


class Reader:
    """The bytes of one file: fields, texts and searches by offset, in bytes from its start.

    Every read that the file cannot satisfy raises `ExecutableError` that names what was read.
    """

    def __init__(self, source: Source) -> None:
        self._file: BinaryIO = (
            io.BytesIO(source) if isinstance(source, (bytes, memoryview)) else source
        )
        self.size: int = self._file.seek(0, io.SEEK_END)

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Read exactly `size` bytes of `what`."""
        self.check(offset, size, what)
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) != size:
            raise ExecutableError(f"could not read the {what}: the file shrank while it was read.")
        return data

    def check(self, offset: int, size: int, what: str) -> None:
        """Demand that the file holds a range, without reading it."""
        if offset + size > self.size:
            raise ExecutableError(
                f"the file is cut short or damaged: its {what} should be the {size} bytes at "
                f"offset {offset}, but the file ends after {self.size} bytes. Build it again."
            )

    def start(self, size: int) -> bytes:
        """Read the first `size` bytes, or all when there are fewer."""
        return self.read(0, min(size, self.size), "start")

    def unpack(self, layout: str, offset: int, what: str) -> tuple[Any, ...]:
        """Read the fields of one `struct` layout."""
        return struct.unpack(layout, self.read(offset, struct.calcsize(layout), what))

    def rows(
        self, layout: str, offset: int, count: int, stride: int, what: str
    ) -> tuple[tuple[Any, ...], ...]:
        """Read a table of `count` rows that begin `stride` bytes apart."""
        row = struct.Struct(layout)
        if not count:
            return ()
        if stride < row.size:
            raise ExecutableError(
                f"the file is damaged: each row of its {what} should have at least "
                f"{row.size} bytes, found {stride}."
            )
        table = self.read(offset, stride * count, what)
        return tuple(row.unpack_from(table, stride * index) for index in range(count))

    def text(self, offset: int, what: str) -> str:
        """Read a text that a zero byte ends."""
        self.check(offset, 1, what)
        self._file.seek(offset)
        return zero_ended(self._file.read(_LONGEST_TEXT), what)

    def find(self, needle: bytes, start: int, end: int) -> int | None:
        """Find the first `needle` between two offsets, in pieces of 1 MiB."""
        end = min(end, self.size)
        while start + len(needle) <= end:
            size = min(_CHUNK + len(needle) - 1, end - start)
            found = self.read(start, size, "data").find(needle)
            if found >= 0:
                return start + found
            start += _CHUNK
        return None


def zero_ended(data: bytes, what: str) -> str:
    """Decode the text in front of the first zero byte; `what` names it in the error."""
    end = data.find(b"\0")
    if end < 0:
        raise ExecutableError(f"the file is damaged: its {what} does not end.")
    return data[:end].decode("utf-8", "replace")
