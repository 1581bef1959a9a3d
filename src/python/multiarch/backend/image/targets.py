"""Generates an image's targets, one per platform, and infers what each depends on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    GeneratedTargets,
    GenerateTargetsRequest,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    UnexpandedTargets,
)
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.c_cross_binary.target_types import CCrossBinaryTarget
from multiarch.backend.c_target_types import BinaryPlatformField
from multiarch.backend.command_line import NamedToRun
from multiarch.backend.go_cross_binary.target_types import (
    ExcludeField,
    GoCrossBinaryTarget,
    PlatformsField,
)
from multiarch.backend.image.bases import ImageBases, ImageBasesRequest
from multiarch.backend.image.built_image import image_target
from multiarch.backend.image.target_types import (
    ImageBinariesField,
    ImageDependenciesField,
    ImagePlatformField,
    MultiarchImagePlatformTarget,
    MultiarchImageTarget,
    NamedImagePlatformTarget,
)
from multiarch.backend.platforms import PlatformMatrix
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform, PlatformError


class GenerateImagesRequest(GenerateTargetsRequest):
    """Generate one target per platform of a `multiarch_image`."""

    generate_from = MultiarchImageTarget


@dataclass(frozen=True)
class BinaryPlatformsRequest:
    """The `binaries` of an image, as written."""

    address: Address
    inputs: UnparsedAddressInputs


@dataclass(frozen=True)
class BinaryPlatforms:
    """The platforms that all binaries share, in the order of the first; None without binaries."""

    shared: tuple[Platform, ...] | None


@rule(level=LogLevel.DEBUG)
async def binary_platforms(
    request: BinaryPlatformsRequest, platforms: PlatformMatrix
) -> BinaryPlatforms:
    targets = await Get(UnexpandedTargets, UnparsedAddressInputs, request.inputs)
    matrices: list[tuple[Platform, ...]] = []
    for target in targets:
        if isinstance(target, (GoCrossBinaryTarget, CCrossBinaryTarget)):
            matrices.append(
                platforms.expand(
                    target[PlatformsField].value,
                    target[ExcludeField].value or (),
                    where=str(target.address),
                )
            )
        elif target.has_field(BinaryPlatformField):
            matrices.append((Platform.parse(target[BinaryPlatformField].value or ""),))
        else:
            raise InvalidFieldException(
                f"{request.address}: `binaries` names {target.address}, a `{target.alias}`; it "
                "takes `go_cross_binary` and `c_cross_binary` targets. Files of the context go "
                "into `dependencies`."
            )
    if not matrices:
        return BinaryPlatforms(None)
    return BinaryPlatforms(tuple(p for p in matrices[0] if all(p in m for m in matrices)))


@rule(desc="Generate the targets of `multiarch_image`", level=LogLevel.DEBUG)
async def generate_images(
    request: GenerateImagesRequest,
    platforms: PlatformMatrix,
    union_membership: UnionMembership,
) -> GeneratedTargets:
    generator, address = request.generator, request.template_address
    written = generator[PlatformsField].value
    if written is None:
        raw = request.template.get(ImageBinariesField.alias) or ()
        inputs = UnparsedAddressInputs(
            raw, owning_address=address, description_of_origin=f"the `binaries` of {address}"
        )
        shared = await Get(BinaryPlatforms, BinaryPlatformsRequest(address, inputs))
        if shared.shared is not None:
            written = tuple(map(str, shared.shared))
    try:
        matrix = platforms.expand(written, generator[ExcludeField].value or (), where=str(address))
    except PlatformError as error:
        raise InvalidFieldException(str(error)) from error
    # `run :image` picks the host's platform, as the others cannot be run; one that is named can.
    named = await Get(NamedToRun)
    return GeneratedTargets(
        generator,
        [
            (
                NamedImagePlatformTarget
                if named.has(address, str(platform))
                else MultiarchImagePlatformTarget
            )(
                {**request.template, ImagePlatformField.alias: str(platform)},
                address.create_generated(str(platform)),
                union_membership,
            )
            for platform in matrix
        ],
    )


@dataclass(frozen=True)
class ImageBinariesRequest:
    """The binaries of one platform's image, by the address of the image."""

    address: Address


@dataclass(frozen=True)
class ImageBinaries:
    """The per-platform binary targets that an image holds, in the order written."""

    addresses: tuple[Address, ...]


@rule(level=LogLevel.DEBUG)
async def image_binaries(request: ImageBinariesRequest) -> ImageBinaries:
    target = await image_target(request.address)
    platform = target[ImagePlatformField].value or ""
    inputs = target[ImageBinariesField].to_unparsed_address_inputs()
    found = []
    for binary in await Get(UnexpandedTargets, UnparsedAddressInputs, inputs):
        if isinstance(binary, (GoCrossBinaryTarget, CCrossBinaryTarget)):
            found.append(binary.address.create_generated(platform))
        elif binary.has_field(BinaryPlatformField):
            found.append(binary.address)
        else:
            raise MultiarchError(
                f"{request.address}: `binaries` names {binary.address}, a `{binary.alias}`; it "
                "takes `go_cross_binary` and `c_cross_binary` targets. Files of the context go "
                "into `dependencies`."
            )
    return ImageBinaries(tuple(found))


@dataclass(frozen=True)
class ImageDependenciesFieldSet(FieldSet):
    """Images have their binaries and bases inferred."""

    required_fields = (ImageDependenciesField, ImagePlatformField)

    dependencies: ImageDependenciesField


class InferImageDependencies(InferDependenciesRequest):
    """Infer one platform's binaries, and the bases."""

    infer_from = ImageDependenciesFieldSet


@rule(level=LogLevel.DEBUG)
async def infer_image_dependencies(request: InferImageDependencies) -> InferredDependencies:
    target = await image_target(request.field_set.address)
    binaries, bases = await MultiGet(
        Get(ImageBinaries, ImageBinariesRequest(target.address)),
        Get(ImageBases, ImageBasesRequest(target.address)),
    )
    based_on = (address for _, address in (*bases.files, *bases.images))
    return InferredDependencies(sorted((*binaries.addresses, *based_on)))


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(GenerateTargetsRequest, GenerateImagesRequest),
        UnionRule(InferDependenciesRequest, InferImageDependencies),
    )
