"""The plan of a cgo build: one `go build`, with a C compiler for the platform."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from multiarch.core.c.driver import CC, CXX, with_flags
from multiarch.core.c.options import COptions
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.packages import Package, closure
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import GROUPS
from multiarch.core.platforms import Platform

# cmd/go, internal/platform/supported.go (RaceDetectorSupported) of Go 1.27; riscv64 since 1.26.
RACE_PLATFORMS = (
    *("linux/amd64", "linux/arm64", "linux/loong64", "linux/ppc64le", "linux/riscv64"),
    *("linux/s390x", "darwin/amd64", "darwin/arm64", "windows/amd64"),
)
# The same file, BuildModeSupported; those of linux, darwin and windows.
_SHARED = (
    *("linux/386", "linux/amd64", "linux/arm", "linux/arm64", "linux/loong64", "linux/ppc64le"),
    *("linux/riscv64", "linux/s390x", "darwin/amd64", "darwin/arm64"),
    *("windows/386", "windows/amd64", "windows/arm64"),
)
PROGRAM_MODES = ("exe", "pie")
LINK_MODES = (*PROGRAM_MODES, "c-shared", "c-archive")

# Files that C code of a module may include or link, wherever in the module they are.
C_SUFFIXES = (
    *(".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx", ".inc", ".inl", ".def"),
    *(".s", ".S", ".sx", ".syso", ".a", ".so", ".lib", ".dll", ".dylib", ".tbd"),
)

# What Go's own default is (cmd/go, internal/work, BuildSettings).
_DEFAULT_CFLAGS = ("-O2", "-g")


class CgoError(MultiarchError):
    """Says why a binary with cgo cannot be built as it was asked."""


@dataclass(frozen=True)
class CgoOptions:
    """How a binary with C code is built: its C, and what Go makes of it.

    `link_mode` is one of LINK_MODES.
    """

    c: COptions
    link_mode: str = "exe"
    race: bool = False

    def resolver_note(self, needed: Container[str]) -> str:
        """Say which of these packages of std do without the C library, and so work otherwise."""
        replaced = [
            f"{name} ({tag})"
            for name, tag in (("net", "netgo"), ("os/user", "osusergo"))
            if tag in self.tags and name in needed
        ]
        return f"without the C library: {', '.join(replaced)}" if replaced else ""

    @property
    def tags(self) -> tuple[str, ...]:
        """The build tags it needs: glibc looks names up in libraries that a static file lacks."""
        glibc = self.c.static and self.c.compiler == "gcc"
        return ("netgo", "osusergo") if glibc else ()

    @property
    def is_program(self) -> bool:
        """Whether the result is started by itself."""
        return self.link_mode in PROGRAM_MODES


def check(options: CgoOptions, platform: Platform, *, where: str) -> None:
    """Raise CgoError for what the platform does not have."""
    port = f"{platform.os}/{platform.arch}"
    if not platform.cgo_supported:
        raise CgoError(
            f'{where}: `cgo` is "{options.c.linkage}", but Go has no cgo on `{platform}`. '
            'Leave the platform out, or set cgo="off" for it with `overrides`.'
        )
    if options.race and port not in RACE_PLATFORMS:
        raise CgoError(
            f"{where}: `race` is True, but Go has no race detector on `{platform}`; it has on "
            f"{', '.join(RACE_PLATFORMS)}. Set race=False for it with `overrides`."
        )
    if options.race and options.c.static:
        raise CgoError(
            f'{where}: `race` is True and `cgo` is "static", but the race detector needs a dynamic '
            'C library. Set cgo="dynamic".'
        )
    if options.link_mode in ("pie", "c-shared") and port not in _SHARED:
        raise CgoError(
            f'{where}: `linkmode` is "{options.link_mode}", which Go does not have on '
            f"`{platform}`; it has on {', '.join(_SHARED)}."
        )
    if options.link_mode == "c-shared" and options.c.static and platform.os == "linux":
        raise CgoError(
            f'{where}: `linkmode` is "c-shared" and `cgo` is "static", but a library shares the C '
            'library of the program that loads it. Set cgo="dynamic".'
        )


def file_name(name: str, platform: Platform, link_mode: str) -> str:
    """The file of a binary: `hello`, `hello.exe`, `libhello.so`, `hello.dll`, `libhello.a`.

    >>> file_name("hello", Platform.parse("linux/amd64"), "c-shared")
    'libhello.so'
    """
    if link_mode == "c-archive":
        return f"lib{name}.a"
    if link_mode == "c-shared":
        if platform.os == "windows":
            return f"{name}.dll"
        return f"lib{name}.dylib" if platform.os == "darwin" else f"lib{name}.so"
    return name + platform.executable_suffix


def header_name(file: str) -> str:
    """The header that Go writes beside a library.

    >>> header_name("libhello.so")
    'libhello.h'
    """
    return file.rpartition(".")[0] + ".h"


def _quoted(flag: str, *, where: str) -> str:
    """Quote an element of -ldflags as Go splits it (cmd/internal/quoted: no escapes)."""
    if not flag or any(c in flag for c in " \t\n'\""):
        for quote in "'\"":
            if quote not in flag:
                return f"{quote}{flag}{quote}"
        raise CgoError(
            f"{where}: {flag!r} has both kinds of quotes, which `go build` cannot pass to the "
            "linker. Take one kind out."
        )
    return flag


def link_flags(
    options: CgoOptions,
    platform: Platform,
    ldflags: Iterable[str],
    x_defs: Iterable[tuple[str, str]],
    *,
    where: str,
) -> str:
    """The value of -ldflags. On darwin and windows it strips: zig does not make DWARF for them."""
    flags = ["-buildid="]
    if options.link_mode != "c-archive":
        flags.append("-linkmode=external")
        if options.c.static and platform.os == "linux":
            kind = "-static-pie" if options.link_mode == "pie" else "-static"
            flags.append(f"-extldflags={kind}")
    if platform.os != "linux":
        flags += ["-s", "-w"]
    flags += ldflags
    flags += [f"-X={name}={value}" for name, value in x_defs]
    return " ".join(_quoted(flag, where=where) for flag in flags)


def environment(options: CgoOptions, settings: BuildSettings) -> dict[str, str]:
    """The environment of its `go build`, without the sandbox's paths."""
    flags = with_flags(_DEFAULT_CFLAGS, options.c.cflags)
    return {
        **settings.env,
        "CC": CC,
        "CXX": CXX,
        "CGO_CFLAGS": flags,
        "CGO_CXXFLAGS": flags,
        "CGO_LDFLAGS": with_flags(_DEFAULT_CFLAGS, options.c.ldflags),
        # What a target says itself needs no list of what is harmless.
        "CGO_CFLAGS_ALLOW": ".*",
        "CGO_LDFLAGS_ALLOW": ".*",
    }


