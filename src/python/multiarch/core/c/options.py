"""What decides how C is compiled for one platform, and how a target or an option says it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform

# What `dynamic` means where nothing else is said: older than any Debian that is still supported.
DEFAULT_GLIBC = "2.31"
# The first glibc that has the architecture at all; for ppc64le, the IEEE `long double` of zig's
# headers.
_FIRST_GLIBC = {"loong64": "2.36", "ppc64le": "2.32"}

_GLIBC = re.compile(r"glibc-(2\.\d+)\Z")


class CError(MultiarchError):
    """Says why C cannot be compiled as it was asked."""


@dataclass(frozen=True)
class Libc:
    """A C library: `musl`, `glibc` with the oldest version to run on, or the `system`'s own."""

    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}-{self.version}" if self.version else self.name


def parse_libc(text: str, platform: Platform, *, static: bool, where: str) -> Libc:
    """Read a `libc` field; empty means musl for static files, and glibc for dynamic ones.

    Only Linux has a choice. Raises CError for another word, and for what cannot be static.
    """
    if platform.os != "linux":
        if text:
            raise CError(f"{where}: `libc` is {text!r}, but only linux has a choice of libraries.")
        return Libc("system")
    if not text:
        first = _FIRST_GLIBC.get(platform.arch, DEFAULT_GLIBC)
        return Libc("musl") if static else Libc("glibc", first)
    match = _GLIBC.match(text)
    if text != "musl" and match is None:
        raise CError(
            f"{where}: `libc` is {text!r}; expected `musl`, or `glibc-2.N` with the oldest version "
            f"that the program is to run on, such as `glibc-{DEFAULT_GLIBC}`."
        )
    if match is None:
        return Libc("musl")
    if static:
        raise CError(
            f"{where}: `libc` is {text!r}, and a static file cannot be made with it: zig has only "
            'the dynamic library of glibc. Use "musl", or cgo="dynamic".'
        )
    return Libc("glibc", match.group(1))


@dataclass(frozen=True)
class COptions:
    """How one platform's C is compiled and linked.

    `linkage` is "static" or "dynamic"; `compiler` is "zig" or "gcc", and for the latter `cc` and
    `cxx` name programs of the host. `sysroot` is a directory of the repository, or empty.
    """

    linkage: str
    compiler: str
    libc: Libc
    cc: str = ""
    cxx: str = ""
    cflags: tuple[str, ...] = ()
    ldflags: tuple[str, ...] = ()
    sysroot: str = ""

    @property
    def static(self) -> bool:
        """Whether the linked file needs nothing but the system itself."""
        return self.linkage == "static"
