"""Links, and the verification that decides whether a linked file counts as built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from pants.build_graph.address import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestEntries,
    DigestSubset,
    FileContent,
    FileEntry,
    GlobMatchErrorBehavior,
    PathGlobs,
    Paths,
    RemovePrefix,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import (
    FallibleProcessResult,
    Process,
    ProcessResult,
    ProcessResultMetadata,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import GoBinary
from multiarch.backend.go_build.cgo import CgoBuild, CgoBuildRequest
from multiarch.backend.go_build.compile import (
    LOGGED,
    RUN_SCRIPT,
    CompiledPackage,
    CompileFailure,
    CompileRequest,
    PackageExport,
    lib,
    plan_files,
    plan_script,
)
from multiarch.backend.go_build.graph import (
    ModuleGraph,
    ModuleGraphRequest,
    PackageGraph,
    std_groups_of,
)
from multiarch.backend.go_build.std import (
    PGO_FILE,
    Layer,
    StdLayerRequest,
    Variant,
    archive_mount,
    std_variant,
)
from multiarch.backend.go_build.third_party import ThirdPartyRequest
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import (
    CACHE_ANSWER_MILLIS,
    PYTHON_CACHE,
    SHELL_PATH,
    Interpreter,
    InterpreterRequest,
    ToolProcess,
    ToolSources,
    ToolSourcesRequest,
    request_json,
    said,
)
from multiarch.backend.version import stamps_in
from multiarch.core.golang.link import IMPORTCFG, LinkRequest, link_plan
from multiarch.core.golang.packages import Package, closure, problems
from multiarch.core.golang.test_packages import (
    build_info_subject,
    file_stem,
    is_variant,
    plain_path,
)
from multiarch.core.platforms import Platform
from multiarch.core.stamps import fill

# With fewer packages a link needs too little memory to be held back.
_BIG = 256
_GATE_CACHES = FrozenDict({**PYTHON_CACHE, "multiarch_link_memory": ".memory"})
_GATED_SCRIPT = (
    "/bin/sh",
    "-c",
    'python=$(cat .python/interpreter 2>/dev/null) && set -- "$python" -ISB '
    f'.tools/multiarch/tools/memory_gate.py .memory {IMPORTCFG}; "$@" {LOGGED}',
)


@dataclass(frozen=True)
class BuildBinaryRequest(EngineAwareParameter):
    """One binary to compile, link and verify."""

    binary: GoBinary

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.binary.address)


class Binary(Protocol):
    """What every binary has, whatever its language."""

    @property
    def address(self) -> Address:
        """Its per-platform target."""

    @property
    def platform(self) -> Platform:
        """The platform it runs on."""

    @property
    def file_name(self) -> str:
        """The file's name."""

    @property
    def output_path(self) -> str:
        """Where it goes below dist/."""


@dataclass(frozen=True)
class BuiltBinary:
    """A verified executable at `file_name` in the digest, its size in bytes and its sha256.

    With `failures` it was not built, and the digest is empty. `link` says when and how the link
    ran, and `linkage` what a dynamic file needs where it runs, both for the summary. A library has
    its header beside it in the digest.
    """

    binary: Binary
    digest: Digest
    size: int = 0
    sha256: str = ""
    failures: tuple[CompileFailure, ...] = ()
    link: tuple[ProcessResultMetadata, ...] = ()
    linkage: str = ""


@dataclass(frozen=True)
class ProfileRequest:
    """The PGO profile beside a main package, if it has one."""

    directory: str


@dataclass(frozen=True)
class Profile:
    """A preprocessed profile at `profile`, or None."""

    digest: Digest | None


def main_package(graph: PackageGraph, binary: GoBinary) -> Package | None:
    """Find the binary's main package by its directory."""
    for package in graph.packages.values():
        if package.dir == binary.main and package.kind == "local":
            return package
    return None


def _list_error(graph: PackageGraph, binary: GoBinary) -> str:
    """What `go list` said of a main package that it gives no directory for."""
    for package in graph.packages.values():
        if package.errors and package.import_path.endswith(binary.pattern.lstrip(".")):
            return "; ".join(map(str, package.errors))
    return "there is no Go package, or build constraints exclude all its files"


