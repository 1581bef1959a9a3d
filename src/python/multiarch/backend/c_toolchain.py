"""The C compiler of one platform, as mounts of a process: `cc`, zig, its C library, a sysroot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    CreateDigest,
    Digest,
    FileContent,
    GlobMatchErrorBehavior,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.platform import Platform as HostPlatform
from pants.engine.process import FallibleProcessResult, Process, ProcessCacheScope
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.pins import WHEELS
from multiarch.backend.sandbox import (
    SHELL_PATH,
    ToolProcess,
    Wheel,
    WheelRequest,
    binary_wheel_platform,
    request_json,
    run_process,
    said,
)
from multiarch.backend.subsystems.c_toolchain import CToolchainSubsystem
from multiarch.core.c.driver import (
    AR,
    CC,
    CXX,
    FOLDER,
    RUNTIME,
    gcc_archiver,
    gcc_driver,
    runtime_flags,
    stubs,
    zig_archiver,
    zig_driver,
)
from multiarch.core.c.gcc import ASK_GCC, archiver_of, multiarch_triple
from multiarch.core.c.options import CError, COptions
from multiarch.core.c.zig import ZigTarget, zig_target
from multiarch.core.errors import MultiarchError, did_you_mean
from multiarch.core.platforms import Platform

# Where a sysroot is mounted, if there is one.
SYSROOT = ".sysroot"


@dataclass(frozen=True)
class Zig:
    """zig with its libraries, below `ziglang/` of the digest."""

    digest: Digest


@dataclass(frozen=True)
class ZigRequest:
    """The pinned zig."""


@dataclass(frozen=True)
class CRuntimeRequest(EngineAwareParameter):
    """zig's C library for one target and kind of link; with `cxx`, that of C++ too."""

    target: ZigTarget
    kind: tuple[str, ...]
    cxx: bool

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return self.target.triple


@dataclass(frozen=True)
class CRuntime:
    """What `multiarch.tools.c_runtime` leaves."""

    digest: Digest


@dataclass(frozen=True)
class HostCompilerRequest:
    """A GCC of the host, by its program's name."""

    program: str


@dataclass(frozen=True)
class HostCompiler:
    """What it says of itself, for the keys of what it compiles."""

    version: str


@dataclass(frozen=True)
class CToolchainRequest:
    """The compiler for one platform; `link_mode` as Go names it, `cxx` when C++ takes part."""

    platform: Platform
    options: COptions
    link_mode: str = "exe"
    cxx: bool = False


@dataclass(frozen=True)
class CToolchain:
    """What a process mounts, and what names the compiler in its key."""

    mounts: FrozenDict[str, Digest]
    identity: str


def zig_wheel(subsystem: CToolchainSubsystem, platform: str = "") -> WheelRequest:
    """Name the ziglang wheel; raises MultiarchError when its sums are not known."""
    version = subsystem.zig_version
    known = {**WHEELS["ziglang"], **{k: tuple(v) for k, v in subsystem.known_zig_wheels.items()}}
    if version not in known:
        raise MultiarchError(
            f"[c-toolchain].zig_version: no sha256 is known for zig {version} from the package "
            f"index; known are {', '.join(sorted(known))}.{did_you_mean(version, known)} Add the "
            "sums of further `ziglang` wheels to [c-toolchain].known_zig_wheels."
        )
    return WheelRequest("ziglang", version, known[version], platform)


@rule(desc="Fetch zig", level=LogLevel.DEBUG)
async def fetch_zig(_: ZigRequest, subsystem: CToolchainSubsystem, host: HostPlatform) -> Zig:
    wheel = zig_wheel(subsystem, binary_wheel_platform(host))
    return Zig((await Get(Wheel, WheelRequest, wheel)).digest)


@rule(desc="Make a C library", level=LogLevel.DEBUG)
async def make_c_runtime(request: CRuntimeRequest) -> CRuntime:
    zig = await Get(Zig, ZigRequest())
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.c_runtime",
            request_json(
                {
                    "flags": request.target.flags,
                    "kind": request.kind,
                    "cxx": request.cxx,
                    "output": "_out",
                }
            ),
            f"Make the C library for {' '.join(request.target.flags[1:])}",
            immutable=FrozenDict({".zig": zig.digest}),
            output_directories=("_out",),
        ),
    )
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        raise MultiarchError(said(result))
    return CRuntime(await Get(Digest, RemovePrefix(result.output_digest, "_out")))


