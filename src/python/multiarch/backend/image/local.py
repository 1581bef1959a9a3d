"""Runs an image on this machine: `pants run :image`, on any platform."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import Target
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.command_line import NamedToRunField
from multiarch.backend.image.assembly import build_platform
from multiarch.backend.image.built_image import BuildImageRequest, BuiltImage
from multiarch.backend.image.target_types import ImagePlatformField
from multiarch.backend.pins import WHEELS
from multiarch.backend.sandbox import (
    ToolSources,
    ToolSourcesRequest,
    Wheel,
    WheelRequest,
    request_json,
)
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform

# Puts the tool's sources first on the path, and runs it with the rest as its arguments.
_START = (
    "import runpy, sys; sys.path[:0] = sys.argv[1].split(':'); sys.argv[:] = sys.argv[2:]; "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True)
class RunImageFieldSet(RunFieldSet):
    """What `run` needs of a platform's image: `run :image` takes the host's, if there is one."""

    required_fields = (ImagePlatformField,)
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED

    platform: ImagePlatformField

    @classmethod
    def opt_out(cls, target: Target) -> bool:
        """Leave out what is for another kind of machine, unless it is named."""
        wanted, here = Platform.parse(target[ImagePlatformField].value or ""), build_platform()
        is_foreign = (wanted.os, wanted.arch) != (here.os, here.arch)
        return is_foreign and not target.has_field(NamedToRunField)


@dataclass(frozen=True)
class LocalToolRequest:
    """One of `multiarch.tools`, to run on this machine with the user's own environment.

    `wheels` names pinned wheels to put on its path.
    """

    module: str
    request: str
    files: Digest
    wheels: tuple[str, ...] = ()


@dataclass(frozen=True)
class LocalTool:
    """Its files, and its command line; `{chroot}` stands for where they are."""

    digest: Digest
    argv: tuple[str, ...]
    immutable: FrozenDict[str, Digest] = FrozenDict()


@rule(level=LogLevel.DEBUG)
async def local_tool(request: LocalToolRequest) -> LocalTool:
    sources = await Get(ToolSources, ToolSourcesRequest(request.module))
    tools, written = await MultiGet(
        Get(Digest, AddPrefix(sources.digest, ".tools")),
        Get(Digest, CreateDigest([FileContent("request.json", request.request.encode())])),
    )
    digest = await Get(Digest, MergeDigests((tools, written, request.files)))
    argv = (sys.executable, "-ISB", "-c", _START, "{chroot}/.tools:{chroot}/.wheels")
    immutable: dict[str, Digest] = {}
    if request.wheels:
        wheels = await MultiGet(
            Get(Wheel, WheelRequest(name, next(iter(WHEELS[name])))) for name in request.wheels
        )
        immutable[".wheels"] = await Get(Digest, MergeDigests(wheel.digest for wheel in wheels))
    return LocalTool(
        digest, (*argv, request.module, "{chroot}/request.json"), FrozenDict(immutable)
    )


@rule(level=LogLevel.DEBUG)
async def run_image(field_set: RunImageFieldSet) -> RunRequest:
    built = await Get(BuiltImage, BuildImageRequest(field_set.address))
    if built.skipped:
        raise MultiarchError(f"there is no image to run: {built.skipped}")
    image = await Get(Digest, DigestSubset(built.digest, PathGlobs(["image.tar"])))
    request = request_json({"platform": str(built.platform)})
    tool = await Get(LocalTool, LocalToolRequest("multiarch.tools.run_image", request, image))
    return RunRequest(digest=tool.digest, args=tool.argv)


def rules() -> Iterable[object]:
    return (*collect_rules(), *RunImageFieldSet.rules())
