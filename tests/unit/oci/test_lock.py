"""The lock of images: what is written is read back, and each mistake is named."""

from __future__ import annotations

from typing import Any

import pytest
from multiarch.core.oci.descriptor import OciError
from multiarch.core.oci.lock import ImageLock, LockedImage, changes_between
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform

ONE, TWO, THREE = (f"sha256:{n:064x}" for n in (1, 2, 3))
NAME = "registry.example.com/team/base:1"


def lock(digest: str = ONE, **platforms: str) -> ImageLock:
    found = platforms or {"linux/amd64": TWO, "linux/arm/v6": THREE}
    pairs = sorted((Platform.parse(p), d) for p, d in found.items())
    return ImageLock({NAME: LockedImage(digest, tuple(pairs))})


def test_a_lock_is_read_as_it_was_written() -> None:
    value = lock().as_value()
    assert value == {
        "version": 1,
        "images": {NAME: {"digest": ONE, "platforms": {"linux/amd64": TWO, "linux/arm/v6": THREE}}},
    }
    assert ImageLock.parse(value, where="x") == lock()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"x: not a lock of images: it needs `version` and `images`"),
        ([], r"not a lock of images"),
        ({"version": 1}, r"not a lock of images"),
        ({"version": 2, "images": {}}, r"the lock has the version 2; this plugin reads version 1"),
        (
            {"images": {NAME: {"digest": ONE, "platforms": {"linux/amd46": TWO}}}},
            r"Did you mean `linux/amd64`",
        ),
        ({"images": {NAME: {"digest": "12", "platforms": {"linux/amd64": TWO}}}}, r"'12' is not a"),
        (
            {"images": {NAME: {"digest": ONE, "platforms": {"linux/amd64": 7}}}},
            r"7 is not a sha256",
        ),
        ({"images": {NAME: {"digest": ONE}}}, r"`platforms` must be a table"),
        ({"images": {NAME: "x"}}, r"`platforms` must be a table"),
        (
            {"images": {"debian": {"digest": ONE, "platforms": {"linux/amd64": TWO}}}},
            r"'debian': expected `docker.io/library/debian:latest`",
        ),
        ({"images": {"A B": {"digest": ONE, "platforms": {}}}}, r"'A B' is not a repository"),
    ],
)
def test_a_lock_that_cannot_be_used(value: Any, message: str) -> None:
    if isinstance(value, dict) and "images" in value:
        value = {"version": 1, **value}
    with pytest.raises(OciError, match=message):
        ImageLock.parse(value, where="x")


def test_every_problem_is_reported() -> None:
    images = {NAME: {"digest": "12", "platforms": {"a": TWO, "b": THREE}}}
    with pytest.raises(OciError, match=r"(?s)x: the lock cannot be used:.*'a'.*'b'.*'12'"):
        ImageLock.parse({"version": 1, "images": images}, where="x")


def test_a_tag_is_found_by_its_whole_reference() -> None:
    reference = Reference.parse(NAME)
    assert lock().find(reference, where="w", update="u").digest == ONE
    said = (
        r"w is `registry.example.com/team/bas:1`, which the lock of images does not have; it has "
        rf"{NAME}\. Did you mean `{NAME}`\? Run `u`, or pin a digest"
    )
    with pytest.raises(OciError, match=said):
        lock().find(Reference.parse("registry.example.com/team/bas:1"), where="w", update="u")


def test_a_platform_gets_its_own_digest_or_an_older_variant_s() -> None:
    image = lock().images[NAME]
    assert image.choose(Platform.parse("linux/amd64/v2"), where="x") == TWO
    assert image.choose(Platform.parse("linux/arm/v7"), where="x") == THREE
    said = r"x: the base has no image for `linux/arm/v5`; it has linux/amd64, linux/arm/v6\."
    with pytest.raises(OciError, match=said):
        image.choose(Platform.parse("linux/arm/v5"), where="x")


def test_what_moved_is_said() -> None:
    old = lock()
    assert changes_between(old, old) == ()
    assert changes_between(ImageLock(), old) == (
        f"{NAME}: new, {ONE[:19]} (linux/amd64, linux/arm/v6)",
    )
    assert changes_between(old, ImageLock()) == (
        f"{NAME}: removed; no `image_base` has it any more",
    )
    new = lock(THREE, **{"linux/amd64": THREE, "linux/arm64": TWO})
    assert changes_between(old, new) == (
        f"{NAME}: moved, {ONE[:19]} -> {THREE[:19]} (linux/amd64, -linux/arm/v6, +linux/arm64)",
    )
    assert changes_between(old, lock(THREE)) == (
        f"{NAME}: moved, {ONE[:19]} -> {THREE[:19]} (the same images)",
    )