@rule(desc="Ask a C compiler of this machine for its version", level=LogLevel.DEBUG)
async def ask_host_compiler(request: HostCompilerRequest) -> HostCompiler:
    # What it is made of may change behind our back: it is asked again whenever Pants restarts.
    process = Process(
        ("/bin/sh", "-c", ASK_GCC, request.program),
        description=f"Ask {request.program} for its version",
        env={"PATH": SHELL_PATH, "LC_ALL": "C"},
        cache_scope=ProcessCacheScope.PER_RESTART_ALWAYS,
        level=LogLevel.DEBUG,
    )
    result = await run_process(process, local=True)
    return HostCompiler(result.stdout.decode(errors="replace") if result.exit_code == 0 else "")


async def _gcc(options: COptions, platform: Platform, cxx: bool) -> tuple[dict[str, str], str]:
    compiler = await Get(HostCompiler, HostCompilerRequest(options.cc))
    if not compiler.version:
        raise CError(
            f"there is no C compiler for `{platform}`: this machine has no `{options.cc}` in "
            f"{SHELL_PATH}. Install it (Debian: the package gcc-TRIPLE and libc6-dev-ARCH-cross), "
            "name another in [c-toolchain].gcc_programs, or use zig."
        )
    identity = compiler.version
    if cxx:
        beside = await Get(HostCompiler, HostCompilerRequest(options.cxx))
        identity += beside.version
        if not beside.version:
            raise CError(
                f"there is no C++ compiler for `{platform}`: this machine has no `{options.cxx}` "
                f"in {SHELL_PATH}, and the program holds C++. Install it (Debian: the package "
                "g++-TRIPLE), name another in `cxx`, or use zig."
            )
    scripts = {
        CC: gcc_driver(options.cc, platform, options),
        CXX: gcc_driver(options.cxx, platform, options),
        AR: gcc_archiver(archiver_of(options.cc)),
    }
    return scripts, identity


@rule(level=LogLevel.DEBUG)
async def prepare_c_toolchain(
    request: CToolchainRequest, subsystem: CToolchainSubsystem
) -> CToolchain:
    options, platform = request.options, request.platform
    mounts: dict[str, Digest] = {}
    if options.compiler == "gcc":
        scripts, identity = await _gcc(options, platform, request.cxx)
    else:
        target = zig_target(platform, options.libc, where="[c-toolchain]")
        pie = request.link_mode == "pie"
        triple = multiarch_triple(platform)
        scripts = {
            name: zig_driver(target, platform, options, cxx=cxx, pie=pie, triple=triple)
            for name, cxx in ((CC, False), (CXX, True))
        }
        scripts[AR] = zig_archiver()
        zig = await Get(Zig, ZigRequest())
        mounts[".zig"] = zig.digest
        identity = f"zig {subsystem.zig_version}"
        kind = runtime_flags(platform, request.link_mode, options)
        runtime = await Get(CRuntime, CRuntimeRequest(target, kind, request.cxx))
        mounts[RUNTIME] = runtime.digest
    if options.sysroot:
        found = await Get(
            Digest,
            PathGlobs(
                [f"{options.sysroot}/**"],
                glob_match_error_behavior=GlobMatchErrorBehavior.error,
                description_of_origin="[c-toolchain].sysroots",
            ),
        )
        mounts[SYSROOT] = await Get(Digest, RemovePrefix(found, options.sysroot))
    mounts[FOLDER] = await Get(
        Digest,
        CreateDigest(
            [
                *(FileContent(n, text.encode(), is_executable=True) for n, text in scripts.items()),
                *(FileContent(n, text.encode()) for n, text in stubs(platform).items()),
            ]
        ),
    )
    return CToolchain(FrozenDict(mounts), identity)


def rules() -> Iterable[object]:
    return collect_rules()
