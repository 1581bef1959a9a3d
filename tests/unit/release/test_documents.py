"""`release.yaml`, bills of materials and provenance say what the specifications want."""

from __future__ import annotations

import copy
import re
from typing import Any, Callable

import pytest
from multiarch.core.executables.build_info import BuildInfo, BuildModule
from multiarch.core.release.document import (
    Absent,
    GoBuild,
    Release,
    ReleasedFile,
    ReleasedImage,
    ReleasedList,
)
from multiarch.core.release.layout import ReleaseError
from multiarch.core.release.provenance import statement, statement_problems
from multiarch.core.release.spdx import (
    Component,
    Subject,
    distribution_components,
    go_components,
    spdx_document,
    spdx_problems,
)

A, B, C = ("sha256:" + d * 64 for d in "abc")
RELEASE = Release(
    version="v1.36.0",
    revision="f00",
    tree_state="clean",
    built="2024-01-02T03:04:05Z",
    files=(
        ReleasedFile(
            "bin/linux/amd64/x", "binary", "//:x", 7, "1" * 64, "2" * 128, "linux/amd64",
            "supported", "sbom/bin/linux/amd64/x.spdx.json",
            go=GoBuild("go1.27.3", "example.com/x", "example.com/x (devel)"),
        ),
        ReleasedFile(
            "x-linux-amd64.tar.gz", "archive", "//:a", 9, "3" * 64, "4" * 128, "linux/amd64",
            "experimental", contents=("a/x",),
        ),
    ),
    lists=(
        ReleasedList(
            "//:list", A, ("registry.example.com/x:v1.36.0",),
            (ReleasedImage("linux/amd64", B, 5, "supported", "sbom/i"),), attestations=True,
        ),
        ReleasedList("//:other", C),
    ),
    absent=(
        Absent("//:x", "linux/riscv64", "off", "https://example.com/1", "2030-01-01"),
        Absent("//:x", "linux/s390x", "does not build"),
    ),
)  # fmt: skip


def test_the_document_is_read_as_it_was_written() -> None:
    value = RELEASE.as_value()
    assert Release.parse(value, where="release.yaml") == RELEASE
    assert value["deactivated"][0]["issue"] == "https://example.com/1"
    assert value["leftOut"] == [
        {"target": "//:x", "platform": "linux/s390x", "reason": "does not build"}
    ]
    assert "digest" not in value["files"][0]
    assert set(RELEASE.images) == {B}


@pytest.mark.parametrize("value", [None, [], {"version": "v1"}, {**RELEASE.as_value(), "files": 1}])
def test_what_is_no_document_is_an_error(value: object) -> None:
    with pytest.raises(ReleaseError, match=r"release\.yaml: not a document of a release: "):
        Release.parse(value, where="release.yaml")


REPLACEMENT = BuildModule("example.com/new", "v2.0.0", "h1:n=")
INFO = BuildInfo(
    "go1.27.3 X:x",
    "example.com/x/cmd",
    BuildModule("example.com/x", "(devel)"),
    (
        BuildModule("github.com/Foo/bar", "v1.2.3+incompatible", "h1:abc="),
        BuildModule("example.com/old", "v1.0.0", "", REPLACEMENT),
        BuildModule("example.com/near", "v0.0.0", "", BuildModule("../near", "")),
    ),
)  # fmt: skip
COMPONENTS = (
    Component("example.com/x", "", "pkg:golang/example.com/x"),
    Component(
        "github.com/Foo/bar", "v1.2.3+incompatible",
        "pkg:golang/github.com/foo/bar@v1.2.3%2Bincompatible", "go.sum: h1:abc=",
    ),
    Component(
        "example.com/new", "v2.0.0", "pkg:golang/example.com/new@v2.0.0",
        "in place of example.com/old v1.0.0; go.sum: h1:n=",
    ),
    Component(
        "example.com/near", "", "pkg:golang/example.com/near",
        "replaced by a directory of the repository",
    ),
    Component("stdlib", "1.27.3", "pkg:golang/stdlib@1.27.3"),
)  # fmt: skip


def test_the_modules_of_a_binary_are_its_components() -> None:
    assert go_components(INFO) == COMPONENTS


def test_the_packages_of_an_image_are_its_components() -> None:
    dpkg = (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\n"
        "Version: 2.36-9+deb12u1\nDescription: GNU C Library\n Version: not this\n\n"
        "Package: base\nVersion: 1:12\n"
    )
    apk = "P:musl\nV:1.2.4-r2\nA:x86_64\n\n"
    found = distribution_components({"var/lib/dpkg/status": dpkg}, 'ID="debian"\nNAME=x\n')
    assert [c.purl for c in found] == [
        "pkg:deb/debian/base@1%3A12",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64",
    ]
    (found_apk,) = distribution_components({"lib/apk/db/installed": apk}, "")
    assert found_apk == Component("musl", "1.2.4-r2", "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64")


