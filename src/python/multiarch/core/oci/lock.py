"""The lock of images: which digests the tags of registries stood for when they were last asked.

A tag moves; a build must not. So a build takes the digest that the lock has, for each platform.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from multiarch.core.errors import bullets, did_you_mean
from multiarch.core.oci.descriptor import OciError
from multiarch.core.oci.reference import Reference
from multiarch.core.oci.selection import candidates
from multiarch.core.platforms import Platform, PlatformError

VERSION = 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class LockedImage:
    """What one tag stood for: the digest of its index or manifest, and of each platform's image."""

    digest: str
    platforms: tuple[tuple[Platform, str], ...]

    def choose(self, platform: Platform, *, where: str) -> str:
        """The digest of a platform's image, or of an older variant's; raises OciError."""
        found = dict(self.platforms)
        for candidate in candidates(platform):
            if candidate in found:
                return found[candidate]
        known = ", ".join(str(p) for p in sorted(found)) or "none"
        raise OciError(f"{where}: the base has no image for `{platform}`; it has {known}.")


@dataclass(frozen=True)
class ImageLock:
    """All locked tags, by the reference with all of its parts written out."""

    images: Mapping[str, LockedImage] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: Any, *, where: str) -> ImageLock:
        """Read a lock's value; raises OciError with every problem in it."""
        if not isinstance(value, dict) or not isinstance(value.get("images"), dict):
            raise OciError(f"{where}: not a lock of images: it needs `version` and `images`.")
        if value.get("version") != VERSION:
            raise OciError(
                f"{where}: the lock has the version {value.get('version')!r}; this plugin reads "
                f"version {VERSION}."
            )
        problems: list[str] = []
        images = {
            str(name): _image(str(name), item, problems) for name, item in value["images"].items()
        }
        if problems:
            raise OciError(f"{where}: the lock cannot be used:\n{bullets(problems)}")
        return cls(images)

    def as_value(self) -> dict[str, Any]:
        """What is written: plain tables, sorted, so that equal locks have equal files."""
        return {
            "version": VERSION,
            "images": {
                name: {
                    "digest": image.digest,
                    "platforms": {str(p): digest for p, digest in sorted(image.platforms)},
                }
                for name, image in sorted(self.images.items())
            },
        }

    def find(self, reference: Reference, *, where: str, update: str) -> LockedImage:
        """The entry of a tag; raises OciError that says how to `update` the lock."""
        found = self.images.get(str(reference))
        if found is None:
            known = ", ".join(sorted(self.images)) or "nothing"
            raise OciError(
                f"{where} is `{reference}`, which the lock of images does not have; it has "
                f"{known}.{did_you_mean(str(reference), self.images)} Run `{update}`, or pin a "
                "digest (`@sha256:...`)."
            )
        return found


def _image(name: str, value: Any, problems: list[str]) -> LockedImage:
    """Read one entry; what is wrong is added to `problems`."""
    table = value if isinstance(value, dict) else {}
    digests = table.get("platforms")
    platforms = []
    if not isinstance(digests, dict) or not digests:
        problems.append(f"{name!r}: `platforms` must be a table of platform to digest")
        digests = {}
    for text, digest in digests.items():
        try:
            platforms.append((Platform.parse(str(text)), str(digest)))
        except PlatformError as error:
            problems.append(f"{name!r}: {error}")
    wrong = [d for d in (table.get("digest"), *digests.values()) if not _DIGEST.match(str(d))]
    problems += _name_problems(name)
    problems += [f"{name!r}: {digest!r} is not a sha256 digest" for digest in wrong]
    return LockedImage(str(table.get("digest")), tuple(sorted(platforms)))


def _name_problems(name: str) -> list[str]:
    try:
        whole = str(Reference.parse(name))
    except OciError as error:
        return [str(error)]
    return [] if whole == name else [f"{name!r}: expected `{whole}`"]


def changes_between(old: ImageLock, new: ImageLock) -> tuple[str, ...]:
    """One line for each entry that came, went or moved, for people."""
    lines = []
    for name in sorted({*old.images, *new.images}):
        before, after = old.images.get(name), new.images.get(name)
        if before is None and after is not None:
            lines.append(f"{name}: new, {short(after.digest)} ({_platforms(after)})")
        elif before is not None and after is None:
            lines.append(f"{name}: removed; no `image_base` has it any more")
        elif before is not None and after is not None and before != after:
            moved = f"{short(before.digest)} -> {short(after.digest)}"
            lines.append(f"{name}: moved, {moved} ({_moved(before, after)})")
    return tuple(lines)


def short(digest: str) -> str:
    """A digest's first digits, enough for people."""
    return digest[: len("sha256:") + 12]


def _platforms(image: LockedImage) -> str:
    return ", ".join(str(platform) for platform, _ in image.platforms)


def _moved(before: LockedImage, after: LockedImage) -> str:
    """The platforms whose images differ, with + for one that came and - for one that went."""
    old, new = dict(before.platforms), dict(after.platforms)
    changed = [p for p in sorted({*old, *new}) if old.get(p) != new.get(p)]
    signs = ("+" if p not in old else "-" if p not in new else "" for p in changed)
    words = [f"{sign}{platform}" for sign, platform in zip(signs, changed)]
    return ", ".join(words) or "the same images"
