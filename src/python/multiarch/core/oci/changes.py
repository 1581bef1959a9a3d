"""What a step changed in a file system, however the engine that ran it tells it.

Engines disagree on a layer's whiteouts, on which unchanged directories it names, and on what they
leave behind. The layer is therefore made anew, from the tree before and the tree after.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace

from multiarch.core.oci.capabilities import CAPABILITY_XATTR, without_namespace
from multiarch.core.oci.layer import Entry, os_bytes

WHITEOUT = ".wh."
# Where engines mount something while a step runs: what is in a layer there is their debris.
_MOUNTS = ("dev", "proc", "sys")
_MOUNTED_FILES = frozenset(
    (
        *("etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", ".dockerenv"),
        *("run/.containerenv", "sbin/docker-init", "usr/sbin/docker-init"),
    )
)
# Directories that engines make to mount on; an empty new one of these is not the step's.
_MOUNT_PARENTS = ("dev", "proc", "sys", "run", "etc", "sbin", "usr/sbin", "usr")
_KEPT_XATTRS = (CAPABILITY_XATTR,)


def changes(
    before: Mapping[str, Entry],
    after: Mapping[str, Entry],
    *,
    read: Callable[[Entry], bytes],
    mounted: tuple[str, ...] = (),
) -> tuple[Entry, ...]:
    """The entries of the layer that turns one tree into the other, sorted by path.

    Times are not compared. Removed paths become whiteouts, the topmost only. Names of one file
    become a file and hard links to it, the first name being the file. `mounted` are the paths that
    the step itself had mounted: what was made there to mount on goes, with its empty parents.
    """
    kept = {path: _normal(entry) for path, entry in after.items() if not _is_debris(path)}
    _drop_mount_points(kept, before, mounted)
    changed = {
        path: entry
        for path, entry in kept.items()
        if path not in before or not _same(_normal(before[path]), entry, read)
    }
    found = {**_with_links(changed), **_whiteouts(before, kept)}
    return tuple(found[path] for path in sorted(found, key=os_bytes))


def _drop_mount_points(
    kept: dict[str, Entry], before: Mapping[str, Entry], mounted: tuple[str, ...]
) -> None:
    """Take away what engines made to mount on, where it is new and nothing else is in it."""
    parents = []
    for path in mounted:
        for made in [p for p in kept if p not in before and f"{p}/".startswith(f"{path}/")]:
            del kept[made]
        while path := posixpath.dirname(path):
            parents.append(path)
    for path in (*sorted(parents, key=len, reverse=True), *_MOUNT_PARENTS):
        new = path in kept and path not in before
        if new and not any(other.startswith(f"{path}/") for other in kept):
            del kept[path]


def _is_debris(path: str) -> bool:
    top = path.partition("/")[0]
    return path in _MOUNTED_FILES or (top in _MOUNTS and path != top)


def _normal(entry: Entry) -> Entry:
    xattrs = tuple(
        (name, without_namespace(value)) for name, value in entry.xattrs if name in _KEPT_XATTRS
    )
    return replace(entry, xattrs=xattrs, mode=0o777 if entry.link else entry.mode)


def _same(one: Entry, other: Entry, read: Callable[[Entry], bytes]) -> bool:
    def kind(entry: Entry) -> tuple[object, ...]:
        return (
            entry.mode, entry.uid, entry.gid, entry.link, entry.is_directory, entry.xattrs
        )  # fmt: skip

    if kind(one) != kind(other):
        return False
    return one.is_directory or bool(one.link) or read(one) == read(other)


def _with_links(changed: Mapping[str, Entry]) -> dict[str, Entry]:
    groups: dict[str, list[str]] = {}
    for path, entry in changed.items():
        if not entry.is_directory and not entry.link:
            groups.setdefault(entry.hardlink or path, []).append(path)
    found = dict(changed)
    for paths in groups.values():
        first, *others = sorted(paths, key=os_bytes)
        found[first] = replace(found[first], hardlink="")
        for path in others:
            found[path] = replace(found[path], hardlink=first)
    return found


def _whiteouts(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> dict[str, Entry]:
    found = {}
    for path in before:
        if path in after or _is_debris(path):
            continue
        directory, name = posixpath.split(path)
        # What is below something removed or replaced goes with it.
        if not directory or (directory in after and after[directory].is_directory):
            whiteout = posixpath.join(directory, WHITEOUT + name)
            found[whiteout] = Entry(whiteout, mode=0)
    return found
