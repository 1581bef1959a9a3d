"""What the `members` of releases and archives name, by kind."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.core.target_types import FileSourceField
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.fs import Digest, DigestEntries, FileEntry
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    HydratedSources,
    HydrateSourcesRequest,
    InferDependenciesRequest,
    InferredDependencies,
    Target,
    Targets,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.c_target_types import BinaryPlatformField
from multiarch.backend.image.target_types import ImagePlatformField
from multiarch.backend.manifest_list.target_types import ManifestListImagesField
from multiarch.backend.release.target_types import (
    ArchiveDependenciesField,
    ArchiveMembersField,
    ReleaseDependenciesField,
    ReleaseMembersField,
)
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform

Placed = tuple[Address, Platform]


@dataclass(frozen=True)
class MembersRequest:
    """The members of a release or an archive, by its address."""

    address: Address


@dataclass(frozen=True)
class Members:
    """The targets that a release or an archive is made of, in the order written."""

    binaries: tuple[Placed, ...]
    images: tuple[Placed, ...]
    lists: tuple[Address, ...]
    archives: tuple[Address, ...]
    files: tuple[Address, ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All of them."""
        placed = (address for address, _ in (*self.binaries, *self.images))
        return (*placed, *self.lists, *self.archives, *self.files)


@dataclass(frozen=True)
class MemberFilesRequest:
    """The files of `file` targets."""

    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class MemberFile:
    """A file: its path below its BUILD file's directory, its path in `digest`, and its target."""

    name: str
    entry: FileEntry
    address: Address


@dataclass(frozen=True)
class MemberFiles:
    """The files of some targets."""

    files: tuple[MemberFile, ...]


async def release_target(address: Address) -> Target:
    """A release or archive by its address; a helper of rules."""
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(address, description_of_origin="the release")
    )
    return wrapped.target


@rule(level=LogLevel.DEBUG)
async def find_members(request: MembersRequest) -> Members:
    target = await release_target(request.address)
    is_release = target.has_field(ReleaseMembersField)
    field = target[ReleaseMembersField if is_release else ArchiveMembersField]
    found = await Get(Targets, UnparsedAddressInputs, field.to_unparsed_address_inputs())
    binaries: list[Placed] = []
    images: list[Placed] = []
    lists, archives, files, wrong = [], [], [], []
    for member in found:
        if member.has_field(BinaryPlatformField):
            binaries.append(
                (member.address, Platform.parse(member[BinaryPlatformField].value or ""))
            )
        elif member.has_field(FileSourceField):
            files.append(member.address)
        elif is_release and member.has_field(ImagePlatformField):
            images.append((member.address, Platform.parse(member[ImagePlatformField].value or "")))
        elif is_release and member.has_field(ManifestListImagesField):
            lists.append(member.address)
        elif is_release and member.has_field(ArchiveMembersField):
            archives.append(member.address)
        else:
            wrong.append(f"{member.address}, a `{member.alias}`")
    if wrong:
        kinds = "`multiarch_image`, `manifest_list`, `release_archive`, " if is_release else ""
        raise MultiarchError(
            f"{request.address}: `members` names {'; '.join(wrong)}; it takes `go_cross_binary`, "
            f"`c_cross_binary`, {kinds}`file` and `files` targets."
        )
    return Members(tuple(binaries), tuple(images), tuple(lists), tuple(archives), tuple(files))


@rule(level=LogLevel.DEBUG)
async def member_files(request: MemberFilesRequest) -> MemberFiles:
    targets = [await release_target(address) for address in request.addresses]
    sources = await MultiGet(
        Get(HydratedSources, HydrateSourcesRequest(target[FileSourceField])) for target in targets
    )
    entries = await MultiGet(Get(DigestEntries, Digest, s.snapshot.digest) for s in sources)
    return MemberFiles(
        tuple(
            MemberFile(
                posixpath.relpath(entry.path, target.address.spec_path or "."),
                entry,
                target.address,
            )
            for target, found in zip(targets, entries)
            for entry in found
            if isinstance(entry, FileEntry)
        )
    )


@dataclass(frozen=True)
class ReleaseDependenciesFieldSet(FieldSet):
    """Releases have their members inferred."""

    required_fields = (ReleaseDependenciesField,)

    dependencies: ReleaseDependenciesField


@dataclass(frozen=True)
class ArchiveDependenciesFieldSet(FieldSet):
    """Archives have their members inferred."""

    required_fields = (ArchiveDependenciesField,)

    dependencies: ArchiveDependenciesField


class InferReleaseDependencies(InferDependenciesRequest):
    """Infer the members of a release."""

    infer_from = ReleaseDependenciesFieldSet


class InferArchiveDependencies(InferDependenciesRequest):
    """Infer the members of an archive."""

    infer_from = ArchiveDependenciesFieldSet


@rule(level=LogLevel.DEBUG)
async def infer_release_dependencies(request: InferReleaseDependencies) -> InferredDependencies:
    members = await Get(Members, MembersRequest(request.field_set.address))
    return InferredDependencies(members.addresses)


@rule(level=LogLevel.DEBUG)
async def infer_archive_dependencies(request: InferArchiveDependencies) -> InferredDependencies:
    members = await Get(Members, MembersRequest(request.field_set.address))
    return InferredDependencies(members.addresses)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(InferDependenciesRequest, InferReleaseDependencies),
        UnionRule(InferDependenciesRequest, InferArchiveDependencies),
    )
