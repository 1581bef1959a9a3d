"""Generates `go_module`'s targets."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import GeneratedTargets, GenerateTargetsRequest, InvalidTargetException
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.go_module import files
from multiarch.backend.go_module.files import ModuleFiles, ModuleFilesRequest, join
from multiarch.backend.go_module.target_types import (
    GoModuleTarget,
    GoSourcesSourcesField,
    GoSourcesTarget,
)
from multiarch.core.golang.ownership import owners


class GenerateGoSourcesRequest(GenerateTargetsRequest):
    """Generate the targets of a `go_module`."""

    generate_from = GoModuleTarget


@rule(desc="Generate the targets of `go_module`", level=LogLevel.DEBUG)
async def generate_go_sources(
    request: GenerateGoSourcesRequest, union_membership: UnionMembership
) -> GeneratedTargets:
    directory = request.template_address.spec_path
    found = await Get(ModuleFiles, ModuleFilesRequest(directory))
    if join(directory, "go.mod") not in found.local:
        raise InvalidTargetException(
            f"{request.template_address}: there is no go.mod in {directory or 'this directory'!r}. "
            "A `go_module` stands in the BUILD file beside the module's go.mod; `go mod init` "
            "makes one."
        )
    skip = len(directory) + 1 if directory else 0
    named = owners(f[skip:] for f in (*found.local, *found.vendored))
    return GeneratedTargets(
        request.generator,
        [
            GoSourcesTarget(
                {**request.template, GoSourcesSourcesField.alias: names},
                request.template_address.create_generated(name),
                union_membership,
            )
            for name, names in named.items()
        ],
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *files.rules(),
        UnionRule(GenerateTargetsRequest, GenerateGoSourcesRequest),
    )
