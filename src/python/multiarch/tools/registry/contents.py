"""Contents: where the bytes of what is pushed are, in files that are read piece by piece."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Protocol

from multiarch.core.oci.descriptor import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    OciError,
    field,
    manifest_blobs,
    objects,
    text_map,
)
from multiarch.core.oci.layout import blob_path, parse_json
from multiarch.core.oci.publication import Node, repository_of
from multiarch.core.oci.reference import Reference
from multiarch.tools.archives import Archive, ArchiveError, most
from multiarch.tools.registry.transport import RegistryError

_PIECE = 1 << 20
# An index of images has one level; that of Windows' versions and attestations, a hundred entries.
_DEEPEST, _MOST_NODES = 8, 4096
# The descriptors of artifacts about a layout's manifests, which its index does not have.
ATTESTATIONS = "attestations.json"


class Stopped(RegistryError):
    """Says that something else failed, or that the user ended it, while a blob was on its way."""


@dataclass(frozen=True)
class Stored:
    """A blob's bytes: a part of a file."""

    path: str
    offset: int
    size: int

    def digest(self) -> str:
        """The digest that the bytes really have."""
        found = hashlib.sha256()
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            left = self.size
            while left:
                data = file.read(min(left, _PIECE))
                if not data:
                    break
                found.update(data)
                left -= len(data)
        return f"sha256:{found.hexdigest()}"


class Contents(Protocol):
    """Where blobs and manifests come from."""

    def stored(self, blob: Descriptor) -> Stored:
        """Where a blob's bytes are."""

    def read(self, descriptor: Descriptor) -> bytes:
        """The bytes of a manifest."""


class Body:
    """A part of a stored blob as the body of a request: read once, piece by piece."""

    def __init__(
        self, stored: Stored, first: int, last: int, *, sent: Callable[[int], None],
        stop: threading.Event,
    ) -> None:  # fmt: skip
        self.file = open(stored.path, "rb")  # noqa: SIM115 - `close` is called by whoever sends it
        self.start, self.size = stored.offset + first, last - first
        self.file.seek(self.start)
        self.sent, self.stop = sent, stop

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(_PIECE):
            yield data

    def tell(self) -> int:
        """How far it has been read."""
        return self.file.tell() - self.start

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position, for a request that is sent again elsewhere."""
        base = {0: 0, 1: self.tell(), 2: self.size}[whence]
        return self.file.seek(self.start + base + offset) - self.start

    def read(self, size: int = -1) -> bytes:
        """Read the next bytes; raises Stopped when all is to end."""
        if self.stop.is_set():
            raise Stopped("it was stopped")
        left = self.size - self.tell()
        data = self.file.read(left if size < 0 else min(size, left))
        self.sent(len(data))
        return data

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class Layout:
    """An OCI layout, a folder or a tar, as contents; blobs are read where they lie."""

    def __init__(self, path: str, name: str) -> None:
        self.name = name
        self.files: Mapping[str, Stored]
        if os.path.isdir(path):
            root = Path(path)
            self.files = {
                str(file.relative_to(root)): Stored(str(file), 0, file.stat().st_size)
                for file in root.rglob("*")
                if file.is_file()
            }
            return
        try:
            with open(path, "rb") as file:
                members = Archive(file, name, most(os.path.getsize(path))).members
        except (ArchiveError, OSError) as error:
            raise OciError(f"{name}: neither an OCI layout folder nor a tar: {error}") from error
        # What has holes is not in the file as it is.
        self.files = {
            inner: Stored(path, member.offset_data, member.size)
            for inner, member in members
            if member.isfile() and not member.issparse()
        }

    def root(self, nearby: Callable[[Descriptor], tuple[Reference, ...]]) -> Node:
        """What the layout holds; `nearby` says where an image's blobs may be."""
        index = parse_json(self._bytes("index.json"), where=f"{self.name}: index.json")
        entries = objects(index, "manifests", where=self.name) or ({},)
        return self.node(Descriptor.parse(entries[0], where=self.name), nearby)

    def attached(self) -> tuple[Node, ...]:
        """The artifacts that lie beside what the layout holds, by its `attestations.json`."""
        if ATTESTATIONS not in self.files:
            return ()
        where = f"{self.name}: {ATTESTATIONS}"
        value = parse_json(b'{"manifests": %s}' % self._bytes(ATTESTATIONS), where=where)
        entries = objects(value, "manifests", where=where)
        found = (Descriptor.parse(entry, where=self.name) for entry in entries)
        return tuple(self.node(descriptor, lambda d: ()) for descriptor in found)

    def node(
        self, descriptor: Descriptor, nearby: Callable[[Descriptor], tuple[Reference, ...]]
    ) -> Node:
        """A manifest with its blobs, or an index with its children."""
        return read_node(descriptor, self.read, nearby, where=self.name)

    def stored(self, blob: Descriptor) -> Stored:
        """Where a blob's bytes are; raises OciError when they are not all there."""
        found = self.files.get(blob_path(blob.digest))
        if found is None or found.size != blob.size:
            size = "nothing" if found is None else f"{found.size} bytes"
            raise OciError(
                f"{self.name}: the blob {blob.digest} has {blob.size} bytes, and the layout has "
                f"{size} there: it is damaged"
            )
        return found

    def read(self, descriptor: Descriptor) -> bytes:
        """The bytes of a manifest, verified."""
        stored = self.stored(descriptor)
        if stored.digest() != descriptor.digest:
            raise OciError(f"{self.name}: the blob {descriptor.digest} is another one: damaged")
        return self._bytes(blob_path(descriptor.digest))

    def _bytes(self, inner: str) -> bytes:
        stored = self.files.get(inner)
        if stored is None:
            raise OciError(f"{self.name}: not an OCI layout: it has no {inner}")
        with open(stored.path, "rb") as file:
            file.seek(stored.offset)
            return file.read(stored.size)


