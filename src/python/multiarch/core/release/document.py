"""`release.yaml`: what a release holds, for whom, and what it lacks and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from multiarch.core.release.layout import ReleaseError

_T = TypeVar("_T")


@dataclass(frozen=True)
class GoBuild:
    """What `go version -m` says of a binary: Go's version, the main package and its module."""

    version: str
    package: str
    module: str = ""


@dataclass(frozen=True)
class ReleasedFile:
    """One file. `kind` is binary, archive, image or file; `size` in bytes; sums in hexadecimal.

    `support` is the level of its platform; `contents` what an archive holds; `digest` the
    manifest's digest of an image.
    """

    path: str
    kind: str
    target: str
    size: int
    sha256: str
    sha512: str
    platform: str = ""
    support: str = ""
    sbom: str = ""
    digest: str = ""
    contents: tuple[str, ...] = ()
    go: GoBuild | None = None


@dataclass(frozen=True)
class ReleasedImage:
    """One platform's image of a list: its manifest's digest, and all its layers' size in bytes."""

    platform: str
    digest: str
    size: int
    support: str
    sbom: str


@dataclass(frozen=True)
class ReleasedList:
    """A manifest list by its digest, and the names that it is published by.

    `attestations` says whether bills of materials and provenance are attached to it there.
    """

    target: str
    digest: str
    names: tuple[str, ...] = ()
    images: tuple[ReleasedImage, ...] = ()
    attestations: bool = False


@dataclass(frozen=True)
class Absent:
    """What is not in the release: a target on a platform, and why; with an issue if deactivated."""

    target: str
    platform: str
    reason: str
    issue: str = ""
    until: str = ""


@dataclass(frozen=True)
class Release:
    """Everything that `release.yaml` says. `built` is the commit's time."""

    version: str
    revision: str
    tree_state: str
    built: str
    files: tuple[ReleasedFile, ...]
    lists: tuple[ReleasedList, ...] = ()
    absent: tuple[Absent, ...] = field(default=())

    @property
    def images(self) -> dict[str, ReleasedImage]:
        """The images of all lists by their digests."""
        return {image.digest: image for listed in self.lists for image in listed.images}

    def as_value(self) -> dict[str, Any]:
        """The document, its keys in the order to read; what is empty is left out."""
        deactivated = [a for a in self.absent if a.issue]
        left_out = [a for a in self.absent if not a.issue]
        return {
            "version": self.version,
            "revision": self.revision,
            "treeState": self.tree_state,
            "built": self.built,
            "files": [_as_value(item) for item in self.files],
            "lists": [
                {**_as_value(item), "images": [_as_value(i) for i in item.images]}
                for item in self.lists
            ],
            "deactivated": [_as_value(item) for item in deactivated],
            "leftOut": [_as_value(item) for item in left_out],
        }

    @classmethod
    def parse(cls, value: Any, *, where: str) -> Release:
        """Read the document; raises ReleaseError for what is not one."""
        try:
            return cls(
                str(value["version"]),
                str(value["revision"]),
                str(value["treeState"]),
                str(value["built"]),
                tuple(map(_file, value["files"])),
                tuple(map(_list, value["lists"])),
                tuple(
                    _of(Absent, item) for key in ("deactivated", "leftOut") for item in value[key]
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ReleaseError(
                f"{where}: not a document of a release: {type(error).__name__}: {error}"
            ) from error


def _as_value(item: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(item).items():
        if isinstance(value, GoBuild):
            found[name] = _as_value(value)
        elif isinstance(value, tuple) and value:
            found[name] = list(value)
        elif value is not False and value not in ("", (), None):
            found[name] = value
    return found


def _of(kind: type[_T], value: Mapping[str, Any]) -> _T:
    known = kind.__dataclass_fields__  # type: ignore[attr-defined]
    found = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items() if k in known}
    return kind(**found)


def _file(value: Mapping[str, Any]) -> ReleasedFile:
    go = _of(GoBuild, value["go"]) if "go" in value else None
    return _of(ReleasedFile, {**value, "go": go})


def _list(value: Mapping[str, Any]) -> ReleasedList:
    images: Iterable[Any] = value["images"]
    return _of(ReleasedList, {**value, "images": [_of(ReleasedImage, item) for item in images]})
