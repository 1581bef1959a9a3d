"""Binaries with C code: one `go build` per binary and platform, on a shared cache of std."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    AddPrefix,
    Digest,
    DigestContents,
    DigestSubset,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.platform import Platform as HostPlatform
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.c_toolchain import SYSROOT, CToolchain, CToolchainRequest
from multiarch.backend.go_build.binaries import GoBinary
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest, PackageGraph
from multiarch.backend.go_build.sources import PackageSources, PackageSourcesRequest
from multiarch.backend.go_module.files import (
    MOD_CACHE,
    ModuleFiles,
    ModuleFilesRequest,
    ModuleInputs,
    ModuleInputsRequest,
)
from multiarch.backend.go_toolchain import GoToolchain, go_host
from multiarch.backend.sandbox import SHELL_PATH, ToolProcess, request_json, run_tool, said
from multiarch.backend.version import stamps_in
from multiarch.core.c.program import advice_for
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.cgo import (
    C_SUFFIXES,
    CgoOptions,
    build_flags,
    environment,
    header_name,
    link_flags,
    std_layers,
    std_patterns,
)
from multiarch.core.golang.packages import Package, closure
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import std_tags
from multiarch.core.stamps import fill

_CACHE = ".std-cache"


@dataclass(frozen=True)
class GoRootRequest:
    """A Go distribution that the Go command itself can build with.

    If asked, it can vet with it and instrument for coverage.
    """

    vet: bool = False
    cover: bool = False


@dataclass(frozen=True)
class GoRoot:
    """Sources, the Go command and its tools in their usual places."""

    digest: Digest


@dataclass(frozen=True)
class CgoStdRequest(EngineAwareParameter):
    """The first layers of std, compiled with cgo, in a cache of the Go command."""

    settings: BuildSettings
    options: CgoOptions
    layers: int

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.settings.platform} layer {self.layers}"


@dataclass(frozen=True)
class CgoStd:
    """That cache."""

    cache: Digest


@dataclass(frozen=True)
class CgoBuildRequest(EngineAwareParameter):
    """One binary with C code, whose main package is `main`."""

    binary: GoBinary
    main: str

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.binary.address)


@dataclass(frozen=True)
class CgoBuild:
    """The linked file, and the header of a library; `message` says why there is none.

    `note` is for the summary.
    """

    result: FallibleProcessResult
    digest: Digest
    message: str = ""
    note: str = ""


@dataclass(frozen=True)
class CgoCheckRequest(EngineAwareParameter):
    """The packages of this repository in some binaries of one module, to compile and vet.

    The binaries share settings and options; `packages` are import paths, and `needed` those and all
    that they import.
    """

    module: str
    settings: BuildSettings
    options: CgoOptions
    packages: tuple[str, ...]
    needed: tuple[str, ...]

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.module or '.'} ({self.settings.platform})"


@dataclass(frozen=True)
class CgoCheck:
    """What does not compile, and what vet complains of, in the Go command's own words."""

    compile: str
    vet: str


@rule(level=LogLevel.DEBUG)
async def assemble_goroot(
    request: GoRootRequest, toolchain: GoToolchain, platform: HostPlatform
) -> GoRoot:
    host = go_host(platform)
    tools, include = await MultiGet(
        Get(Digest, DigestSubset(toolchain.tools, PathGlobs(["tool/**"]))),
        Get(Digest, DigestSubset(toolchain.tools, PathGlobs(["include/**"]))),
    )
    tools = await Get(Digest, RemovePrefix(tools, "tool"))
    if request.vet:
        tools = await Get(Digest, MergeDigests((tools, toolchain.vet)))
    if request.cover:
        tools = await Get(Digest, MergeDigests((tools, toolchain.cover)))
    tools, include = await MultiGet(
        Get(Digest, AddPrefix(tools, f"pkg/tool/{host.os}_{host.arch}")),
        Get(Digest, AddPrefix(include, "pkg")),
    )
    return GoRoot(await Get(Digest, MergeDigests((toolchain.goroot, tools, include))))


def std_settings(settings: BuildSettings) -> BuildSettings:
    """Forget what std does not depend on, so that it is shared."""
    return replace(settings, tags=std_tags(settings.tags), pgo=None)


def _cxx(packages: Iterable[Package]) -> bool:
    suffixes = (".cc", ".cpp", ".cxx")
    return any(f.endswith(suffixes) for p in packages for f in p.c_files)


def _compiler(options: CgoOptions, settings: BuildSettings, *, cxx: bool) -> CToolchainRequest:
    return CToolchainRequest(settings.platform, options.c, options.link_mode, cxx)


