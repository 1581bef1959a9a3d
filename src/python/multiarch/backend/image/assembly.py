"""Assembles each platform's image in a sandbox, its RUNs executed by an engine."""

from __future__ import annotations

import json
import platform as platform_module
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pants.build_graph.address import Address
from pants.engine.fs import AddPrefix, Digest, DigestContents, DigestSubset, MergeDigests, PathGlobs
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import FallibleProcessResult, Process, ProcessResultMetadata
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import DictStringToStringField, Target
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.c_cross_binary.rules import BinaryAtRequest
from multiarch.backend.go_build.link import Binary, BuiltBinary
from multiarch.backend.go_cross_binary.rules import failed
from multiarch.backend.image.bases import BaseFiles, BaseFilesRequest
from multiarch.backend.image.built_image import BuildImageRequest, BuiltImage, image_target
from multiarch.backend.image.context import Context, ContextRequest
from multiarch.backend.image.runs import ExecutedRun, ExecuteRunRequest
from multiarch.backend.image.target_types import (
    ImageBuildArgsField,
    ImageCapabilitiesField,
    ImageFormatField,
    ImageLabelsField,
    ImagePlatformField,
    ImageTargetStageField,
)
from multiarch.backend.image.targets import ImageBinaries, ImageBinariesRequest
from multiarch.backend.platforms import PlatformMatrix
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.backend.version import SourceVersionRequest
from multiarch.core.dockerfile.stages import needed, outside, stages
from multiarch.core.dockerfile.syntax import parse
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform, host_platform
from multiarch.core.stamps import fill
from multiarch.core.version import SourceVersion


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
    target: Target, platform: Platform, dockerfile: str, version: SourceVersion, source_url: str
) -> dict[str, Any]:
    """The request of `multiarch.tools.assemble` for one platform's image, its bases still out."""
    address, stamps = target.address, version.stamps

    def filled(field: type[DictStringToStringField]) -> dict[str, str]:
        pairs = sorted((target[field].value or {}).items())
        return dict(fill(pairs, stamps, where=f"{address}: `{field.alias}`"))

    annotations = {
        "org.opencontainers.image.version": version.version,
        "org.opencontainers.image.revision": version.revision,
        "org.opencontainers.image.source": source_url,
    }
    return {
        "address": str(address),
        "platform": str(platform),
        "build_platform": str(build_platform()),
        "dockerfile": dockerfile,
        "context": "context",
        "build_args": filled(ImageBuildArgsField),
        "target": target[ImageTargetStageField].value,
        "labels": filled(ImageLabelsField),
        "capabilities": dict(target[ImageCapabilitiesField].value or {}),
        "annotations": {k: v for k, v in annotations.items() if v},
        "format": target[ImageFormatField].value,
        "source_date_epoch": version.seconds,
        "repo_tags": [local_name(address, platform)],
        "pending": "pending",
        "output": "image.tar",
        "metadata": "image.json",
    }


def wanted_bases(request: Mapping[str, Any], text: str) -> tuple[tuple[str, Platform], ...]:
    """What the Dockerfile takes from outside, for which platforms; raises DockerfileError."""
    source = parse(text, file=posixpath.basename(request["dockerfile"]))
    platform = Platform.parse(request["platform"])
    found = stages(
        source, target=platform, build=build_platform(), build_args=request["build_args"]
    )
    return outside(needed(found, source, request["target"] or ""), platform)


def build_platform() -> Platform:
    """The platform that stages with `--platform=$BUILDPLATFORM` are for: Linux on this machine."""
    return Platform("linux", host_platform("linux", platform_module.machine()).arch)


def local_name(address: Address, platform: Platform) -> str:
    """What `docker load` calls the image: `DIR/NAME:OS-ARCH[-VARIANT]`, in the allowed letters."""
    path = posixpath.join(address.spec_path, address.target_name).lower()
    return f"{re.sub(r'[^a-z0-9/._-]+', '-', path).strip('-._/')}:{platform.slug}"