def list_failures(graph: PackageGraph, binary: GoBinary) -> tuple[CompileFailure, ...]:
    """What `go list` found wrong with a binary's closure, as failures to report."""
    platform = str(binary.platform)
    package = main_package(graph, binary)
    if package is None or (package.errors and not package.name):
        generator = binary.address.maybe_convert_to_target_generator()
        said = "; ".join(map(str, package.errors)) if package else _list_error(graph, binary)
        message = (
            f"{generator}: `main` is the directory `{binary.main or '.'}`: {said}. Name the "
            "directory of a Go program, relative to the BUILD file."
        )
        return (CompileFailure(str(generator), platform, message),)
    found = problems(
        graph.packages,
        package.import_path,
        cgo=binary.cgo is not None,
        sysroot=binary.cgo is not None and bool(binary.cgo.c.sysroot),
    )
    if not found and package.name != "main":
        return (
            CompileFailure(
                package.import_path,
                platform,
                f"{binary.main or '.'}: the package is `{package.name}`, not `main`: only a "
                "package named `main` can be linked. Point `main` at the directory of the program.",
            ),
        )
    return tuple(CompileFailure(package.import_path, platform, str(error)) for error in found)


@rule(level=LogLevel.DEBUG)
async def preprocess_profile(request: ProfileRequest, toolchain: GoToolchain) -> Profile:
    path = f"{request.directory}/default.pgo" if request.directory else "default.pgo"
    found = await Get(
        Paths, PathGlobs([path], glob_match_error_behavior=GlobMatchErrorBehavior.ignore)
    )
    if not found.files:
        return Profile(None)
    source = await Get(Digest, PathGlobs([path]))
    result = await Get(
        ProcessResult,
        Process(
            (".go/tool/preprofile", "-o", PGO_FILE, "-i", path),
            description=f"Preprocess the profile {path}",
            input_digest=source,
            immutable_input_digests=toolchain_mounts(toolchain),
            output_files=(PGO_FILE,),
            remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
        ),
    )
    return Profile(await Get(Digest, RemovePrefix(result.output_digest, "_pgo")))


def _not_built(binary: Binary, result: FallibleProcessResult) -> BuiltBinary:
    return failed_binary(binary, said(result))


def failed_binary(binary: Binary, message: str) -> BuiltBinary:
    """A binary that was not built, and why."""
    failure = CompileFailure(str(binary.address), str(binary.platform), message)
    return BuiltBinary(binary, EMPTY_DIGEST, failures=(failure,))


def _module_mount(package: Package) -> str:
    """Where a link finds the archives of a third-party module."""
    name = package.module.path if package.module else package.import_path
    return f".modules/{name.replace('/', '+')}"


def _package_mount(import_path: str) -> str:
    """Where a link finds the archive of a package of the repository.

    Each has a mount of its own: the links of a platform share one file on disk, where a copy in
    each sandbox would cost as much as the link itself once a program has hundreds of packages.
    """
    return f".packages/{file_stem(import_path).replace('/', '+')}"


def _archive(graph: PackageGraph, import_path: str) -> str:
    """The sandbox path of a package's archive in a link."""
    if import_path in graph.std_groups:
        return f"{archive_mount(graph.std_groups[import_path])}/{import_path}.a"
    if import_path in graph.layered:
        return f"{_module_mount(graph.packages[import_path])}/{import_path}.a"
    return f"{_package_mount(import_path)}/{lib(import_path, 'a')}"


@dataclass(frozen=True)
class LinkProgramRequest(EngineAwareParameter):
    """A main package of a module to compile, with all it needs, and to link.

    `file` is the program's name and `what` names it for people. `tests` says that the main
    package is that of tests, and `coverage` that they measure coverage.
    """

    module: str
    variant: Variant
    main: str
    file: str
    what: str
    main_gcflags: tuple[str, ...] = ()
    gcflags_text: str = ""
    ldflags: tuple[str, ...] = ()
    x_defs: tuple[tuple[str, str], ...] = ()
    tests: bool = False
    coverage: bool = False

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return self.what


@dataclass(frozen=True)
class LinkedProgram:
    """The linked file, not yet verified; or what did not compile."""

    failures: tuple[CompileFailure, ...]
    result: FallibleProcessResult | None = None


@dataclass(frozen=True)
class CompiledProgram:
    """What of a program did not compile; empty once all of it has."""

    failures: tuple[CompileFailure, ...]


