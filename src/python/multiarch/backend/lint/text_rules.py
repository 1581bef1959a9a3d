"""The linters that look at the texts of files, whoever owns them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.core.goals.lint import LintFilesRequest, LintResult
from pants.core.util_rules.partitions import Partitions
from pants.engine.fs import Digest, PathGlobs
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import AllTargets, AllUnexpandedTargets, BoolField
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import GoModules
from multiarch.backend.go_module.target_types import GoModuleTarget
from multiarch.backend.image.target_types import ImageDockerfileField
from multiarch.backend.lint.subsystems import DockerfileTraps, HardCodedPlatforms
from multiarch.backend.lint.target_types import (
    SkipDockerfileTrapsField,
    SkipHardCodedPlatformsField,
)
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.core.lint import dockerfile_traps, hard_coded_platforms


class HardCodedPlatformsRequest(LintFilesRequest):
    """Look for hard-coded platforms."""

    tool_subsystem = HardCodedPlatforms  # type: ignore[assignment]


class DockerfileTrapsRequest(LintFilesRequest):
    """Look for traps of Dockerfiles."""

    tool_subsystem = DockerfileTraps  # type: ignore[assignment]


@dataclass(frozen=True)
class SkippedFiles:
    """What targets ask to be left alone: modules' directories, and Dockerfiles by linter."""

    modules: frozenset[str]
    platforms: frozenset[str]
    traps: frozenset[str]


@rule(level=LogLevel.DEBUG)
async def find_skipped_files(generators: AllUnexpandedTargets, targets: AllTargets) -> SkippedFiles:
    modules = frozenset(
        t.address.spec_path
        for t in generators
        if isinstance(t, GoModuleTarget) and t[SkipHardCodedPlatformsField].value
    )
    images = [t for t in targets if t.has_field(ImageDockerfileField)]

    def dockerfiles(skip: type[BoolField]) -> frozenset[str]:
        return frozenset(
            posixpath.join(t.address.spec_path, t[ImageDockerfileField].value or "")
            for t in images
            if t[skip].value
        )

    return SkippedFiles(
        modules, dockerfiles(SkipHardCodedPlatformsField), dockerfiles(SkipDockerfileTrapsField)
    )


@rule
async def partition_hard_coded_platforms(
    request: HardCodedPlatformsRequest.PartitionRequest,
    subsystem: HardCodedPlatforms,
    multiarch: MultiarchSubsystem,
    skipped: SkippedFiles,
    modules: GoModules,
) -> Partitions[str, Any]:
    if subsystem.skip:
        return Partitions()
    # The matrix itself is the place for platforms.
    left_alone = {*skipped.platforms, *multiarch.platform_files}
    files = [
        file
        for file in request.files
        if hard_coded_platforms.language(file)
        and file not in left_alone
        and modules.owner(posixpath.dirname(file)) not in skipped.modules
    ]
    return Partitions.single_partition(sorted(files)) if files else Partitions()


@rule
async def partition_dockerfiles(
    request: DockerfileTrapsRequest.PartitionRequest,
    subsystem: DockerfileTraps,
    skipped: SkippedFiles,
) -> Partitions[str, Any]:
    files = [
        file
        for file in request.files
        if hard_coded_platforms.language(file) == "dockerfile" and file not in skipped.traps
    ]
    return (
        Partitions.single_partition(sorted(files)) if files and not subsystem.skip else Partitions()
    )


async def _lint(rule_: str, files: tuple[str, ...], description: str) -> FallibleProcessResult:
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.lint",
            request_json({"rule": rule_, "files": files}),
            description,
            input_digest=await Get(Digest, PathGlobs(files)),
            level=LogLevel.DEBUG,
        ),
    )
    return await Get(FallibleProcessResult, Process, process)


@rule(desc="Look for hard-coded platforms", level=LogLevel.DEBUG)
async def lint_hard_coded_platforms(
    request: HardCodedPlatformsRequest.Batch[str, Any],
) -> LintResult:
    result = await _lint(
        hard_coded_platforms.RULE,
        request.elements,
        f"Look for hard-coded platforms in {len(request.elements)} files",
    )
    return LintResult.create(request, result)


@rule(desc="Look for traps of Dockerfiles", level=LogLevel.DEBUG)
async def lint_dockerfiles(request: DockerfileTrapsRequest.Batch[str, Any]) -> LintResult:
    result = await _lint(
        dockerfile_traps.RULE,
        request.elements,
        f"Look for cross-platform traps in {len(request.elements)} Dockerfiles",
    )
    return LintResult.create(request, result)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *HardCodedPlatformsRequest.rules(),
        *DockerfileTrapsRequest.rules(),
    )