def pending_step(value: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Read one entry of the tool's `pending`: id, platform, file and line, instruction."""
    where = f"{value['file']}:{value['line']}"
    return value["id"], value["platform"], where, value["text"]


async def _programs(address: Address, *, may_fail: bool) -> Digest | None:
    """Each binary of the image at `context/bin/NAME`, or None; a helper of rules."""
    names = await Get(ImageBinaries, ImageBinariesRequest(address))
    built = await MultiGet(Get(BuiltBinary, BinaryAtRequest(a)) for a in names.addresses)
    failures = tuple(dict.fromkeys(f for b in built for f in b.failures))
    if failures and may_fail:
        return None
    if failures:
        raise failed(failures)
    check_names(address, [b.binary for b in built])
    programs = await MultiGet(Get(Digest, AddPrefix(b.digest, "context/bin")) for b in built)
    return await Get(Digest, MergeDigests(programs))


@dataclass(frozen=True)
class AssembleRequest:
    """A run of `multiarch.tools.assemble`: its request, files, and the layers of RUNs by id."""

    address: Address
    request: str
    inputs: Digest
    runs: FrozenDict[str, Digest] = FrozenDict()


@dataclass(frozen=True)
class Assembled:
    """What the tool wrote, and the text of its `image.json`; or what it said as it failed."""

    digest: Digest
    metadata: str
    run: ProcessResultMetadata
    error: str = ""

    @property
    def pending(self) -> tuple[dict[str, Any], ...]:
        """The RUNs that it waits for."""
        return tuple(json.loads(self.metadata).get("pending", ()))


@rule(level=LogLevel.DEBUG)
async def assemble(request: AssembleRequest) -> Assembled:
    layers = await MultiGet(
        Get(Digest, AddPrefix(layer, f"runs/{id}")) for id, layer in request.runs.items()
    )
    runs = {id: f"runs/{id}/layer.tar" for id in request.runs}
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.assemble",
            request_json({**json.loads(request.request), "runs": runs}),
            f"Assemble {request.address}",
            input_digest=await Get(Digest, MergeDigests((request.inputs, *layers))),
            output_files=("image.tar", "image.json"),
            output_directories=("pending",),
            wheels=("zlib-ng", "zstandard"),
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        said = result.stderr.decode(errors="replace").strip()
        return Assembled(EMPTY_DIGEST, "{}", result.metadata, said or f"exit {result.exit_code}")
    metadata = await Get(Digest, DigestSubset(result.output_digest, PathGlobs(["image.json"])))
    contents = await Get(DigestContents, Digest, metadata)
    return Assembled(result.output_digest, contents[0].content.decode(), result.metadata)


@rule(desc="Assemble an image", level=LogLevel.DEBUG)
async def build_image(
    request: BuildImageRequest, multiarch: MultiarchSubsystem, platforms: PlatformMatrix
) -> BuiltImage:
    address = request.address
    target = await image_target(address)
    platform = Platform.parse(target[ImagePlatformField].value or "")
    context, version = await MultiGet(
        Get(Context, ContextRequest(address)), Get(SourceVersion, SourceVersionRequest())
    )
    value = image_request(target, platform, context.dockerfile, version, multiarch.source_url)
    wanted = wanted_bases(value, context.text)
    bases = await Get(BaseFiles, BaseFilesRequest(address, wanted))
    if bases.missing:
        return BuiltImage.left_out(address, platform, bases.missing)
    experimental = platforms.support.is_experimental(platform)
    programs = await _programs(address, may_fail=experimental)
    if programs is None:
        reason = f"{address}: a binary of it does not build, and {platform} is experimental"
        return BuiltImage.left_out(address, platform, reason)
    inputs = await Get(Digest, MergeDigests((context.digest, programs, bases.digest)))
    text = request_json({**value, "bases": {b.name: b.as_request() for b in bases.bases}})
    runs: dict[str, ExecutedRun] = {}
    while True:
        layers = FrozenDict({id: run.digest for id, run in runs.items()})
        assembled = await Get(Assembled, AssembleRequest(address, text, inputs, layers))
        if assembled.error and experimental:
            reason = f"{assembled.error} ({platform} is experimental)"
            return BuiltImage.left_out(address, platform, reason)
        if assembled.error:
            raise MultiarchError(assembled.error)
        if not assembled.pending:
            break
        made = await MultiGet(
            Get(ExecutedRun, ExecuteRunRequest(str(address), assembled.digest, *step))
            for step in map(pending_step, assembled.pending)
        )
        missing = next((run.missing for run in made if run.missing), "")
        failed = next((run.failed for run in made if run.failed), "")
        if failed and not experimental:
            raise MultiarchError(failed)
        if missing or failed:
            reason = missing or f"{failed} ({platform} is experimental)"
            return BuiltImage.left_out(address, platform, reason)
        runs.update((step["id"], run) for step, run in zip(assembled.pending, made))
    # Digests, not the tree of the last process: it may hold an empty `pending`.
    files = await Get(
        Digest, DigestSubset(assembled.digest, PathGlobs(["image.tar", "image.json"]))
    )
    ran = (*(run.run for run in runs.values()), assembled.run)
    return BuiltImage(address, platform, files, assembled.metadata, ran)


def rules() -> Iterable[object]:
    return collect_rules()