async def _third_party(
    graph: PackageGraph, request: LinkProgramRequest, needed: Iterable[str]
) -> dict[str, Digest]:
    """Mount the archives of each third-party module that a link needs.

    A module is mounted whole: all links of a platform then share its files on disk. It costs no
    relink, for its version is in the build info of each binary that uses it.
    """
    mounts = {_module_mount(graph.packages[p]) for p in needed if p in graph.layered}
    if not mounts:
        return {}
    files: dict[str, list[str]] = {mount: [] for mount in sorted(mounts)}
    for path in sorted(graph.layered):
        mount = _module_mount(graph.packages[path])
        if mount in files:
            files[mount].append(f"{path}.a")
    layer = await Get(Layer, ThirdPartyRequest(request.module, request.variant, request.tests))
    digests = await MultiGet(
        Get(Digest, DigestSubset(layer.archives, PathGlobs(names))) for names in files.values()
    )
    return dict(zip(files, digests))


async def verified_binary(
    binary: Binary, digest: Digest, link: ProcessResultMetadata, **expected: object
) -> BuiltBinary:
    """The end of each build: a file that does not agree with its platform was never built.

    `expected` is the rest of the verifier's request. A helper of rules.
    """
    request = {"file": binary.file_name, "platform": str(binary.platform), **expected}
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.verify",
            request_json(request),
            f"Verify {binary.address}",
            input_digest=digest,
            level=LogLevel.DEBUG,
        ),
    )
    verified = await Get(FallibleProcessResult, Process, process)
    if verified.exit_code != 0:
        return _not_built(binary, verified)
    entries = await Get(DigestEntries, Digest, digest)
    (entry,) = (e for e in entries if e.path == binary.file_name)
    assert isinstance(entry, FileEntry)
    return BuiltBinary(
        binary,
        digest,
        entry.file_digest.serialized_bytes_length,
        entry.file_digest.fingerprint,
        link=(link,),
        linkage=verified.stdout.decode().strip(),
    )


async def linked_program(request: LinkProgramRequest) -> LinkedProgram:
    """Compile and link; a helper of rules.

    The two are asked for one by one, by one rule, for the sake of an edit. When the archive of a
    package has changed, Pants runs the rule of the link again, and drops its look at the other
    packages that this one has used: their rules would run again too. But `CompiledProgram` has not
    changed, and who waits for it keeps that look alive.
    """
    compiled = await Get(CompiledProgram, LinkProgramRequest, request)
    if compiled.failures:
        return LinkedProgram(compiled.failures)
    return await Get(LinkedProgram, LinkProgramRequest, request)


@rule(desc="Build a Go binary", level=LogLevel.DEBUG)
async def build_binary(request: BuildBinaryRequest) -> BuiltBinary:
    binary = request.binary
    modules, profile = await MultiGet(
        Get(ModuleGraph, ModuleGraphRequest(binary.module)),
        Get(Profile, ProfileRequest(binary.main)),
    )
    graph = modules.of(binary.settings)
    broken = list_failures(graph, binary)
    if broken:
        return BuiltBinary(binary, EMPTY_DIGEST, failures=broken)
    main = main_package(graph, binary)
    assert main is not None
    if binary.cgo is not None:
        built = await Get(CgoBuild, CgoBuildRequest(binary, main.import_path))
        if built.message:
            return failed_binary(binary, built.message)
        verified = await verified_binary(
            binary,
            built.digest,
            built.result.metadata,
            cgo=binary.cgo.c.linkage,
            kind=binary.cgo.link_mode,
        )
        return replace(verified, linkage="; ".join(filter(None, (verified.linkage, built.note))))
    settings = replace(binary.settings, pgo=PGO_FILE if profile.digest else None)
    stamps = await stamps_in(value for _, value in binary.x_defs)
    linked = await linked_program(
        LinkProgramRequest(
            module=binary.module,
            variant=Variant(settings, profile.digest),
            main=main.import_path,
            file=binary.file_name,
            what=str(binary.address),
            main_gcflags=binary.main_gcflags,
            gcflags_text=binary.gcflags_text,
            ldflags=binary.ldflags,
            x_defs=fill(binary.x_defs, stamps, where=f"{binary.address}: `x_defs`"),
        ),
    )
    return await finished_binary(binary, linked)


