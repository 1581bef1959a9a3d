"""Whether a linked executable is what was asked for: right platform, right linkage, right build."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from multiarch.core.executables.build_info import BuildInfo
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.expectations import header_mismatches
from multiarch.core.platforms import Platform


class _SystemLinkage(NamedTuple):
    """What interpreter and libraries match that even a pure Go binary has on some systems."""

    interpreter: str
    libraries: str


_APPLE = _SystemLinkage(r"/usr/lib/dyld", r"/usr/lib/.*|/System/Library/.*")
_SOLARIS = _SystemLinkage(
    r"(/usr)?/lib/(amd64|64)/ld\.so\.1", r"lib(c|nsl|pthread|sendfile|socket)\.so(\.\d+)*"
)

# There, system calls are not a stable interface, and Go calls the system's libraries instead:
# from what Go 1.25 to 1.27 link with CGO_ENABLED=0. All others get static files.
_SYSTEMS = {
    "aix": _SystemLinkage("", r"lib(c|pthread)\.a/.*"),
    "android": _SystemLinkage(r"/system/bin/linker(64)?", r"lib(c|dl|log|m)\.so"),
    "darwin": _APPLE,
    "illumos": _SOLARIS,
    "ios": _APPLE,
    "openbsd": _SystemLinkage(r"/usr/libexec/ld\.so", r"lib(c|pthread)\.so(\.\d+)*"),
    "solaris": _SOLARIS,
    # No library of Windows is called lib*, but those of its C compilers are.
    "windows": _SystemLinkage("", r"(?!lib).*"),
}
_STATIC = _SystemLinkage("", "")


def verify(
    executable: Executable,
    platform: Platform,
    *,
    expect_static: bool,
    go: bool = True,
    cgo: bool = False,
) -> tuple[str, ...]:
    """Compare a linked file with the platform it was built for; every mismatch is one sentence.

    `expect_static` demands a file that needs nothing but the system itself: no interpreter and no
    library on Linux and most others, only the system's own on those without stable system calls
    (macOS, Windows, OpenBSD, ...). `go` demands Go build info that agrees with the platform and
    with `cgo`; WebAssembly has none to compare.
    """
    mismatches = list(header_mismatches(executable, platform))
    if expect_static:
        mismatches += _linkage_mismatches(executable, platform)
    if go and executable.format != "WebAssembly":
        mismatches += _build_mismatches(executable.build_info, platform, cgo)
    return tuple(mismatches)


def verify_archive(
    objects: Iterable[tuple[str, Executable | None]], platform: Platform
) -> tuple[str, ...]:
    """Compare the object files of a library for C programs with the platform it was built for.

    `objects` are the members' names and headers, None for what is no object file. One of them is
    Go's own, with the build info of a build with cgo.
    """
    mismatches: list[str] = []
    infos: list[BuildInfo] = []
    for name, found in objects:
        if found is None:
            mismatches.append(f"{name}: expected an object file, found another file")
            continue
        mismatches += [f"{name}: {text}" for text in header_mismatches(found, platform)]
        if found.build_info:
            infos.append(found.build_info)
    mismatches += _build_mismatches(infos[0] if infos else None, platform, True)
    return tuple(mismatches)


def _linkage_mismatches(executable: Executable, platform: Platform) -> Iterator[str]:
    system = _SYSTEMS.get(platform.os, _STATIC)
    static = platform.os not in _SYSTEMS
    if not re.fullmatch(system.interpreter, executable.interpreter or ""):
        expected = "no interpreter, as the file must be static" if static else "the system's own"
        yield f"expected {expected}, found the interpreter {executable.interpreter or 'none'}"
    libraries = re.compile(system.libraries, re.IGNORECASE)
    foreign = [name for name in executable.needed if not libraries.fullmatch(name)]
    if foreign:
        expected = "no libraries, as the file must be static" if static else "only the system's own"
        yield f"expected {expected}, found the needed libraries {', '.join(foreign)}"


def _build_mismatches(info: BuildInfo | None, platform: Platform, cgo: bool) -> Iterator[str]:
    if info is None:
        yield "expected Go build info, found none"
        return
    if not info.go_version:
        yield "expected the build info of Go 1.18 or newer, found an older one"
        return
    for name, value in (("CGO_ENABLED", str(int(cgo))), *platform.go_env):
        found = info.setting(name)
        if found != value:
            text = f"no {name}" if found is None else f"{name}={found}"
            yield f"expected {name}={value} in the Go build info, found {text}"
