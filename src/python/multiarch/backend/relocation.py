"""Gives files of a digest other paths, without touching their bytes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.engine.fs import CreateDigest, Digest, DigestEntries, Directory, FileEntry, SymlinkEntry
from pants.engine.rules import Get, collect_rules, rule

from multiarch.core.platforms import Platform


@dataclass(frozen=True)
class RelocateRequest:
    """The file or folder `source` of a digest, to be at `target`; anything else is left out."""

    digest: Digest
    source: str
    target: str


@dataclass(frozen=True)
class Relocated:
    """The files at their new paths."""

    digest: Digest


def output_path(address: Address, platform: Platform, file_name: str) -> str:
    """Where a platform's file goes below dist/: `DIR/NAME/OS/ARCH[/VARIANT]/FILE`."""
    return posixpath.join(address.spec_path, address.target_name, platform.path, file_name)


@rule
async def relocate(request: RelocateRequest) -> Relocated:
    entries = await Get(DigestEntries, Digest, request.digest)
    moved: list[FileEntry | Directory | SymlinkEntry] = []
    for entry in entries:
        if entry.path == request.source or entry.path.startswith(f"{request.source}/"):
            path = request.target + entry.path[len(request.source) :]
            if isinstance(entry, FileEntry):
                moved.append(FileEntry(path, entry.file_digest, entry.is_executable))
            elif isinstance(entry, SymlinkEntry):
                moved.append(SymlinkEntry(path, entry.target))
            else:
                moved.append(Directory(path))
    return Relocated(await Get(Digest, CreateDigest(moved)))


def rules() -> Iterable[object]:
    return collect_rules()
