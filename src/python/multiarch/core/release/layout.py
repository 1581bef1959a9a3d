"""Where everything is in a release, as scripts in the field read it.

Kubernetes' layout: `bin/OS/ARCH/NAME`, archives `NAME-OS-ARCH.tar.gz`, `SHA256SUMS` and
`SHA512SUMS`, and beside each file `.sha256` and `.sha512` with the bare digits.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from multiarch.core.errors import MultiarchError, bullets
from multiarch.core.platforms import Platform

SHA256SUMS, SHA512SUMS = "SHA256SUMS", "SHA512SUMS"
# What signs the first, when a release is published: no file of the release, as each has another.
SIGNATURE = f"{SHA256SUMS}.sig"
DOCUMENT = "release.yaml"
PROVENANCE = "provenance.intoto.json"
SBOM_FOLDER = "sbom"
# Hash and what a file with its bare digits ends in.
SIDES = {"sha256": ".sha256", "sha512": ".sha512"}
# Names of targets that say only what they are; the directory then names the image.
_PLAIN = ("image", "list")


class ReleaseError(MultiarchError):
    """Says what a release lacks, or holds twice, or where its files are not what they should be."""


def binary_path(platform: Platform, file_name: str) -> str:
    """Where a binary is: `bin/OS/ARCH[/VARIANT]/NAME`, so that variants do not collide."""
    return f"bin/{platform.path}/{file_name}"


def archive_path(name: str, platform: Platform) -> str:
    """Where an archive is: `NAME-OS-ARCH[-VARIANT].tar.gz`, and `.zip` for windows."""
    return f"{name}-{platform.slug}{'.zip' if platform.os == 'windows' else '.tar.gz'}"


def image_path(platform: Platform, name: str) -> str:
    """Where an image for `docker load` is."""
    return f"images/{platform.path}/{name}.tar"


def image_name(directory: str, target: str) -> str:
    """What an image is called in a release: its target, or its directory for a plain `image`.

    >>> image_name("images/server", "image"), image_name("images", "pause")
    ('server', 'pause')
    """
    return posixpath.basename(directory) or target if target in _PLAIN else target


def sbom_path(path: str) -> str:
    """Where the bill of materials of an artefact is."""
    return f"{SBOM_FOLDER}/{path}.spdx.json"


def side_files(path: str) -> tuple[str, ...]:
    """The files with the bare digits of a file's sums."""
    return tuple(path + ending for ending in SIDES.values())


def check_unique(paths: Iterable[tuple[str, str]], *, where: str) -> None:
    """Raise ReleaseError when two sources, or one and a file of the release, have one path."""
    taken = dict.fromkeys((SHA256SUMS, SHA512SUMS, DOCUMENT, PROVENANCE), "the release itself")
    problems = []
    for path, source in paths:
        if path in taken:
            problems.append(f"`{path}` comes from both {taken[path]} and {source}")
        taken.setdefault(path, source)
    if problems:
        raise ReleaseError(
            f"{where}: two members would be one file of the release:\n{bullets(problems)}\n"
            "Rename one of the targets, or leave one out."
        )


def sums_text(sums: Mapping[str, str]) -> str:
    """The text of a file of sums, as `sha256sum` writes and reads it: `HEX  PATH`, sorted."""
    return "".join(f"{sums[path]}  {path}\n" for path in sorted(sums, key=str.encode))


def parse_sums(text: str, *, where: str) -> dict[str, str]:
    """Read a file of sums; raises ReleaseError with the line that is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        digits, gap, path = line.partition("  ")
        if not gap or not path or not all(c in "0123456789abcdef" for c in digits) or not digits:
            raise ReleaseError(f"{where}:{number}: not a line of sums: {line!r}")
        if path in found:
            raise ReleaseError(f"{where}:{number}: `{path}` stands twice")
        if posixpath.normpath(path) != path or path.startswith(("/", "..")):
            raise ReleaseError(f"{where}:{number}: `{path}` leaves the release")
        found[path] = digits
    return found