def bill() -> dict[str, Any]:
    subject = Subject("bin/x", "v1.36.0", "binary", {"SHA256": "1" * 64, "SHA512": "2" * 128})
    return spdx_document(subject, COMPONENTS, created="2024-01-02T03:04:05Z")


def test_a_bill_is_what_the_specification_wants_and_always_the_same() -> None:
    assert spdx_problems(bill()) == ()
    assert bill() == bill()
    assert bill()["packages"][0]["primaryPackagePurpose"] == "APPLICATION"
    assert len(bill()["packages"]) == 6


SPOIL_BILL: list[tuple[Callable[[Any], object], str]] = [
    (lambda d: d.update(spdxVersion="SPDX-3.0"), "expected spdxVersion 'SPDX-2.3'"),
    (lambda d: d.pop("name"), "expected a name, found none"),
    (lambda d: d.update(documentNamespace="urn:a#b"), "expected an absolute URI without `#`"),
    (lambda d: d["creationInfo"].update(created="today"), "expected the time of creation in UTC"),
    (lambda d: d["creationInfo"].update(creators=["me"]), "expected creators such as 'Tool: NAME'"),
    (lambda d: d["packages"][1].pop("downloadLocation"), "lacks its name or downloadLocation"),
    (lambda d: d["packages"][1].update(SPDXID="SPDXRef-artefact"), "which is wrong or taken"),
    (lambda d: d["packages"][0]["checksums"][0].update(checksumValue="12"), "which is none"),
    (lambda d: d["packages"][1]["externalRefs"][0].update(referenceLocator="x"), "no package URL"),
    (lambda d: d["relationships"][1].update(relatedSpdxElement="SPDXRef-x"), "that are not there"),
    (lambda d: d["relationships"].pop(0), "expected a relationship DESCRIBES, found none"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), SPOIL_BILL, ids=[said for _, said in SPOIL_BILL])
def test_each_fault_of_a_bill_is_found(spoil: Callable[[Any], object], said: str) -> None:
    document = bill()
    spoil(document)
    assert any(said in problem for problem in spdx_problems(document))


def provenance() -> dict[str, Any]:
    return statement(
        RELEASE, target="//:release", source_url="https://example.com/x.git", builder="urn:b"
    )


def test_provenance_is_over_files_and_image_digests() -> None:
    value = provenance()
    assert statement_problems(value, RELEASE) == ()
    digests = {s["name"]: s["digest"] for s in value["subject"]}
    assert digests["bin/linux/amd64/x"] == {"sha256": "1" * 64, "sha512": "2" * 128}
    assert digests["registry.example.com/x:v1.36.0"] == {"sha256": "a" * 64}
    assert digests["//:list linux/amd64"] == {"sha256": "b" * 64}
    definition = value["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"] == [
        {"uri": "git+https://example.com/x.git", "digest": {"gitCommit": "f00"}},
        {"uri": "pkg:generic/go@1.27.3"},
    ]


SPOIL_PROVENANCE: list[tuple[Callable[[Any], object], str]] = [
    (lambda v: v.update(_type="x"), "expected _type 'https://in-toto.io/Statement/v1', found 'x'"),
    (lambda v: v.update(predicateType="x"), "expected predicateType"),
    (lambda v: v["predicate"]["runDetails"]["builder"].update(id="me"), "a URI as builder.id"),
    (lambda v: v["predicate"]["buildDefinition"].pop("buildType"), "a URI as buildType"),
    (lambda v: v["predicate"]["buildDefinition"].pop("externalParameters"), "externalParameters"),
    (
        lambda v: v["predicate"]["buildDefinition"]["resolvedDependencies"].append({"name": "x"}),
        "has neither uri, digest nor content",
    ),
    (lambda v: v["subject"].pop(0), "it has no subject '//:list linux/amd64'"),
    (lambda v: v["subject"].append({"name": "more"}), "its subject 'more' is not in the release"),
    (lambda v: v["subject"][2]["digest"].update(sha256="0"), "its subject 'bin/linux/amd64/x' has"),
]


@pytest.mark.parametrize(
    ("spoil", "said"), SPOIL_PROVENANCE, ids=[said for _, said in SPOIL_PROVENANCE]
)
def test_each_fault_of_provenance_is_found(spoil: Callable[[Any], object], said: str) -> None:
    value = copy.deepcopy(provenance())
    spoil(value)
    found = statement_problems(value, RELEASE)
    assert [p for p in found if re.search(re.escape(said), p)]
