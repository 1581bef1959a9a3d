"""Puts a release together, and packages it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.base.specs_parser import SpecsParser
from pants.build_graph.address import Address
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    AddPrefix,
    Digest,
    DigestEntries,
    FileEntry,
    GlobMatchErrorBehavior,
    MergeDigests,
    RemovePrefix,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.internals.options_parsing import _Options
from pants.engine.process import Process, ProcessResult, ProcessResultMetadata
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.platforms import SupportToday
from multiarch.backend.release.members import Members, MembersRequest
from multiarch.backend.release.parts import Part, Parts, absent_values, build_parts
from multiarch.backend.release.target_types import ReleaseMembersField
from multiarch.backend.relocation import Relocated, RelocateRequest
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.backend.subsystems.multiarch_release import MultiarchReleaseSubsystem
from multiarch.backend.summary import DeliveryRequest, NoticesRequest, Said
from multiarch.backend.version import SourceVersionRequest
from multiarch.core.errors import MultiarchError, bullets
from multiarch.core.release.layout import SHA256SUMS, check_unique, sbom_path, side_files
from multiarch.core.summary import Notice
from multiarch.core.version import SourceVersion, Version, VersionError


@dataclass(frozen=True)
class BuildReleaseRequest(EngineAwareParameter):
    """One release to put together."""

    address: Address

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.address)


@dataclass(frozen=True)
class BuiltRelease:
    """The tree of a release, its size in bytes, and the sha256 of its SHA256SUMS.

    `problem` says why there is none: the tree is dirty, or an artefact is missing.
    """

    address: Address
    version: str
    digest: Digest
    size: int = 0
    sums: str = ""
    artefacts: int = 0
    notices: tuple[Notice, ...] = ()
    runs: tuple[ProcessResultMetadata, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class DemandedReleases:
    """The releases that may not be left out: those named, or all where they are published."""

    all: bool
    names: frozenset[tuple[str, str]]

    def demands(self, address: Address) -> bool:
        """Whether a release that cannot be made is an error."""
        return self.all or (address.spec_path, address.target_name) in self.names


@rule(level=LogLevel.DEBUG)
async def demanded_releases(options: _Options) -> DemandedReleases:
    specs = SpecsParser().parse_specs(
        options.options.specs,
        description_of_origin="the command line",
        unmatched_glob_behavior=GlobMatchErrorBehavior.ignore,
    )
    names = {
        (spec.path_component, spec.target_component or posixpath.basename(spec.path_component))
        for spec in specs.includes.address_literals
    }
    return DemandedReleases(
        bool({"publish", "verify-release"} & set(options.options.goals)), frozenset(names)
    )


def version_problem(version: SourceVersion, *, allow_dirty: bool) -> str:
    """Why no release can have this version; empty when one can."""
    if version.is_dirty and not allow_dirty:
        return (
            f"the tree has changes that no commit has ({version.version}), so that the release "
            "could not be made again. Commit or stash them (`git status` lists them), or allow it "
            "by `--multiarch-release-allow-dirty`."
        )
    try:
        Version.parse(version.version, where="[multiarch].version")
    except VersionError as error:
        return str(error)
    return ""


async def _inputs(parts: Parts) -> tuple[Digest, Digest, list[dict[str, Any]], list[Any]]:
    """The tree of the release's own files, all that the tool reads, and what it is told."""
    placed = await MultiGet(
        Get(Relocated, RelocateRequest(part.digest, part.source, f"tree/{part.value['path']}"))
        for part in parts.files
    )
    tree = await Get(Digest, MergeDigests(p.digest for p in placed))
    # Archives' binaries and lists of contents are read, and are no files of the release.
    extra: dict[str, Digest] = {}
    files = [_file_value(number, part, extra) for number, part in enumerate(parts.files)]
    lists = []
    for number, listed in enumerate(parts.lists):
        images = []
        for position, (image, digest) in enumerate(zip(listed.value["images"], listed.components)):
            folder = f"lists/{number}/{position}"
            extra[folder] = digest
            images.append({**image, "components": f"{folder}/contents.json"})
        lists.append({**listed.value, "images": images})
    added = await MultiGet(Get(Digest, AddPrefix(d, folder)) for folder, d in extra.items())
    return tree, await Get(Digest, MergeDigests((tree, *added))), files, lists


def _file_value(number: int, part: Part, extra: dict[str, Digest]) -> dict[str, Any]:
    value = {**part.value, "file": f"tree/{part.value['path']}", "programs": []}
    for position, (digest, name) in enumerate(part.programs):
        folder = f"programs/{number}/{position}"
        extra[folder] = digest
        value["programs"].append(f"{folder}/{name}")
    if part.components is not None:
        extra[f"components/{number}"] = part.components
        value["components"] = f"components/{number}/contents.json"
    return value


