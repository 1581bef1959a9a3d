"""Compiles: one process per package of the repository."""

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
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.go_build.graph import (
    ModuleGraph,
    ModuleGraphRequest,
    PackageGraph,
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
from multiarch.backend.sandbox import CACHE_ANSWER_MILLIS, SHELL_PATH
from multiarch.core.golang.check_report import THIRD_PARTY
from multiarch.core.golang.compile import CWD, Outputs, Plan, compile_plan
from multiarch.core.golang.coverage import COVER, instrumented, is_instrumented
from multiarch.core.golang.packages import Package
from multiarch.core.golang.shell import script
from multiarch.core.golang.test_packages import (
    as_compiled,
    file_stem,
    is_variant,
    plain_path,
    trim_flags,
)


@dataclass(frozen=True)
class CompileRequest(EngineAwareParameter):
    """One first-party package of a module, for one variant; with `tests`, one of its tests.

    With `coverage`, it is one that a test compiles anew, for a test that measures coverage.
    """

    module: str
    variant: Variant
    import_path: str
    main_gcflags: tuple[str, ...] = ()
    tests: bool = False
    coverage: bool = False

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.import_path} ({self.variant.settings.platform})"


@dataclass(frozen=True)
class CompileFailure:
    """What the compiler said of one package on one platform."""

    import_path: str
    platform: str
    message: str


@dataclass(frozen=True)
class CompiledPackage:
    """Export data at `_lib/IMPORTPATH.x` and archive at `_lib/IMPORTPATH.a`.

    With `failures`, it or something it imports did not compile, and the digests are empty.
    """

    export: Digest
    archive: Digest
    failures: tuple[CompileFailure, ...] = ()


@dataclass(frozen=True)
class PackageExport:
    """What importers of a package are compiled against.

    The rules of importers wait for this alone: an edit that leaves it as it was does not run them
    again.
    """

    digest: Digest
    failures: tuple[CompileFailure, ...]


def lib(import_path: str, kind: str) -> str:
    """The sandbox path of a package's export data (`x`) or archive (`a`)."""
    return f"_lib/{file_stem(import_path)}.{kind}"


def export_paths(graph: PackageGraph, package: Package) -> dict[str, str]:
    """Where a compile of the package finds each import's export data, by its plain path."""

    def path(imported: str) -> str:
        group = graph.std_groups.get(imported)
        return lib(imported, "x") if group is None else f"{export_mount(group)}/{imported}.x"

    return {plain_path(i): path(i) for i in package.imports}


# The sandbox's own path has no place in an error message.
LOGGED = 'sh run.sh >_log 2>&1 || { sed "s|$PWD/||g" _log >&2; exit 1; }'
RUN_SCRIPT = ("/bin/sh", "-c", LOGGED)


def plan_files(plan: Plan) -> list[FileContent]:
    """The files of a plan as the engine takes them; `CWD` in one is made good by the script."""
    return [FileContent(path, content.encode()) for path, content in plan.files]


def plan_script(plan: Plan) -> str:
    """The plan's script, with the sandbox's path put into the files that need it."""
    fixes = [
        f'sed "s|{CWD}|$PWD|g" {path} >{path}.tmp && mv {path}.tmp {path}'
        for path, content in plan.files
        if CWD in content
    ]
    return "\n".join([*fixes, script(plan)])


@rule(desc="Compile a Go package", level=LogLevel.DEBUG)
async def compile_package(request: CompileRequest, toolchain: GoToolchain) -> CompiledPackage:
    modules = await Get(
        ModuleGraph, ModuleGraphRequest(request.module, request.tests, request.coverage)
    )
    settings = request.variant.settings
    graph = modules.of(settings)
    package = graph.packages[request.import_path]
    generated = graph.test_mains.get(request.import_path)
    direct = [i for i in package.imports if i not in graph.std_groups]
    layered = [i for i in direct if i in graph.layered]
    local = [i for i in direct if i not in layered]
    exports = await MultiGet(
        Get(
            PackageExport,
            CompileRequest(
                request.module,
                request.variant,
                i,
                tests=request.tests,
                # What no test changes is the same without coverage.
                coverage=request.coverage and is_variant(i),
            ),
        )
        for i in local
    )
    failures = tuple(dict.fromkeys(f for e in exports for f in e.failures))
    if failures:
        return CompiledPackage(EMPTY_DIGEST, EMPTY_DIGEST, failures)
    digests = [e.digest for e in exports]
    if layered:
        layer = await Get(Layer, ThirdPartyRequest(request.module, request.variant, request.tests))
        if layer.errors:
            failure = CompileFailure(THIRD_PARTY, str(settings.platform), layer.errors)
            return CompiledPackage(EMPTY_DIGEST, EMPTY_DIGEST, (failure,))
        subset = await Get(
            Digest, DigestSubset(layer.exports, PathGlobs([f"{i}.x" for i in layered]))
        )
        digests.append(await Get(Digest, AddPrefix(subset, "_lib")))
    groups = std_groups_of(graph, package.imports)
    sources, *std = await MultiGet(
        Get(
            PackageSources,
            PackageSourcesRequest(request.module, () if generated else package.files),
        ),
        *(Get(Layer, StdLayerRequest(std_variant(request.variant), g)) for g in groups),
    )
    outputs = Outputs(lib(package.import_path, "x"), lib(package.import_path, "a"))
    plan = compile_plan(
        as_compiled(package),
        settings,
        export_paths(graph, package),
        outputs,
        main_gcflags=(*request.main_gcflags, *trim_flags(package)),
    )
    mounts = {
        **toolchain_mounts(toolchain),
        **{export_mount(g): layer.exports for g, layer in zip(groups, std)},
        **request.variant.mounts,
    }
    if request.coverage and is_instrumented(package):
        plan = instrumented(plan, package)
        mounts[COVER] = toolchain.cover
    written = [*plan_files(plan), FileContent("run.sh", plan_script(plan).encode())]
    if generated:
        written.append(FileContent(package.files[0], generated.encode()))
    files = await Get(Digest, CreateDigest(written))
    inputs = await Get(Digest, MergeDigests((sources.digest, files, *digests)))
    result = await Get(
        FallibleProcessResult,
        Process(
            RUN_SCRIPT,
            description=f"Compile {package.import_path} for {settings.platform}",
            input_digest=inputs,
            immutable_input_digests=mounts,
            env={**settings.env, "PATH": SHELL_PATH},
            output_files=(outputs.export, outputs.archive),
            remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
        ),
    )
    if result.exit_code != 0:
        message = result.stderr.decode(errors="replace").strip()
        failure = CompileFailure(package.import_path, str(settings.platform), message)
        return CompiledPackage(EMPTY_DIGEST, EMPTY_DIGEST, (failure,))
    export, archive = await MultiGet(
        Get(Digest, DigestSubset(result.output_digest, PathGlobs([outputs.export]))),
        Get(Digest, DigestSubset(result.output_digest, PathGlobs([outputs.archive]))),
    )
    return CompiledPackage(export, archive)


@rule(level=LogLevel.DEBUG)
async def package_export(request: CompileRequest) -> PackageExport:
    compiled = await Get(CompiledPackage, CompileRequest, request)
    return PackageExport(compiled.export, compiled.failures)


def rules() -> Iterable[object]:
    return collect_rules()
