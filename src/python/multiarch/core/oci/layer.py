"""Layers: file trees as reproducible tar archives.

Source: OCI image-spec, layer.md. Names are sorted by their bytes, times are fixed, owners are
numbers, and nothing of the machine that wrote the archive is in it.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Callable

_DIRECTORY_MODE = 0o755
# How PAX archives name extended attributes (GNU tar, Go's archive/tar, every engine).
_XATTR = "SCHILY.xattr."


@dataclass(frozen=True)
class Entry:
    """One path of a layer: a file, a directory, a symbolic link, or another name of a file.

    `path` is relative to the image's root, without a leading slash. `source` is the file to read
    the bytes from; `content` holds them where there is no file. `hardlink` is the path of the file
    that this is another name of; bytes, mode and owner are then the same. `xattrs` are extended
    attributes by name, sorted.
    """

    path: str
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    source: str = ""
    content: bytes = b""
    link: str = ""
    is_directory: bool = False
    hardlink: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()

    @property
    def is_file(self) -> bool:
        """Whether it has bytes of its own in an archive."""
        return not self.is_directory and not self.link and not self.hardlink


def os_bytes(path: str) -> bytes:
    """A path's bytes, by which entries are sorted; they need not be UTF-8."""
    return path.encode("utf-8", "surrogateescape")


def with_parents(entries: Iterable[Entry], existing: Iterable[str] = ()) -> tuple[Entry, ...]:
    """Add the directories above each entry that neither the entries nor the image have yet.

    Later entries replace earlier ones of the same path. The result is sorted by path.
    """
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.is_directory and entry.path in found and found[entry.path].is_directory:
            continue
        found[entry.path] = entry
    known = {*existing, *found}
    for path in tuple(found):
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            parent = "/".join(parts[:depth])
            if parent not in known:
                known.add(parent)
                found[parent] = Entry(parent, _DIRECTORY_MODE, is_directory=True)
    return tuple(found[path] for path in sorted(found, key=os_bytes))


def tar_info(entry: Entry, size: int, mtime: int) -> tarfile.TarInfo:
    """The archive member of an entry."""
    info = tarfile.TarInfo(entry.path + ("/" if entry.is_directory else ""))
    info.mode, info.uid, info.gid, info.mtime = entry.mode, entry.uid, entry.gid, mtime
    if entry.is_directory:
        info.type = tarfile.DIRTYPE
    elif entry.link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
    elif entry.hardlink:
        info.type, info.linkname = tarfile.LNKTYPE, entry.hardlink
    else:
        info.size = size
    # Bytes that are not UTF-8 come through as they are (`hdrcharset=BINARY`).
    info.pax_headers = {
        _XATTR + name: value.decode("utf-8", "surrogateescape") for name, value in entry.xattrs
    }
    return info


def xattrs_of(member: tarfile.TarInfo) -> tuple[tuple[str, bytes], ...]:
    """The extended attributes that an archive's member has, sorted by name."""
    found = {
        name[len(_XATTR) :]: value.encode("utf-8", "surrogateescape")
        for name, value in member.pax_headers.items()
        if name.startswith(_XATTR)
    }
    return tuple(sorted(found.items()))


def write_tar(
    entries: Iterable[Entry],
    out: BinaryIO,
    *,
    mtime: int,
    read: Callable[[str], bytes],
) -> None:
    """Write entries, in the order given, as a PAX archive; `read` gives a source's bytes."""
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            data = b""
            if entry.is_file:
                data = read(entry.source) if entry.source else entry.content
            archive.addfile(tar_info(entry, len(data), mtime), io.BytesIO(data))


# A gzip header without name or time, whatever the compressor (RFC 1952): deflate, no flags,
# mtime 0, no extra flags, unknown operating system.
GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def path_of(name: str) -> str:
    """The path of an archive's member relative to the root; "" for the root itself."""
    # Not `lstrip("./")`, which would take the dot off `.profile` and `.wh.gone` too.
    return posixpath.normpath(f"/{name}").lstrip("/")
