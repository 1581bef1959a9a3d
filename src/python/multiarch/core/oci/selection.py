"""Selection: which image of an index, or of a layout, a platform gets.

Source: OCI image-spec, image-index.md; the variant fallback is containerd's (`platforms.Only`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    OciError,
    field,
    objects,
    parse_platform,
)
from multiarch.core.platforms import MICROARCHITECTURES, Platform

# Architectures whose variants are listed from old to new, each a superset of those before.
_ORDERED = ("amd64", "arm", "ppc64", "ppc64le", "riscv64")


@dataclass(frozen=True)
class Children:
    """What an index names: images with a platform of ours, without one, and further indexes.

    `others` are the platforms that Go does not have, as written. What is no image, such as the
    attestations that BuildKit adds, is in none of these.
    """

    images: tuple[tuple[Platform, Descriptor], ...] = ()
    unstated: tuple[Descriptor, ...] = ()
    indexes: tuple[Descriptor, ...] = ()
    others: tuple[str, ...] = ()


def children(index: Mapping[str, Any], *, where: str) -> Children:
    """Sort what an index names; raises OciError for a descriptor that is none."""
    images, unstated, indexes, others = [], [], [], []
    for value in objects(index, "manifests", where=where):
        written = field(value, "platform", dict, where=where)
        plain = Descriptor.parse({**value, "platform": None}, where=where)
        if plain.media_type in INDEX_TYPES:
            indexes.append(plain)
        elif plain.media_type not in MANIFEST_TYPES or written.get("os") == "unknown":
            continue
        elif not written:
            unstated.append(plain)
        elif (platform := _known_platform(written)) is not None:
            images.append((platform, Descriptor.parse(value, where=where)))
        else:
            names = ("os", "architecture", "variant")
            parts = (field(written, name, str, where=where) for name in names)
            others.append("/".join(filter(None, parts)))
    return Children(tuple(images), tuple(unstated), tuple(indexes), tuple(others))


def _known_platform(value: Mapping[str, Any]) -> Platform | None:
    """A platform that Go has too; None for another."""
    try:
        return parse_platform(value, where="")
    except OciError:
        return None


def candidates(platform: Platform) -> tuple[Platform, ...]:
    """The platforms whose images run on this one, best first."""
    if platform.arch == "arm64":
        older = _older_arm64(platform.variant or "v8")
    elif platform.arch in _ORDERED:
        variants = tuple(MICROARCHITECTURES[platform.arch].variants)
        older = variants[: variants.index(platform.variant or "")][::-1]
    else:
        older = ()
    return (platform, *(Platform(platform.os, platform.arch, variant) for variant in older))


def _older_arm64(variant: str) -> tuple[str, ...]:
    """The variants that an arm64 one contains: v9.N has all of v8.(N+5)."""
    major, _, minor = variant[1:].partition(".")
    level = int(minor or 0)
    eights = level + 5 if major == "9" else level - 1
    nines = [f"v9.{n}" if n else "v9" for n in range(level - 1, -1, -1)] if major == "9" else []
    return (*nines, *(f"v8.{n}" if n else "v8" for n in range(eights, -1, -1)))


def choose(
    manifests: Iterable[tuple[Platform, Descriptor]],
    platform: Platform,
    *,
    where: str,
    others: Iterable[str] = (),
) -> Descriptor:
    """Choose the manifest for a platform, falling back to an older variant as containerd does.

    Raises OciError that lists the platforms there are, `others` among them.
    """
    found: dict[Platform, Descriptor] = {}
    for stated, descriptor in manifests:
        # The first counts where a platform is there twice (windows, by its version).
        found.setdefault(stated, descriptor)
    for candidate in candidates(platform):
        if candidate in found:
            return found[candidate]
    known = ", ".join((*(str(p) for p in sorted(found)), *others)) or "none"
    raise OciError(f"{where}: the base has no image for `{platform}`; it has {known}.")


def check_claim(config: ImageConfig, claimed: Platform | None, *, where: str) -> None:
    """An image's own config must be for what its index claims; raises OciError with both."""
    if claimed is not None and claimed != config.platform:
        raise OciError(
            f"{where}: the index says that it is for `{claimed}`, but the image's own config says "
            f"`{config.platform}`. Whoever pushed it gave it the wrong platform; take another "
            "base, or exclude the platform."
        )


def check_config(
    config: ImageConfig, claimed: Platform | None, wanted: Platform, *, where: str
) -> None:
    """An image's own config must be for what its index claims, and run on the wanted platform.

    Raises OciError with all that was said of it.
    """
    check_claim(config, claimed, where=where)
    if config.platform not in candidates(wanted):
        raise OciError(
            f"{where}: it is an image for `{config.platform}`, which does not run on `{wanted}`."
        )
