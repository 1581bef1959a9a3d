"""The files of images while they are assembled: a context, a base's layers, and stages' trees."""

from __future__ import annotations

import io
import os
import posixpath
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from multiarch.core.oci.changes import WHITEOUT
from multiarch.core.oci.descriptor import OciError
from multiarch.core.oci.layer import Entry, paths_of, xattrs_of
from multiarch.core.oci.layout import LayoutSource

_OPAQUE = ".wh..wh..opq"
# How a frame begins (RFC 8878).
_ZSTD = b"\x28\xb5\x2f\xfd"
# Debian's directories of libraries: usr/lib/x86_64-linux-gnu.
_MULTIARCH = re.compile(r"(usr/)?lib/[\w]+-linux-\w+")
# More links in one path than any kernel follows are a circle.
_MAX_STEPS = 400


def open_layout(path: str, name: str) -> LayoutSource:
    """Open an OCI layout, a folder or a tar; raises OciError when it is neither."""
    if os.path.isdir(path):
        root = Path(path)

        def read_file(inner: str) -> bytes | None:
            file = root / inner
            return file.read_bytes() if file.is_file() else None

        return LayoutSource(name, read_file)
    try:
        with tarfile.open(path) as archive:
            members = {p: m for p, m in paths_of(archive).items() if m.isfile()}
    except (tarfile.TarError, OSError) as error:
        raise OciError(f"{name}: neither an OCI layout folder nor a tar: {error}") from error

    def read_member(inner: str) -> bytes | None:
        if inner not in members:
            return None
        with tarfile.open(path) as archive:
            stream = archive.extractfile(members[inner])
            return stream.read() if stream else None

    return LayoutSource(name, read_member)


@dataclass(frozen=True)
class Tree:
    """Every path of an image's file system, as its last layer has it."""

    entries: dict[str, Entry]

    def is_directory(self, path: str) -> bool:
        """Whether the path is a directory, as the root always is."""
        return path == "" or (path in self.entries and self.entries[path].is_directory)

    def below(self, path: str) -> list[str]:
        """All paths below a directory, sorted."""
        prefix = f"{path}/" if path else ""
        return sorted(p for p in self.entries if p.startswith(prefix) and p != path)

    def with_layer(self, entries: tuple[Entry, ...]) -> Tree:
        """The tree with one more layer."""
        found = dict(self.entries)
        for entry in entries:
            found[entry.path] = entry
        return Tree(found)

    def exists(self, path: str) -> bool:
        """Whether an absolute path leads to a file, through links of the image."""
        todo, at = [p for p in reversed(path.split("/")) if p], ""
        for _ in range(_MAX_STEPS):
            if not todo:
                return at in self.entries
            part = todo.pop()
            if part == "..":
                at = posixpath.dirname(at)
                continue
            at = posixpath.join(at, part)
            entry = self.entries.get(at)
            if entry is not None and entry.link:
                at = "" if entry.link.startswith("/") else posixpath.dirname(at)
                todo += [p for p in reversed(entry.link.split("/")) if p not in ("", ".")]
        return False

    def library_directories(self, environment: Mapping[str, str]) -> list[str]:
        """Where its loader looks for libraries, beside its built-in directories."""
        found = [d for d in environment.get("LD_LIBRARY_PATH", "").split(":") if d]
        confs = [p for p in self.below("etc/ld.so.conf.d") if p.endswith(".conf")]
        for conf in ("etc/ld.so.conf", *confs):
            lines = (line.partition("#")[0].strip() for line in self.text(conf).splitlines())
            found += [line for line in lines if line.startswith("/")]
        return found + [f"/{p}" for p in self.entries if _MULTIARCH.fullmatch(p)]

    def text(self, path: str) -> str:
        """A small text file's content, empty without it (`etc/passwd`)."""
        entry = self.entries.get(path)
        return read(entry).decode("utf-8", "replace") if entry else ""


def read(entry: Entry) -> bytes:
    """A file's bytes."""
    return Path(entry.source).read_bytes() if entry.source else entry.content