def _env(options: CgoOptions, settings: BuildSettings, compiler: CToolchain) -> dict[str, str]:
    # Nothing reads the last one: a GCC of the host is in no input, so its version is in the key.
    return {
        **environment(options, settings),
        "PATH": SHELL_PATH,
        "MULTIARCH_C_COMPILER": compiler.identity,
    }


def _request(
    make: str,
    env: Mapping[str, str],
    flags: Iterable[str],
    packages: Iterable[str],
    mounts: Mapping[str, Digest],
    *,
    directory: str = "",
    file: str = "",
) -> str:
    """Write a request of `multiarch.tools.cgo`."""
    return request_json(
        {
            "make": make,
            "env": env,
            "flags": list(flags),
            "packages": list(packages),
            "directory": directory,
            "lower": _CACHE if _CACHE in mounts else None,
            "file": file or None,
            "mod_cache": MOD_CACHE in mounts,
            "pkg_config": SYSROOT in mounts,
            "output": "_out",
        }
    )


@rule(desc="Build std with cgo", level=LogLevel.DEBUG)
async def build_cgo_std(request: CgoStdRequest) -> CgoStd:
    settings, options = request.settings, request.options
    compiler, goroot = await MultiGet(
        Get(CToolchain, CToolchainRequest, _compiler(options, settings, cxx=False)),
        Get(GoRoot, GoRootRequest()),
    )
    mounts = {**compiler.mounts, ".goroot": goroot.digest}
    if request.layers > 1:
        lower = await Get(CgoStd, CgoStdRequest(settings, options, request.layers - 1))
        mounts[_CACHE] = lower.cache
    gcflags = f"all={' '.join(settings.gcflags)}" if settings.gcflags else ""
    packages = std_patterns(request.layers)
    tool = ToolProcess(
        "multiarch.tools.cgo",
        _request(
            "cache",
            _env(options, settings, compiler),
            build_flags(options, settings, gcflags=gcflags),
            packages,
            mounts,
        ),
        f"Compile std with cgo for {settings.platform} ({packages[-1]})",
        immutable=FrozenDict(mounts),
        output_directories=("_out",),
        local=options.c.compiler == "gcc",
    )
    result = await run_tool(tool)
    if result.exit_code != 0:
        raise MultiarchError(
            f"std of {settings.go_version} does not compile with cgo for {settings.platform}:\n"
            f"{said(result)}"
        )
    return CgoStd(await Get(Digest, RemovePrefix(result.output_digest, "_out")))


def source_files(package: Package) -> tuple[str, ...]:
    """Every file of a package that `go build` reads with cgo, relative to the sandbox."""
    names = (*package.cgo_files, *package.c_files)
    return (*package.files, *(posixpath.join(package.dir, name) for name in names))


async def _sources(module: str, packages: Iterable[Package]) -> Digest:
    """Real sources of the packages, what C code of their modules may include, and go.mod's kind."""
    packages = [p for p in packages if p.kind != "std"]
    inputs = await Get(ModuleInputs, ModuleInputsRequest(module))
    names = ("go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt")
    decisive = await Get(
        Digest, DigestSubset(inputs.skeletons, PathGlobs([f"**/{name}" for name in names]))
    )
    wanted = {f for p in packages for f in source_files(p)}
    with_c = {p.dir for p in packages if p.cgo_files and not p.dir.startswith(f"{MOD_CACHE}/")}
    if with_c:
        # `#include` and `-L${SRCDIR}` may name any directory of the module.
        skeletons = await Get(ModuleFiles, ModuleFilesRequest(module))
        local = skeletons.local if any("vendor" not in d.split("/") for d in with_c) else ()
        vendored = (f for f in skeletons.vendored if any(f.startswith(f"{d}/") for d in with_c))
        wanted.update(f for f in (*local, *vendored) if f.endswith(C_SUFFIXES))
        others = [d for d in with_c if module and not f"{d}/".startswith(f"{module}/")]
        beside = await MultiGet(Get(ModuleFiles, ModuleFilesRequest(d)) for d in sorted(others))
        wanted.update(f for files in beside for f in files.local if f.endswith(C_SUFFIXES))
    sources = await Get(PackageSources, PackageSourcesRequest(module, tuple(sorted(wanted))))
    return await Get(Digest, MergeDigests((decisive, sources.digest)))


