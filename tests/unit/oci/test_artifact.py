"""Artifacts that refer to an image, and the index that stands in for a registry's API."""

from __future__ import annotations

import json

import pytest
from multiarch.core.oci.artifact import artifact_manifest, referrers_tag, with_referrer
from multiarch.core.oci.descriptor import OCI, Descriptor, OciError, digest_of
from multiarch.core.platforms import Platform

SUBJECT = Descriptor(OCI.index, digest_of(b"index"), 5, Platform.parse("linux/amd64"))


def manifest(content: bytes = b"sbom", annotations: dict[str, str] | None = None) -> bytes:
    return artifact_manifest(
        "application/spdx+json", SUBJECT, [Descriptor.of("application/spdx+json", content)],
        annotations or {},
    )  # fmt: skip


def test_a_manifest_with_a_subject() -> None:
    value = json.loads(manifest(annotations={"b": "2", "a": "1"}))
    assert value == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/spdx+json",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            # The specification states it for the two bytes `{}`.
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        },
        "layers": [{"mediaType": "application/spdx+json", "digest": digest_of(b"sbom"), "size": 4}],
        "subject": {"mediaType": OCI.index, "digest": digest_of(b"index"), "size": 5},
        "annotations": {"a": "1", "b": "2"},
    }
    assert list(value["annotations"]) == ["a", "b"]
    assert "annotations" not in json.loads(manifest())


def test_the_tag_in_the_apis_place() -> None:
    assert referrers_tag("sha256:abc") == "sha256-abc"


def test_an_artifact_is_in_the_index_once() -> None:
    first = with_referrer(None, manifest(annotations={"a": "1"}), where="x")
    assert first is not None
    (entry,) = json.loads(first)["manifests"]
    assert entry["artifactType"] == "application/spdx+json"
    assert entry["annotations"] == {"a": "1"}
    assert with_referrer(first, manifest(annotations={"a": "1"}), where="x") is None
    second = with_referrer(first, manifest(b"provenance"), where="x")
    assert second is not None
    assert [e["digest"] for e in json.loads(second)["manifests"]] == [
        entry["digest"], digest_of(manifest(b"provenance"))
    ]  # fmt: skip


@pytest.mark.parametrize("data", [b"no json", b"[]", b'{"manifests": 1}'])
def test_what_is_no_index(data: bytes) -> None:
    with pytest.raises(OciError, match=r"^x: expected an index of referrers, found something else"):
        with_referrer(data, manifest(), where="x")
