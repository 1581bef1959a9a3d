"""The linter of 64-bit atomics: one process per module and 32-bit platform of the matrix."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.core.goals.lint import LintResult, LintTargetsRequest
from pants.core.util_rules.partitions import Partitions
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    MergeDigests,
    PathGlobs,
)
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import AllUnexpandedTargets, FieldSet
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import GoBinary, GoBinaryRequest
from multiarch.backend.go_build.cgo import source_files
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest, std_groups_of
from multiarch.backend.go_build.host_tool import HostTool, HostToolRequest
from multiarch.backend.go_build.link import list_failures, main_package
from multiarch.backend.go_build.sources import PackageSources, PackageSourcesRequest
from multiarch.backend.go_build.std import (
    Layer,
    StdLayerRequest,
    Variant,
    export_mount,
    std_variant,
)
from multiarch.backend.go_cross_binary.target_types import GoBinaryPlatformField
from multiarch.backend.go_module.files import MOD_CACHE
from multiarch.backend.go_module.target_types import GoModuleTarget
from multiarch.backend.lint.subsystems import AtomicAlignment
from multiarch.backend.lint.target_types import SkipAtomicAlignmentField
from multiarch.backend.platforms import SupportToday
from multiarch.backend.sandbox import CACHE_ANSWER_MILLIS
from multiarch.core.golang.packages import closure, import_chain
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.lint.atomics import (
    ARCHES_32,
    AtomicFinding,
    atomic_findings,
    atomics_request,
    grouped,
)
from multiarch.core.platforms import Platform


@dataclass(frozen=True)
class AtomicAlignmentFieldSet(FieldSet):
    """Binaries are looked at, platform by platform."""

    required_fields = (GoBinaryPlatformField,)

    platform: GoBinaryPlatformField


class AtomicAlignmentRequest(LintTargetsRequest):
    """Look for misaligned 64-bit atomics."""

    field_set_type = AtomicAlignmentFieldSet
    tool_subsystem = AtomicAlignment  # type: ignore[assignment]


@dataclass(frozen=True)
class AnalyseAtomicsRequest(EngineAwareParameter):
    """All binaries of a module that share platform and tags."""

    module: str
    settings: BuildSettings
    binaries: tuple[GoBinary, ...]

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.module or '.'} ({self.settings.platform})"


@dataclass(frozen=True)
class AnalysedAtomics:
    """What was found, and the chain of imports to each third-party package it was found in."""

    findings: tuple[AtomicFinding, ...]
    chains: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class UncheckedModules:
    """The modules whose atomics are left alone."""

    directories: frozenset[str]


@rule(level=LogLevel.DEBUG)
async def find_unchecked_modules(targets: AllUnexpandedTargets) -> UncheckedModules:
    return UncheckedModules(
        frozenset(
            t.address.spec_path
            for t in targets
            if isinstance(t, GoModuleTarget) and t[SkipAtomicAlignmentField].value
        )
    )


@rule
async def partition_binaries(
    request: AtomicAlignmentRequest.PartitionRequest[AtomicAlignmentFieldSet],
    subsystem: AtomicAlignment,
    today: SupportToday,
) -> Partitions[AtomicAlignmentFieldSet, Any]:
    wanted = []
    for field_set in request.field_sets:
        platform = Platform.parse(field_set.platform.value or "")
        if platform.arch in ARCHES_32 and today.support.deactivation(platform) is None:
            wanted.append(field_set)
    return Partitions() if subsystem.skip or not wanted else Partitions.single_partition(wanted)


@rule(desc="Look for misaligned 64-bit atomics", level=LogLevel.DEBUG)
async def analyse_atomics(request: AnalyseAtomicsRequest) -> AnalysedAtomics:
    module, settings = request.module, request.settings
    modules = await Get(ModuleGraph, ModuleGraphRequest(module))
    graph = modules.of(settings)
    # What is wrong with a main is the word of `check` and `package`.
    mains = [
        main.import_path
        for binary in request.binaries
        if (main := main_package(graph, binary)) and not list_failures(graph, binary)
    ]
    needed = [graph.packages[p] for p in closure(graph.packages, mains)]
    own = [p for p in needed if p.kind != "std"]
    std = {p.import_path for p in needed if p.kind == "std"}
    groups = std_groups_of(graph, std)
    sources, tool, *layers = await MultiGet(
        Get(
            PackageSources,
            PackageSourcesRequest(module, tuple(f for p in own for f in source_files(p))),
        ),
        Get(HostTool, HostToolRequest("atomicalign")),
        *(Get(Layer, StdLayerRequest(std_variant(Variant(settings)), g)) for g in groups),
    )
    exports = {p: f"{export_mount(graph.std_groups[p])}/{p}.x" for p in sorted(std)}
    text = json.dumps(atomics_request(own, settings, exports), indent=1)
    written = await Get(Digest, CreateDigest([FileContent("request.json", text.encode())]))
    result = await Get(
        ProcessResult,
        Process(
            (".tool/atomicalign", "request.json"),
            description=f"Look for misaligned atomics in {len(own)} packages of "
            f"{module or '.'} for {settings.platform}",
            input_digest=await Get(Digest, MergeDigests((written, sources.digest))),
            immutable_input_digests={
                ".tool": tool.digest,
                **{export_mount(g): layer.exports for g, layer in zip(groups, layers)},
            },
            remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
        ),
    )
    findings = atomic_findings(json.loads(result.stdout), settings.platform)
    chains = {}
    for path in {f.package for f in findings}:
        if graph.packages[path].kind == "third-party":
            found = (import_chain(graph.packages, main, path) for main in mains)
            chains[path] = next(chain for chain in found if chain)
    return AnalysedAtomics(findings, tuple(sorted(chains.items())))


@rule(desc="Look for misaligned 64-bit atomics on every platform", level=LogLevel.DEBUG)
async def lint_atomics(
    request: AtomicAlignmentRequest.Batch[AtomicAlignmentFieldSet, Any],
    today: SupportToday,
    unchecked: UncheckedModules,
) -> LintResult:
    binaries = await MultiGet(Get(GoBinary, GoBinaryRequest(f.address)) for f in request.elements)
    groups: dict[tuple[str, BuildSettings], list[GoBinary]] = {}
    for binary in binaries:
        if binary.module not in unchecked.directories:
            groups.setdefault((binary.module, binary.settings), []).append(binary)
    analysed = await MultiGet(
        Get(AnalysedAtomics, AnalyseAtomicsRequest(module, settings, tuple(members)))
        for (module, settings), members in groups.items()
    )
    findings = [f for one in analysed for f in one.findings]
    files = sorted({f.file for f in findings if not f.file.startswith(f"{MOD_CACHE}/")})
    contents = await Get(DigestContents, PathGlobs(files))
    texts = {c.path: c.content.decode(errors="replace") for c in contents}
    chains = dict(chain for one in analysed for chain in one.chains)
    found = grouped(findings, texts, chains)
    support = today.support
    fatal = any(not p or any(map(support.fails_on, p)) for p in found.values())
    excuse = "" if fatal or not found else "\nAll on experimental platforms; the run goes on."
    return LintResult(
        exit_code=int(fatal),
        stdout="\n".join(map(str, found)) + excuse,
        stderr="",
        linter_name=AtomicAlignment.options_scope,
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *AtomicAlignmentRequest.rules())
