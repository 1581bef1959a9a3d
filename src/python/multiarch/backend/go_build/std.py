"""std, prebuilt per platform in a few fixed groups, each once and only when needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest, DigestSubset, PathGlobs, RemovePrefix
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.graph import settings_json
from multiarch.backend.go_toolchain import GoToolchain, toolchain_mounts
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import lower_groups, patterns_of, std_tags

PGO_FILE = "_pgo/profile"


@dataclass(frozen=True)
class Variant:
    """Settings with the digest of the PGO profile that `settings.pgo` names, if there is one."""

    settings: BuildSettings
    profile: Digest | None = None

    @property
    def mounts(self) -> dict[str, Digest]:
        """Where a compile finds the profile."""
        return {} if self.profile is None else {"_pgo": self.profile}


@dataclass(frozen=True)
class Layer:
    """Several packages compiled together: `IMPORTPATH.x` and `IMPORTPATH.a`.

    `errors` holds the compiler's words when the layer did not compile.
    """

    exports: Digest
    archives: Digest
    errors: str = ""


@dataclass(frozen=True)
class StdLayerRequest(EngineAwareParameter):
    """One group of std for one variant."""

    variant: Variant
    group: int

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.variant.settings.platform} group {self.group}"


@dataclass(frozen=True)
class LayerProcess:
    """A run of `multiarch.tools.layer`, with its outputs split."""

    process: ToolProcess


def std_variant(variant: Variant) -> Variant:
    """Forget what std does not depend on, so that it is shared."""
    settings = variant.settings
    return Variant(
        BuildSettings(
            platform=settings.platform,
            go_version=settings.go_version,
            tags=std_tags(settings.tags),
            gcflags=settings.gcflags,
            experiment=settings.experiment,
            pgo=settings.pgo,
        ),
        variant.profile,
    )


def export_mount(group: int) -> str:
    """Where a process finds the export data of a std group."""
    return f".std{group}x"


def archive_mount(group: int) -> str:
    """Where a link finds the archives of a std group."""
    return f".std{group}a"


@rule(level=LogLevel.DEBUG)
async def build_layer(request: LayerProcess) -> Layer:
    process = await Get(Process, ToolProcess, request.process)
    result = await Get(FallibleProcessResult, Process, process)
    if result.exit_code != 0:
        return Layer(result.output_digest, result.output_digest, result.stderr.decode().strip())
    exports, archives = await MultiGet(
        Get(Digest, DigestSubset(result.output_digest, PathGlobs(["_out/export/**"]))),
        Get(Digest, DigestSubset(result.output_digest, PathGlobs(["_out/archive/**"]))),
    )
    exports, archives = await MultiGet(
        Get(Digest, RemovePrefix(exports, "_out/export")),
        Get(Digest, RemovePrefix(archives, "_out/archive")),
    )
    return Layer(exports, archives)


@rule(desc="Build std", level=LogLevel.DEBUG)
async def build_std(request: StdLayerRequest, toolchain: GoToolchain) -> Layer:
    settings = request.variant.settings
    lower = await MultiGet(
        Get(Layer, StdLayerRequest(request.variant, group)) for group in lower_groups(request.group)
    )
    mounts = {
        **toolchain_mounts(toolchain, goroot=True),
        **{export_mount(n): layer.exports for n, layer in enumerate(lower)},
        **request.variant.mounts,
    }
    patterns = patterns_of(request.group)
    names = " ".join(patterns[:3]) + (" ..." if len(patterns) > 3 else "")
    tool = ToolProcess(
        "multiarch.tools.layer",
        request_json(
            {
                "settings": settings_json(settings),
                "std": {"patterns": patterns},
                "packages": [],
                "lower": [export_mount(n) for n in lower_groups(request.group)],
                "goroot": ".goroot",
                "output": "_out",
            }
        ),
        f"Compile std for {settings.platform} ({names})",
        immutable=FrozenDict(mounts),
        output_directories=("_out",),
        concurrency=16,
    )
    layer = await Get(Layer, LayerProcess(tool))
    if layer.errors:
        raise MultiarchError(
            f"std of {settings.go_version} does not compile for {settings.platform}:\n"
            f"{layer.errors}"
        )
    return layer


def rules() -> Iterable[object]:
    return collect_rules()
