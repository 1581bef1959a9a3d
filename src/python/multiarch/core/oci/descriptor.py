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
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform

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
        for name, kind in (("mediaType", str), ("digest", str), ("size", int)):
            if not isinstance(value.get(name), kind):
                raise OciError(f"{where}: a descriptor needs {name!r}, found {value!r}")
        if not _DIGEST.match(value["digest"]):
            raise OciError(f"{where}: {value['digest']!r} is not a sha256 digest")
        platform = value.get("platform") or None
        return cls(
            value["mediaType"],
            value["digest"],
            value["size"],
            parse_platform(platform, where=where) if platform else None,
            (platform or {}).get("os.version", ""),
            tuple(sorted((value.get("annotations") or {}).items())),
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


def parse_platform(value: Mapping[str, Any], *, where: str) -> Platform:
    """Read an OCI platform object into its normal form; raises OciError for an unknown one."""
    parts = [value.get("os", ""), value.get("architecture", "")]
    if value.get("variant"):
        parts.append(value["variant"])
    try:
        return Platform.parse("/".join(parts))
    except MultiarchError as error:
        raise OciError(f"{where}: {error}") from error
