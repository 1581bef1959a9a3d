"""Copies between repositories and registries, and artifacts that refer to an image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.artifact import referrers_tag
from multiarch.core.oci.descriptor import OCI
from multiarch.core.oci.names import DEFAULT_IMAGE_NAMES
from multiarch.core.oci.reference import Reference
from multiarch.tools import attach, promote
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.referrers import referrers
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistrySettings

from tests.integration.registry import Proxy, Registry, base_environment
from tests.integration.test_publish import Case, counted

pytestmark = pytest.mark.integration

SBOM = b'{"spdxVersion": "SPDX-2.3"}'


def promoted(folder: Path, *copies: tuple[str, str], **changes: object) -> None:
    """Promote by the program that Pants runs."""
    registries = sorted({name.partition("/")[0] for copy in copies for name in copy})
    request = {
        "copies": copies, "image_names": DEFAULT_IMAGE_NAMES, "movable_tags": [],
        "insecure": registries, "ca_file": "", "dry_run": False, "sign_command": [],
        "journal": "", **changes,
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    promote.main(folder, base_environment())


def attached(folder: Path, subject: str, text: bytes = SBOM) -> None:
    """Attach a file by the program that Pants runs."""
    (folder / "sbom.json").write_bytes(text)
    request = {
        "subject": subject, "artifact_type": "application/spdx+json",
        "files": [
            {"path": "sbom.json", "media_type": "application/spdx+json", "title": "sbom.json"}
        ],
        "annotations": {"org.opencontainers.image.created": "2026-11-25T00:00:00Z"},
        "insecure": [subject.partition("/")[0]], "ca_file": "",
    }  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    attach.main(folder, base_environment())


def list_referrers(name: str, digest: str) -> list[str]:
    """The digests of what refers to a manifest."""
    reference = Reference.parse(f"{name}@{digest}")
    client = Client(reference.registry, RegistrySettings({}, (reference.registry,)))
    return [found.digest for found in referrers(ImageSource(client, reference), digest)]


def test_a_candidate_becomes_a_release(
    registry: Registry, proxy: Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path, "staging/hello")
    case.publish(proxy.name, tags=["v1-rc.1"])
    capsys.readouterr()
    source, target = f"{proxy.name}/staging/hello:v1-rc.1", f"{proxy.name}/team/hello:v1"
    promoted(tmp_path, (source, target))
    text = capsys.readouterr().out
    assert f"{source} is {case.digest}\n" in text
    numbers = counted(text)
    assert (numbers["blobs"], numbers["manifests"], numbers["mounted"]) == (0, 9, 16)
    assert registry.tag("team/hello", "v1") == case.digest
    assert registry.tag("team/hello-armv6", "v1") == case.images[2].digest
    # No blob came to this machine.
    assert [p for p in proxy.sent("GET", "/blobs/") if case.images[0].layer in p] == []
    proxy.requests.clear()
    promoted(tmp_path, (source, target))
    assert {method for method, _, _ in proxy.requests} == {"HEAD", "GET"}


def test_to_another_registry_with_all_that_is_attached(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    other = Registry(tmp_path / "other")
    try:
        case = Case(tmp_path, "attached/hello")
        case.publish(registry.name)
        name = f"{registry.name}/attached/hello"
        attached(tmp_path, f"{name}@{case.digest}")
        attached(tmp_path, f"{name}@{case.digest}", b"provenance")
        found = list_referrers(name, case.digest)
        assert len(found) == 2
        target = f"{other.name}/far/hello"
        capsys.readouterr()
        promoted(tmp_path, (f"{name}@{case.digest}", f"{target}:v1"), image_names="")
        assert other.tag("far/hello", "v1") == case.digest
        # 8 blobs of images, two attached files, and one empty config of both artifacts.
        assert counted(capsys.readouterr().out)["blobs"] == 11
        assert sorted(list_referrers(target, case.digest)) == sorted(found)
    finally:
        other.stop()


def test_an_image_alone(registry: Registry, tmp_path: Path) -> None:
    case = Case(tmp_path, "alone/hello")
    case.publish(registry.name)
    name = f"{registry.name}/alone/hello"
    promoted(tmp_path, (f"{name}@{case.images[1].digest}", f"{name}/arm:v2"))
    assert registry.tag("alone/hello/arm", "v2") == case.images[1].digest


def test_no_tag_moves_before_all_copies_are_there(
    registry: Registry, proxy: Proxy, tmp_path: Path, impatient: None
) -> None:
    one, two = Case(tmp_path / "1", "many/one"), Case(tmp_path / "2", "many/two")
    for case in (one, two):
        case.publish(registry.name)
    proxy.faults = {f"PUT /v2/many/to/two/manifests/{two.digest}": [500] * 9}
    copies = [
        (f"{proxy.name}/many/{name}:v1", f"{proxy.name}/many/to/{name}:v2")
        for name in ("one", "two")
    ]
    said = r"many/to/two: putting the manifest sha256:\w+ failed 5 times; the last time: 500"
    with pytest.raises(MultiarchError, match=said):
        promoted(tmp_path, *copies)
    assert registry.tag("many/to/one", one.digest) == one.digest
    assert registry.tag("many/to/one", "v2") == registry.tag("many/to/two", "v2") == ""
    proxy.faults = {}
    promoted(tmp_path, *copies)
    assert registry.tag("many/to/one", "v2") == one.digest


def test_what_cannot_be_promoted(registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.name}/none/hello"
    with pytest.raises(MultiarchError) as raised:
        promoted(tmp_path, (f"{name}:v1", f"{name}@sha256:{'0' * 64}"), ("A:v1", f"{name}:v1"))
    assert str(raised.value).splitlines()[0] == "nothing was promoted:"
    assert "what is promoted gets a tag; expected `REPOSITORY:TAG`." in str(raised.value)
    assert "'A:v1' is not an image reference: 'A' is not a repository" in str(raised.value)
    with pytest.raises(MultiarchError, match=r"none/hello: the manifest v1 failed: 404 Not Found"):
        promoted(tmp_path, (f"{name}:v1", f"{name}:v2"))


def test_an_attached_file_leaves_the_digest_as_it_is(registry: Registry, tmp_path: Path) -> None:
    case = Case(tmp_path, "refer/hello")
    case.publish(registry.name)
    name = f"{registry.name}/refer/hello"
    attached(tmp_path, f"{name}@{case.digest}")
    assert registry.tag("refer/hello", "v1") == case.digest
    # This registry has no API for referrers: a tag has them.
    tag = referrers_tag(case.digest)
    path = f"{registry.address}/v2/refer/hello/manifests/{tag}"
    index = registry.session.get(path, headers={"Accept": OCI.index}).json()
    (entry,) = index["manifests"]
    assert entry["artifactType"] == "application/spdx+json"
    assert entry["annotations"] == {"org.opencontainers.image.created": "2026-11-25T00:00:00Z"}
    path = f"{registry.address}/v2/refer/hello/manifests/{entry['digest']}"
    manifest = registry.session.get(path, headers={"Accept": entry["mediaType"]}).json()
    assert manifest["subject"]["digest"] == case.digest
    blob = manifest["layers"][0]["digest"]
    assert registry.session.get(f"{registry.address}/v2/refer/hello/blobs/{blob}").content == SBOM
    # Once more changes nothing.
    attached(tmp_path, f"{name}@{case.digest}")
    assert list_referrers(name, case.digest) == [entry["digest"]]


def test_a_registry_with_the_api_gets_no_tag(
    registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    case = Case(tmp_path, "api/hello")
    case.publish(registry.name)
    forward = proxy.forward

    def with_api(handler: object, body: bytes) -> tuple[int, dict[str, str], bytes]:
        status, headers, answer = forward(handler, body)  # type: ignore[arg-type]
        return status, {**headers, "OCI-Subject": case.digest}, answer

    proxy.forward = with_api  # type: ignore[assignment, method-assign]
    attached(tmp_path, f"{proxy.name}/api/hello@{case.digest}")
    assert registry.tag("api/hello", referrers_tag(case.digest)) == ""


def test_only_a_digest_gets_something_attached(registry: Registry, tmp_path: Path) -> None:
    said = (
        r"x:v1: an artifact is attached to a digest \(`@sha256:\.\.\.`\), not to a tag, which may"
    )
    with pytest.raises(MultiarchError, match=said):
        attached(tmp_path, f"{registry.name}/x:v1")