async def finished_binary(binary: Binary, linked: LinkedProgram) -> BuiltBinary:
    """Verify what was linked, or say what failed; a helper of rules."""
    result = linked.result
    if result is None:
        return BuiltBinary(binary, EMPTY_DIGEST, failures=linked.failures)
    if result.exit_code != 0:
        return _not_built(binary, result)
    return await verified_binary(binary, result.output_digest, result.metadata)


def _compile_requests(
    graph: PackageGraph, request: LinkProgramRequest, needed: Iterable[str]
) -> list[CompileRequest]:
    """The packages of the repository that a program has."""
    return [
        CompileRequest(
            request.module,
            request.variant,
            p,
            request.main_gcflags if p == request.main else (),
            request.tests,
            request.coverage and (p == request.main or is_variant(p)),
        )
        for p in needed
        if p not in graph.std_groups and p not in graph.layered
    ]


async def _gate() -> dict[str, Digest]:
    """What the tool needs that holds a big link back until there is memory for it."""
    sources, _ = await MultiGet(
        Get(ToolSources, ToolSourcesRequest("multiarch.tools.memory_gate")),
        # Notes it. Where processes run that can read no note, nothing is held back.
        Get(Interpreter, InterpreterRequest(local=False)),
    )
    return {".tools": sources.digest}


async def _closure(request: LinkProgramRequest) -> tuple[PackageGraph, tuple[str, ...]]:
    modules = await Get(
        ModuleGraph, ModuleGraphRequest(request.module, request.tests, request.coverage)
    )
    graph = modules.of(request.variant.settings)
    return graph, closure(graph.packages, [request.main, "runtime"])


@rule(level=LogLevel.DEBUG)
async def compile_program(request: LinkProgramRequest) -> CompiledProgram:
    graph, needed = await _closure(request)
    exports = await MultiGet(
        Get(PackageExport, CompileRequest, r) for r in _compile_requests(graph, request, needed)
    )
    return CompiledProgram(tuple(dict.fromkeys(f for e in exports for f in e.failures)))


@rule(desc="Link a Go program", level=LogLevel.DEBUG)
async def link_program(request: LinkProgramRequest, toolchain: GoToolchain) -> LinkedProgram:
    variant = request.variant
    graph, needed = await _closure(request)
    requests = _compile_requests(graph, request, needed)
    compiled = await MultiGet(Get(CompiledPackage, CompileRequest, r) for r in requests)
    packages = {_package_mount(r.import_path): c.archive for r, c in zip(requests, compiled)}
    third_party = await _third_party(graph, request, needed)
    groups = std_groups_of(graph, needed)
    std = await MultiGet(
        Get(Layer, StdLayerRequest(std_variant(variant), group)) for group in groups
    )
    info_path, described = request.main, needed
    if request.tests:
        info_path, described = build_info_subject(graph.packages, request.main, variant.settings)
    plan = link_plan(
        LinkRequest(
            main=graph.packages[request.main],
            packages=[graph.packages[p] for p in described],
            archives={plain_path(p): _archive(graph, p) for p in needed},
            output=request.file,
            ldflags=request.ldflags,
            x_defs=request.x_defs,
            gcflags_text=request.gcflags_text,
            pgo_name="default.pgo" if variant.profile else "",
            coverage=request.coverage,
            info_path=info_path,
        ),
        variant.settings,
    )
    files = await Get(
        Digest, CreateDigest([*plan_files(plan), FileContent("run.sh", plan_script(plan).encode())])
    )
    gate = await _gate() if len(needed) >= _BIG else {}
    result = await Get(
        FallibleProcessResult,
        Process(
            _GATED_SCRIPT if gate else RUN_SCRIPT,
            description=f"Link {request.what}",
            input_digest=files,
            immutable_input_digests={
                **toolchain_mounts(toolchain),
                **packages,
                **{archive_mount(g): layer.archives for g, layer in zip(groups, std)},
                **third_party,
                **gate,
            },
            env={**variant.settings.env, "GOROOT": "", "PATH": SHELL_PATH},
            output_files=(request.file,),
            append_only_caches=_GATE_CACHES if gate else None,
            remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
        ),
    )
    return LinkedProgram((), result)


def rules() -> Iterable[object]:
    return collect_rules()
