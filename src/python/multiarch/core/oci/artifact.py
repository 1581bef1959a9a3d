"""Artifacts that refer to an image: attestations beside an image whose digest stays as it is.

Source: OCI image-spec 1.1, manifest.md ("Guidelines for Artifact Usage"); distribution-spec 1.1,
"Listing Referrers" and "Referrers Tag Schema".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from multiarch.core.oci.descriptor import OCI, Descriptor, OciError, canonical_json, objects
from multiarch.core.oci.layout import parse_json

EMPTY_CONFIG = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"


def artifact_manifest(
    artifact_type: str,
    subject: Descriptor,
    blobs: Iterable[Descriptor],
    annotations: Mapping[str, str],
) -> bytes:
    """The bytes of an artifact's manifest; `subject` is the manifest that it is about."""
    found: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI.manifest,
        "artifactType": artifact_type,
        "config": Descriptor.of(EMPTY_TYPE, EMPTY_CONFIG).as_json(),
        "layers": [blob.as_json() for blob in blobs],
        "subject": Descriptor(subject.media_type, subject.digest, subject.size).as_json(),
    }
    if annotations:
        found["annotations"] = {name: annotations[name] for name in sorted(annotations)}
    return canonical_json(found)


def referrers_tag(digest: str) -> str:
    """The tag of an image's referrers, in registries without an API for them: `sha256-HEX`."""
    return digest.replace(":", "-")


def with_referrer(index: bytes | None, manifest: bytes, *, where: str) -> bytes | None:
    """The index of referrers with one more artifact; None where it is in there already.

    Raises OciError when what is there is no index.
    """
    value: Any = {"schemaVersion": 2, "mediaType": OCI.index, "manifests": []}
    try:
        value = value if index is None else parse_json(index, where=where)
        listed = objects(value, "manifests", where=where)
    except OciError as error:
        raise OciError(
            f"{where}: expected an index of referrers, found something else: {error}"
        ) from None
    artifact = json.loads(manifest)
    entry = Descriptor.of(OCI.manifest, manifest).as_json()
    if any(known.get("digest") == entry["digest"] for known in listed):
        return None
    entry["artifactType"] = artifact["artifactType"]
    if artifact.get("annotations"):
        entry["annotations"] = artifact["annotations"]
    return canonical_json({**value, "manifests": [*listed, entry]})
