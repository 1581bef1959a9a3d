"""Compiles: one process per first-party package, a few per module's third-party packages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    GlobMatchErrorBehavior,
    MergeDigests,
    PathGlobs,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import AllGoBinaries
from multiarch.backend.go_build.graph import (
    ModuleGraph,
    ModuleGraphRequest,
    PackageGraph,
    config_id,
    settings_json,
)
from multiarch.backend.go_build.std import (
    Layer,
    LayerProcess,
    StdLayerRequest,
    Variant,
    export_mount,
    std_variant,
)
from multiarch.backend.go_module.files import (
    MOD_CACHE,
    ModuleInputs,
    ModuleInputsRequest,
)
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import CACHE_ANSWER_MILLIS, SHELL_PATH, ToolProcess, request_json
from multiarch.core.golang.check_report import THIRD_PARTY
from multiarch.core.golang.compile import CWD, Outputs, Plan, compile_plan
from multiarch.core.golang.coverage import COVER, instrumented, is_instrumented
from multiarch.core.golang.packages import Package, closure, package_to_json
from multiarch.core.golang.shell import script
from multiarch.core.golang.slices import slices
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


@dataclass(frozen=True)
class ThirdPartyRequest(EngineAwareParameter):
    """All third-party packages that a module's binaries need, for one variant.

    With `tests`, those that its tests need: the binaries' own, and a layer of the others.
    """

    module: str
    variant: Variant
    tests: bool = False

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.module or '.'} ({self.variant.settings.platform})"


@dataclass(frozen=True)
class ThirdPartySlicesRequest:
    """How the third-party packages that a module's binaries need are divided, for one variant."""

    module: str
    variant: Variant


@dataclass(frozen=True)
class ThirdPartySlices:
    """Their import paths, in parts that are compiled apart."""

    slices: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class SliceRequest(EngineAwareParameter):
    """One of those parts."""

    module: str
    variant: Variant
    number: int

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.module or '.'} ({self.variant.settings.platform}), {self.number}"


@dataclass(frozen=True)
class PackageSourcesRequest:
    """The files of packages; a rule of its own, so that an edit reaches only its own package."""

    module: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class PackageSources:
    """Those files at their own paths."""

    digest: Digest


def lib(import_path: str, kind: str) -> str:
    """The sandbox path of a package's export data (`x`) or archive (`a`)."""
    return f"_lib/{file_stem(import_path)}.{kind}"


def std_groups_of(graph: PackageGraph, import_paths: Iterable[str]) -> tuple[int, ...]:
    """The std groups that hold some of these imports."""
    return tuple(sorted({graph.std_groups[i] for i in import_paths if i in graph.std_groups}))


def export_paths(graph: PackageGraph, package: Package) -> dict[str, str]:
    """Where a compile of the package finds each import's export data, by its plain path."""

    def path(imported: str) -> str:
        group = graph.std_groups.get(imported)
        return lib(imported, "x") if group is None else f"{export_mount(group)}/{imported}.x"

    return {plain_path(i): path(i) for i in package.imports}


# Where a layer finds what lower slices, and the binaries' own layer, have.
_BELOW, _BINARIES = ".third-party{}", ".third-party"


@rule(level=LogLevel.DEBUG)
async def package_sources(request: PackageSourcesRequest) -> PackageSources:
    own = tuple(f for f in request.files if not f.startswith(f"{MOD_CACHE}/"))
    cached = tuple(f for f in request.files if f.startswith(f"{MOD_CACHE}/"))
    digest = EMPTY_DIGEST
    if own:
        digest = await Get(
            Digest,
            PathGlobs(
                own,
                glob_match_error_behavior=GlobMatchErrorBehavior.error,
                description_of_origin="`go list`",
            ),
        )
    if cached:
        inputs = await Get(ModuleInputs, ModuleInputsRequest(request.module))
        assert inputs.mod_cache is not None
        cache = await Get(Digest, AddPrefix(inputs.mod_cache, MOD_CACHE))
        found = await Get(Digest, DigestSubset(cache, PathGlobs(_escape(cached))))
        digest = await Get(Digest, MergeDigests((digest, found)))
    return PackageSources(digest)


def _escape(files: tuple[str, ...]) -> list[str]:
    """Module cache paths hold `!` for capital letters, which a leading position would negate."""
    return [f.replace("[", "[[]") for f in files]


