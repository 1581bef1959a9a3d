"""Image indexes: one name for the images of several platforms.

Source: OCI image-spec, image-index.md; Docker manifest list, version 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from multiarch.core.errors import bullets
from multiarch.core.oci.descriptor import FORMATS, Descriptor, OciError, canonical_json
from multiarch.core.platforms import Platform


@dataclass(frozen=True)
class Child:
    """One image of an index and the address that it comes from."""

    address: str
    descriptor: Descriptor

    @property
    def platform(self) -> Platform:
        """The image's platform, which an index must state."""
        if self.descriptor.platform is None:
            raise OciError(f"{self.address}: the image states no platform")
        return self.descriptor.platform


def sorted_children(children: Iterable[Child], *, format: str, where: str) -> tuple[Child, ...]:
    """Order the children by platform; raises OciError for two of one platform or a wrong format."""
    found: dict[tuple[Platform, str], Child] = {}
    problems = []
    for child in children:
        key = (child.platform, child.descriptor.os_version)
        if key in found:
            problems.append(
                f"`{child.platform}` comes from both {found[key].address} and {child.address}"
            )
        found.setdefault(key, child)
        if child.descriptor.media_type != FORMATS[format].manifest:
            problems.append(
                f"{child.address} is {child.descriptor.media_type}, which a list of the format "
                f"{format!r} cannot hold; give the `multiarch_image` format={format!r} too"
            )
    if not found:
        problems.append("it has no images")
    if problems:
        raise OciError(f"{where}: the manifest list cannot be put together:\n{bullets(problems)}")
    return tuple(found[key] for key in sorted(found))


def index_json(children: Iterable[Child], *, format: str, annotations: Mapping[str, str]) -> bytes:
    """The bytes of the index over children that are in order; Docker's has no annotations."""
    value: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": FORMATS[format].index,
        "manifests": [child.descriptor.as_json() for child in children],
    }
    if annotations and format == "oci":
        value["annotations"] = {name: annotations[name] for name in sorted(annotations)}
    return canonical_json(value)
