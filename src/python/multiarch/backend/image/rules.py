"""Generates an image's targets, assembles each platform's image in a sandbox, and packages it."""

from __future__ import annotations

import json
import logging
import platform as platform_module
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.build_graph.address import Address
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import FallibleProcessResult, Process, ProcessResultMetadata
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    DependenciesRequest,
    DictStringToStringField,
    FieldSet,
    GeneratedTargets,
    GenerateTargetsRequest,
    HydratedSources,
    HydrateSourcesRequest,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    SourcesField,
    Target,
    Targets,
    UnexpandedTargets,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.c_cross_binary.rules import BinaryAtRequest
from multiarch.backend.c_cross_binary.target_types import CCrossBinaryTarget
from multiarch.backend.c_target_types import BinaryPlatformField
from multiarch.backend.go_build.link import Binary, BuiltBinary
from multiarch.backend.go_cross_binary.rules import failed
from multiarch.backend.go_cross_binary.target_types import (
    ExcludeField,
    GoCrossBinaryTarget,
    PlatformsField,
)
from multiarch.backend.image.runs import (
    EngineHost,
    EngineHostRequest,
    ExecutedRun,
    ExecuteRunRequest,
)
from multiarch.backend.image.target_types import (
    ImageBaseHintField,
    ImageBasesField,
    ImageBaseSourcesField,
    ImageBinariesField,
    ImageBuildArgsField,
    ImageCapabilitiesField,
    ImageDependenciesField,
    ImageDockerfileField,
    ImageFormatField,
    ImageInstructionsField,
    ImageLabelsField,
    ImagePlatformField,
    ImageTargetStageField,
    MultiarchImagePlatformTarget,
    MultiarchImageTarget,
)
from multiarch.backend.relocation import Relocated, RelocateRequest
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.backend.summary import Delivery, DeliveryRequest
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform, PlatformError, host_platform
from multiarch.core.stamps import fill

logger = logging.getLogger(__name__)


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
    request: BinaryPlatformsRequest, multiarch: MultiarchSubsystem
) -> BinaryPlatforms:
    targets = await Get(UnexpandedTargets, UnparsedAddressInputs, request.inputs)
    matrices: list[tuple[Platform, ...]] = []
    for target in targets:
        if isinstance(target, (GoCrossBinaryTarget, CCrossBinaryTarget)):
            matrices.append(
                multiarch.matrix(
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
    multiarch: MultiarchSubsystem,
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
        matrix = multiarch.matrix(written, generator[ExcludeField].value or (), where=str(address))
    except PlatformError as error:
        raise InvalidFieldException(str(error)) from error
    return GeneratedTargets(
        generator,
        [
            MultiarchImagePlatformTarget(
                {**request.template, ImagePlatformField.alias: str(platform)},
                address.create_generated(str(platform)),
                union_membership,
            )
            for platform in matrix
        ],
    )


@dataclass(frozen=True)
class BuildImageRequest(EngineAwareParameter):
    """One platform's image to assemble."""

    address: Address

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.address)


@dataclass(frozen=True)
class BuiltImage:
    """One platform's image: `image.tar`, an OCI layout that `docker load` takes, and `image.json`.

    `metadata` is the text of the latter, as `multiarch.tools.assemble` writes it. `skipped` says
    why there is no image: this machine has no engine for its RUN, or not its base.
    """

    address: Address
    platform: Platform
    digest: Digest
    metadata: str
    runs: tuple[ProcessResultMetadata, ...]
    skipped: str = ""

    @property
    def descriptor(self) -> dict[str, Any]:
        """The manifest's descriptor: mediaType, digest, size, platform."""
        found: dict[str, Any] = json.loads(self.metadata)["descriptor"]
        return found

    @property
    def size(self) -> int:
        """The compressed size of all its layers, in bytes."""
        return sum(int(layer["size"]) for layer in json.loads(self.metadata)["layers"])


@dataclass(frozen=True)
class ImageBinariesRequest:
    """The binaries of one platform's image, by the address of the image."""

    address: Address


@dataclass(frozen=True)
class ImageBinaries:
    """The per-platform binary targets that an image holds, in the order written."""

    addresses: tuple[Address, ...]


async def _target(address: Address) -> Target:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(address, description_of_origin="`multiarch_image`")
    )
    return wrapped.target


