"""What one build of a package graph is for: platform, toolchain version and compiler flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from multiarch.core.platforms import Platform

# Go builds position-independent executables by default there
# (cmd/go, internal/platform.DefaultPIE); all but windows then compile with -shared.
_PIE_SYSTEMS = ("android", "darwin", "ios", "windows")

# Environment of every Go process: nothing ambient, no network, no toolchain switching.
HERMETIC_GO_ENV: Mapping[str, str] = {
    "CGO_ENABLED": "0",
    "GO111MODULE": "on",
    "GOENV": "off",
    # Compilers are short-lived: less collection saves a tenth of their time, for some memory.
    "GOGC": "400",
    "GOFLAGS": "",
    "GOPROXY": "off",
    "GOSUMDB": "off",
    "GOTELEMETRY": "off",
    "GOTOOLCHAIN": "local",
    "GOVCS": "*:off",
}


@dataclass(frozen=True)
class BuildSettings:
    """Everything but the sources that decides a package's compiled bytes.

    `go_version` is as Go prints it (`go1.27.3`); `tags` are sorted build tags; `gcflags` apply
    to every package; `pgo` is the sandbox path of a preprocessed profile, if there is one. With
    `cgo`, cgo files take part, and one `go build` compiles it all.
    """

    platform: Platform
    go_version: str
    tags: tuple[str, ...] = ()
    gcflags: tuple[str, ...] = ()
    experiment: str = ""
    pgo: str | None = None
    cgo: bool = False

    @property
    def minor(self) -> int:
        """The Go minor version: 27 for `go1.27.3`."""
        return int(self.go_version.removeprefix("go").split(".")[1])

    @property
    def link_buildmode(self) -> str:
        """The linker's -buildmode for `go build`'s default mode (cmd/go, BuildModeInit)."""
        return "pie" if self.platform.os in _PIE_SYSTEMS else "exe"

    @property
    def code_flags(self) -> tuple[str, ...]:
        """What compiler and assembler get for that build mode."""
        shared = self.platform.os in _PIE_SYSTEMS and self.platform.os != "windows"
        return ("-shared",) if shared else ()

    @property
    def env(self) -> dict[str, str]:
        """The environment of a compile, assemble, link or `go list` with these settings."""
        env = {**HERMETIC_GO_ENV, **dict(self.platform.go_env)}
        if self.cgo:
            env["CGO_ENABLED"] = "1"
        if self.experiment:
            env["GOEXPERIMENT"] = self.experiment
        return env

    @property
    def asm_defines(self) -> tuple[str, ...]:
        """The macros the assembler defines for the platform (cmd/go, asmArgs)."""
        names = [f"GOOS_{self.platform.os}", f"GOARCH_{self.platform.arch}"]
        names += _variant_defines(self.platform)
        return tuple(part for name in names for part in ("-D", name))


def _variant_defines(platform: Platform) -> list[str]:
    for variable, value in platform.go_env[2:]:
        if variable == "GOARM":
            return [f"GOARM_{n}" for n in ("7", "6", "5") if n <= value]
        if variable == "GOPPC64":
            levels = ("power10", "power9", "power8")
            return [f"GOPPC64_{level}" for level in levels[levels.index(value) :]]
        if variable == "GOARM64":
            # Large System Extensions are mandatory from Armv8.1 on.
            return [] if value == "v8.0" else ["GOARM64_LSE"]
        return [f"{variable}_{value}"]
    return []
