"""Puts the images of all platforms under one index, as an OCI layout."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import AddPrefix, Digest, DigestContents, DigestSubset, MergeDigests, PathGlobs
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import FallibleProcessResult, Process, ProcessResultMetadata
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    Targets,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.go_cross_binary.rules import deactivated
from multiarch.backend.image.built_image import BuildImageRequest, BuiltImage
from multiarch.backend.image.target_types import ImagePlatformField
from multiarch.backend.manifest_list.target_types import (
    AnnotationsField,
    ListTagsField,
    ManifestListDependenciesField,
    ManifestListFormatField,
    ManifestListImagesField,
    RepositoryField,
)
from multiarch.backend.platforms import PlatformMatrix
from multiarch.backend.relocation import Relocated, RelocateRequest
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.summary import DeliveryRequest, NoticesRequest, Said
from multiarch.backend.version import stamps_in
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.names import parse_tag
from multiarch.core.platforms import Platform
from multiarch.core.stamps import fill, fill_text
from multiarch.core.summary import Notice


@dataclass(frozen=True)
class BuildManifestListRequest(EngineAwareParameter):
    """One list to put together."""

    address: Address

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.address)


@dataclass(frozen=True)
class BuiltManifestList:
    """An OCI layout at `layout/`, the index digest (`sha256:...`), and the images in it.

    `without` names the images that deactivated and experimental platforms lack.
    """

    address: Address
    digest: Digest
    index_digest: str
    images: tuple[BuiltImage, ...]
    runs: tuple[ProcessResultMetadata, ...]
    skipped: str = ""
    without: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class ManifestListImagesRequest:
    """The images of a list, by the list's address."""

    address: Address


@dataclass(frozen=True)
class ManifestListImages:
    """The per-platform images of a list, each with its platform."""

    platforms: tuple[tuple[Address, Platform], ...]

    @property
    def addresses(self) -> tuple[Address, ...]:
        """The images alone."""
        return tuple(address for address, _ in self.platforms)


@rule(level=LogLevel.DEBUG)
async def list_images(request: ManifestListImagesRequest) -> ManifestListImages:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="the list")
    )
    inputs = wrapped.target[ManifestListImagesField].to_unparsed_address_inputs()
    targets = await Get(Targets, UnparsedAddressInputs, inputs)
    for target in targets:
        if not target.has_field(ImagePlatformField):
            raise MultiarchError(
                f"{request.address}: `images` names {target.address}, a `{target.alias}`; it takes "
                "`multiarch_image` targets, or one platform of one."
            )
    return ManifestListImages(
        tuple((t.address, Platform.parse(t[ImagePlatformField].value or "")) for t in targets)
    )


@dataclass(frozen=True)
class ManifestListDependenciesFieldSet(FieldSet):
    """Lists have their images inferred."""

    required_fields = (ManifestListDependenciesField,)

    dependencies: ManifestListDependenciesField


class InferManifestListDependencies(InferDependenciesRequest):
    """Infer the images of a list."""

    infer_from = ManifestListDependenciesFieldSet


@rule(level=LogLevel.DEBUG)
async def infer_list_dependencies(request: InferManifestListDependencies) -> InferredDependencies:
    images = await Get(ManifestListImages, ManifestListImagesRequest(request.field_set.address))
    return InferredDependencies(images.addresses)