@rule(level=LogLevel.DEBUG)
async def image_binaries(request: ImageBinariesRequest) -> ImageBinaries:
    target = await _target(request.address)
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
    target = await _target(request.address)
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
class ImageDependenciesFieldSet(FieldSet):
    """Images have their binaries and bases inferred."""

    required_fields = (ImageDependenciesField, ImagePlatformField)

    dependencies: ImageDependenciesField


class InferImageDependencies(InferDependenciesRequest):
    """Infer one platform's binaries, and the bases."""

    infer_from = ImageDependenciesFieldSet


@rule(level=LogLevel.DEBUG)
async def infer_image_dependencies(request: InferImageDependencies) -> InferredDependencies:
    target = await _target(request.field_set.address)
    binaries, bases = await MultiGet(
        Get(ImageBinaries, ImageBinariesRequest(target.address)),
        Get(ImageBases, ImageBasesRequest(target.address)),
    )
    based_on = (address for _, address in (*bases.files, *bases.images))
    return InferredDependencies(sorted((*binaries.addresses, *based_on)))


@dataclass(frozen=True)
class ContextRequest:
    """The build context of one platform's image."""

    address: Address


@dataclass(frozen=True)
class Context:
    """The context's files below `context/`, and the Dockerfile at `Dockerfile`."""

    digest: Digest
    dockerfile: str


def context_path(path: str, directory: str) -> str:
    """Where a dependency's file is in the context: relative to the BUILD file if it is below."""
    prefix = f"{directory}/"
    return path[len(prefix) :] if directory and path.startswith(prefix) else path


@rule(level=LogLevel.DEBUG)
async def collect_context(request: ContextRequest) -> Context:
    target = await _target(request.address)
    directory = request.address.spec_path
    instructions = target[ImageInstructionsField].value
    dockerfile, dependencies = await MultiGet(
        Get(HydratedSources, HydrateSourcesRequest(target[ImageDockerfileField])),
        Get(Targets, DependenciesRequest(target[ImageDependenciesField])),
    )
    sources = await Get(
        SourceFiles,
        SourceFilesRequest(
            d[SourcesField]
            for d in dependencies
            if d.has_field(SourcesField) and not d.has_field(ImageBaseSourcesField)
            if not d.has_field(BinaryPlatformField) and not d.has_field(ImagePlatformField)
        ),
    )
    inside = [f for f in sources.snapshot.files if context_path(f, directory) != f]
    outside = [f for f in sources.snapshot.files if context_path(f, directory) == f]
    near, far = await MultiGet(
        Get(Digest, DigestSubset(sources.snapshot.digest, PathGlobs(inside))),
        Get(Digest, DigestSubset(sources.snapshot.digest, PathGlobs(outside))),
    )
    near = await Get(Digest, RemovePrefix(near, directory if inside else ""))
    merged = await Get(Digest, MergeDigests((near, far)))
    context = await Get(Digest, AddPrefix(merged, "context"))
    if instructions:
        text = "\n".join(instructions).encode() + b"\n"
        name = "instructions"
    else:
        contents = await Get(DigestContents, Digest, dockerfile.snapshot.digest)
        if not contents:
            raise MultiarchError(
                f"{request.address}: there is no {target[ImageDockerfileField].value!r} in "
                f"{directory or '.'!r}. Write one, name another with `source`, or give "
                "`instructions`."
            )
        text, name = contents[0].content, contents[0].path
    written, ignore = await MultiGet(
        Get(Digest, CreateDigest([FileContent(f"dockerfile/{name}", text)])),
        Get(Digest, PathGlobs([posixpath.join(directory, ".dockerignore")])),
    )
    ignore = await Get(Digest, RemovePrefix(ignore, directory))
    ignore = await Get(Digest, AddPrefix(ignore, "context"))
    digest = await Get(Digest, MergeDigests((context, written, ignore)))
    return Context(digest, f"dockerfile/{name}")


def check_names(address: Address, binaries: Iterable[Binary]) -> None:
    """Raise MultiarchError when two binaries would be one file of the context."""
    seen: dict[str, Binary] = {}
    for binary in binaries:
        if binary.file_name in seen:
            raise MultiarchError(
                f"{address}: `binaries` names {seen[binary.file_name].address} and "
                f"{binary.address}, which would both be `bin/{binary.file_name}` in the context. "
                "Rename one of the two targets."
            )
        seen[binary.file_name] = binary


