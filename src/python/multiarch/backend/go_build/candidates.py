"""Which programs and tests without a target build: asked of `go list` before `tailor` writes."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import Digest, DigestContents
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.graph import (
    PackageGraph,
    config_id,
    list_request,
    parse_graphs,
    with_test_files,
)
from multiarch.backend.go_build.test_link import problems_of_test
from multiarch.backend.go_module.files import MOD_CACHE, ModuleInputs, ModuleInputsRequest
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import ToolProcess
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.packages import problems
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import GROUP_ROOTS, TEST_PATTERNS
from multiarch.core.platforms import Platform


@dataclass(frozen=True)
class CandidatesRequest:
    """Main packages of a module, each with the platforms that it would have.

    With `tests`, packages with tests instead.
    """

    module: str
    packages: tuple[tuple[str, tuple[Platform, ...]], ...]
    tests: bool = False


@dataclass(frozen=True)
class Candidates:
    """Of each package: the platforms that it builds on, and why not on others.

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


def judge(graph: PackageGraph, main: str, *, tests: bool = False) -> str:
    """Why a program, or a package's tests, do not build on a graph's platform; "" if they do."""
    if tests:
        return next(map(str, problems_of_test(graph, main)), "")
    for package in graph.packages.values():
        if package.dir == main and package.kind == "local":
            found = problems(graph.packages, package.import_path)
            return str(found[0]) if found else ""
    return "build constraints exclude all its files"


@rule(desc="Find which Go programs and tests build", level=LogLevel.DEBUG)
async def find_candidates(request: CandidatesRequest, toolchain: GoToolchain) -> Candidates:
    try:
        inputs = await Get(ModuleInputs, ModuleInputsRequest(request.module))
    except MultiarchError as error:
        return Candidates(FrozenDict(), FrozenDict(), str(error))
    mounts = dict(toolchain_mounts(toolchain, goroot=True))
    if inputs.mod_cache is not None:
        mounts[MOD_CACHE] = inputs.mod_cache
    tool, what, sources, std = "golist", "programs", inputs.skeletons, GROUP_ROOTS
    if request.tests:
        tool, what, std = "golist_tests", "tests", (*GROUP_ROOTS, *TEST_PATTERNS)
        directories = {package for package, _ in request.packages}
        sources = await with_test_files(request.module, inputs.skeletons, directories)
    listed = []
    for main, platforms in request.packages:
        relative = posixpath.relpath(main or ".", request.module or ".")
        pattern = "." if relative == "." else f"./{relative}"
        listed += [_Candidate(BuildSettings(p, toolchain.version), pattern) for p in platforms]
    process = await Get(
        Process,
        ToolProcess(
            f"multiarch.tools.{tool}",
            list_request(request.module, listed, std, mod_cache=inputs.mod_cache is not None),
            f"List the {what} of {request.module or '.'} that have no target",
            input_digest=sources,
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
    for main, platforms in request.packages:
        found = {
            p: judge(
                graphs[config_id(BuildSettings(p, toolchain.version))], main, tests=request.tests
            )
            for p in platforms
        }
        builds[main] = tuple(p for p, reason in found.items() if not reason)
        reasons[main] = next(filter(None, found.values()), "")
    return Candidates(FrozenDict(builds), FrozenDict(reasons))


def rules() -> Iterable[object]:
    return collect_rules()
