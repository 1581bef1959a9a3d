"""`go vet` of one package on one platform, on the export data that compiles make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.compile import (
    CompiledPackage,
    CompileFailure,
    CompileRequest,
    export_paths,
)
from multiarch.backend.go_build.graph import (
    ModuleGraph,
    ModuleGraphRequest,
    PackageGraph,
    settings_json,
    std_groups_of,
)
from multiarch.backend.go_build.sources import PackageSources, PackageSourcesRequest
from multiarch.backend.go_build.std import (
    Layer,
    StdLayerRequest,
    Variant,
    export_mount,
    std_variant,
)
from multiarch.backend.go_build.third_party import ThirdPartyRequest
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import CACHE_ANSWER_MILLIS, SHELL_PATH, ToolProcess, request_json
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.packages import Package, closure, package_to_json
from multiarch.core.golang.test_packages import (
    as_compiled,
    file_stem,
    has_test_files,
    is_variant,
    plain_path,
)
from multiarch.core.golang.vet import vet_command, vet_config

_FACTS, _LAYER, _VET = ".facts", ".layer", ".vet"
# vet speaks of the sandbox's own path here and there.
_SCRIPT = '"$@" >_log 2>&1 || { sed "s|$PWD/||g" _log >&2; exit 1; }'


@dataclass(frozen=True)
class FactsRequest(EngineAwareParameter):
    """What vet must know of std and the third-party packages of a module, for one variant.

    With `tests`, of those that its tests need.
    """

    module: str
    variant: Variant
    tests: bool = False

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.module or '.'} ({self.variant.settings.platform})"


@dataclass(frozen=True)
class Facts:
    """`IMPORTPATH.vetx` of every such package."""

    digest: Digest


@dataclass(frozen=True)
class VetRequest(EngineAwareParameter):
    """One package that compiles, and is to be vetted."""

    compile: CompileRequest

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return self.compile.debug_hint()


@dataclass(frozen=True)
class VettedPackage:
    """What vet says of the package (`complaint`), and its facts in a file of `_facts`.

    With `failures`, it or something it imports did not compile, and it was not vetted.
    """

    facts: Digest
    complaint: str = ""
    failures: tuple[CompileFailure, ...] = ()


def dependencies(graph: PackageGraph) -> list[Package]:
    """The third-party packages of a graph, and all of std that its programs or tests need."""
    own = [p for p, package in graph.packages.items() if package.kind != "std"]
    needed = closure(graph.packages, graph.test_mains or own)
    return [graph.packages[p] for p in needed if p in graph.std_groups or p in graph.layered]


@rule(desc="Find what vet must know of dependencies", level=LogLevel.DEBUG)
async def find_facts(request: FactsRequest, toolchain: GoToolchain) -> Facts:
    modules = await Get(ModuleGraph, ModuleGraphRequest(request.module, request.tests))
    settings = request.variant.settings
    graph = modules.of(settings)
    packages = dependencies(graph)
    layer = None
    if any(p.import_path in graph.layered for p in packages):
        layer = await Get(Layer, ThirdPartyRequest(request.module, request.variant, request.tests))
        if layer.errors:
            # Nothing that imports them is vetted.
            packages = [p for p in packages if p.kind == "std"]
    groups = std_groups_of(graph, (p.import_path for p in packages))
    layered = [p for p in packages if p.import_path in graph.layered]
    std = await MultiGet(
        Get(Layer, StdLayerRequest(std_variant(request.variant), g)) for g in groups
    )
    mounts = {
        **toolchain_mounts(toolchain, goroot=True),
        _VET: toolchain.vet,
        **{export_mount(g): layer.exports for g, layer in zip(groups, std)},
    }
    sources = EMPTY_DIGEST
    if layered and layer is not None:
        files = tuple(f for p in layered for f in p.files)
        mounts[_LAYER] = layer.exports
        found = await Get(PackageSources, PackageSourcesRequest(request.module, files))
        sources = found.digest
    exports = {
        p.import_path: f"{_LAYER}/{p.import_path}.x"
        if p.import_path in graph.layered
        else f"{export_mount(graph.std_groups[p.import_path])}/{p.import_path}.x"
        for p in packages
    }
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.facts",
            request_json(
                {
                    "settings": settings_json(settings),
                    "packages": [package_to_json(p) for p in packages],
                    "exports": exports,
                    "vet": f"{_VET}/vet",
                    "output": "_out",
                }
            ),
            f"Read {len(packages)} dependencies of {'the tests of ' * request.tests}"
            f"{request.module or '.'} for go vet on {settings.platform}",
            input_digest=sources,
            immutable=FrozenDict(mounts),
            output_directories=("_out",),
            concurrency=16,
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        raise MultiarchError(result.stderr.decode(errors="replace").strip())
    return Facts(await Get(Digest, RemovePrefix(result.output_digest, "_out")))


def _facts(import_path: str) -> str:
    """Where what vet found out about a package of the repository stands."""
    return f"_facts/{file_stem(import_path)}.vetx"


@rule(desc="Vet a Go package", level=LogLevel.DEBUG)
async def vet_package(request: VetRequest, toolchain: GoToolchain) -> VettedPackage:
    module, variant, tests = request.compile.module, request.compile.variant, request.compile.tests
    compiled = await Get(CompiledPackage, CompileRequest, request.compile)
    if compiled.failures:
        return VettedPackage(EMPTY_DIGEST, failures=compiled.failures)
    modules = await Get(ModuleGraph, ModuleGraphRequest(module, tests))
    graph = modules.of(variant.settings)
    path = request.compile.import_path
    listed = graph.packages[path]
    package = as_compiled(listed)
    local = [i for i in listed.imports if i not in graph.std_groups and i not in graph.layered]
    others = [i for i in listed.imports if i not in local]
    requests = [CompileRequest(module, variant, i, tests=tests) for i in local]
    groups = std_groups_of(graph, listed.imports)
    # What vet reads beside a compile: the files that constraints leave out.
    base = f"{package.dir}/" if package.dir else ""
    files = (*package.files, *(f"{base}{name}" for name in package.ignored_go_files))
    exported = await MultiGet(Get(CompiledPackage, CompileRequest, r) for r in requests)
    vetted = await MultiGet(Get(VettedPackage, VetRequest(r)) for r in requests)
    sources, facts, *std = await MultiGet(
        Get(PackageSources, PackageSourcesRequest(module, files)),
        Get(Facts, FactsRequest(module, variant, tests)),
        *(Get(Layer, StdLayerRequest(std_variant(variant), g)) for g in groups),
    )
    # No more than it needs: the key is then the same for programs and for tests.
    known = await Get(Digest, DigestSubset(facts.digest, PathGlobs([f"{i}.vetx" for i in others])))
    digests = [sources.digest, *(c.export for c in exported), *(v.facts for v in vetted)]
    digests.append(await Get(Digest, AddPrefix(known, _FACTS)))
    layered = [i for i in others if i in graph.layered]
    if layered:
        layer = await Get(Layer, ThirdPartyRequest(module, variant, tests))
        subset = await Get(
            Digest, DigestSubset(layer.exports, PathGlobs([f"{i}.x" for i in layered]))
        )
        digests.append(await Get(Digest, AddPrefix(subset, "_lib")))
    output = _facts(path)
    config = vet_config(
        package,
        variant.settings,
        exports=export_paths(graph, listed),
        facts={
            **{plain_path(i): _facts(i) for i in local},
            **{i: f"{_FACTS}/{i}.vetx" for i in others},
        },
        standard=(i for i in others if i in graph.std_groups),
        output=output,
        facts_only=package.kind != "local" or (is_variant(path) and not has_test_files(path)),
    )
    written = await Get(Digest, CreateDigest([FileContent("vet.cfg", config.encode())]))
    result = await Get(
        FallibleProcessResult,
        Process(
            ("/bin/sh", "-c", _SCRIPT, "sh", *vet_command(f"{_VET}/vet", "vet.cfg", package)),
            description=f"Vet {path} for {variant.settings.platform}",
            input_digest=await Get(Digest, MergeDigests((written, *digests))),
            immutable_input_digests={
                _VET: toolchain.vet,
                **{export_mount(g): layer.exports for g, layer in zip(groups, std)},
            },
            env={**variant.settings.env, "PATH": SHELL_PATH},
            output_files=(output,),
            remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
        ),
    )
    complaint = ""
    if result.exit_code != 0:
        said = result.stderr.decode(errors="replace").strip()
        complaint = said or f"vet ended with exit code {result.exit_code}"
    return VettedPackage(result.output_digest, complaint)


def rules() -> Iterable[object]:
    return collect_rules()
