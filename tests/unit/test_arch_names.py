"""Names of one platform's image where there is no list; the Go example agrees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from multiarch.core.oci.arch_names import arch_reference
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform

EXAMPLE = Path(__file__).parents[2] / "examples/server/about/image_test.go"
LIST = Reference.parse("registry.example.com:5000/fleet/pause:1.2")
ROW = re.compile(r'"(\S+)":\s+\{GOOS: "(\w+)", GOARCH: "(\w+)"(?:, GOARM: "(\d)")?\}')


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ("linux/amd64", "pause-amd64"),
        ("linux/amd64/v3", "pause-amd64v3"),
        ("linux/arm", "pause-arm"),
        ("linux/arm/v5", "pause-armv5"),
        ("linux/arm64/v8", "pause-arm64"),
        ("windows/amd64", "pause-windows-amd64"),
    ],
)
def test_the_name_of_a_platform(platform: str, name: str) -> None:
    found = arch_reference(LIST, Platform.parse(platform))
    assert str(found) == f"registry.example.com:5000/fleet/{name}:1.2"


def test_the_go_example_names_images_in_the_same_way() -> None:
    rows = ROW.findall(EXAMPLE.read_text())
    assert len(rows) == 5
    for name, system, arch, arm in rows:
        platform = Platform.parse(f"{system}/{arch}" + (f"/v{arm}" if arm else ""))
        assert str(arch_reference(LIST, platform)) == name
