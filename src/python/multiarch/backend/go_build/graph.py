"""The package graph of a module, from one `go list` process for all its platforms."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest, DigestContents, DigestSubset, MergeDigests, PathGlobs
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import AllGoBinaries
from multiarch.backend.go_build.tests import AllGoTests
from multiarch.backend.go_module.files import (
    MOD_CACHE,
    ModuleFiles,
    ModuleFilesRequest,
    ModuleInputs,
    ModuleInputsRequest,
)
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.coverage import covered_main, with_coverage
from multiarch.core.golang.packages import Package, package_from_json, third_party
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import GROUP_ROOTS, TEST_PATTERNS, group_of, groups_for_tests
from multiarch.core.golang.test_packages import generated_main


@dataclass(frozen=True)
class ModuleGraphRequest(EngineAwareParameter):
    """The package graphs of the module in a directory, for all platforms of its binaries.

    With `tests`, those of its tests instead, which also hold each package as tests compile it;
    with `coverage`, as they do when coverage is measured.
    """

    module: str
    tests: bool = False
    coverage: bool = False

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return self.module or "."


@dataclass(frozen=True)
class PackageGraph:
    """The packages of one platform and set of tags.

    `std_groups` numbers the group of each std package; `layered` are the third-party packages
    that are compiled together, one process per module and platform. `test_mains` holds the
    generated file of each test's main package.
    """

    packages: Mapping[str, Package]
    std_groups: Mapping[str, int]
    layered: frozenset[str]
    test_mains: Mapping[str, str] = FrozenDict()


@dataclass(frozen=True)
class ModuleGraph:
    """All package graphs of a module; equal when `go list` gave the same bytes."""

    fingerprint: str
    graphs: Mapping[str, PackageGraph] = field(compare=False)

    def of(self, settings: BuildSettings) -> PackageGraph:
        """The graph for one binary's platform and tags."""
        return self.graphs[config_id(settings)]


def _with_coverage(graph: PackageGraph) -> PackageGraph:
    packages = with_coverage(graph.packages, graph.test_mains)
    mains = {
        main: covered_main(text, main.removesuffix(".test"))
        for main, text in graph.test_mains.items()
    }
    return PackageGraph(packages, graph.std_groups, third_party(packages), mains)


def config_id(settings: BuildSettings) -> str:
    """Name what `go list` answers differently for: platform, cgo and tags."""
    cgo = "+cgo" if settings.cgo else ""
    return ",".join((f"{settings.platform}{cgo}", *settings.tags))


class Listed(Protocol):
    """What `go list` is asked about: a binary or a test."""

    @property
    def settings(self) -> BuildSettings:
        """Its platform and tags."""

    @property
    def pattern(self) -> str:
        """Its package as `go list`, run in the module, is asked for it."""


def list_request(
    module: str, listed: Iterable[Listed], std: Iterable[str], *, mod_cache: bool
) -> str:
    """Write the request of `multiarch.tools.golist` for what a module has, and packages of std."""
    configs = {config_id(b.settings): settings_json(b.settings) for b in listed}
    return request_json(
        {
            "module_dir": module or ".",
            "patterns": [*sorted({b.pattern for b in listed}), *sorted(std)],
            "configs": [{"id": name, **configs[name]} for name in sorted(configs)],
            "mod_cache": mod_cache,
            "goroot": ".goroot",
            "output": "graph.json",
        }
    )


def settings_json(settings: BuildSettings) -> dict[str, object]:
    """Write settings for the tools to read back."""
    return {
        "platform": str(settings.platform),
        "go_version": settings.go_version,
        "tags": list(settings.tags),
        "gcflags": list(settings.gcflags),
        "experiment": settings.experiment,
        "pgo": settings.pgo,
        "cgo": settings.cgo,
    }


def parse_graphs(text: bytes) -> dict[str, PackageGraph]:
    """Read the tool's answer."""
    data = json.loads(text)
    table = [package_from_json(p) for p in data["packages"]]
    generated = {
        i: {p["ImportPath"]: p["TestMain"]}
        for i, p in enumerate(data["packages"])
        if "TestMain" in p
    }
    graphs = {}
    for name, indexes in data["configs"].items():
        packages = {table[i].import_path: table[i] for i in indexes}
        packages.pop("unsafe", None)
        mains = {p: text for i in indexes for p, text in generated.get(i, {}).items()}
        packages.update((path, generated_main(packages[path])) for path in mains)
        groups = groups_for_tests(packages) if mains else group_of(packages)
        graphs[name] = PackageGraph(packages, groups, third_party(packages), mains)
    return graphs


async def with_test_files(module: str, skeletons: Digest, directories: set[str]) -> Digest:
    """Put whole test files in the place of their skeletons: their functions decide what is run."""
    found = await Get(ModuleFiles, ModuleFilesRequest(module))
    files = [
        f for f in found.local if f.endswith("_test.go") and posixpath.dirname(f) in directories
    ]
    without = ["**", *(f"!{posixpath.join(d, '*_test.go')}" for d in sorted(directories))]
    others, whole = await MultiGet(
        Get(Digest, DigestSubset(skeletons, PathGlobs(without))),
        Get(Digest, PathGlobs(files)),
    )
    return await Get(Digest, MergeDigests((others, whole)))


@rule(desc="Read the Go package graph", level=LogLevel.DEBUG)
async def read_module_graph(
    request: ModuleGraphRequest,
    all_binaries: AllGoBinaries,
    all_tests: AllGoTests,
    toolchain: GoToolchain,
) -> ModuleGraph:
    if request.coverage:
        plain = await Get(ModuleGraph, ModuleGraphRequest(request.module, tests=True))
        graphs = {name: _with_coverage(graph) for name, graph in plain.graphs.items()}
        return ModuleGraph(f"{plain.fingerprint} with coverage", graphs)
    inputs = await Get(ModuleInputs, ModuleInputsRequest(request.module))
    listed: tuple[Listed, ...] = all_binaries.of_module(request.module)
    sources, std = inputs.skeletons, GROUP_ROOTS
    if request.tests:
        tests = all_tests.of_module(request.module)
        listed, std = tests, (*GROUP_ROOTS, *TEST_PATTERNS)
        sources = await with_test_files(
            request.module, inputs.skeletons, {test.package for test in tests}
        )
    mounts = dict(toolchain_mounts(toolchain, goroot=True))
    if inputs.mod_cache is not None:
        mounts[MOD_CACHE] = inputs.mod_cache
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.golist_tests" if request.tests else "multiarch.tools.golist",
            list_request(request.module, listed, std, mod_cache=inputs.mod_cache is not None),
            f"List the {'tests' if request.tests else 'packages'} of {request.module or '.'}",
            input_digest=sources,
            immutable=FrozenDict(mounts),
            output_files=("graph.json",),
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        raise MultiarchError(
            f"The Go module in {request.module or '.'!r} cannot be read:\n"
            f"{result.stderr.decode().strip()}"
        )
    contents = await Get(DigestContents, Digest, result.output_digest)
    text = contents[0].content
    return ModuleGraph(hashlib.sha256(text).hexdigest(), parse_graphs(text))


def std_groups_of(graph: PackageGraph, import_paths: Iterable[str]) -> tuple[int, ...]:
    """The std groups that hold some of these imports."""
    return tuple(sorted({graph.std_groups[i] for i in import_paths if i in graph.std_groups}))


def rules() -> Iterable[object]:
    return collect_rules()
