"""The script that compiles and links one C program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from multiarch.core.c.driver import CC, FOLDER
from multiarch.core.c.options import COptions
from multiarch.core.platforms import Platform


def compile_script(
    sources: Sequence[str],
    output: str,
    platform: Platform,
    options: COptions,
    cflags: Sequence[str],
) -> str:
    """Write a POSIX shell script; every source is relative to the sandbox, where it runs."""
    lines = [
        "set -eu",
        f'export PATH="$PWD/{FOLDER}:$PATH" HOME="$PWD/.home" TMPDIR="$PWD/.tmp"',
        'export ZIG_GLOBAL_CACHE_DIR="$PWD/.zig-cache" ZIG_LOCAL_CACHE_DIR="$PWD/.zig-cache"',
        "mkdir -p .home .tmp _objects _out",
    ]
    objects = []
    for n, source in enumerate(sources):
        objects.append(f"_objects/{n}.o")
        lines.append(shlex.join((CC, "-O2", *cflags, "-c", source, "-o", objects[-1])))
    static = ("-static",) if options.static and platform.os == "linux" else ()
    # zig would put the path of its own sources into a program for another system.
    strip = () if platform.os == "linux" else ("-s",)
    link = (CC, "-O2", *static, *strip, "-o", output, *objects, *options.ldflags)
    return "\n".join([*lines, shlex.join(link)]) + "\n"


_MISSING = (
    re.compile(r"unable to find (?:dynamic|static) system library ['\"]([^'\"]+)['\"]"),
    re.compile(r"cannot find -l([\w.+-]+)"),
    re.compile(r"unable to find library -l([\w.+-]+)"),
)
_FRAMEWORK = re.compile(
    r"unable to find (?:system )?framework ['\"]([^'\"]+)['\"]|framework not found:? '?([\w.]+)"
)
_HEADER = re.compile(r"fatal error: '?([^':]+)'?(?: file not found|: No such file or directory)")

_NO_PKG_CONFIG = '"pkg-config": executable file not found'


def advice_for(output: str, options: COptions, platform: Platform) -> str:
    """What to do about a compiler's or linker's failure, to stand below its own words.

    Empty where those say it all; else it begins with a new line.
    """
    lines = []
    frameworks = sorted({a or b for a, b in _FRAMEWORK.findall(output)})
    missing = sorted({m for pattern in _MISSING for m in pattern.findall(output)})
    if platform.os == "darwin" and (frameworks or missing):
        what = [f"the framework {name}" for name in frameworks] + [f"lib{name}" for name in missing]
        lines.append(
            f"{', '.join(what)} is a part of Apple's SDK, which zig does not bring. Put the SDK "
            "into the repository and name its directory: "
            f'[c-toolchain].sysroots = {{"{platform}": "DIR"}}.'
        )
    elif missing and options.static:
        files = ", ".join(f"lib{name}.a" for name in missing)
        lines.append(
            f"A static file was asked for, and there is no static library {files} for "
            f"`{platform}`. Put it into the module and name its directory (`#cgo LDFLAGS: "
            "-L${SRCDIR}/DIR`), give a sysroot that has it ([c-toolchain].sysroots), or make the "
            'file "dynamic".'
        )
    elif missing:
        files = ", ".join(f"lib{name}" for name in missing)
        lines.append(
            f"There is no library {files} for `{platform}`. Give a sysroot that has it "
            "([c-toolchain].sysroots)."
        )
    headers = sorted(set(_HEADER.findall(output)))
    if headers:
        lines.append(
            f"There is no header {', '.join(headers)}. Put it beside the sources, or give a "
            "sysroot that has it ([c-toolchain].sysroots)."
        )
    if _NO_PKG_CONFIG in output:
        lines.append(
            "The program pkg-config, which reads the sysroot's .pc files, is not on this machine. "
            "Install it (Debian: the package pkgconf)."
        )
    return "".join(f"\n{line}" for line in lines)
