"""Binaries with C code: one `go build` per binary and platform, on a shared cache of std."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import AddPrefix, Digest, DigestSubset, MergeDigests, PathGlobs, RemovePrefix
from pants.engine.platform import Platform as HostPlatform
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.c_toolchain import CToolchain, CToolchainRequest
from multiarch.backend.go_build.binaries import GoBinary
from multiarch.backend.go_build.compile import PackageSources, PackageSourcesRequest, std_groups_of
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest, PackageGraph
from multiarch.backend.go_module.files import (
    MOD_CACHE,
    ModuleFiles,
    ModuleFilesRequest,
    ModuleInputs,
    ModuleInputsRequest,
)
from multiarch.backend.go_toolchain import GoToolchain, go_host
from multiarch.backend.sandbox import SHELL_PATH, ToolProcess, request_json
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
    std_patterns,
)
from multiarch.core.golang.packages import Package, closure
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import GROUPS, std_tags
from multiarch.core.stamps import fill

_CACHE = ".std-cache"


@dataclass(frozen=True)
class GoRootRequest:
    """A Go distribution that the Go command itself can build with."""


@dataclass(frozen=True)
class GoRoot:
    """Sources, the Go command and its tools in their usual places."""

    digest: Digest


@dataclass(frozen=True)
class CgoStdRequest(EngineAwareParameter):
    """The first `groups` groups of std, compiled with cgo, in a cache of the Go command."""

    settings: BuildSettings
    options: CgoOptions
    groups: int

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.settings.platform} group {self.groups}"


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
    """The linked file, and the header of a library; `message` says why there is none."""

    result: FallibleProcessResult
    digest: Digest
    message: str = ""


@rule(level=LogLevel.DEBUG)
async def assemble_goroot(
    _: GoRootRequest, toolchain: GoToolchain, platform: HostPlatform
) -> GoRoot:
    host = go_host(platform)
    tools, include = await MultiGet(
        Get(Digest, DigestSubset(toolchain.tools, PathGlobs(["tool/**"]))),
        Get(Digest, DigestSubset(toolchain.tools, PathGlobs(["include/**"]))),
    )
    tools = await Get(Digest, RemovePrefix(tools, "tool"))
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


@rule(desc="Build std with cgo", level=LogLevel.DEBUG)
async def build_cgo_std(request: CgoStdRequest) -> CgoStd:
    settings, options = request.settings, request.options
    compiler, goroot = await MultiGet(
        Get(CToolchain, CToolchainRequest, _compiler(options, settings, cxx=False)),
        Get(GoRoot, GoRootRequest()),
    )
    mounts = {**compiler.mounts, ".goroot": goroot.digest}
    if request.groups > 1:
        lower = await Get(CgoStd, CgoStdRequest(settings, options, request.groups - 1))
        mounts[_CACHE] = lower.cache
    names = " ".join(GROUPS[request.groups - 1][:3])
    gcflags = f"all={' '.join(settings.gcflags)}" if settings.gcflags else ""
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.cgo",
            request_json(
                {
                    "env": _env(options, settings, compiler),
                    "flags": build_flags(options, settings, gcflags=gcflags),
                    "packages": std_patterns(GROUPS, request.groups),
                    "directory": "",
                    "lower": _CACHE if request.groups > 1 else None,
                    "file": None,
                    "mod_cache": False,
                    "pkg_config": False,
                    "output": "_out",
                }
            ),
            f"Compile std with cgo for {settings.platform} ({names} ...)",
            immutable=FrozenDict(mounts),
            output_directories=("_out",),
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        raise MultiarchError(
            f"std of {settings.go_version} does not compile with cgo for {settings.platform}:\n"
            f"{result.stderr.decode(errors='replace').strip()}"
        )
    return CgoStd(await Get(Digest, RemovePrefix(result.output_digest, "_out")))


def source_files(package: Package) -> tuple[str, ...]:
    """Every file of a package that `go build` reads with cgo, relative to the sandbox."""
    names = (*package.cgo_files, *package.c_files)
    return (*package.files, *(posixpath.join(package.dir, name) for name in names))


async def _sources(binary: GoBinary, packages: list[Package]) -> Digest:
    """Real sources of the packages, what C code of their modules may include, and go.mod's kind."""
    inputs = await Get(ModuleInputs, ModuleInputsRequest(binary.module))
    names = ("go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt")
    decisive = await Get(
        Digest, DigestSubset(inputs.skeletons, PathGlobs([f"**/{name}" for name in names]))
    )
    wanted = {f for p in packages for f in source_files(p)}
    with_c = {p.dir for p in packages if p.cgo_files and not p.dir.startswith(f"{MOD_CACHE}/")}
    if with_c:
        # `#include` and `-L${SRCDIR}` may name any directory of the module.
        skeletons = await Get(ModuleFiles, ModuleFilesRequest(binary.module))
        local = skeletons.local if any("vendor" not in d.split("/") for d in with_c) else ()
        vendored = (f for f in skeletons.vendored if any(f.startswith(f"{d}/") for d in with_c))
        wanted.update(f for f in (*local, *vendored) if f.endswith(C_SUFFIXES))
        others = [
            d for d in with_c if binary.module and not f"{d}/".startswith(f"{binary.module}/")
        ]
        beside = await MultiGet(Get(ModuleFiles, ModuleFilesRequest(d)) for d in sorted(others))
        wanted.update(f for files in beside for f in files.local if f.endswith(C_SUFFIXES))
    sources = await Get(PackageSources, PackageSourcesRequest(binary.module, tuple(sorted(wanted))))
    profile = await Get(Digest, PathGlobs([posixpath.join(binary.main, "default.pgo")]))
    return await Get(Digest, MergeDigests((decisive, sources.digest, profile)))


