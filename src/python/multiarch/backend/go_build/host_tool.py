"""Builds our own tools that are written in Go, for the machine that Pants runs on."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import CreateDigest, Digest, DigestContents, FileContent, MergeDigests
from pants.engine.platform import Platform as HostPlatform
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.compile import plan_files, plan_script
from multiarch.backend.go_build.graph import PackageGraph, parse_graphs, settings_json
from multiarch.backend.go_build.std import (
    Layer,
    LayerProcess,
    StdLayerRequest,
    Variant,
    archive_mount,
    export_mount,
    std_variant,
)
from multiarch.backend.go_toolchain import GoToolchain, go_host, toolchain_mounts
from multiarch.backend.sandbox import CACHE_ANSWER_MILLIS, SHELL_PATH, ToolProcess, request_json
from multiarch.core.golang.compile import Outputs, compile_plan
from multiarch.core.golang.link import LinkRequest, link_plan
from multiarch.core.golang.packages import Package, closure
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import GROUP_ROOTS

# The groups of std that most machines have built anyway; what else a tool needs is a layer of its
# own, because the last group would be all of std.
_GROUPS = (0, 1)
_MORE = len(_GROUPS)


@dataclass(frozen=True)
class HostToolRequest(EngineAwareParameter):
    """The tool whose source is `multiarch/tools/NAME/main.go`; it imports std alone."""

    name: str

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return self.name


@dataclass(frozen=True)
class HostTool:
    """An executable of the tool's name."""

    digest: Digest


async def _graph(
    name: str, source: Digest, settings: BuildSettings, mounts: FrozenDict
) -> PackageGraph:
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.golist",
            request_json(
                {
                    "module_dir": ".",
                    "patterns": [".", *sorted(GROUP_ROOTS)],
                    "configs": [{"id": "host", **settings_json(settings)}],
                    "mod_cache": False,
                    "goroot": ".goroot",
                    "output": "graph.json",
                }
            ),
            f"List the packages of {name}",
            input_digest=source,
            immutable=mounts,
            output_files=("graph.json",),
            level=LogLevel.DEBUG,
        ),
    )
    result = await Get(ProcessResult, Process, process)
    contents = await Get(DigestContents, Digest, result.output_digest)
    return parse_graphs(contents[0].content)["host"]


def _build_script(
    main: Package, graph: PackageGraph, settings: BuildSettings, name: str
) -> list[FileContent]:
    """Compile and link in one go: the tool is one small package."""
    needed = closure(graph.packages, [main.import_path, "runtime"])
    layer = {p: g if (g := graph.std_groups.get(p, _MORE)) in _GROUPS else _MORE for p in needed}
    exports = {i: f"{export_mount(layer[i])}/{i}.x" for i in main.imports}
    compiled = compile_plan(main, settings, exports, Outputs("_main.x", "_main.a"))
    archives = {p: f"{archive_mount(layer[p])}/{p}.a" for p in needed}
    linked = link_plan(
        LinkRequest(
            main=main,
            packages=[graph.packages[p] for p in needed],
            archives={**archives, main.import_path: "_main.a"},
            output=name,
            ldflags=("-s", "-w"),
            x_defs=(),
            gcflags_text="",
            pgo_name="",
        ),
        settings,
    )
    return [
        *plan_files(compiled),
        *plan_files(linked),
        FileContent("compile.sh", plan_script(compiled).encode()),
        FileContent("link.sh", plan_script(linked).encode()),
    ]


@rule(desc="Build a tool of the plugin", level=LogLevel.DEBUG)
async def build_host_tool(
    request: HostToolRequest, toolchain: GoToolchain, host: HostPlatform
) -> HostTool:
    name = request.name
    text = pkgutil.get_data("multiarch.tools", f"{name}/main.go")
    assert text is not None
    settings = BuildSettings(go_host(host), toolchain.version)
    go_mod = f"module {name}\n\ngo 1.{settings.minor}\n".encode()
    source = await Get(
        Digest, CreateDigest([FileContent("main.go", text), FileContent("go.mod", go_mod)])
    )
    goroot = toolchain_mounts(toolchain, goroot=True)
    graph = await _graph(name, source, settings, goroot)
    (main,) = (p for p in graph.packages.values() if p.kind == "local")
    std = await MultiGet(
        Get(Layer, StdLayerRequest(std_variant(Variant(settings)), g)) for g in _GROUPS
    )
    exports = {export_mount(g): layer.exports for g, layer in zip(_GROUPS, std)}
    more = await Get(
        Layer,
        LayerProcess(
            ToolProcess(
                "multiarch.tools.layer",
                request_json(
                    {
                        "settings": settings_json(settings),
                        "std": {"patterns": sorted(main.imports)},
                        "packages": [],
                        "lower": [export_mount(g) for g in _GROUPS],
                        "goroot": ".goroot",
                        "output": "_out",
                    }
                ),
                f"Compile what {name} needs of std for {settings.platform}",
                immutable=FrozenDict({**goroot, **exports}),
                output_directories=("_out",),
                concurrency=16,
            )
        ),
    )
    files = await Get(Digest, CreateDigest(_build_script(main, graph, settings, name)))
    result = await Get(
        ProcessResult,
        Process(
            ("/bin/sh", "-c", "sh compile.sh && GOROOT= sh link.sh"),
            description=f"Build {name} for {settings.platform}",
            input_digest=await Get(Digest, MergeDigests((source, files))),
            immutable_input_digests={
                **toolchain_mounts(toolchain),
                **exports,
                **{archive_mount(g): layer.archives for g, layer in zip(_GROUPS, std)},
                export_mount(_MORE): more.exports,
                archive_mount(_MORE): more.archives,
            },
            env={**settings.env, "PATH": SHELL_PATH},
            output_files=(name,),
            remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
        ),
    )
    return HostTool(result.output_digest)


def rules() -> Iterable[object]:
    return collect_rules()
