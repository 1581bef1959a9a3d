"""Which files a module has, which other directories it reads, and their skeletons."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import (
    AddPrefix,
    Digest,
    DigestContents,
    GlobMatchErrorBehavior,
    MergeDigests,
    PathGlobs,
    Paths,
    RemovePrefix,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.platform import Platform as HostPlatform
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import (
    SHELL_PATH,
    LocalEnvironmentVars,
    ToolProcess,
    request_json,
    run_process,
)
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.modfile import local_directories, requires_modules
from multiarch.core.golang.settings import HERMETIC_GO_ENV

MOD_CACHE = ".modcache"
_PROXIES = (
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"),
    *("https_proxy", "http_proxy", "no_proxy"),
)


@dataclass(frozen=True)
class ModuleFilesRequest:
    """The files of the module in a directory, nested modules left out."""

    directory: str


@dataclass(frozen=True)
class ModuleFiles:
    """Those files, relative to the repository, sorted; `vendored` are the ones below vendor/."""

    local: tuple[str, ...]
    vendored: tuple[str, ...]


@dataclass(frozen=True)
class ModuleSkeletonsRequest:
    """What can be read of the sources for the module in a directory, without Go."""

    directory: str


@dataclass(frozen=True)
class ModuleSkeletons:
    """Skeletons of all sources that `go list` reads for a module.

    `modules` are the directories of the module itself and of those that a go.work uses beside it,
    `replaced` those that `replace` lines name. `modules_txt` is where the list of vendored packages
    would be. `decisive` are the files that say which modules are downloaded, if any are.
    """

    local: Digest
    vendored: Digest
    modules: tuple[str, ...]
    replaced: tuple[str, ...]
    modules_txt: str
    is_vendored: bool
    decisive: tuple[str, ...]


@dataclass(frozen=True)
class ModuleInputsRequest:
    """What `go list` reads for the module in a directory."""

    directory: str


@dataclass(frozen=True)
class ModuleInputs:
    """Skeletons of all sources, and the module cache (empty for a vendored module)."""

    skeletons: Digest
    mod_cache: Digest | None


@dataclass(frozen=True)
class SkeletonRequest:
    """Files whose skeletons are wanted; the skeletons have the same paths."""

    files: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class Skeletons:
    """The skeletons at the paths of the originals."""

    digest: Digest


@dataclass(frozen=True)
class ModCacheRequest:
    """The go.mod, go.sum and go.work files that decide what is downloaded."""

    directory: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class ModCache:
    """Go's module cache, its sources verified against go.sum."""

    digest: Digest


def join(directory: str, name: str) -> str:
    """Join paths relative to the repository; the root directory is the empty string."""
    return f"{directory}/{name}" if directory else name


def _ignored(name: str) -> bool:
    base = posixpath.basename(name)
    return base == "BUILD" or base.startswith("BUILD.")


@rule(level=LogLevel.DEBUG)
async def find_module_files(request: ModuleFilesRequest) -> ModuleFiles:
    paths = await Get(Paths, PathGlobs([join(request.directory, "**")]))
    nested = {
        posixpath.dirname(f)
        for f in paths.files
        if posixpath.basename(f) == "go.mod" and posixpath.dirname(f) != request.directory
    }
    nested = {d for d in nested if not d.startswith(join(request.directory, "vendor/"))}

    def inside(name: str) -> bool:
        parent = posixpath.dirname(name)
        while len(parent) > len(request.directory):
            if parent in nested:
                return False
            parent = posixpath.dirname(parent)
        return not _ignored(name)

    files = sorted(f for f in paths.files if inside(f))
    prefix = join(request.directory, "vendor/")
    return ModuleFiles(
        tuple(f for f in files if not f.startswith(prefix)),
        tuple(f for f in files if f.startswith(prefix)),
    )


@rule(level=LogLevel.DEBUG)
async def write_skeletons(request: SkeletonRequest) -> Skeletons:
    if not request.files:
        return Skeletons(EMPTY_DIGEST)
    sources = await Get(Digest, PathGlobs(request.files))
    sources = await Get(Digest, AddPrefix(sources, "_sources"))
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.skeletons",
            request_json({"source": "_sources", "output": "_skeletons"}),
            request.description,
            input_digest=sources,
            output_directories=("_skeletons",),
            level=LogLevel.DEBUG,
        ),
    )
    result = await Get(ProcessResult, Process, process)
    return Skeletons(await Get(Digest, RemovePrefix(result.output_digest, "_skeletons")))


async def _read(files: tuple[str, ...]) -> dict[str, str]:
    contents = await Get(
        DigestContents,
        PathGlobs(files, glob_match_error_behavior=GlobMatchErrorBehavior.ignore),
    )
    return {file.path: file.content.decode() for file in contents}


def _ancestors(directory: str) -> list[str]:
    found = [directory]
    while directory:
        directory = posixpath.dirname(directory)
        found.append(directory)
    return found


def _check_inside(directories: Iterable[str], file: str) -> None:
    for directory in directories:
        if directory.startswith(("..", "/")):
            raise MultiarchError(
                f"{file} names the directory `{directory}`, which is outside the repository. "
                "A build may only read files of the repository: move the module into it, or "
                "vendor it."
            )


