"""Packs one archive of a release: a tar with gzip, or a zip for windows, always the same bytes.

Request: `{"entries": [{"path": path in the archive, "file": path in the sandbox, "executable"}],
"seconds", "output"}`. The output's ending says which of the two it is.
"""

from __future__ import annotations

import io
import struct
import sys
import tarfile
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from zlib_ng import zlib_ng

from multiarch.core.oci.layer import GZIP_HEADER
from multiarch.core.release.layout import ReleaseError
from multiarch.tools.process import run

# The same deflate on every CPU, which Python's own zlib is not.
_LEVEL = 6
_CHUNK = 1 << 20
# Without an extension (zip64), sizes and offsets have 32 bits.
_ZIP_LIMIT = (1 << 32) - 1
# A zip's times begin in 1980.
_ZIP_EPOCH = 315532800
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


class GzipFile(io.RawIOBase):
    """Compresses what is written to it, without name or time."""

    def __init__(self, out: BinaryIO) -> None:
        self.out, self.deflate = out, zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, -15)
        self.checksum = self.length = 0
        out.write(GZIP_HEADER)

    def write(self, data: Any) -> int:
        """Compress some bytes."""
        self.checksum = zlib.crc32(data, self.checksum)
        self.length += len(data)
        self.out.write(self.deflate.compress(data))
        return len(data)

    def finish(self) -> None:
        """Write what is left, and the checksum (RFC 1952)."""
        self.out.write(self.deflate.flush())
        self.out.write(struct.pack("<LL", self.checksum, self.length & 0xFFFFFFFF))


def folders(paths: list[str]) -> list[str]:
    """Every directory that the paths need, parents first."""
    found = {"/".join(path.split("/")[:n]) for path in paths for n in range(1, path.count("/") + 1)}
    return sorted(found)


def write_tar(entries: list[Mapping[str, Any]], seconds: int, out: BinaryIO) -> None:
    """Write a PAX tar with sorted names, fixed times, owners and modes."""
    compressed = GzipFile(out)
    with tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name in folders([entry["path"] for entry in entries]):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = tarfile.DIRTYPE, 0o755, seconds
            archive.addfile(info)
        for entry in entries:
            info = tarfile.TarInfo(entry["path"])
            info.mode, info.mtime = 0o755 if entry["executable"] else 0o644, seconds
            info.size = Path(entry["file"]).stat().st_size
            with open(entry["file"], "rb") as file:
                archive.addfile(info, file)
    compressed.finish()


def write_zip(entries: list[Mapping[str, Any]], seconds: int, out: BinaryIO) -> None:
    """Write a zip (PKWARE's APPNOTE 6.3) with sorted names, fixed times and modes.

    Raises ReleaseError for more than a zip of 32 bits holds.
    """
    when = time.gmtime(max(seconds, _ZIP_EPOCH))
    day = (when.tm_year - 1980) << 9 | when.tm_mon << 5 | when.tm_mday
    clock = when.tm_hour << 11 | when.tm_min << 5 | when.tm_sec // 2
    directory = b""
    for entry in entries:
        name, at = entry["path"].encode(), out.tell()
        out.write(b"\0" * _LOCAL.size + name)
        deflate = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, -15)
        checksum = size = 0
        with open(entry["file"], "rb") as file:
            while data := file.read(_CHUNK):
                checksum, size = zlib.crc32(data, checksum), size + len(data)
                out.write(deflate.compress(data))
        out.write(deflate.flush())
        end = out.tell()
        if max(size, end) > _ZIP_LIMIT:
            raise ReleaseError(
                f"{entry['path']}: an archive for windows is a zip of 4 GB at most. Leave "
                "something out of it, or make two archives of it."
            )
        # Flag 11: the name is UTF-8. Version 2.0: deflate; 3: modes are Unix's.
        common = (20, 0x800, 8, clock, day, checksum, end - at - _LOCAL.size - len(name), size)
        out.seek(at)
        out.write(_LOCAL.pack(b"PK\3\4", *common, len(name), 0))
        out.seek(end)
        mode = (0o100755 if entry["executable"] else 0o100644) << 16
        row = _CENTRAL.pack(b"PK\1\2", 3 << 8 | 20, *common, len(name), 0, 0, 0, 0, mode, at)
        directory += row + name
    start, count = out.tell(), len(entries)
    out.write(directory)
    out.write(_END.pack(b"PK\5\6", 0, 0, count, count, len(directory), start, 0))


def main(request: Mapping[str, Any]) -> None:
    """Pack one archive."""
    entries = sorted(request["entries"], key=lambda entry: entry["path"].encode())
    write = write_zip if request["output"].endswith(".zip") else write_tar
    with open(request["output"], "wb") as out:
        write(entries, request["seconds"], out)


if __name__ == "__main__":
    sys.exit(run(main))
