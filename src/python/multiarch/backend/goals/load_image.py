"""`load-image`: loads images into the Docker engine, podman or the kind cluster of this machine."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterable
from enum import Enum

from pants.base.specs import Specs
from pants.build_graph.address import Address
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import AddPrefix, Digest, DigestSubset, MergeDigests, PathGlobs, Workspace
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.process import InteractiveProcess, InteractiveProcessResult
from pants.engine.rules import Effect, Get, MultiGet, collect_rules, goal_rule
from pants.engine.target import FilteredTargets
from pants.option.option_types import EnumOption
from pants.util.strutil import help_text, softwrap

from multiarch.backend.image.assembly import local_name
from multiarch.backend.image.built_image import BuildImageRequest, BuiltImage
from multiarch.backend.image.local import LocalTool, LocalToolRequest
from multiarch.backend.image.target_types import ImagePlatformField
from multiarch.backend.sandbox import request_json
from multiarch.backend.version import SourceVersionRequest
from multiarch.core.platforms import Platform
from multiarch.core.version import SourceVersion

logger = logging.getLogger(__name__)


class LocalEngine(Enum):
    """Where images are loaded."""

    AUTO = "auto"
    DOCKER = "docker"
    PODMAN = "podman"
    KIND = "kind"


class LoadImageSubsystem(GoalSubsystem):
    """Options of `load-image`."""

    name = "load-image"
    help = help_text(
        """
        Load images into an engine of this machine.

        Each image is built and loaded as `DIR/NAME:VERSION-OS-ARCH[-VARIANT]`, with the version of
        `[multiarch]` (without one: `DIR/NAME:OS-ARCH[-VARIANT]`). What was loaded is printed.
        """
    )

    engine = EnumOption(
        default=LocalEngine.AUTO,
        help=softwrap(
            """
            `docker` (the engine that DOCKER_HOST or Docker's context names), `podman`, `kind` (the
            cluster that KIND_CLUSTER_NAME names), or `auto`: Docker, else podman.
            """
        ),
    )


class LoadImage(Goal):
    """The goal `load-image`."""

    subsystem_cls = LoadImageSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


def loaded_name(address: Address, platform: Platform, version: str) -> str:
    """What an image is loaded as: `DIR/NAME:VERSION-OS-ARCH[-VARIANT]`, in the allowed letters."""
    name, _, tag = local_name(address, platform).rpartition(":")
    prefix = re.sub(r"[^A-Za-z0-9_.-]", "_", version)
    return f"{name}:{prefix}-{tag}" if version else f"{name}:{tag}"


@goal_rule
async def load_images(
    specs: Specs,
    options: LoadImageSubsystem,
    environment: CompleteEnvironmentVars,
    _workspace: Workspace,  # Without it, a goal may not start what has effects.
) -> LoadImage:
    targets, version = await MultiGet(
        Get(FilteredTargets, Specs, specs), Get(SourceVersion, SourceVersionRequest())
    )
    images = await MultiGet(
        Get(BuiltImage, BuildImageRequest(target.address))
        for target in targets
        if target.has_field(ImagePlatformField)
    )
    for image in images:
        if image.skipped:
            logger.warning("Left out: %s", image.skipped)
    built = [image for image in images if not image.skipped]
    if not built:
        logger.warning("There is no image to load: name `multiarch_image` targets.")
        return LoadImage(0 if images else 1)
    tars = await MultiGet(
        Get(Digest, DigestSubset(image.digest, PathGlobs(["image.tar"]))) for image in built
    )
    files = await MultiGet(
        Get(Digest, AddPrefix(tar, str(number))) for number, tar in enumerate(tars)
    )
    value = {
        "engine": options.engine.value,
        "images": [
            {
                "address": str(image.address),
                "platform": str(image.platform),
                "tar": posixpath.join(str(number), "image.tar"),
                "name": loaded_name(image.address, image.platform, version.version),
            }
            for number, image in enumerate(built)
        ],
    }
    tool = await Get(
        LocalTool,
        LocalToolRequest(
            "multiarch.tools.load_images",
            request_json(value),
            await Get(Digest, MergeDigests(files)),
        ),
    )
    process = InteractiveProcess(
        tool.argv, env=environment, input_digest=tool.digest, run_in_workspace=True
    )
    result = await Effect(InteractiveProcessResult, InteractiveProcess, process)
    return LoadImage(result.exit_code)


def rules() -> Iterable[object]:
    return collect_rules()
