"""Referrers: artifacts, such as attestations, that a registry keeps beside an image.

Source: OCI distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema".
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from multiarch.core.oci.artifact import (
    EMPTY_CONFIG,
    EMPTY_TYPE,
    artifact_manifest,
    referrers_tag,
    with_referrer,
)
from multiarch.core.oci.descriptor import OCI, Descriptor, digest_of, objects
from multiarch.core.oci.layout import parse_json
from multiarch.tools.registry.client import Attempts, body
from multiarch.tools.registry.contents import Stored
from multiarch.tools.registry.repository import Repository
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistryError

# How often the index of referrers is written again when somebody else wrote it in between.
_TRIES = 5
_ONE_AT_A_TIME = threading.Lock()


def referrers(source: ImageSource, digest: str) -> tuple[Descriptor, ...]:
    """The artifacts that refer to a manifest, by the registry's API or the tag in its place."""
    name = source.reference.repository
    where = f"{source.reference.name}: the referrers of {digest}"
    response = source.client.send(
        "GET", f"/v2/{name}/referrers/{digest}", scope=source.scope, expected=(200, 404),
        headers={"Accept": OCI.index}, attempts=Attempts(where),
    )  # fmt: skip
    data = body(response)
    data = data if response.status_code == 200 else b""
    if not data:
        tag = referrers_tag(digest)
        found = Repository(source.client, source.reference).digest(tag, scope=source.scope)
        if not found:
            return ()
        data = source.manifest(found)[1]
    entries = objects(parse_json(data, where=where), "manifests", where=where)
    return tuple(Descriptor.parse(entry, where=where) for entry in entries)


def record(repository: Repository, manifest: bytes) -> None:
    """Note an artifact under the tag of its subject's referrers, for a registry without the API.

    A registry has no way to change an index in one step, so one artifact of this process at a time.
    Raises RegistryError when others write the tag all the time.
    """
    with _ONE_AT_A_TIME:
        _record(repository, manifest)


def _record(repository: Repository, manifest: bytes) -> None:
    subject = parse_json(manifest, where=repository.name)["subject"]["digest"]
    tag = referrers_tag(subject)
    source = ImageSource(repository.client, repository.reference)
    for _ in range(_TRIES):
        before = repository.digest(tag)
        index = source.manifest(before)[1] if before else None
        after = with_referrer(index, manifest, where=f"{repository.name}:{tag}")
        if after is None:
            return
        repository.put(tag, after, OCI.index)
    raise RegistryError(
        f"{repository.name}:{tag}: the index of referrers is changed by others all the time; run "
        "it again."
    )


def put_manifest(repository: Repository, version: str, data: bytes, media_type: str) -> None:
    """Put a manifest; one with a subject is then among the subject's referrers."""
    response = repository.put(version, data, media_type)
    has_subject = b'"subject"' in data and parse_json(data, where=version).get("subject")
    if has_subject and "OCI-Subject" not in response.headers:
        record(repository, data)


def attach(
    repository: Repository,
    subject: Descriptor,
    artifact_type: str,
    files: Sequence[tuple[str, str, Path]],
    annotations: Mapping[str, str],
) -> str:
    """Push files as an artifact about `subject`, whose digest stays; returns the artifact's digest.

    `files` has media type, title and path of each. Nothing is sent that is there already.
    """
    with tempfile.NamedTemporaryFile() as empty:
        empty.write(EMPTY_CONFIG)
        empty.flush()
        blobs: list[tuple[Descriptor, Stored]] = []
        for media_type, title, path in files:
            stored = Stored(str(path), 0, path.stat().st_size)
            named = (("org.opencontainers.image.title", title),)
            digest = stored.digest()
            blobs.append((Descriptor(media_type, digest, stored.size, annotations=named), stored))
        data = artifact_manifest(artifact_type, subject, (b for b, _ in blobs), annotations)
        config = Descriptor.of(EMPTY_TYPE, EMPTY_CONFIG)
        for blob, stored in (*blobs, (config, Stored(empty.name, 0, config.size))):
            if not repository.has_blob(blob):
                repository.upload(blob, stored)
    put_manifest(repository, digest_of(data), data, OCI.manifest)
    if repository.digest(digest_of(data)) != digest_of(data):
        raise RegistryError(f"{repository.name}: took the artifact, and does not have it.")
    return digest_of(data)
