"""Packages an image: one tar per platform below `dist/`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.go_cross_binary.rules import deactivated, level_note
from multiarch.backend.image.built_image import BuildImageRequest, BuiltImage
from multiarch.backend.image.target_types import ImagePlatformField
from multiarch.backend.platforms import SupportToday
from multiarch.backend.relocation import Relocated, RelocateRequest, output_path
from multiarch.backend.summary import DeliveryRequest, NoticesRequest, Said
from multiarch.core.platforms import Platform
from multiarch.core.summary import Notice


@dataclass(frozen=True)
class PackageImageFieldSet(PackageFieldSet):
    """What `package` needs of a platform's image."""

    required_fields = (ImagePlatformField,)

    platform: ImagePlatformField
    environment: EnvironmentField


@rule(level=LogLevel.DEBUG)
async def package_image(field_set: PackageImageFieldSet, today: SupportToday) -> BuiltPackage:
    wanted = Platform.parse(field_set.platform.value or "")
    if skipped := deactivated(today.support, field_set.address, wanted):
        await Get(Said, NoticesRequest(str(field_set.address), skipped))
        return BuiltPackage(EMPTY_DIGEST, ())
    built = await Get(BuiltImage, BuildImageRequest(field_set.address))
    address = built.address
    if built.skipped:
        notice = Notice("left out", str(address), str(built.platform), built.skipped)
        await Get(Said, NoticesRequest(str(address), (notice,)))
        return BuiltPackage(EMPTY_DIGEST, ())
    path = output_path(address, built.platform, f"{address.target_name}.tar")
    moved, _ = await MultiGet(
        Get(Relocated, RelocateRequest(built.digest, "image.tar", path)),
        Get(
            Said,
            DeliveryRequest(
                address,
                "image",
                str(address.maybe_convert_to_target_generator()),
                str(built.platform),
                built.size,
                built.descriptor["digest"].removeprefix("sha256:"),
                built.runs,
                level_note(today.support, built.platform),
            ),
        ),
    )
    return BuiltPackage(moved.digest, (BuiltPackageArtifact(path),))


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PackageFieldSet, PackageImageFieldSet))
