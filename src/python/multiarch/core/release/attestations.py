"""Attestations of published images: documents as OCI artifacts about the digests of a list.

Source: OCI image-spec 1.1, manifest.md; in-toto attestations in registries. Nothing depends on
when or where it was made, so that the same version has the same artifacts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from multiarch.core.oci.artifact import EMPTY_CONFIG, artifact_manifest
from multiarch.core.oci.descriptor import OCI, Descriptor
from multiarch.core.release.document import Release
from multiarch.core.release.provenance import IMAGES_BUILD_TYPE, PREDICATE_TYPE, statement
from multiarch.core.release.spdx import Component, Subject, spdx_document

SPDX_TYPE = "application/spdx+json"
PROVENANCE_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Artifact:
    """One artifact: its manifest, and the document that is its only layer."""

    manifest: bytes
    document: bytes

    @property
    def descriptor(self) -> Descriptor:
        """The manifest's descriptor."""
        return Descriptor.of(OCI.manifest, self.manifest)

    @property
    def blobs(self) -> tuple[bytes, ...]:
        """All that a registry needs of it."""
        return self.manifest, self.document, EMPTY_CONFIG


def bill_of_materials(
    image: Descriptor, name: str, components: Iterable[Component], release: Release
) -> Artifact:
    """The SPDX document of one image, about its manifest."""
    subject = Subject(name, release.version, "image", {"SHA256": image.hex})
    document = spdx_document(subject, components, created=release.built)
    return _artifact(image, SPDX_TYPE, f"{name}.spdx.json", document, ())


def provenance(
    subjects: Iterable[Descriptor], release: Release, *, target: str, source_url: str, builder: str
) -> tuple[Artifact, ...]:
    """One SLSA statement over a list and its images, as an artifact about each of `subjects`."""
    document = statement(
        release, target=target, source_url=source_url, builder=builder, build_type=IMAGES_BUILD_TYPE
    )
    kind = (("in-toto.io/predicate-type", PREDICATE_TYPE),)
    return tuple(
        _artifact(subject, PROVENANCE_TYPE, "provenance.intoto.json", document, kind)
        for subject in subjects
    )


def _artifact(
    subject: Descriptor, kind: str, title: str, document: Any,
    annotations: tuple[tuple[str, str], ...],
) -> Artifact:  # fmt: skip
    data = (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
    named = (*annotations, ("org.opencontainers.image.title", title))
    blob = Descriptor(kind, Descriptor.of(kind, data).digest, len(data), annotations=named)
    return Artifact(artifact_manifest(kind, subject, (blob,), dict(annotations)), data)
