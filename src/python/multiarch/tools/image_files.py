"""The files of images while they are assembled: a context, a base's layers, and stages' trees."""

from __future__ import annotations

import os
import posixpath
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from multiarch.core.oci.changes import WHITEOUT
from multiarch.core.oci.descriptor import OciError
from multiarch.core.oci.layer import Entry, path_of, xattrs_of
from multiarch.core.oci.layout import LayoutSource
from multiarch.tools.archives import Archive, ArchiveError, digest_of_file, most, unpacked

_OPAQUE = ".wh..wh..opq"
# Debian's directories of libraries: usr/lib/x86_64-linux-gnu.
_MULTIARCH = re.compile(r"(usr/)?lib/[\w]+-linux-\w+")
# More links in one path than Linux follows are a circle.
_MAX_LINKS = 40


def open_layout(path: str, name: str) -> LayoutSource:
    """Open an OCI layout, a folder or a tar; raises OciError when it is neither."""
    if os.path.isdir(path):
        root = Path(path)

        def read_file(inner: str) -> bytes | None:
            file = root / inner
            return file.read_bytes() if file.is_file() else None

        return LayoutSource(name, read_file)
    try:
        with unpacked(path, name) as file:
            archive = Archive(file, name, most(os.path.getsize(path)))
    except (ArchiveError, OSError) as error:
        raise OciError(f"{name}: neither an OCI layout folder nor a tar: {error}") from error
    members = {p: m for p, m in archive.members if m.isfile()}

    def read_member(inner: str) -> bytes | None:
        if inner not in members:
            return None
        with unpacked(path, name) as file:
            return Archive(file, name, most(os.path.getsize(path))).read(members[inner])

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
        growing = _Growing(self.entries, "the image")
        for entry in entries:
            growing.put(replace(entry, path=growing.place(entry.path)))
        return Tree(growing.entries)

    def exists(self, path: str) -> bool:
        """Whether an absolute path leads to a file, through links of the image."""
        return followed(self.entries, path) in self.entries

    def resolve(self, path: str) -> str | None:
        """Where a path leads, links followed within the image; "" is its root, None nothing.

        A directory may be there only because of what is below it.
        """
        found = followed(self.entries, path)
        if not found or found in self.entries:
            return found
        return found if any(p.startswith(f"{found}/") for p in self.entries) else None

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


class _Growing:
    """A file system while layers are unpacked onto it, as engines do it: within its own root.

    Links above a path are followed, so that nothing of a tree is below a link or a file. `where`
    names the layer in errors.
    """

    def __init__(self, entries: Mapping[str, Entry], where: str) -> None:
        self.entries, self.where = dict(entries), where
        self.parents = {parent for path in entries for parent in _above(path)}
        self.places: dict[str, str] = {}

    def place(self, path: str) -> str:
        """Where a path of a layer is; raises OciError for one below a file."""
        directory, name = posixpath.split(path)
        if directory not in self.places:
            found = followed(self.entries, directory)
            if found is None or not self.may_hold(found):
                raise OciError(f"{self.where}: {path!r} is below what is no directory")
            self.places[directory] = found
        return posixpath.join(self.places[directory], name)

    def may_hold(self, path: str) -> bool:
        """Whether a path is a directory, or may become one."""
        return path not in self.entries or self.entries[path].is_directory

    def put(self, entry: Entry) -> None:
        """Add an entry; what is not a directory takes the place of all that was there."""
        path, old = entry.path, self.entries.get(entry.path)
        passed = path in self.parents or path in self.places
        if entry.link or (old is not None and old.link) or (passed and not entry.is_directory):
            self.places.clear()
        if not entry.is_directory:
            self.remove(path)
        self.entries[path] = entry
        self.parents.update(_above(path))

    def remove(self, path: str) -> None:
        """Take away a path, and all below it."""
        self.entries.pop(path, None)
        if path in self.parents:
            for below in [p for p in self.entries if p.startswith(f"{path}/")]:
                del self.entries[below]
            self.parents = {parent for p in self.entries for parent in _above(p)}


def _above(path: str) -> Iterable[str]:
    while path := posixpath.dirname(path):
        yield path


def followed(entries: Mapping[str, Entry], path: str) -> str | None:
    """Where a path leads, links followed within the root; None through a file or in a circle."""
    todo, at, links = [p for p in reversed(path.split("/")) if p], "", 0
    while todo:
        part = todo.pop()
        if part == "..":
            at = posixpath.dirname(at)
            continue
        inner = posixpath.join(at, part)
        entry = entries.get(inner)
        if entry is not None and entry.link:
            links += 1
            if links > _MAX_LINKS:
                return None
            at = "" if entry.link.startswith("/") else at
            todo += [p for p in reversed(entry.link.split("/")) if p not in ("", ".")]
        elif entry is not None and todo and not entry.is_directory:
            return None
        else:
            at = inner
    return at


def layer_tree(tree: Tree, data: bytes, where: str, diff_id: str | None = None) -> Tree:
    """The tree with a base's layer applied: its whiteouts remove what the layers below have.

    `where` names the layer. Raises OciError for one that is damaged, is not what its `diff_id`
    says, or has files below a file. Source: OCI image-spec, "Whiteouts".
    """
    with unpacked(data, where) as file:
        if diff_id is not None and (found := digest_of_file(file)) != diff_id:
            raise OciError(
                f"{where}: unpacked, the layer has the digest {found}; the image's config says "
                f"{diff_id!r}. It is not used."
            )
        archive = Archive(file, where, most(len(data)))
        below = _Growing(tree.entries, where)
        whiteouts = [below.place(p) for p, _ in archive.members if _is_whiteout(p)]
        growing = _Growing(_without(tree.entries, whiteouts), where)
        for path, member in archive.members:
            if _is_whiteout(path):
                continue
            place = growing.place(path)
            entry = _entry(archive, place, member, growing)
            if entry is None:
                growing.remove(place)
            else:
                growing.put(entry)
    return Tree(growing.entries)


def _is_whiteout(path: str) -> bool:
    return posixpath.basename(path).startswith(WHITEOUT)


def _without(below: Mapping[str, Entry], paths: Iterable[str]) -> dict[str, Entry]:
    """What whiteouts among the paths of a layer leave of the layers below it."""
    removed, emptied = set(), set()
    for path in paths:
        directory, name = posixpath.split(path)
        if name == _OPAQUE:
            emptied.add(directory)
        else:
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


def _entry(archive: Archive, path: str, member: tarfile.TarInfo, growing: _Growing) -> Entry | None:
    """What a member becomes; None for a device, a pipe or a socket."""
    plain = Entry(
        path, member.mode & 0o7777, member.uid, member.gid, xattrs=xattrs_of(member)
    )  # fmt: skip
    if member.isdir():
        return replace(plain, is_directory=True)
    if member.issym():
        return replace(plain, link=member.linkname)
    if member.islnk():
        target = growing.place(path_of(member.linkname))
        found = growing.entries.get(target)
        if found is None or found.is_directory:
            raise OciError(
                f"{growing.where}: {member.name!r} is another name of {member.linkname!r}, which "
                "is no file"
            )
        return replace(found, path=path, hardlink=found.hardlink or target)
    if member.isfile():
        return replace(plain, content=archive.read(member))
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
            to.mkdir(parents=True, exist_ok=True)
        else:
            export(tree, inner, to)
