"""What publishing a release sends: files that are not there yet, and markers that move forward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from multiarch.core.errors import bullets
from multiarch.core.release.layout import SHA256SUMS, SHA512SUMS, ReleaseError
from multiarch.core.version import Version, VersionError

MARKERS = ("stable", "latest")
_SHOWN = 10


@dataclass(frozen=True)
class Stored:
    """A file: its size in bytes and its sha256, which is empty where it was not read."""

    size: int
    sha256: str = ""


@dataclass(frozen=True)
class UploadPlan:
    """The files to send in order, and those whose bytes there have to be read to compare them."""

    send: tuple[str, ...]
    compare: tuple[str, ...]


def in_order(paths: Iterable[str]) -> tuple[str, ...]:
    """Sort files for the upload; the sums come last, as they say that all others are there."""
    last = (SHA512SUMS, SHA256SUMS)
    return (*sorted(p for p in paths if p not in last), *(p for p in last if p in set(paths)))


def plan(local: Mapping[str, Stored], there: Mapping[str, int], *, where: str) -> UploadPlan:
    """Compare a release with the sizes of what is there already; raises ReleaseError for others."""
    wrong = [
        f"`{path}` has {size} bytes there, and the release has "
        + (f"{local[path].size}" if path in local else "no such file")
        for path, size in sorted(there.items())
        if path not in local or local[path].size != size
    ]
    if wrong:
        raise conflict(wrong, where=where)
    send = in_order([path for path in local if path not in there])
    return UploadPlan(send, in_order(list(there)))


def conflict(problems: Iterable[str], *, where: str) -> ReleaseError:
    """The error for files that are there with other bytes: none of them is overwritten."""
    found = list(problems)
    more = [f"... and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return ReleaseError(
        f"{where}: nothing was sent, because other files are there, and a published release is "
        f"never overwritten:\n{bullets(found[:_SHOWN] + more)}\n"
        "Publish under another version, or compare the two with `pants verify-release`."
    )


def marker_files(version: Version, kinds: Iterable[str]) -> tuple[str, ...]:
    """The markers that a version may move: `stable.txt`, `stable-1.txt`, `stable-1.36.txt`, ...

    `stable` is for releases alone, `latest` for every version.
    """
    major, minor, _ = version.release
    return tuple(
        f"{kind}{scope}.txt"
        for kind in kinds
        if kind != "stable" or version.is_stable
        for scope in (f"-{major}.{minor}", f"-{major}", "")
    )


@dataclass(frozen=True)
class MarkerMove:
    """What happens to one marker; `old` is empty where there was none."""

    file: str
    old: str
    moves: bool


def marker_moves(
    version: Version, kinds: Iterable[str], current: Mapping[str, str]
) -> tuple[MarkerMove, ...]:
    """Decide which markers move; one that names a newer version, or this one, stays.

    Raises ReleaseError for a marker that holds no version.
    """
    found = []
    for file in marker_files(version, kinds):
        old = current.get(file, "").strip()
        try:
            moves = not old or Version.parse(old) < version
        except VersionError as error:
            raise ReleaseError(
                f"the marker {file} holds {old!r}, which is no version, so that it is not known "
                "whether it may move. Put it right by hand."
            ) from error
        found.append(MarkerMove(file, old, moves))
    return tuple(found)
