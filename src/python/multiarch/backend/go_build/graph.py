"""The package graph of a module, from one `go list` process for all its platforms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest, DigestContents
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import AllGoBinaries, GoBinary
from multiarch.backend.go_module.files import MOD_CACHE, ModuleInputs, ModuleInputsRequest
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.packages import Package, package_from_json, third_party
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import GROUP_ROOTS, group_of


@dataclass(frozen=True)
class ModuleGraphRequest(EngineAwareParameter):
    """The package graphs of the module in a directory, for all platforms of its binaries."""

    module: str

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return self.module or "."


@dataclass(frozen=True)
class PackageGraph:
    """The packages of one platform and set of tags.

    `std_groups` numbers the group of each std package; `layered` are the third-party packages
    that are compiled together, one process per module and platform.
    """

    packages: Mapping[str, Package]
    std_groups: Mapping[str, int]
    layered: frozenset[str]


@dataclass(frozen=True)
class ModuleGraph:
    """All package graphs of a module; equal when `go list` gave the same bytes."""

    fingerprint: str
    graphs: Mapping[str, PackageGraph] = field(compare=False)

    def of(self, settings: BuildSettings) -> PackageGraph:
        """The graph for one binary's platform and tags."""
        return self.graphs[config_id(settings)]


def config_id(settings: BuildSettings) -> str:
    """Name what `go list` answers differently for: platform, cgo and tags."""
    cgo = "+cgo" if settings.cgo else ""
    return ",".join((f"{settings.platform}{cgo}", *settings.tags))


def list_request(module: str, binaries: Iterable[GoBinary], *, mod_cache: bool) -> str:
    """Write the request of `multiarch.tools.golist` for all binaries of a module."""
    configs = {config_id(b.settings): settings_json(b.settings) for b in binaries}
    return request_json(
        {
            "module_dir": module or ".",
            "patterns": [*sorted({b.pattern for b in binaries}), *sorted(GROUP_ROOTS)],
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
    graphs = {}
    for name, indexes in data["configs"].items():
        packages = {table[i].import_path: table[i] for i in indexes}
        packages.pop("unsafe", None)
        graphs[name] = PackageGraph(packages, group_of(packages), third_party(packages))
    return graphs


@rule(desc="Read the Go package graph", level=LogLevel.DEBUG)
async def read_module_graph(
    request: ModuleGraphRequest, all_binaries: AllGoBinaries, toolchain: GoToolchain
) -> ModuleGraph:
    inputs = await Get(ModuleInputs, ModuleInputsRequest(request.module))
    binaries = all_binaries.of_module(request.module)
    mounts = dict(toolchain_mounts(toolchain, goroot=True))
    if inputs.mod_cache is not None:
        mounts[MOD_CACHE] = inputs.mod_cache
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.golist",
            list_request(request.module, binaries, mod_cache=inputs.mod_cache is not None),
            f"List the packages of {request.module or '.'}",
            input_digest=inputs.skeletons,
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


def rules() -> Iterable[object]:
    return collect_rules()
