"""Archives from outside: tars that are read within bounds, whoever made them.

What a blob may unpack to is bounded: 1 GiB, or a hundred times its own size where that is more.
Real layers shrink to a third or a tenth; a bomb does to a thousandth.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Union

from multiarch.core.errors import MultiarchError
from multiarch.core.oci.layer import path_of

_SMALL = 1 << 30
_RATIO = 100
_PIECE = 1 << 20
_BLOCK = 512
# How each compression begins.
_GZIP, _XZ, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
# A tar may begin with a file called so, up to the digit.
_BZIP2 = tuple(b"BZh%d1A" % level for level in range(1, 10))
# What the readers of compressions and of tars raise for bytes that are none.
_DAMAGED = (
    *(tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, ValueError),
    *(OverflowError, RecursionError, LookupError),
)
Source = Union[bytes, str]


class ArchiveError(MultiarchError):
    """Says which archive is damaged, or unpacks to more than is allowed."""


class Archive:
    """A tar that is open: every member was looked at, in the order written.

    Raises ArchiveError for one that is damaged, or whose files are together longer than `limit`
    bytes: a file of holes takes no room in a tar.
    """

    def __init__(self, file: BinaryIO, where: str, limit: int) -> None:
        self.where = where
        try:
            ended: Any = _Ended(file)
            self._tar = tarfile.open(fileobj=ended, mode="r:")  # noqa: SIM115 - it holds none
            self.members = tuple(self._walk(file, limit))
        except _DAMAGED as error:
            raise _damaged(where, error) from None

    def _walk(self, file: BinaryIO, limit: int) -> Iterator[tuple[str, tarfile.TarInfo]]:
        total, last = 0, -1
        for member in self._tar:
            if member.size < 0 or member.offset <= last:
                raise tarfile.ReadError(f"{member.name!r} has no place in it")
            last, total = member.offset, total + (member.size if member.isreg() else 0)
            if total > limit:
                raise _too_large(self.where, limit)
            path = path_of(member.name)
            linked = member.issym() or member.islnk()
            if "\0" in path or "\0" in member.linkname or (linked and not member.linkname):
                raise tarfile.ReadError(f"{member.name!r} -> {member.linkname!r} is no name")
            if path:
                yield path, member
        # Python's reader takes a damaged header for the end.
        file.seek(self._tar.offset)
        if file.read(_BLOCK).strip(b"\0"):
            raise tarfile.ReadError(f"what is at {self._tar.offset} is no header")

    def read(self, member: tarfile.TarInfo) -> bytes:
        """The bytes of a file; raises ArchiveError when they are not all there."""
        try:
            stream = self._tar.extractfile(member) if member.isreg() else None
            data = stream.read() if stream else b""
        except _DAMAGED as error:
            raise _damaged(self.where, error) from None
        if len(data) != member.size and member.isreg():
            raise _damaged(self.where, f"{member.name!r} is cut short")
        return data


def most(size: int) -> int:
    """How many bytes an archive of `size` bytes may unpack to."""
    return max(_SMALL, _RATIO * size)


@contextmanager
def unpacked(source: Source, where: str) -> Iterator[BinaryIO]:
    """What is in a compressed file, as a file; one without compression as it is.

    It is unpacked once, to a file without a name. Raises ArchiveError.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as packed:
        size = packed.seek(0, io.SEEK_END)
        packed.seek(0)
        start = packed.read(len(_XZ))
        packed.seek(0)
        reader = _reader(packed, start)
        if reader is None:
            yield packed
            return
        with tempfile.TemporaryFile() as out:
            _unpack(reader, out, where, most(size))
            out.seek(0)
            yield out


class _Ended:
    """A file that is never asked for more than it has: the buffer for that would be made first."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.seek, self.tell = file, file.seek, file.tell
        at = file.tell()
        self.size = file.seek(0, io.SEEK_END)
        file.seek(at)

    def read(self, size: int = -1) -> bytes:
        """Read what is there, at most."""
        left = max(0, self.size - self.file.tell())
        return self.file.read(left if size < 0 else min(size, left))


def is_tar(data: bytes) -> bool:
    """Whether what is in a file, compressed or not, begins as a tar does."""
    packed = io.BytesIO(data)
    try:
        start = (_reader(packed, data) or packed).read(_BLOCK)
        tarfile.TarInfo.frombuf(start, tarfile.ENCODING, "surrogateescape")
    except _DAMAGED:
        return False
    return True


def digest_of_file(file: BinaryIO) -> str:
    """The digest of a file's bytes; it is at its start again after that."""
    found = hashlib.sha256()
    while data := file.read(_PIECE):
        found.update(data)
    file.seek(0)
    return f"sha256:{found.hexdigest()}"


def _unpack(reader: Any, out: BinaryIO, where: str, limit: int) -> None:
    left = limit
    try:
        while data := reader.read(_PIECE):
            left -= len(data)
            if left < 0:
                raise _too_large(where, limit)
            out.write(data)
    except _DAMAGED as error:
        raise _damaged(where, error) from None


def _reader(packed: BinaryIO, start: bytes) -> Any:
    """A reader of what is in a compressed file that begins so; None for any other."""
    if start.startswith(_GZIP):
        return gzip.GzipFile(fileobj=packed)
    if start.startswith(_BZIP2):
        return _Reader(bz2.BZ2File(packed), OSError)
    if start.startswith(_XZ):
        return lzma.LZMAFile(packed)
    if not start.startswith(_ZSTD):
        return None
    import zstandard

    reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
    return _Reader(reader, zstandard.ZstdError)


class _Reader(io.RawIOBase):
    """A reader whose error of damaged bytes is an EOFError.

    bzip2 has one that a full disk has too, and zstd's own comes with a wheel that is not always
    there.
    """

    def __init__(self, reader: Any, error: type[Exception]) -> None:
        self.reader, self.error = reader, error

    def read(self, size: int = -1) -> bytes:
        try:
            return bytes(self.reader.read(size))
        except self.error as error:
            raise EOFError(str(error)) from None


def _damaged(where: str, problem: object) -> ArchiveError:
    return ArchiveError(f"{where}: not a tar, or a damaged one: {problem}")


def _too_large(where: str, limit: int) -> ArchiveError:
    return ArchiveError(
        f"{where}: it unpacks to more than {limit} bytes: more than 1 GiB, and more than "
        f"{_RATIO} times its size. No real archive does, so it is not used."
    )
