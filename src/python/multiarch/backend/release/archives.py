"""Packs the archives of a release: one cached process per archive and platform."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.engine.fs import AddPrefix, CreateDigest, Digest, FileEntry, MergeDigests
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.c_cross_binary.rules import BinaryAtRequest
from multiarch.backend.go_build.compile import CompileFailure
from multiarch.backend.go_build.link import BuiltBinary
from multiarch.backend.release.members import (
    MemberFiles,
    MemberFilesRequest,
    Members,
    MembersRequest,
    release_target,
)
from multiarch.backend.release.target_types import ArchiveDirectoryField, ArchiveRootField
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.version import SourceVersionRequest
from multiarch.core.platforms import Platform
from multiarch.core.release.layout import archive_path, check_unique
from multiarch.core.version import SourceVersion


@dataclass(frozen=True)
class ArchiveRequest:
    """One platform's archive of a `release_archive`."""

    address: Address
    platform: Platform


@dataclass(frozen=True)
class BuiltArchive:
    """An archive at `file_name` in the digest; or the failures of the binaries that it lacks.

    `contents` are the names in it, and `programs` the digests of its binaries with their names.
    """

    digest: Digest
    file_name: str
    contents: tuple[str, ...] = ()
    programs: tuple[tuple[Digest, str], ...] = ()
    failures: tuple[CompileFailure, ...] = ()


@rule(desc="Pack an archive", level=LogLevel.DEBUG)
async def build_archive(request: ArchiveRequest) -> BuiltArchive:
    address, platform = request.address, request.platform
    target = await release_target(address)
    members, version = await MultiGet(
        Get(Members, MembersRequest(address)), Get(SourceVersion, SourceVersionRequest())
    )
    name = archive_path(address.target_name, platform)
    files = await Get(MemberFiles, MemberFilesRequest(members.files))
    built = await MultiGet(
        Get(BuiltBinary, BinaryAtRequest(a)) for a, p in members.binaries if p == platform
    )
    failures = tuple(f for b in built for f in b.failures)
    if failures:
        return BuiltArchive(EMPTY_DIGEST, name, failures=failures)
    root = target[ArchiveRootField].value or address.target_name
    directory = target[ArchiveDirectoryField].value or ""
    where = f"{address} [{platform}]"
    entries = [
        {
            "path": posixpath.normpath(posixpath.join(root, directory, b.binary.file_name)),
            "file": f"binaries/{number}/{b.binary.file_name}",
            "executable": True,
            "source": str(b.binary.address),
        }
        for number, b in enumerate(built)
    ]
    entries += [
        {
            "path": posixpath.normpath(posixpath.join(root, file.name)),
            "file": f"files/{number}",
            "executable": file.entry.is_executable,
            "source": str(file.address),
        }
        for number, file in enumerate(files.files)
    ]
    check_unique(((str(e["path"]), str(e.pop("source"))) for e in entries), where=where)
    numbered = [
        FileEntry(f"files/{number}", file.entry.file_digest, file.entry.is_executable)
        for number, file in enumerate(files.files)
    ]
    parts = await MultiGet(
        Get(Digest, CreateDigest(numbered)),
        *(Get(Digest, AddPrefix(b.digest, f"binaries/{number}")) for number, b in enumerate(built)),
    )
    request_ = {"entries": entries, "seconds": version.seconds, "output": name}
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.release_archive",
            request_json(request_),
            f"Pack {address} for {platform}",
            input_digest=await Get(Digest, MergeDigests(parts)),
            output_files=(name,),
            wheels=("zlib-ng",),
        ),
    )
    result = await Get(ProcessResult, Process, process)
    contents = tuple(sorted(str(entry["path"]) for entry in entries))
    programs = tuple((b.digest, b.binary.file_name) for b in built)
    return BuiltArchive(result.output_digest, name, contents, programs)


def rules() -> Iterable[object]:
    return collect_rules()