def image_request(
    target: Target,
    platform: Platform,
    dockerfile: str,
    bases: dict[str, str],
    multiarch: MultiarchSubsystem,
) -> dict[str, Any]:
    """The request of `multiarch.tools.assemble` for one platform's image."""
    address, stamps = target.address, multiarch.stamps

    def filled(field: type[DictStringToStringField]) -> dict[str, str]:
        pairs = sorted((target[field].value or {}).items())
        return dict(fill(pairs, stamps, where=f"{address}: `{field.alias}`"))

    annotations = {
        "org.opencontainers.image.version": multiarch.version,
        "org.opencontainers.image.revision": multiarch.revision,
        "org.opencontainers.image.source": multiarch.source_url,
    }
    return {
        "address": str(address),
        "platform": str(platform),
        "build_platform": str(build_platform()),
        "dockerfile": dockerfile,
        "context": "context",
        "build_args": filled(ImageBuildArgsField),
        "bases": {
            name: {"kind": "oci-layout", "path": path} for name, path in sorted(bases.items())
        },
        "target": target[ImageTargetStageField].value,
        "labels": filled(ImageLabelsField),
        "capabilities": dict(target[ImageCapabilitiesField].value or {}),
        "annotations": {k: v for k, v in annotations.items() if v},
        "format": target[ImageFormatField].value,
        "source_date_epoch": int(multiarch.source_date_epoch),
        "repo_tags": [local_name(address, platform)],
        "pending": "pending",
        "output": "image.tar",
        "metadata": "image.json",
    }


def build_platform() -> Platform:
    """The platform that stages with `--platform=$BUILDPLATFORM` are for: Linux on this machine."""
    return Platform("linux", host_platform("linux", platform_module.machine()).arch)


def local_name(address: Address, platform: Platform) -> str:
    """What `docker load` calls the image: `DIR/NAME:OS-ARCH[-VARIANT]`, in the allowed letters."""
    path = posixpath.join(address.spec_path, address.target_name).lower()
    return f"{re.sub(r'[^a-z0-9/._-]+', '-', path).strip('-._/')}:{platform.slug}"


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


