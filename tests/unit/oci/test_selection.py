"""Selection: which image of an index a platform gets, and what is no image at all."""

from __future__ import annotations

from typing import Any

import pytest
from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import DOCKER, OCI, Descriptor, OciError
from multiarch.core.oci.selection import candidates, check_config, children, choose
from multiarch.core.platforms import Platform


def entry(number: int, media_type: str = OCI.manifest, **platform: str) -> dict[str, Any]:
    value: dict[str, Any] = {
        "mediaType": media_type, "digest": f"sha256:{number:064x}", "size": number,
    }  # fmt: skip
    if platform:
        value["platform"] = platform
    return value


def test_children_are_sorted_by_what_they_are() -> None:
    found = children(
        {
            "manifests": [
                entry(1, os="linux", architecture="arm", variant="v6"),
                entry(2, DOCKER.manifest, os="linux", architecture="amd64"),
                # What BuildKit adds, and what Go does not know.
                entry(3, os="unknown", architecture="unknown"),
                entry(4, os="linux", architecture="alpha", variant="v9"),
                entry(5, OCI.index),
                entry(6),
                entry(7, "application/vnd.example.signature.v1+json"),
            ]
        },
        where="index",
    )
    assert [(str(p), d.size) for p, d in found.images] == [("linux/arm/v6", 1), ("linux/amd64", 2)]
    assert [d.size for d in found.unstated] == [6]
    assert [d.size for d in found.indexes] == [5]
    assert found.others == ("linux/alpha/v9",)


def test_a_descriptor_that_is_none_is_an_error() -> None:
    with pytest.raises(OciError, match=r"index: a descriptor needs 'digest'"):
        children({"manifests": [{"mediaType": OCI.manifest, "size": 1}]}, where="index")


@pytest.mark.parametrize(
    ("platform", "variants"),
    [
        ("linux/amd64", ["v1"]),
        ("linux/amd64/v3", ["v3", "v2", "v1"]),
        ("linux/arm/v7", ["v7", "v6", "v5"]),
        ("linux/arm/v5", ["v5"]),
        ("linux/arm64", ["v8"]),
        ("linux/arm64/v8.2", ["v8.2", "v8.1", "v8"]),
        ("linux/arm64/v9", ["v9", "v8.5", "v8.4", "v8.3", "v8.2", "v8.1", "v8"]),
        ("linux/arm64/v9.1", ["v9.1", "v9", *(f"v8.{n}" for n in range(6, 0, -1)), "v8"]),
        ("linux/ppc64le/power10", ["power10", "power9", "power8"]),
        ("linux/s390x", [None]),
        # Neither contains the other.
        ("linux/mips/softfloat", ["softfloat"]),
    ],
)
def test_older_variants_serve_newer_ones(platform: str, variants: list[str | None]) -> None:
    found = candidates(Platform.parse(platform))
    assert [p.variant for p in found] == variants
    # All of them are platforms that can be written.
    assert [Platform.parse(str(p)) for p in found] == list(found)


def images(*platforms: str) -> list[tuple[Platform, Descriptor]]:
    return [
        (Platform.parse(text), Descriptor(OCI.manifest, f"sha256:{n:064x}", n))
        for n, text in enumerate(platforms)
    ]


def test_the_newest_variant_that_runs_is_chosen() -> None:
    found = images("linux/arm/v5", "linux/arm/v6", "linux/arm64")
    assert choose(found, Platform.parse("linux/arm/v7"), where="x").size == 1
    # The first counts, such as the newest of two versions of windows.
    twice = images("windows/amd64", "windows/amd64")
    assert choose(twice, Platform.parse("windows/amd64"), where="x").size == 0


def test_what_there_is_is_listed() -> None:
    said = r"x: the base has no image for `linux/s390x`; it has linux/386, linux/amd64, plan9/z\."
    with pytest.raises(OciError, match=said):
        choose(
            images("linux/amd64", "linux/386"),
            Platform.parse("linux/s390x"),
            where="x",
            others=("plan9/z",),
        )
    with pytest.raises(OciError, match=r"it has none\."):
        choose([], Platform.parse("linux/s390x"), where="x")


def test_an_image_s_own_config_decides() -> None:
    v6, v7, amd64 = (Platform.parse(f"linux/{a}") for a in ("arm/v6", "arm/v7", "amd64"))
    check_config(ImageConfig(v6), v6, v7, where="x")
    check_config(ImageConfig(v6), None, v6, where="x")
    with pytest.raises(
        OciError, match=r"x: the index says that it is for `linux/arm/v7`, but the i"
    ):
        check_config(ImageConfig(amd64), v7, v7, where="x")
    with pytest.raises(OciError, match=r"x: it is an image for `linux/arm/v7`, which does not run"):
        check_config(ImageConfig(v7), None, v6, where="x")


def test_the_index_names_the_variant_where_the_config_names_none() -> None:
    v6, v7, s390x = (Platform.parse(f"linux/{a}") for a in ("arm/v6", "arm/v7", "s390x"))
    silent = {"os": "linux", "architecture": "arm"}
    for claimed, said in ((v6, v6), (v7, v7), (None, v7), (s390x, v7)):
        assert ImageConfig.parse(silent, where="x", claimed=claimed).platform == said
    stated = {**silent, "variant": "v7"}
    assert ImageConfig.parse(stated, where="x", claimed=v6).platform == v7