@rule(desc="Put a release together", level=LogLevel.DEBUG)
async def build_release(
    request: BuildReleaseRequest,
    today: SupportToday,
    multiarch: MultiarchSubsystem,
    options: MultiarchReleaseSubsystem,
) -> BuiltRelease:
    address, support = request.address, today.support
    members, version = await MultiGet(
        Get(Members, MembersRequest(address)), Get(SourceVersion, SourceVersionRequest())
    )
    problem = version_problem(version, allow_dirty=options.allow_dirty)
    if problem:
        return BuiltRelease(address, version.version, EMPTY_DIGEST, problem=problem)
    parts = await build_parts(members, support)
    if parts.missing:
        problem = (
            f"the release would lack artefacts of supported platforms:\n{bullets(parts.missing)}\n"
            "Build them where they can be built, take them out of `members`, or declare their "
            "platforms experimental or deactivated."
        )
        return BuiltRelease(address, version.version, EMPTY_DIGEST, problem=problem)
    paths = [(str(p.value["path"]), str(p.value["target"])) for p in parts.files]
    beside = [(s, t) for path, t in paths for s in (*side_files(path), sbom_path(path))]
    check_unique((*paths, *beside), where=str(address))
    tree, inputs, files, lists = await _inputs(parts)
    request_ = {
        "target": str(address),
        "version": version.version,
        "revision": version.revision,
        "tree_state": version.tree_state,
        "seconds": version.seconds,
        "source_url": multiarch.source_url,
        "builder": options.builder_id,
        "files": files,
        "lists": lists,
        "absent": absent_values(parts),
        "output": "out",
    }
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.release",
            request_json(request_),
            f"Describe the release {address} {version.version}",
            input_digest=inputs,
            output_directories=("out",),
            wheels=("pyyaml",),
            concurrency=8,
        ),
    )
    result = await Get(ProcessResult, Process, process)
    own, described = await MultiGet(
        Get(Digest, RemovePrefix(tree, "tree")),
        Get(Digest, RemovePrefix(result.output_digest, "out")),
    )
    digest = await Get(Digest, MergeDigests((own, described)))
    entries = [e for e in await Get(DigestEntries, Digest, digest) if isinstance(e, FileEntry)]
    (sums,) = (e.file_digest.fingerprint for e in entries if e.path == SHA256SUMS)
    return BuiltRelease(
        address,
        version.version,
        digest,
        sum(entry.file_digest.serialized_bytes_length for entry in entries),
        sums,
        len(files) + len(lists),
        _notices(parts),
        (result.metadata,),
    )


def _notices(parts: Parts) -> tuple[Notice, ...]:
    """What the release lacks, for the end of the run."""
    return tuple(
        Notice("deactivated" if a.issue else "left out", a.target, a.platform, a.reason)
        for a in dict.fromkeys(parts.absent)
    )


@dataclass(frozen=True)
class PackageReleaseFieldSet(PackageFieldSet):
    """What `package` needs of a release."""

    required_fields = (ReleaseMembersField,)

    members: ReleaseMembersField
    environment: EnvironmentField


async def demanded_release(address: Address) -> BuiltRelease:
    """A release whose problem is an error where it is demanded; a helper of rules."""
    built, demanded = await MultiGet(
        Get(BuiltRelease, BuildReleaseRequest(address)), Get(DemandedReleases)
    )
    if built.problem and demanded.demands(address):
        raise MultiarchError(f"{address}: {built.problem}")
    return built


@rule(level=LogLevel.DEBUG)
async def package_release(field_set: PackageReleaseFieldSet) -> BuiltPackage:
    address = field_set.address
    built = await demanded_release(address)
    if built.problem:
        notice = Notice("left out", str(address), "", f"{address}: {built.problem}")
        await Get(Said, NoticesRequest(str(address), (notice,)))
        return BuiltPackage(EMPTY_DIGEST, ())
    path = posixpath.join(address.spec_path, address.target_name, built.version)
    digest, _ = await MultiGet(
        Get(Digest, AddPrefix(built.digest, path)),
        Get(
            Said,
            DeliveryRequest(
                address,
                "release",
                str(address),
                f"{built.artefacts} artefacts",
                built.size,
                built.sums,
                built.runs,
                built.version,
                built.notices,
            ),
        ),
    )
    return BuiltPackage(digest, (BuiltPackageArtifact(path),))


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PackageFieldSet, PackageReleaseFieldSet))