def read_node(
    descriptor: Descriptor,
    read: Callable[[Descriptor], bytes],
    nearby: Callable[[Descriptor], tuple[Reference, ...]],
    *,
    where: str,
) -> Node:
    """Read a manifest and all below it; raises OciError for what is neither image nor index."""
    return _Nodes(read, nearby, where).node(descriptor, 0)


class _Nodes:
    """Reads manifests: no deeper, and no more, than an index of images is."""

    def __init__(
        self,
        read: Callable[[Descriptor], bytes],
        nearby: Callable[[Descriptor], tuple[Reference, ...]],
        where: str,
    ) -> None:
        self.read, self.nearby, self.where, self.count = read, nearby, where, 0

    def node(self, descriptor: Descriptor, depth: int) -> Node:
        """A manifest and all below it."""
        where = self.where
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST_NODES:
            raise OciError(
                f"{where}: its indexes go deeper than {_DEEPEST}, or name more than {_MOST_NODES} "
                "manifests. It is not used."
            )
        value = parse_json(self.read(descriptor), where=f"{where}: {descriptor.digest}")
        if descriptor.media_type not in INDEX_TYPES:
            return _image_node(descriptor, value, self.nearby, where)
        listed = (parse_child(c, where=where) for c in objects(value, "manifests", where=where))
        return Node(descriptor, (), tuple(self.node(c, depth + 1) for c in listed))


def _image_node(
    descriptor: Descriptor,
    value: Mapping[str, Any],
    nearby: Callable[[Descriptor], tuple[Reference, ...]],
    where: str,
) -> Node:
    if descriptor.media_type not in MANIFEST_TYPES:
        raise OciError(f"{where}: {descriptor.media_type!r} is neither an image nor an index")
    config, layers = manifest_blobs(value, where=where)
    found = (config, *layers)
    near = (*nearby(descriptor), *_base_of(value))
    subject = field(field(value, "subject", dict, where=where), "digest", str, where=where)
    return Node(
        descriptor, found, (), near, subject, field(value, "artifactType", str, where=where)
    )


def _base_of(manifest: Mapping[str, Any]) -> tuple[Reference, ...]:
    """The repository of the image's base, as the manifest states it."""
    try:
        stated = text_map(manifest, "annotations", where="")
        name = stated.get("org.opencontainers.image.base.name", "")
        return (repository_of(Reference.parse(name)),) if name else ()
    except OciError:
        return ()


def parse_child(value: Mapping[str, object], *, where: str) -> Descriptor:
    """Read a child's descriptor; one whose platform is none of ours has none here.

    Attestations of other tools stand in an index under the platform `unknown/unknown`.
    """
    try:
        return Descriptor.parse(value, where=where)
    except OciError:
        return Descriptor.parse({**value, "platform": None}, where=where)