def build_flags(
    options: CgoOptions, settings: BuildSettings, *, gcflags: str = ""
) -> tuple[str, ...]:
    """The flags of `go build` that decide how packages are compiled."""
    return (
        "-trimpath",
        "-buildvcs=false",
        *((f"-tags={','.join(settings.tags)}",) if settings.tags else ()),
        *((f"-gcflags={gcflags}",) if gcflags else ()),
        *((f"-buildmode={options.link_mode}",) if options.link_mode != "exe" else ()),
        *(("-race",) if options.race else ()),
    )


# std with cgo, cut as `core.golang.std` cuts it. `net` is what a program with C mostly needs of the
# group of net/http, and a tenth of its work.
_GROUPS = (
    ("runtime/cgo", *GROUPS[0]),
    ("net", *GROUPS[1]),
    *GROUPS[2:],
)


def std_patterns(count: int) -> tuple[str, ...]:
    """What of std the first `count` layers hold."""
    return tuple(p for group in _GROUPS[:count] for p in group)


def std_layers(packages: Mapping[str, Package], needed: Iterable[str]) -> int:
    """How many layers hold all that is needed of std; `packages` is a graph with its roots."""
    left = {p for p in needed if packages[p].kind == "std"}
    for count in range(1, len(_GROUPS)):
        left -= set(closure(packages, _GROUPS[count - 1]))
        if not left:
            return count
    return len(_GROUPS)