async def _mounts(
    module: str,
    settings: BuildSettings,
    options: CgoOptions,
    graph: PackageGraph,
    needed: tuple[str, ...],
    *,
    vet: bool = False,
    cover: bool = False,
) -> tuple[dict[str, Digest], CToolchain]:
    """What the Go command works with beside sources, and the C compiler among it."""
    cxx = _cxx(graph.packages[p] for p in needed)
    compiler, goroot, inputs = await MultiGet(
        Get(CToolchain, CToolchainRequest, _compiler(options, settings, cxx=cxx)),
        Get(GoRoot, GoRootRequest(vet, cover)),
        Get(ModuleInputs, ModuleInputsRequest(module)),
    )
    mounts = {**compiler.mounts, ".goroot": goroot.digest}
    if inputs.mod_cache is not None:
        mounts[MOD_CACHE] = inputs.mod_cache
    # A library is compiled by flags of its own throughout.
    if options.is_program:
        layers = std_layers(graph.packages, needed)
        std = await Get(CgoStd, CgoStdRequest(std_settings(settings), options, layers))
        mounts[_CACHE] = std.cache
    return mounts, compiler


@rule(desc="Build a Go binary with cgo", level=LogLevel.DEBUG)
async def build_with_cgo(request: CgoBuildRequest) -> CgoBuild:
    binary, settings, options = request.binary, request.binary.settings, request.binary.cgo
    assert options is not None
    modules = await Get(ModuleGraph, ModuleGraphRequest(binary.module))
    graph = modules.of(settings)
    # cgo's own runtime, which no import names, is in every cache of std.
    needed = closure(graph.packages, [request.main, "runtime"])
    mounts, compiler = await _mounts(binary.module, settings, options, graph, needed)
    sources = await _sources(binary.module, (graph.packages[p] for p in needed))
    profile = await Get(Digest, PathGlobs([posixpath.join(binary.main, "default.pgo")]))
    where = f"{binary.address}: `x_defs`"
    stamps = await stamps_in(value for _, value in binary.x_defs)
    x_defs = fill(binary.x_defs, stamps, where=where)
    ldflags = link_flags(options, settings.platform, binary.ldflags, x_defs, where=where)
    tool = ToolProcess(
        "multiarch.tools.cgo",
        _request(
            "file",
            _env(options, settings, compiler),
            (
                *build_flags(options, settings, gcflags=binary.gcflags_text),
                f"-ldflags={ldflags}",
            ),
            [binary.pattern],
            mounts,
            directory=binary.module,
            file=binary.file_name,
        ),
        f"Build {binary.address} with cgo",
        input_digest=await Get(Digest, MergeDigests((sources, profile))),
        immutable=FrozenDict(mounts),
        output_directories=("_out",),
        local=options.c.compiler == "gcc",
    )
    result = await run_tool(tool)
    if result.exit_code != 0:
        words = said(result)
        words += advice_for(words, options.c, settings.platform)
        return CgoBuild(result, result.output_digest, words)
    files = [binary.file_name]
    if not options.is_program:
        files.append(header_name(binary.file_name))
    digest = await Get(Digest, RemovePrefix(result.output_digest, "_out"))
    return CgoBuild(
        result,
        await Get(Digest, DigestSubset(digest, PathGlobs(files))),
        note=options.resolver_note(needed),
    )


@rule(desc="Check Go packages with cgo", level=LogLevel.DEBUG)
async def check_with_cgo(request: CgoCheckRequest) -> CgoCheck:
    settings, options = request.settings, request.options
    modules = await Get(ModuleGraph, ModuleGraphRequest(request.module))
    graph = modules.of(settings)
    mounts, compiler = await _mounts(
        request.module, settings, options, graph, request.needed, vet=True
    )
    tool = ToolProcess(
        "multiarch.tools.cgo",
        _request(
            "check",
            _env(options, settings, compiler),
            build_flags(options, settings),
            request.packages,
            mounts,
            directory=request.module,
        ),
        f"Check {len(request.packages)} packages of {request.module or '.'} with cgo for "
        f"{settings.platform}",
        input_digest=await _sources(request.module, (graph.packages[p] for p in request.needed)),
        immutable=FrozenDict(mounts),
        output_directories=("_out",),
        local=options.c.compiler == "gcc",
    )
    result = await run_tool(tool)
    if result.exit_code != 0:
        raise MultiarchError(f"{settings.platform}: packages cannot be checked:\n{said(result)}")
    contents = await Get(DigestContents, Digest, result.output_digest)
    texts = {file.path: file.content.decode() for file in contents}
    words = texts["_out/compile"]
    words += advice_for(words, options.c, settings.platform)
    return CgoCheck(words, texts["_out/vet"])


def rules() -> Iterable[object]:
    return collect_rules()
