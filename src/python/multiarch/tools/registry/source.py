"""Images of a registry as sources: manifests and blobs, each verified by its digest and size."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import urllib3.exceptions

from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    OciError,
    digest_of,
    field,
    manifest_blobs,
)
from multiarch.core.oci.layout import parse_json
from multiarch.core.oci.reference import Reference
from multiarch.core.oci.selection import check_config, children, choose
from multiarch.core.platforms import Platform
from multiarch.tools.registry.client import Attempts, Client, reason

# What registries themselves allow, in bytes.
_MANIFEST_SIZE = 4 << 20
# A config is held in memory; real ones have some thousand bytes.
_CONFIG_SIZE = 16 << 20
# How many manifests are asked for to know one index: it may name others, and images without a word
# of their platform. Real ones name none of either.
_MOST_QUESTIONS = 256
_CHUNK = 1 << 20
_ELSE = "the registry, or something on the way to it, gives something else. It is not used."
_ACCEPT = {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))}


@dataclass(frozen=True)
class Found:
    """An image of one platform: its descriptor with what the index claims, manifest and config."""

    descriptor: Descriptor
    manifest: bytes
    config: bytes


class ImageSource:
    """One image of a registry, of one platform or many."""

    def __init__(self, client: Client, reference: Reference) -> None:
        self.client, self.reference = client, reference
        self.scope = f"repository:{reference.repository}:pull"

    def manifest(self, version: str) -> tuple[Descriptor, bytes]:
        """Fetch a manifest or an index by tag or digest; raises OciError for another digest."""
        where = f"{self.reference.name}: the manifest {version}"
        data, content_type = self.fetch_manifest(version, where)
        if len(data) > _MANIFEST_SIZE:
            raise OciError(f"{where} is longer than {_MANIFEST_SIZE} bytes")
        if ":" in version and digest_of(data) != version:
            raise OciError(f"{where} came with the digest {digest_of(data)}: {_ELSE}")
        stated = field(parse_json(data, where=where), "mediaType", str, where=where)
        media_type = stated or content_type
        if media_type not in (*INDEX_TYPES, *MANIFEST_TYPES):
            raise OciError(
                f"{where} is {media_type!r}, which is no image: expected a manifest or an index of "
                "OCI, or of Docker (version 2, schema 2)"
            )
        return Descriptor.of(media_type, data), data

    def fetch_manifest(self, version: str, where: str) -> tuple[bytes, str]:
        """The bytes of a manifest, one more than is allowed at most, and the answer's type."""
        path = f"/v2/{self.reference.repository}/manifests/{version}"
        attempts = Attempts(where)
        while True:
            response = self.client.send(
                "GET", path, scope=self.scope, expected=(200,), headers=_ACCEPT, attempts=attempts
            )
            problem, stated = "the connection ended", response.headers.get("Content-Length", "")
            data: bytes = b""
            try:
                data = response.raw.read(_MANIFEST_SIZE + 1, decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                problem = reason(error)
            finally:
                response.close()
            # A read of a limited length is no error when the connection ends before.
            whole = int(stated) if stated.isdecimal() else 1
            if len(data) >= min(whole, _MANIFEST_SIZE + 1):
                return data, response.headers.get("Content-Type", "").partition(";")[0]
            attempts.failed(f"{problem}, after {len(data)} of {stated or 'some'} bytes")

    def blob(self, descriptor: Descriptor, out: BinaryIO) -> None:
        """Stream a blob into an empty file; a connection that is cut goes on where it ended.

        Raises OciError when size or digest are not those of the descriptor.
        """
        where = f"{self.reference.name}: the blob {descriptor.digest}"
        path = f"/v2/{self.reference.repository}/blobs/{descriptor.digest}"
        attempts = Attempts(where)
        digest, size = hashlib.sha256(), 0
        while True:
            response = self.client.send(
                "GET", path, scope=self.scope, expected=(200, 206), attempts=attempts,
                headers={"Range": f"bytes={size}-"} if size else {},
            )  # fmt: skip
            if size and response.status_code != 206:
                # It does not give a part: from the start.
                out.seek(0)
                out.truncate()
                digest, size = hashlib.sha256(), 0
            problem = "the connection ended"
            try:
                for chunk in response.raw.stream(_CHUNK, decode_content=False):
                    out.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
                    if size > descriptor.size:
                        break
            except (urllib3.exceptions.HTTPError, OSError) as error:
                problem = reason(error)
            finally:
                response.close()
            if size >= descriptor.size:
                break
            attempts.failed(f"{problem}, after {size} of {descriptor.size} bytes")
        found = f"sha256:{digest.hexdigest()}"
        if size != descriptor.size or found != descriptor.digest:
            raise OciError(
                f"{where} ({descriptor.size} bytes) came with the digest {found} and "
                f"{size} bytes: {_ELSE}"
            )

    def images(self, index: bytes) -> tuple[list[tuple[Platform, Descriptor]], tuple[str, ...]]:
        """Every image of an index with its platform, and the platforms that are not ours."""
        where = str(self.reference)
        images: dict[tuple[Platform, Descriptor], None] = {}
        others: dict[str, None] = {}
        todo, asked = [index], set()
        while todo:
            found = children(parse_json(todo.pop(0), where=where), where=where)
            images.update(dict.fromkeys(found.images))
            others.update(dict.fromkeys(found.others))
            for descriptor in dict.fromkeys((*found.unstated, *found.indexes)):
                if descriptor.digest in asked:
                    continue
                asked.add(descriptor.digest)
                if len(asked) > _MOST_QUESTIONS:
                    raise OciError(
                        f"{where}: the index names more than {_MOST_QUESTIONS} other indexes and "
                        "images without a platform. It is not used."
                    )
                data = self.manifest(descriptor.digest)[1]
                if descriptor.media_type in INDEX_TYPES:
                    todo.append(data)
                else:
                    images[self.platform(data), descriptor] = None
        return list(images), tuple(others)

    def config(self, manifest: bytes, where: str) -> bytes:
        """The bytes of the config that a manifest names."""
        named = manifest_blobs(parse_json(manifest, where=where), where=where)[0]
        if named.size > _CONFIG_SIZE:
            raise OciError(f"{where}: its config is longer than {_CONFIG_SIZE} bytes")
        out = io.BytesIO()
        self.blob(named, out)
        return out.getvalue()

    def platform(self, manifest: bytes) -> Platform:
        """The platform that an image's own config states."""
        where = f"{self.reference.name}@{digest_of(manifest)}"
        config = parse_json(self.config(manifest, where), where=where)
        return ImageConfig.parse(config, where=where).platform

    def find(self, platform: Platform) -> Found:
        """The image for a platform, or for an older variant; its own config is checked.

        Raises OciError that lists what there is.
        """
        where = str(self.reference)
        descriptor, data = self.manifest(self.reference.version)
        if descriptor.media_type in INDEX_TYPES:
            images, others = self.images(data)
            descriptor = choose(images, platform, where=where, others=others)
            where = f"{self.reference.name}@{descriptor.digest}"
            data = self.manifest(descriptor.digest)[1]
        config = self.config(data, where)
        claimed = descriptor.platform
        parsed = ImageConfig.parse(parse_json(config, where=where), where=where, claimed=claimed)
        check_config(parsed, claimed, platform, where=where)
        return Found(descriptor, data, config)

    def resolve(self) -> tuple[str, tuple[tuple[Platform, str], ...]]:
        """What the tag stands for now: the digest, and that of each platform's image."""
        descriptor, data = self.manifest(self.reference.version)
        images: Iterable[tuple[Platform, Descriptor]] = ()
        if descriptor.media_type in INDEX_TYPES:
            images = self.images(data)[0]
        else:
            images = [(self.platform(data), descriptor)]
        digests: dict[Platform, str] = {}
        for platform, image in images:
            digests.setdefault(platform, image.digest)
        if not digests:
            raise OciError(f"{self.reference}: the index has no image for any platform that Go has")
        return descriptor.digest, tuple(sorted(digests.items()))