def pending_step(value: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Read one entry of the tool's `pending`: id, platform, file and line, instruction."""
    where = f"{value['file']}:{value['line']}"
    return value["id"], value["platform"], where, value["text"]


@rule(desc="Assemble an image", level=LogLevel.DEBUG)
async def build_image(request: BuildImageRequest, multiarch: MultiarchSubsystem) -> BuiltImage:
    target = await _target(request.address)
    address = request.address
    platform = Platform.parse(target[ImagePlatformField].value or "")
    context, names, based_on = await MultiGet(
        Get(Context, ContextRequest(address)),
        Get(ImageBinaries, ImageBinariesRequest(address)),
        Get(ImageBases, ImageBasesRequest(address)),
    )
    wrapped = await MultiGet(
        Get(WrappedTarget, WrappedTargetRequest(a, description_of_origin="`bases`"))
        for _, a in based_on.files
    )
    bases = [w.target for w in wrapped]
    images = await MultiGet(Get(BuiltImage, BuildImageRequest(a)) for _, a in based_on.images)
    for image in images:
        if image.skipped:
            reason = f"{address}: its base was left out: {image.skipped}"
            return BuiltImage(address, platform, EMPTY_DIGEST, "", (), reason)
    built = await MultiGet(Get(BuiltBinary, BinaryAtRequest(a)) for a in names.addresses)
    failures = tuple(dict.fromkeys(f for b in built for f in b.failures))
    if failures:
        raise failed(failures)
    check_names(address, [b.binary for b in built])
    base_sources = await MultiGet(
        Get(HydratedSources, HydrateSourcesRequest(b[ImageBaseSourcesField])) for b in bases
    )
    absent = tuple(
        f"{address}: the files of its base {base.address} are not there. To make them: {hint}"
        for base, sources in zip(bases, base_sources)
        if not sources.snapshot.files and (hint := base[ImageBaseHintField].value)
    )
    if absent:
        engines = await Get(EngineHost, EngineHostRequest())
        if engines.missing_is_error:
            raise MultiarchError("\n".join(absent))
        return BuiltImage(address, platform, EMPTY_DIGEST, "", (), absent[0])
    base_digests = await MultiGet(
        Get(Digest, AddPrefix(sources.snapshot.digest, f"bases/{base.address.target_name}"))
        for base, sources in zip(bases, base_sources)
    )
    base_paths = {
        base.address.target_name: layout_path(base.address.target_name, sources.snapshot.files)
        for base, sources in zip(bases, base_sources)
    }
    image_digests = await MultiGet(
        Get(Digest, AddPrefix(image.digest, f"bases/{name}"))
        for (name, _), image in zip(based_on.images, images)
    )
    base_paths.update((name, f"bases/{name}/image.tar") for name, _ in based_on.images)
    programs = await MultiGet(Get(Digest, AddPrefix(b.digest, "context/bin")) for b in built)
    inputs = await Get(
        Digest, MergeDigests((context.digest, *programs, *base_digests, *image_digests))
    )
    request_ = image_request(target, platform, context.dockerfile, base_paths, multiarch)
    runs: dict[str, ExecutedRun] = {}
    while True:
        layers = await MultiGet(
            Get(Digest, AddPrefix(run.digest, f"runs/{id}")) for id, run in runs.items()
        )
        request_["runs"] = {id: f"runs/{id}/layer.tar" for id in runs}
        process = await Get(
            Process,
            ToolProcess(
                "multiarch.tools.assemble",
                request_json(request_),
                f"Assemble {address}",
                input_digest=await Get(Digest, MergeDigests((inputs, *layers))),
                output_files=("image.tar", "image.json"),
                output_directories=("pending",),
                wheels=("zlib-ng",),
            ),
        )
        result = await Get(FallibleProcessResult, Process, process)
        if result.exit_code != 0:
            raise MultiarchError(result.stderr.decode(errors="replace").strip())
        metadata = await Get(Digest, DigestSubset(result.output_digest, PathGlobs(["image.json"])))
        contents = await Get(DigestContents, Digest, metadata)
        text = contents[0].content.decode()
        pending = json.loads(text).get("pending", ())
        if not pending:
            break
        made = await MultiGet(
            Get(ExecutedRun, ExecuteRunRequest(str(address), result.output_digest, *step))
            for step in map(pending_step, pending)
        )
        missing = tuple(run.missing for run in made if run.missing)
        if missing:
            return BuiltImage(address, platform, EMPTY_DIGEST, "", (), missing[0])
        runs.update((step["id"], run) for step, run in zip(pending, made))
    # Digests, not the tree of the last process: it may hold an empty `pending`.
    files = await Get(
        Digest, DigestSubset(result.output_digest, PathGlobs(["image.tar", "image.json"]))
    )
    ran = (*(run.run for run in runs.values()), result.metadata)
    return BuiltImage(address, platform, files, text, ran)


@dataclass(frozen=True)
class PackageImageFieldSet(PackageFieldSet):
    """What `package` needs of a platform's image."""

    required_fields = (ImagePlatformField,)

    platform: ImagePlatformField


@rule(level=LogLevel.DEBUG)
async def package_image(field_set: PackageImageFieldSet) -> BuiltPackage:
    built = await Get(BuiltImage, BuildImageRequest(field_set.address))
    address = built.address
    if built.skipped:
        logger.warning("Left out: %s", built.skipped)
        return BuiltPackage(EMPTY_DIGEST, ())
    path = posixpath.join(
        address.spec_path, address.target_name, built.platform.path, f"{address.target_name}.tar"
    )
    moved, _ = await MultiGet(
        Get(Relocated, RelocateRequest(built.digest, "image.tar", path)),
        Get(
            Delivery,
            DeliveryRequest(
                "image",
                str(address.maybe_convert_to_target_generator()),
                str(built.platform),
                built.size,
                built.descriptor["digest"].removeprefix("sha256:"),
                built.runs,
            ),
        ),
    )
    return BuiltPackage(moved.digest, (BuiltPackageArtifact(path),))


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(GenerateTargetsRequest, GenerateImagesRequest),
        UnionRule(InferDependenciesRequest, InferImageDependencies),
        UnionRule(PackageFieldSet, PackageImageFieldSet),
    )
