"""Descriptors and media types: how one blob of an image names another.

Source: OCI image-spec, descriptor.md and media-types.md; Docker image manifest version 2, schema 2.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform

_T = TypeVar("_T", str, int, list, dict)  # type: ignore[type-arg]
_KINDS = {str: "a text", int: "a number", list: "a list", dict: "an object"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


class OciError(MultiarchError):
    """Says what about an image's blobs is not as the specification has it."""


@dataclass(frozen=True)
class MediaTypes:
    """The media types of one format of images; Docker's has no layers with zstd."""

    index: str
    manifest: str
    config: str
    layer: str
    plain_layer: str
    zstd_layer: str = ""


OCI = MediaTypes(
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+zstd",
)
DOCKER = MediaTypes(
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar",
)
FORMATS: Mapping[str, MediaTypes] = {"oci": OCI, "docker": DOCKER}
INDEX_TYPES = (OCI.index, DOCKER.index)
MANIFEST_TYPES = (OCI.manifest, DOCKER.manifest)


def digest_of(data: bytes) -> str:
    """The digest of a blob: `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> bytes:
    """Write JSON so that equal values have equal bytes; keys keep the order they were given in."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Descriptor:
    """One blob: media type, digest, size in bytes, and what an index or a layout says of it."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    os_version: str = ""
    annotations: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, media_type: str, data: bytes) -> Descriptor:
        """Describe a blob by its bytes."""
        return cls(media_type, digest_of(data), len(data))

    @classmethod
    def parse(cls, value: Mapping[str, Any], *, where: str) -> Descriptor:
        """Read a descriptor; raises OciError that names the field and what was found."""
        for name in ("mediaType", "digest", "size"):
            if name not in value:
                raise OciError(f"{where}: a descriptor needs {name!r}, found {shown(value)}")
        media_type, digest = (field(value, n, str, where=where) for n in ("mediaType", "digest"))
        size = field(value, "size", int, where=where)
        if not _DIGEST.match(digest):
            raise OciError(f"{where}: {digest!r} is not a sha256 digest")
        if size < 0:
            raise OciError(f"{where}: {digest} has the size {size}")
        platform = field(value, "platform", dict, where=where)
        return cls(
            media_type,
            digest,
            size,
            parse_platform(platform, where=where) if platform else None,
            field(platform, "os.version", str, where=where),
            tuple(sorted(text_map(value, "annotations", where=where).items())),
        )

    @property
    def hex(self) -> str:
        """The digest's hexadecimal digits, which name the blob in a layout."""
        return self.digest.removeprefix("sha256:")

    def as_json(self) -> dict[str, Any]:
        """The descriptor's JSON object, its keys in the specification's order."""
        found: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        if self.platform is not None:
            found["platform"] = self.platform.oci
            if self.os_version:
                found["platform"]["os.version"] = self.os_version
        return found


def manifest_json(
    types: MediaTypes,
    config: bytes,
    layers: Iterable[Descriptor],
    *,
    annotations: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """The bytes of an image's manifest (OCI image-spec, manifest.md); annotations are sorted."""
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": types.manifest,
        "config": Descriptor.of(types.config, config).as_json(),
        "layers": [layer.as_json() for layer in layers],
    }
    if annotations:
        manifest["annotations"] = {name: annotations[name] for name in sorted(annotations)}
    return canonical_json(manifest)


def manifest_blobs(
    manifest: Mapping[str, Any], *, where: str
) -> tuple[Descriptor, tuple[Descriptor, ...]]:
    """The config and the layers that an image's manifest names; raises OciError."""
    config = Descriptor.parse(field(manifest, "config", dict, where=where), where=where)
    layers = objects(manifest, "layers", where=where)
    return config, tuple(Descriptor.parse(layer, where=where) for layer in layers)


def field(value: Mapping[str, Any], name: str, kind: type[_T], *, where: str) -> _T:
    """One field of a JSON object that others wrote; what is absent or null is empty.

    Raises OciError when it is of another kind.
    """
    found = value.get(name)
    if found is None:
        return kind()
    if not isinstance(found, kind) or isinstance(found, bool):
        raise OciError(f"{where}: {name!r} must be {_KINDS[kind]}, found {shown(found)}")
    return found


def texts(value: Mapping[str, Any], name: str, *, where: str) -> tuple[str, ...]:
    """A field that is a list of texts; raises OciError."""
    return tuple(_each(field(value, name, list, where=where), str, name, where))


def objects(value: Mapping[str, Any], name: str, *, where: str) -> tuple[dict[str, Any], ...]:
    """A field that is a list of objects; raises OciError."""
    return tuple(_each(field(value, name, list, where=where), dict, name, where))


def text_map(value: Mapping[str, Any], name: str, *, where: str) -> dict[str, str]:
    """A field that is an object of texts; raises OciError."""
    found = field(value, name, dict, where=where)
    return dict(zip(found, _each(found.values(), str, name, where)))


def _each(values: Iterable[Any], kind: type[_T], name: str, where: str) -> Iterable[_T]:
    for found in values:
        if not isinstance(found, kind):
            raise OciError(f"{where}: {name!r} holds {shown(found)}, expected {_KINDS[kind]}")
        yield found


def shown(value: object) -> str:
    """What was found, for a message: not more of it than a person reads."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def parse_platform(value: Mapping[str, Any], *, where: str) -> Platform:
    """Read an OCI platform object into its normal form; raises OciError for an unknown one."""
    names = ("os", "architecture", "variant")
    parts = [field(value, name, str, where=where) for name in names]
    parts = parts if parts[2] else parts[:2]
    try:
        return Platform.parse("/".join(parts))
    except MultiarchError as error:
        raise OciError(f"{where}: {error}") from error