@rule(level=LogLevel.DEBUG)
async def collect_module_skeletons(request: ModuleSkeletonsRequest) -> ModuleSkeletons:
    directory = request.directory
    works = {join(d, "go.work"): d for d in _ancestors(directory)}
    texts = await _read((join(directory, "go.mod"), *works))
    work = next((path for path in works if path in texts), "")
    directories = {directory: None}
    if work:
        used = local_directories(texts[work], works[work])
        _check_inside(used, work)
        directories.update(dict.fromkeys(used))
    modules = tuple(directories)
    mod_files = tuple(join(d, "go.mod") for d in directories)
    texts.update(await _read(mod_files))
    for mod_file in mod_files:
        replaced = local_directories(texts.get(mod_file, ""), posixpath.dirname(mod_file))
        _check_inside(replaced, mod_file)
        directories.update(dict.fromkeys(replaced))
    found = await MultiGet(Get(ModuleFiles, ModuleFilesRequest(d)) for d in directories)
    local = {f for files in found for f in files.local}
    vendored = set(found[0].vendored)
    if work:
        root = works[work]
        extra = await Get(Paths, PathGlobs([join(root, "go.work*"), join(root, "vendor/**")]))
        prefix = join(root, "vendor/")
        local.update(f for f in extra.files if not f.startswith(prefix))
        vendored.update(f for f in extra.files if f.startswith(prefix))
    modules_txt = posixpath.join(works[work] if work else directory, "vendor/modules.txt")
    local_skeletons, vendor_skeletons = await MultiGet(
        Get(
            Skeletons,
            SkeletonRequest(tuple(sorted(local)), f"Read the imports of {directory or '.'}"),
        ),
        Get(
            Skeletons,
            SkeletonRequest(tuple(sorted(vendored)), f"Read the imports of {directory}/vendor"),
        ),
    )
    is_vendored = modules_txt in vendored
    names = ("go.mod", "go.sum", "go.work", "go.work.sum")
    downloads = not is_vendored and any(requires_modules(texts.get(m, "")) for m in mod_files)
    return ModuleSkeletons(
        local_skeletons.digest,
        vendor_skeletons.digest,
        modules,
        tuple(d for d in directories if d not in modules),
        modules_txt,
        is_vendored,
        tuple(sorted(f for f in local if downloads and posixpath.basename(f) in names)),
    )


@rule(level=LogLevel.DEBUG)
async def collect_module_inputs(request: ModuleInputsRequest) -> ModuleInputs:
    directory = request.directory
    found = await Get(ModuleSkeletons, ModuleSkeletonsRequest(directory))
    skeletons = await Get(Digest, MergeDigests((found.local, found.vendored)))
    if not found.decisive:
        return ModuleInputs(skeletons, None)
    cache = await Get(ModCache, ModCacheRequest(directory, found.decisive))
    return ModuleInputs(skeletons, cache.digest)


@rule(level=LogLevel.DEBUG)
async def download_modules(
    request: ModCacheRequest,
    toolchain: GoToolchain,
    multiarch: MultiarchSubsystem,
    host: HostPlatform,
) -> ModCache:
    files, local = await MultiGet(Get(Digest, PathGlobs(request.files)), Get(LocalEnvironmentVars))
    proxies = {name: local.variables[name] for name in _PROXIES if name in local.variables}
    env = {**HERMETIC_GO_ENV, **proxies, "PATH": SHELL_PATH, "GOFLAGS": "-modcacherw"}
    del env["GOPROXY"]
    if multiarch.goproxy:
        env["GOPROXY"] = multiarch.goproxy
    script = (
        'export GOROOT="$PWD/.goroot" GOPATH="$PWD/.gopath" GOCACHE="$PWD/.gocache" '
        f'GOMODCACHE="$PWD/{MOD_CACHE}" HOME="$PWD/.home"\n'
        f'mkdir -p {MOD_CACHE}\ncd "./{request.directory}" && exec "$GOROOT/bin/go" mod download'
    )
    process = Process(
        ("/bin/sh", "-c", script),
        description=f"Download the modules of {request.directory or '.'}",
        input_digest=files,
        immutable_input_digests=toolchain_mounts(toolchain, goroot=True),
        env=env,
        output_directories=(MOD_CACHE,),
    )
    # It is this machine that has the network, unless it cannot execute the workers' Go.
    result = await run_process(process, local=host is HostPlatform.create_for_localhost())
    if result.exit_code != 0:
        raise MultiarchError(
            f"{join(request.directory, 'go.mod')}: the modules it requires cannot be downloaded "
            f"from [multiarch].goproxy {multiarch.goproxy or '(the default of Go)'!r}:\n"
            f"{result.stderr.decode().strip()}\n"
            "Vendor them (`go mod vendor`), correct go.sum (`go mod tidy`), or set "
            "[multiarch].goproxy to a proxy that this machine reaches."
        )
    return ModCache(await Get(Digest, RemovePrefix(result.output_digest, MOD_CACHE)))


def rules() -> Iterable[object]:
    return collect_rules()
