"""Indexes: versions of windows are images of their own, from the config up to the name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import OCI, Descriptor, OciError, manifest_json
from multiarch.core.oci.index import Child, index_json, sorted_children
from multiarch.core.oci.names import DEFAULT_IMAGE_NAMES
from multiarch.core.oci.publication import Naming, plan
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform
from multiarch.tools.registry.contents import read_node

WINDOWS = Platform.parse("windows/amd64")
MANIFEST = manifest_json(OCI, b"{}", [])


def child(address: str, os_version: str) -> Child:
    """An image on a base of this version of windows."""
    value = {"os": "windows", "architecture": "amd64", "os.version": os_version}
    config = ImageConfig.parse(value, where=address)
    data = manifest_json(OCI, json.dumps(config.as_json(0)).encode(), [])
    described = Descriptor.of(OCI.manifest, data)
    return Child(address, replace(described, platform=WINDOWS, os_version=config.os_version))


def test_each_version_of_windows_is_in_the_index_and_has_a_name() -> None:
    images = [child("//:2022", "10.0.20348.2700"), child("//:2019", "10.0.17763.6414")]
    found = sorted_children(images, format="oci", where="x")
    data = index_json(found, format="oci", annotations={})
    assert [entry["platform"] for entry in json.loads(data)["manifests"]] == [
        {"architecture": "amd64", "os": "windows", "os.version": "10.0.17763.6414"},
        {"architecture": "amd64", "os": "windows", "os.version": "10.0.20348.2700"},
    ]
    root = Descriptor.of(OCI.index, data)
    blobs = {root.digest: data, **{c.descriptor.digest: MANIFEST for c in found}}
    node = read_node(root, lambda d: blobs[d.digest], lambda d: (), where="x")
    naming = Naming(Reference("r.example.com", "team/hello"), ("v1",), DEFAULT_IMAGE_NAMES)
    assert [tag.name for tag in plan(node, naming, where="x").tags] == [
        "r.example.com/team/hello-windows-amd64-10.0.17763.6414:v1",
        "r.example.com/team/hello-windows-amd64-10.0.20348.2700:v1",
        "r.example.com/team/hello:v1",
    ]


def test_one_version_twice_is_an_error() -> None:
    images = [child("//:one", "10.0.20348.2700"), child("//:two", "10.0.20348.2700")]
    with pytest.raises(OciError, match=r"`windows/amd64` comes from both //:one and //:two"):
        sorted_children(images, format="oci", where="x")


def test_an_attestation_of_another_tool_has_no_name() -> None:
    entry = {
        **Descriptor.of(OCI.manifest, MANIFEST).as_json(),
        "platform": {"os": "unknown", "architecture": "unknown"},
    }
    data = json.dumps({"manifests": [entry]}).encode()
    root = Descriptor.of(OCI.index, data)
    node = read_node(root, lambda d: data if d == root else MANIFEST, lambda d: (), where="x")
    naming = Naming(Reference("r.example.com", "team/hello"), ("v1",), DEFAULT_IMAGE_NAMES)
    found = plan(node, naming, where="x")
    assert [tag.name for tag in found.tags] == ["r.example.com/team/hello:v1"]
    assert [placement.node.what for placement in found.placements] == ["manifest", "index"]
