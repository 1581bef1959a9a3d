"""Builds the members of a release, and says of each that is missing why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pants.build_graph.address import Address
from pants.engine.fs import CreateDigest, Digest, DigestSubset, PathGlobs
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.c_cross_binary.rules import BinaryAtRequest
from multiarch.backend.go_build.compile import CompileFailure
from multiarch.backend.go_build.link import BuiltBinary
from multiarch.backend.go_cross_binary.rules import failed
from multiarch.backend.image.built_image import BuildImageRequest, BuiltImage
from multiarch.backend.manifest_list.rules import BuildManifestListRequest, BuiltManifestList
from multiarch.backend.manifest_list.target_types import (
    AttestationsField,
    ListTagsField,
    RepositoryField,
)
from multiarch.backend.release.archives import ArchiveRequest, BuiltArchive
from multiarch.backend.release.members import (
    MemberFiles,
    MemberFilesRequest,
    Members,
    MembersRequest,
    Placed,
    release_target,
)
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.version import stamps_in
from multiarch.core.platforms import Platform
from multiarch.core.release.document import Absent
from multiarch.core.release.layout import archive_path, binary_path, image_name, image_path
from multiarch.core.stamps import fill_text
from multiarch.core.support import Support


@dataclass(frozen=True)
class ImageContentsRequest:
    """What one image is made of."""

    address: Address
    image: Digest


@dataclass(frozen=True)
class ImageContents:
    """The file `contents.json`, as `multiarch.tools.image_contents` writes it."""

    digest: Digest


@dataclass(frozen=True)
class Part:
    """One file of a release: what the tool is told of it, and the file at `source` in a digest.

    `programs` are what its bill of materials is made of, `components` what was listed of an image.
    """

    value: Mapping[str, Any]
    digest: Digest
    source: str
    programs: tuple[tuple[Digest, str], ...] = ()
    components: Digest | None = None


@dataclass(frozen=True)
class ListPart:
    """A manifest list of a release, with the listed contents of each of its images."""

    value: Mapping[str, Any]
    components: tuple[Digest, ...]


@dataclass
class Parts:
    """What a release is made of; `missing` makes it incomplete, `absent` does not."""

    files: list[Part] = field(default_factory=list)
    lists: list[ListPart] = field(default_factory=list)
    absent: list[Absent] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    failures: list[CompileFailure] = field(default_factory=list)


def _target(address: Address) -> str:
    return str(address.maybe_convert_to_target_generator())


def _active(parts: Parts, placed: Iterable[Placed], support: Support) -> list[Placed]:
    """The targets that are not deactivated; the others are noted."""
    found = []
    for address, platform in placed:
        off = support.deactivation(platform)
        if off is None:
            found.append((address, platform))
        else:
            until = off.until.isoformat()
            parts.absent.append(Absent(_target(address), str(platform), str(off), off.issue, until))
    return found


def _not_built(
    parts: Parts, address: Address, platform: Platform, reason: str, support: Support
) -> None:
    if support.is_experimental(platform):
        parts.absent.append(Absent(_target(address), str(platform), reason))
    else:
        parts.missing.append(f"{address}: {reason}")


def _failed(
    parts: Parts, address: Address, platform: Platform, found: tuple[CompileFailure, ...],
    support: Support,
) -> None:  # fmt: skip
    if support.is_experimental(platform):
        reason = "; ".join(f"{f.import_path}: {f.message.splitlines()[0]}" for f in found)
        parts.absent.append(Absent(_target(address), str(platform), reason))
    else:
        parts.failures += found


def _value(
    path: str, kind: str, address: Address, platform: Platform, support: Support
) -> dict[str, Any]:
    return {
        "path": path,
        "kind": kind,
        "target": _target(address),
        "platform": str(platform),
        "support": support.level(platform).value,
    }


async def _binaries(parts: Parts, members: Members, support: Support) -> None:
    placed = _active(parts, members.binaries, support)
    built = await MultiGet(Get(BuiltBinary, BinaryAtRequest(address)) for address, _ in placed)
    for (address, platform), binary in zip(placed, built):
        if binary.failures:
            _failed(parts, address, platform, binary.failures, support)
            continue
        name = binary.binary.file_name
        value = _value(binary_path(platform, name), "binary", address, platform, support)
        parts.files.append(Part(value, binary.digest, name, programs=((binary.digest, name),)))


async def _archives(parts: Parts, members: Members, support: Support) -> None:
    inner = await MultiGet(Get(Members, MembersRequest(a)) for a in members.archives)
    placed: list[Placed] = []
    for address, found in zip(members.archives, inner):
        platforms = dict.fromkeys(platform for _, platform in found.binaries)
        placed += _active(parts, ((address, platform) for platform in platforms), support)
    built = await MultiGet(Get(BuiltArchive, ArchiveRequest(a, p)) for a, p in placed)
    for (address, platform), archive in zip(placed, built):
        if archive.failures:
            _failed(parts, address, platform, archive.failures, support)
            continue
        path = archive_path(address.target_name, platform)
        value = _value(path, "archive", address, platform, support)
        value["contents"] = list(archive.contents)
        parts.files.append(Part(value, archive.digest, archive.file_name, archive.programs))


async def _images(parts: Parts, members: Members, support: Support) -> None:
    placed = _active(parts, members.images, support)
    built = await MultiGet(Get(BuiltImage, BuildImageRequest(address)) for address, _ in placed)
    made = [image for image in built if not image.skipped]
    contents = await MultiGet(
        Get(ImageContents, ImageContentsRequest(i.address, i.digest)) for i in made
    )
    for image in built:
        if image.skipped:
            _not_built(parts, image.address, image.platform, image.skipped, support)
    for image, listed in zip(made, contents):
        name = image_name(image.address.spec_path, image.address.target_name)
        path = image_path(image.platform, name)
        value = _value(path, "image", image.address, image.platform, support)
        value["digest"] = image.descriptor["digest"]
        parts.files.append(Part(value, image.digest, "image.tar", components=listed.digest))


async def _list_names(address: Address) -> list[str]:
    """The names that a list is published by."""
    target = await release_target(address)
    repository, tags = target[RepositoryField].value or "", target[ListTagsField].value or ()
    stamps = await stamps_in(tags)
    if not repository:
        return []
    filled = (fill_text(t, stamps, where=f"{address}: `tags`").replace("+", "_") for t in tags)
    return [f"{repository}:{tag}" for tag in filled]


async def _is_attested(address: Address) -> bool:
    target = await release_target(address)
    return bool(target[AttestationsField].value and target[RepositoryField].value)


async def _lists(parts: Parts, members: Members, support: Support) -> None:
    built = await MultiGet(
        Get(BuiltManifestList, BuildManifestListRequest(address)) for address in members.lists
    )
    for listed in built:
        for notice in listed.without:
            off = support.deactivation(Platform.parse(notice.platform))
            parts.absent.append(
                Absent(
                    str(listed.address),
                    notice.platform,
                    notice.reason,
                    off.issue if off else "",
                    off.until.isoformat() if off else "",
                )
            )
        if listed.skipped:
            parts.missing.append(listed.skipped)
            continue
        contents = await MultiGet(
            Get(ImageContents, ImageContentsRequest(i.address, i.digest)) for i in listed.images
        )
        images = [
            {
                "platform": str(image.platform),
                "digest": image.descriptor["digest"],
                "size": image.size,
                "support": support.level(image.platform).value,
                "name": image_name(listed.address.spec_path, listed.address.target_name)
                + f"-{image.platform.slug}",
            }
            for image in listed.images
        ]
        value = {
            "target": str(listed.address),
            "digest": listed.index_digest,
            "names": await _list_names(listed.address),
            "attestations": await _is_attested(listed.address),
            "images": images,
        }
        parts.lists.append(ListPart(value, tuple(c.digest for c in contents)))


async def _files(parts: Parts, members: Members) -> None:
    found = await Get(MemberFiles, MemberFilesRequest(members.files))
    digests = await MultiGet(Get(Digest, CreateDigest([file.entry])) for file in found.files)
    for file, digest in zip(found.files, digests):
        value = {"path": file.name, "kind": "file", "target": _target(file.address)}
        parts.files.append(Part(value, digest, file.entry.path))


async def build_parts(members: Members, support: Support) -> Parts:
    """Build all members of a release; raises MultiarchError for what does not compile.

    A helper of rules.
    """
    parts = Parts()
    await _binaries(parts, members, support)
    await _archives(parts, members, support)
    if parts.failures:
        raise failed(dict.fromkeys(parts.failures))
    await _images(parts, members, support)
    await _lists(parts, members, support)
    await _files(parts, members)
    return parts


@rule(desc="List what an image is made of", level=LogLevel.DEBUG)
async def image_contents(request: ImageContentsRequest) -> ImageContents:
    tar = await Get(Digest, DigestSubset(request.image, PathGlobs(["image.tar"])))
    value = {"tar": "image.tar", "address": str(request.address), "output": "contents.json"}
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.image_contents",
            request_json(value),
            f"List what {request.address} is made of",
            input_digest=tar,
            output_files=("contents.json",),
            wheels=("zstandard",),
            level=LogLevel.DEBUG,
        ),
    )
    result = await Get(ProcessResult, Process, process)
    return ImageContents(result.output_digest)


def absent_values(parts: Parts) -> list[dict[str, str]]:
    """What a release lacks, for the tool's request: each once."""
    return [asdict(item) for item in dict.fromkeys(parts.absent)]


def rules() -> Iterable[object]:
    return collect_rules()
