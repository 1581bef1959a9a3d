"""Which main packages without a target would build: asked of `go list` before `tailor` writes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import Digest, DigestContents
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.graph import PackageGraph, config_id, list_request, parse_graphs
from multiarch.backend.go_module.files import MOD_CACHE, ModuleInputs, ModuleInputsRequest
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import ToolProcess
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.packages import problems
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import GROUP_ROOTS
from multiarch.core.platforms import Platform


@dataclass(frozen=True)
class CandidatesRequest:
    """Main packages of a module, each with the platforms that it would have."""

    module: str
    mains: tuple[tuple[str, tuple[Platform, ...]], ...]


@dataclass(frozen=True)
class Candidates:
    """Of each main package: the platforms that it builds on, and why not on others.

    `problem` says why the module cannot be read; then nothing is known of them.
    """

    builds: FrozenDict[str, tuple[Platform, ...]]
    reasons: FrozenDict[str, str]
    problem: str = ""


@dataclass(frozen=True)
class _Candidate:
    """What `go list` is asked about."""

    settings: BuildSettings
    pattern: str


def judge(graph: PackageGraph, main: str) -> str:
    """Why a main package does not build on a graph's platform; "" where it does."""
    for package in graph.packages.values():
        if package.dir == main and package.kind == "local":
            found = problems(graph.packages, package.import_path)
            return str(found[0]) if found else ""
    return "build constraints exclude all its files"


@rule(desc="Find which Go programs build", level=LogLevel.DEBUG)
async def find_candidates(request: CandidatesRequest, toolchain: GoToolchain) -> Candidates:
    try:
        inputs = await Get(ModuleInputs, ModuleInputsRequest(request.module))
    except MultiarchError as error:
        return Candidates(FrozenDict(), FrozenDict(), str(error))
    mounts = dict(toolchain_mounts(toolchain, goroot=True))
    if inputs.mod_cache is not None:
        mounts[MOD_CACHE] = inputs.mod_cache
    listed = []
    for main, platforms in request.mains:
        relative = posixpath.relpath(main or ".", request.module or ".")
        pattern = "." if relative == "." else f"./{relative}"
        listed += [_Candidate(BuildSettings(p, toolchain.version), pattern) for p in platforms]
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.golist",
            list_request(
                request.module, listed, GROUP_ROOTS, mod_cache=inputs.mod_cache is not None
            ),
            f"List the programs of {request.module or '.'}",
            input_digest=inputs.skeletons,
            immutable=FrozenDict(mounts),
            output_files=("graph.json",),
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        return Candidates(FrozenDict(), FrozenDict(), result.stderr.decode().strip())
    (contents,) = await Get(DigestContents, Digest, result.output_digest)
    graphs = parse_graphs(contents.content)
    builds, reasons = {}, {}
    for main, platforms in request.mains:
        found = {
            p: judge(graphs[config_id(BuildSettings(p, toolchain.version))], main)
            for p in platforms
        }
        builds[main] = tuple(p for p, reason in found.items() if not reason)
        reasons[main] = next(filter(None, found.values()), "")
    return Candidates(FrozenDict(builds), FrozenDict(reasons))


def rules() -> Iterable[object]:
    return collect_rules()