async def _mounts(
    binary: GoBinary, options: CgoOptions, graph: PackageGraph, needed: tuple[str, ...]
) -> tuple[dict[str, Digest], CToolchain]:
    cxx = _cxx(graph.packages[p] for p in needed)
    compiler, goroot = await MultiGet(
        Get(CToolchain, CToolchainRequest, _compiler(options, binary.settings, cxx=cxx)),
        Get(GoRoot, GoRootRequest()),
    )
    mounts = {**compiler.mounts, ".goroot": goroot.digest}
    # A library is compiled by flags of its own throughout.
    if options.is_program:
        groups = std_groups_of(graph, needed)[-1] + 1
        std = await Get(CgoStd, CgoStdRequest(std_settings(binary.settings), options, groups))
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
    packages = [graph.packages[p] for p in needed if graph.packages[p].kind != "std"]
    mounts, compiler = await _mounts(binary, options, graph, needed)
    inputs = await Get(ModuleInputs, ModuleInputsRequest(binary.module))
    if inputs.mod_cache is not None:
        mounts[MOD_CACHE] = inputs.mod_cache
    where = f"{binary.address}: `x_defs`"
    stamps = await stamps_in(value for _, value in binary.x_defs)
    x_defs = fill(binary.x_defs, stamps, where=where)
    ldflags = link_flags(options, settings.platform, binary.ldflags, x_defs, where=where)
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.cgo",
            request_json(
                {
                    "env": _env(options, settings, compiler),
                    "flags": (
                        *build_flags(options, settings, gcflags=binary.gcflags_text),
                        f"-ldflags={ldflags}",
                    ),
                    "packages": [binary.pattern],
                    "directory": binary.module,
                    "lower": _CACHE if _CACHE in mounts else None,
                    "file": binary.file_name,
                    "mod_cache": inputs.mod_cache is not None,
                    "pkg_config": bool(options.c.sysroot),
                    "output": "_out",
                }
            ),
            f"Build {binary.address} with cgo",
            input_digest=await _sources(binary, packages),
            immutable=FrozenDict(mounts),
            output_directories=("_out",),
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        words = result.stderr.decode(errors="replace").strip()
        words = words or f"exit code {result.exit_code}"
        words += advice_for(words, options.c, settings.platform)
        return CgoBuild(result, result.output_digest, words)
    files = [binary.file_name]
    if not options.is_program:
        files.append(header_name(binary.file_name))
    digest = await Get(Digest, RemovePrefix(result.output_digest, "_out"))
    return CgoBuild(result, await Get(Digest, DigestSubset(digest, PathGlobs(files))))


def rules() -> Iterable[object]:
    return collect_rules()
