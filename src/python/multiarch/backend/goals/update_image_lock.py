"""`pants update-image-lock`: asks registries what the tags of bases stand for now."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml
from pants.base.build_root import BuildRoot
from pants.base.specs import Specs
from pants.engine.console import Console
from pants.engine.fs import Digest, DigestContents
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import Get, MultiGet, collect_rules, goal_rule, rule
from pants.engine.target import AllUnexpandedTargets, UnexpandedTargets
from pants.util.logging import LogLevel

from multiarch.backend.image.registry_bases import (
    CACHE,
    HOST_FILE,
    ImageLockRequest,
    ReadImageLock,
    RegistryHost,
    RegistryHostRequest,
    tags,
)
from multiarch.backend.image.runs import DOCKER_WHEELS
from multiarch.backend.image.target_types import ImageBaseReferenceField
from multiarch.backend.sandbox import ToolProcess, request_json, run_tool
from multiarch.core.oci.lock import ImageLock, LockedImage, changes_between
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform

_HEADER = (
    "# Made by `./pants update-image-lock`: what the tags of `image_base` targets stand for.\n"
)


class UpdateImageLockSubsystem(GoalSubsystem):
    """The goal's options: it has none."""

    name = "update-image-lock"
    help = (
        "Ask registries what the tags of `image_base` targets stand for now, and write the lock of "
        "images. Without targets: all, and what no target has any more is removed."
    )


class UpdateImageLock(Goal):
    """`pants update-image-lock`."""

    subsystem_cls = UpdateImageLockSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@dataclass(frozen=True)
class ResolveTagRequest:
    """What one tag stands for now."""

    reference: Reference


@dataclass(frozen=True)
class ResolvedTag:
    """The tag's entry of the lock, or why there is none."""

    image: LockedImage | None
    problem: str = ""


@rule(desc="Ask a registry for a tag", level=LogLevel.DEBUG)
async def resolve_tag(request: ResolveTagRequest) -> ResolvedTag:
    await Get(RegistryHost, RegistryHostRequest())
    value = {"reference": str(request.reference), "host": HOST_FILE, "output": "resolved.json"}
    tool = ToolProcess(
        "multiarch.tools.resolve",
        request_json(value),
        f"Ask for {request.reference}",
        output_files=("resolved.json",),
        wheels=DOCKER_WHEELS,
        caches=CACHE,
        local=True,
        # A tag may move at any time.
        cache_scope=ProcessCacheScope.PER_SESSION,
    )
    result = await run_tool(tool)
    if result.exit_code != 0:
        return ResolvedTag(None, result.stderr.decode(errors="replace").strip())
    contents = await Get(DigestContents, Digest, result.output_digest)
    found = json.loads(contents[0].content)
    platforms = ((Platform.parse(p), digest) for p, digest in found["platforms"].items())
    return ResolvedTag(LockedImage(found["digest"], tuple(sorted(platforms))))


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that whoever reads it sees the old or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


@goal_rule
async def update_image_lock(
    console: Console, specs: Specs, build_root: BuildRoot, everything: AllUnexpandedTargets
) -> UpdateImageLock:
    targets = await Get(UnexpandedTargets, Specs, specs) if specs else everything
    bases = [target for target in targets if target.has_field(ImageBaseReferenceField)]
    wanted = {str(tag): tag for base in bases for tag in tags(base)}
    read = await Get(ReadImageLock, ImageLockRequest())
    resolved = await MultiGet(
        Get(ResolvedTag, ResolveTagRequest(tag)) for _, tag in sorted(wanted.items())
    )
    kept = {name: image for name, image in read.lock.images.items() if specs or name in wanted}
    problems = []
    for name, found in zip(sorted(wanted), resolved):
        if found.image is not None:
            kept[name] = found.image
        else:
            problems.append(f"{name}: {found.problem}")
    new = ImageLock(kept)
    lines = changes_between(read.lock, new)
    for line in lines:
        console.print_stdout(line)
    if lines:
        text = _HEADER + yaml.safe_dump(new.as_value(), sort_keys=False, width=200)
        write_atomically(Path(build_root.path, read.path), text)
        console.print_stdout(f"Wrote {read.path}: {len(kept)} images.")
    elif not problems:
        console.print_stdout(f"{read.path} is current: {len(kept)} images.")
    for problem in problems:
        console.print_stderr(f"not updated: {problem}")
    return UpdateImageLock(exit_code=1 if problems else 0)


def rules() -> Iterable[object]:
    return collect_rules()
