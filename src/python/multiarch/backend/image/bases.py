"""Finds the bases of an image, and brings their files into its sandbox."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.build_graph.address import Address
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.fs import AddPrefix, Digest, MergeDigests
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    HydratedSources,
    HydrateSourcesRequest,
    Target,
    UnexpandedTargets,
)
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.image.built_image import BuildImageRequest, BuiltImage, image_target
from multiarch.backend.image.registry_bases import (
    PullBaseRequest,
    PulledBase,
    base_target,
    references,
)
from multiarch.backend.image.runs import EngineHost, EngineHostRequest
from multiarch.backend.image.target_types import (
    ImageBaseHintField,
    ImageBasesField,
    ImageBaseSourcesField,
    ImagePlatformField,
    MultiarchImageTarget,
)
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.reference import same_image
from multiarch.core.platforms import Platform


@dataclass(frozen=True)
class ImageBasesRequest:
    """The bases of one platform's image, by the address of the image."""

    address: Address


@dataclass(frozen=True)
class ImageBases:
    """The bases by the Dockerfile's name of each; an image is one of the same platform."""

    files: tuple[tuple[str, Address], ...]
    images: tuple[tuple[str, Address], ...]


@rule(level=LogLevel.DEBUG)
async def image_bases(request: ImageBasesRequest) -> ImageBases:
    target = await image_target(request.address)
    platform = target[ImagePlatformField].value or ""
    inputs = target[ImageBasesField].to_unparsed_address_inputs()
    files, images = [], []
    for base in await Get(UnexpandedTargets, UnparsedAddressInputs, inputs):
        name = base.address.target_name
        if isinstance(base, MultiarchImageTarget):
            images.append((name, base.address.create_generated(platform)))
        elif base.has_field(ImagePlatformField):
            images.append((name, base.address))
        elif base.has_field(ImageBaseSourcesField):
            files.append((name, base.address))
        else:
            raise MultiarchError(
                f"{request.address}: `bases` names {base.address}, a `{base.alias}`; it takes "
                "`image_base` and `multiarch_image` targets."
            )
    return ImageBases(tuple(files), tuple(images))


@dataclass(frozen=True)
class BaseFilesRequest:
    """The files of the bases of one platform's image, by the address of the image.

    `wanted` is what its Dockerfile takes from outside: names, each with its platform.
    """

    address: Address
    wanted: tuple[tuple[str, Platform], ...]


@dataclass(frozen=True)
class BaseFile:
    """One base as OCI layouts, by the Dockerfile's name: in one `path`, or one for each platform.

    `missing` says why it is not there; `reference` what it is in a registry.
    """

    name: str
    digest: Digest
    path: str = ""
    paths: FrozenDict[str, str] = FrozenDict()
    reference: str = ""
    missing: str = ""

    def as_request(self) -> dict[str, Any]:
        """The base in the request of `multiarch.tools.assemble`."""
        found = {"path": self.path, "paths": dict(self.paths), "reference": self.reference}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class BaseFiles:
    """The bases' files, or in `missing` why one of them is not there."""

    digest: Digest
    bases: tuple[BaseFile, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class BaseFileRequest:
    """The files of one `image_base`, for the image that stands on it."""

    base: Address
    image: Address
    wanted: tuple[tuple[str, Platform], ...]


def layout_path(name: str, files: Iterable[str]) -> str:
    """Where an `image_base` is in the sandbox: its one tar, or the folder with `oci-layout`."""
    found = sorted(files)
    if len(found) == 1:
        return f"bases/{name}/{found[0]}"
    for file in found:
        if posixpath.basename(file) == "oci-layout":
            return posixpath.join("bases", name, posixpath.dirname(file)).rstrip("/")
    raise MultiarchError(
        f"the `image_base` {name!r} is neither one tar nor a folder with the file `oci-layout`; "
        f"its `sources` are {', '.join(found) or 'empty'}."
    )


async def _registry_base(base: Target, wanted: tuple[tuple[str, Platform], ...]) -> BaseFile:
    """Pull a base for each platform that the Dockerfile wants it for; a helper of rules."""
    name, known = base.address.target_name, references(base).values()
    platforms = dict.fromkeys(
        platform
        for text, platform in wanted
        if text == name or any(same_image(text, str(reference)) for reference in known)
    )
    pulled = await MultiGet(
        Get(PulledBase, PullBaseRequest(base.address, str(platform))) for platform in platforms
    )
    moved = await MultiGet(
        Get(Digest, AddPrefix(image.digest, f"bases/{name}/{platform.slug}"))
        for platform, image in zip(platforms, pulled)
    )
    return BaseFile(
        name,
        await Get(Digest, MergeDigests(moved)),
        paths=FrozenDict((str(p), f"bases/{name}/{p.slug}/layout") for p in platforms),
        reference=pulled[0].reference if pulled else str(next(iter(known))),
    )


@rule(level=LogLevel.DEBUG)
async def base_file(request: BaseFileRequest) -> BaseFile:
    base = await base_target(request.base)
    if references(base):
        return await _registry_base(base, request.wanted)
    name, hint = base.address.target_name, base[ImageBaseHintField].value
    sources = await Get(HydratedSources, HydrateSourcesRequest(base[ImageBaseSourcesField]))
    files = sources.snapshot.files
    if not files and hint:
        missing = (
            f"{request.image}: the files of its base {base.address} are not there. To make them: "
            f"{hint}"
        )
        return BaseFile(name, EMPTY_DIGEST, missing=missing)
    digest = await Get(Digest, AddPrefix(sources.snapshot.digest, f"bases/{name}"))
    return BaseFile(name, digest, layout_path(name, files))


@rule(level=LogLevel.DEBUG)
async def base_files(request: BaseFilesRequest) -> BaseFiles:
    bases = await Get(ImageBases, ImageBasesRequest(request.address))
    images = await MultiGet(Get(BuiltImage, BuildImageRequest(a)) for _, a in bases.images)
    for image in images:
        if image.skipped:
            reason = f"{request.address}: its base was left out: {image.skipped}"
            return BaseFiles(EMPTY_DIGEST, (), reason)
    found = await MultiGet(
        Get(BaseFile, BaseFileRequest(a, request.address, request.wanted)) for _, a in bases.files
    )
    absent = tuple(base.missing for base in found if base.missing)
    if absent:
        engines = await Get(EngineHost, EngineHostRequest())
        if engines.missing_is_error:
            raise MultiarchError("\n".join(absent))
        return BaseFiles(EMPTY_DIGEST, (), absent[0])
    moved = await MultiGet(
        Get(Digest, AddPrefix(image.digest, f"bases/{name}"))
        for (name, _), image in zip(bases.images, images)
    )
    built = tuple(
        BaseFile(name, digest, f"bases/{name}/image.tar")
        for (name, _), digest in zip(bases.images, moved)
    )
    everything = (*found, *built)
    digest = await Get(Digest, MergeDigests(base.digest for base in everything))
    return BaseFiles(digest, everything)


def rules() -> Iterable[object]:
    return collect_rules()