def without_zstd(data: bytes) -> bytes:
    """A layer's archive without zstd, the one compression that `tarfile` cannot read."""
    if not data.startswith(_ZSTD):
        return data
    import zstandard

    reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
    return bytes(reader.readall())


def layer_tree(tree: Tree, data: bytes) -> Tree:
    """The tree with a base's layer applied: its whiteouts remove what the layers below have.

    Source: OCI image-spec, "Whiteouts".
    """
    with tarfile.open(fileobj=io.BytesIO(without_zstd(data))) as archive:
        members = paths_of(archive)
        found = _without(tree.entries, members)
        for path, member in members.items():
            if posixpath.basename(path).startswith(WHITEOUT):
                continue
            entry = _entry(archive, path, member, found)
            if entry is None:
                continue
            if path in found and found[path].is_directory and not entry.is_directory:
                for old in [p for p in found if p.startswith(f"{path}/")]:
                    del found[old]
            found[path] = entry
    return Tree(found)


def _without(below: Mapping[str, Entry], paths: Iterable[str]) -> dict[str, Entry]:
    """What whiteouts among the paths of a layer leave of the layers below it."""
    removed, emptied = set(), set()
    for path in paths:
        directory, name = posixpath.split(path)
        if name == _OPAQUE:
            emptied.add(directory)
        elif name.startswith(WHITEOUT):
            removed.add(posixpath.join(directory, name[len(WHITEOUT) :]))

    def stays(path: str) -> bool:
        if path in removed:
            return False
        while path:
            path = posixpath.dirname(path)
            if path in emptied or path in removed:
                return False
        return True

    if not removed and not emptied:
        return dict(below)
    return {path: entry for path, entry in below.items() if stays(path)}


def _entry(
    archive: tarfile.TarFile, path: str, member: tarfile.TarInfo, found: Mapping[str, Entry]
) -> Entry | None:
    plain = Entry(
        path, member.mode & 0o7777, member.uid, member.gid, xattrs=xattrs_of(member)
    )  # fmt: skip
    if member.isdir():
        return replace(plain, is_directory=True)
    if member.issym():
        return replace(plain, link=member.linkname)
    if member.islnk():
        target = posixpath.normpath(f"/{member.linkname}").lstrip("/")
        if target in found:
            first = found[target].hardlink or target
            return replace(found[target], path=path, hardlink=first)
    if member.isfile() or member.islnk():
        stream = archive.extractfile(member)
        return replace(plain, content=stream.read() if stream else b"")
    return None


def context_tree(root: str) -> Tree:
    """The files of a build context; modes are 0755 for what may be executed, else 0644."""
    found: dict[str, Entry] = {}
    for directory, directories, names in os.walk(root):
        base = os.path.relpath(directory, root)
        for name in directories + names:
            path = posixpath.normpath(posixpath.join("" if base == "." else base, name))
            full = os.path.join(directory, name)
            if os.path.islink(full):
                found[path] = Entry(path, link=os.readlink(full))
            elif name in directories:
                found[path] = Entry(path, 0o755, is_directory=True)
            else:
                # Sandboxes change modes; only whether a file may be executed is kept by all.
                mode = 0o755 if os.stat(full).st_mode & 0o111 else 0o644
                found[path] = Entry(path, mode, source=full)
    return Tree(found)


def export(tree: Tree, path: str, target: Path) -> None:
    """Write a file, or a directory with all below it, to the file system."""
    entry = tree.entries.get(path)
    if entry is not None and not entry.is_directory:
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.link:
            target.symlink_to(entry.link)
        else:
            target.write_bytes(read(entry))
            target.chmod(entry.mode)
        return
    target.mkdir(parents=True)
    for inner in tree.below(path):
        part = tree.entries[inner]
        to = target / posixpath.relpath(inner, path or ".")
        if part.is_directory:
            to.mkdir(exist_ok=True)
        else:
            export(tree, inner, to)
