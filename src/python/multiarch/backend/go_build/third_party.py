"""A module's third-party packages, compiled in a few processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest, MergeDigests
from pants.engine.internals.native_engine import EMPTY_DIGEST
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
    std_groups_of,
)
from multiarch.backend.go_build.sources import PackageSources, PackageSourcesRequest
from multiarch.backend.go_build.std import (
    Layer,
    LayerProcess,
    StdLayerRequest,
    Variant,
    export_mount,
    std_variant,
)
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.core.golang.packages import closure, package_to_json
from multiarch.core.golang.slices import slices

# Where a layer finds what lower slices, and the binaries' own layer, have.
_BELOW, _BINARIES = ".third-party{}", ".third-party"


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


def rules() -> Iterable[object]:
    return collect_rules()