async def _compile_layer(
    request: ThirdPartyRequest | SliceRequest,
    toolchain: GoToolchain,
    graph: PackageGraph,
    paths: Iterable[str],
    below: Mapping[str, Layer],
    whose: str,
) -> Layer:
    """Compile third-party packages in one process; what they import is there or `below`."""
    settings = request.variant.settings
    needed = [graph.packages[p] for p in paths]
    groups = std_groups_of(graph, {i for p in needed for i in p.imports})
    sources, *std = await MultiGet(
        Get(
            PackageSources,
            PackageSourcesRequest(request.module, tuple(f for p in needed for f in p.files)),
        ),
        *(Get(Layer, StdLayerRequest(std_variant(request.variant), g)) for g in groups),
    )
    tool = ToolProcess(
        "multiarch.tools.layer",
        request_json(
            {
                "settings": settings_json(settings),
                "std": None,
                "packages": [package_to_json(p) for p in needed],
                "lower": [*map(export_mount, groups), *below],
                "goroot": ".goroot",
                "output": "_out",
            }
        ),
        f"Compile {len(needed)} third-party packages of {whose} for {settings.platform}",
        input_digest=sources.digest,
        immutable=FrozenDict(
            {
                **toolchain_mounts(toolchain),
                **{export_mount(g): layer.exports for g, layer in zip(groups, std)},
                **{mount: layer.exports for mount, layer in below.items()},
                **request.variant.mounts,
            }
        ),
        output_directories=("_out",),
        concurrency=16,
    )
    return await Get(Layer, LayerProcess(tool))


async def _merged(layers: Sequence[Layer]) -> Layer:
    """Several layers as one; with the words of those that did not compile, each once."""
    errors = dict.fromkeys(layer.errors for layer in layers if layer.errors)
    if errors:
        return Layer(EMPTY_DIGEST, EMPTY_DIGEST, "\n".join(errors))
    exports, archives = await MultiGet(
        Get(Digest, MergeDigests(layer.exports for layer in layers)),
        Get(Digest, MergeDigests(layer.archives for layer in layers)),
    )
    return Layer(exports, archives)


@rule(level=LogLevel.DEBUG)
async def third_party_slices(
    request: ThirdPartySlicesRequest, binaries: AllGoBinaries
) -> ThirdPartySlices:
    settings = request.variant.settings
    mains = {
        b.main
        for b in binaries.of_module(request.module)
        if config_id(b.settings) == config_id(settings)
    }
    if not mains:
        return ThirdPartySlices(())
    modules = await Get(ModuleGraph, ModuleGraphRequest(request.module))
    graph = modules.of(settings)
    roots = [p.import_path for p in graph.packages.values() if p.dir in mains and p.name == "main"]
    return ThirdPartySlices(
        slices([p for p in closure(graph.packages, roots) if p in graph.layered])
    )


@rule(desc="Compile a slice of third-party packages", level=LogLevel.DEBUG)
async def compile_slice(request: SliceRequest, toolchain: GoToolchain) -> Layer:
    modules, cut = await MultiGet(
        Get(ModuleGraph, ModuleGraphRequest(request.module)),
        Get(ThirdPartySlices, ThirdPartySlicesRequest(request.module, request.variant)),
    )
    graph = modules.of(request.variant.settings)
    own = cut.slices[request.number]
    imports = {i for p in own for i in graph.packages[p].imports}
    lower = [n for n in range(request.number) if imports.intersection(cut.slices[n])]
    below = await MultiGet(
        Get(Layer, SliceRequest(request.module, request.variant, n)) for n in lower
    )
    for layer in below:
        if layer.errors:
            return layer
    whose = request.module or "."
    if len(cut.slices) > 1:
        whose += f" (part {request.number + 1} of {len(cut.slices)})"
    mounts = {_BELOW.format(n): layer for n, layer in zip(lower, below)}
    return await _compile_layer(request, toolchain, graph, own, mounts, whose)


@rule(desc="Compile third-party packages", level=LogLevel.DEBUG)
async def compile_third_party(request: ThirdPartyRequest, toolchain: GoToolchain) -> Layer:
    module, variant = request.module, request.variant
    cut = await Get(ThirdPartySlices, ThirdPartySlicesRequest(module, variant))
    compiled = {path for one in cut.slices for path in one}
    if request.tests:
        modules = await Get(ModuleGraph, ModuleGraphRequest(module, tests=True))
        graph = modules.of(variant.settings)
        wanted = [p for p in closure(graph.packages, graph.test_mains) if p in graph.layered]
        more = [p for p in wanted if p not in compiled]
        below = {}
        if len(more) < len(wanted):
            below[_BINARIES] = await Get(Layer, ThirdPartyRequest(module, variant))
            if not more or below[_BINARIES].errors:
                return below[_BINARIES]
        whose = f"the tests of {module or '.'}"
        found = await _compile_layer(request, toolchain, graph, more, below, whose)
        return await _merged([found, *below.values()])
    return await _merged(
        await MultiGet(Get(Layer, SliceRequest(module, variant, n)) for n in range(len(cut.slices)))
    )


# The sandbox's own path has no place in an error message.
RUN_SCRIPT = (
    "/bin/sh",
    "-c",
    'sh run.sh >_log 2>&1 || { sed "s|$PWD/||g" _log >&2; exit 1; }',
)


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