@rule(desc="Put a manifest list together", level=LogLevel.DEBUG)
async def build_manifest_list(
    request: BuildManifestListRequest, platforms: PlatformMatrix
) -> BuiltManifestList:
    address = request.address
    wrapped, names = await MultiGet(
        Get(WrappedTarget, WrappedTargetRequest(address, description_of_origin="the list")),
        Get(ManifestListImages, ManifestListImagesRequest(address)),
    )
    target = wrapped.target
    support = platforms.support
    active = [a for a, p in names.platforms if support.deactivation(p) is None]
    made = await MultiGet(Get(BuiltImage, BuildImageRequest(a)) for a in active)
    # A list must not wait for what may fail: it is made of the others, and says so.
    excused = [i for i in made if i.skipped and support.is_experimental(i.platform)]
    images = tuple(i for i in made if i not in excused)
    without = (
        *(n for _, p in names.platforms for n in deactivated(support, address, p)),
        *(Notice("left out", str(i.address), str(i.platform), i.skipped) for i in excused),
    )
    if not images:
        reason = f"{address}: none of its images was built"
        return BuiltManifestList(address, EMPTY_DIGEST, "", (), (), reason, without)
    left_out = tuple(str(image.platform) for image in images if image.skipped)
    if left_out:
        reason = (
            f"{address}: no list without all of its images: {', '.join(left_out)} were left out"
        )
        return BuiltManifestList(address, EMPTY_DIGEST, "", (), (), reason)
    parts = await MultiGet(
        Get(Digest, AddPrefix(image.digest, f"images/{number}"))
        for number, image in enumerate(images)
    )
    written = target[ListTagsField].value or ()
    annotations: Mapping[str, str] = target[AnnotationsField].value or {}
    stamps, where = await stamps_in((*written, *annotations.values())), f"{address}: `tags`"
    repository = target[RepositoryField].value or ""
    tags = [parse_tag(fill_text(tag, stamps, where=where), where=where) for tag in written]
    request_ = {
        "address": str(address),
        "format": target[ManifestListFormatField].value,
        "children": [
            {
                "address": str(image.address),
                "tar": f"images/{number}/image.tar",
                "metadata": f"images/{number}/image.json",
            }
            for number, image in enumerate(images)
        ],
        "annotations": dict(
            fill(
                sorted(annotations.items()),
                stamps,
                where=f"{address}: `annotations`",
            )
        ),
        "ref_names": [f"{repository}:{tag}" if repository else tag for tag in tags],
        "output": "layout",
        "metadata": "list.json",
    }
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.index",
            request_json(request_),
            f"Put the list {address} together",
            input_digest=await Get(Digest, MergeDigests(parts)),
            output_files=("list.json",),
            output_directories=("layout",),
            wheels=("zlib-ng",),
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        raise MultiarchError(result.stderr.decode(errors="replace").strip())
    layout, metadata = await MultiGet(
        Get(Digest, DigestSubset(result.output_digest, PathGlobs(["layout/**"]))),
        Get(Digest, DigestSubset(result.output_digest, PathGlobs(["list.json"]))),
    )
    contents = await Get(DigestContents, Digest, metadata)
    found = json.loads(contents[0].content)
    return BuiltManifestList(
        address, layout, found["digest"], images, (result.metadata,), "", without
    )


@dataclass(frozen=True)
class PackageManifestListFieldSet(PackageFieldSet):
    """What `package` needs of a list."""

    required_fields = (ManifestListImagesField,)

    images: ManifestListImagesField
    environment: EnvironmentField


@rule(level=LogLevel.DEBUG)
async def package_manifest_list(field_set: PackageManifestListFieldSet) -> BuiltPackage:
    address = field_set.address
    built = await Get(BuiltManifestList, BuildManifestListRequest(address))
    if built.skipped:
        notice = Notice("left out", str(address), "", built.skipped)
        await Get(Said, NoticesRequest(str(address), (*built.without, notice)))
        return BuiltPackage(EMPTY_DIGEST, ())
    name = address.target_name
    directory = posixpath.join(address.spec_path, name)
    tars = [f"{directory}/{name}-{image.slug}.tar" for image in built.images]
    moved = await MultiGet(
        Get(Relocated, RelocateRequest(built.digest, "layout", f"{directory}/{name}.oci")),
        *(
            Get(Relocated, RelocateRequest(image.digest, "image.tar", tar))
            for image, tar in zip(built.images, tars)
        ),
    )
    size = sum(image.size for image in built.images)
    missing = ", ".join(sorted({notice.platform for notice in built.without}))
    digest, _ = await MultiGet(
        Get(Digest, MergeDigests(part.digest for part in moved)),
        Get(
            Said,
            DeliveryRequest(
                address,
                "list",
                str(address),
                f"{len(built.images)} platforms",
                size,
                built.index_digest.removeprefix("sha256:"),
                built.runs,
                f"without {missing}" if missing else "",
                built.without,
            ),
        ),
    )
    paths = (f"{directory}/{name}.oci", *tars)
    return BuiltPackage(digest, tuple(BuiltPackageArtifact(path) for path in paths))


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(InferDependenciesRequest, InferManifestListDependencies),
        UnionRule(PackageFieldSet, PackageManifestListFieldSet),
    )
