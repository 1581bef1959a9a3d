"""Attestations of a list are artifacts about its digests, always the same, and each is checked."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Callable

import pytest
from multiarch.core.oci.artifact import EMPTY_CONFIG
from multiarch.core.oci.descriptor import OCI, Descriptor, digest_of
from multiarch.core.oci.layout import blob_path
from multiarch.core.release.attestations import PROVENANCE_TYPE, SPDX_TYPE
from multiarch.core.release.document import ReleasedImage, ReleasedList
from multiarch.core.release.verification import attestation_problems
from multiarch.tools import attestations

NAME, VERSION = "registry.example.com/team/x:v1.36.0", "v1.36.0"
PLATFORMS = {"linux/amd64": b"one", "linux/arm64": b"two"}
INDEX = Descriptor.of(OCI.index, b"index")
IMAGES = {
    platform: Descriptor.parse(
        {
            **Descriptor.of(OCI.manifest, data).as_json(),
            "platform": dict(zip(("os", "architecture"), platform.split("/"))),
        },
        where="",
    )
    for platform, data in PLATFORMS.items()
}
LIST = ReleasedList(
    "x:list", INDEX.digest, (NAME,),
    tuple(ReleasedImage(p, image.digest, 3, "supported", "") for p, image in IMAGES.items()), True,
)  # fmt: skip


def make(root: Path, **changes: str) -> Path:
    """Make the artifacts by the tool; returns its output."""
    root.mkdir(exist_ok=True)
    (root / "index.json").write_text(json.dumps({"manifests": [INDEX.as_json()]}))
    component = {"name": "libc6", "version": "2", "purl": "pkg:deb/debian/libc6@2", "comment": ""}
    (root / "contents.json").write_text(json.dumps({"components": [component]}))
    attestations.main(
        {
            "target": "x:list", "version": VERSION, "revision": "f00", "tree_state": "clean",
            "seconds": 1_700_000_000, "source_url": "https://example.com/x.git",
            "builder": "https://ci.example.com/7", "names": [NAME],
            "index": str(root / "index.json"), "output": str(root / "out"),
            "images": [
                {
                    "descriptor": image.as_json(), "size": 3, "support": "supported",
                    "name": platform.replace("/", "-"), "components": str(root / "contents.json"),
                }
                for platform, image in IMAGES.items()
            ],
            **changes,
        }
    )  # fmt: skip
    return root / "out"


def documents(out: Path) -> dict[str, dict[str, list[Any]]]:
    """By the digest that they are about and their type; every digest and size is checked."""
    found: dict[str, dict[str, list[Any]]] = {}

    def blob(value: Any) -> bytes:
        data = (out / blob_path(value["digest"])).read_bytes()
        assert (digest_of(data), len(data)) == (value["digest"], value["size"])
        return data

    for entry in json.loads((out / "attestations.json").read_text()):
        manifest = json.loads(blob(entry))
        assert blob(manifest["config"]) == EMPTY_CONFIG
        (layer,) = manifest["layers"]
        by_type = found.setdefault(manifest["subject"]["digest"], {})
        by_type.setdefault(manifest["artifactType"], []).append(json.loads(blob(layer)))
    return found


def problems(found: dict[str, dict[str, list[Any]]]) -> list[str]:
    return [
        problem
        for subject in (INDEX, *IMAGES.values())
        for problem in attestation_problems(
            LIST, NAME, subject.digest, found.get(subject.digest, {}), version=VERSION
        )
    ]


def test_each_image_has_a_bill_and_everything_the_provenance(tmp_path: Path) -> None:
    found = documents(make(tmp_path))
    one, two = (image.digest for image in IMAGES.values())
    assert set(found) == {INDEX.digest, one, two}
    assert set(found[INDEX.digest]) == {PROVENANCE_TYPE}
    assert set(found[one]) == set(found[two]) == {SPDX_TYPE, PROVENANCE_TYPE}
    (stated,) = found[INDEX.digest][PROVENANCE_TYPE]
    assert stated == found[one][PROVENANCE_TYPE][0] == found[two][PROVENANCE_TYPE][0]
    assert {s["name"]: s["digest"]["sha256"] for s in stated["subject"]} == {
        NAME: INDEX.hex, "x:list linux/amd64": one[7:], "x:list linux/arm64": two[7:],
    }  # fmt: skip
    assert stated["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example.com/7"
    (bill,) = found[one][SPDX_TYPE]
    assert [p["name"] for p in bill["packages"]] == ["linux-amd64", "libc6"]
    assert bill["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    assert problems(found) == []


def test_they_are_always_the_same(tmp_path: Path) -> None:
    one, two = make(tmp_path / "one"), make(tmp_path / "two")
    listed = (one / "attestations.json").read_bytes()
    assert listed == (two / "attestations.json").read_bytes()
    assert listed != (make(tmp_path / "three", version="v2.0.0") / "attestations.json").read_bytes()


AMD64 = IMAGES["linux/amd64"].digest
SPOILT: list[tuple[Callable[[Any], object], str]] = [
    (
        lambda found: found.pop(INDEX.digest),
        f"{NAME}: nothing of the type {PROVENANCE_TYPE} is attached to {INDEX.digest}",
    ),
    (
        lambda found: found[AMD64].pop(SPDX_TYPE),
        f"{NAME}: nothing of the type {SPDX_TYPE} is attached to {AMD64}",
    ),
    (
        lambda found: found[AMD64][SPDX_TYPE][0]["packages"][0]["checksums"][0].update(
            checksumValue="0" * 64
        ),
        f"{NAME}: attached to {AMD64}: {SPDX_TYPE}: it is about {'0' * 64}, and the artefact is "
        f"{AMD64[7:]}",
    ),
    (
        lambda found: found[AMD64][SPDX_TYPE][0].update(spdxVersion="SPDX-3.0"),
        f"{NAME}: attached to {AMD64}: {SPDX_TYPE}: expected spdxVersion 'SPDX-2.3', found "
        "'SPDX-3.0'",
    ),
    (
        lambda found: found[INDEX.digest][PROVENANCE_TYPE][0]["subject"].pop(0),
        f"{NAME}: attached to {INDEX.digest}: {PROVENANCE_TYPE}: it has no subject {INDEX.digest}, "
        "which the release holds",
    ),
    (
        lambda found: found[INDEX.digest][PROVENANCE_TYPE][0]["predicate"]["buildDefinition"][
            "externalParameters"
        ].update(version="v1.35.0"),
        f"{NAME}: attached to {INDEX.digest}: {PROVENANCE_TYPE}: it is about version v1.35.0, and "
        "the release is v1.36.0",
    ),
    (
        lambda found: found[INDEX.digest][PROVENANCE_TYPE][0].update(_type="x"),
        f"{NAME}: attached to {INDEX.digest}: {PROVENANCE_TYPE}: expected _type "
        "'https://in-toto.io/Statement/v1', found 'x'",
    ),
    (
        lambda found: found[INDEX.digest].update({PROVENANCE_TYPE: [[]]}),
        f"{NAME}: attached to {INDEX.digest}: {PROVENANCE_TYPE}: expected a JSON object, found "
        "list",
    ),
]


@pytest.mark.parametrize(("spoil", "said"), SPOILT, ids=[str(n) for n in range(len(SPOILT))])
def test_each_fault_is_found(tmp_path: Path, spoil: Callable[[Any], object], said: str) -> None:
    found = copy.deepcopy(documents(make(tmp_path)))
    spoil(found)
    assert problems(found) == [said]


def test_what_others_attach_is_no_fault(tmp_path: Path) -> None:
    found = documents(make(tmp_path))
    older = documents(make(tmp_path / "older", version="v1.35.0"))
    for subject, by_type in older.items():
        for kind, values in by_type.items():
            found[subject][kind][:0] = values
    found[INDEX.digest]["application/vnd.example+json"] = [{}]
    assert problems(found) == []
    # The older alone is not about this version.
    assert len(problems(older)) == 3
