"""The programs `cc`, `c++` and `ar` of a sandbox: shell scripts around a compiler.

They are called by the Go command, by their names alone, so that no path of the sandbox is in a key
of Go's own cache. They find everything else beside themselves:

* `.zig`: the unpacked `ziglang` wheel;
* `.crt`: the C library and start-up code that zig made before, see `multiarch.tools.c_runtime`;
* `.sysroot`: further headers and libraries.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from multiarch.core.c.gcc import gcc_flags
from multiarch.core.c.options import COptions
from multiarch.core.c.zig import ZigTarget
from multiarch.core.platforms import Platform

# Where the scripts are, and their names: the Go command finds them on its PATH. It knows no other
# name for the archiver than `ar`.
FOLDER = ".cc"
CC, CXX, AR = "multiarch-cc", "multiarch-c++", "ar"

_HEAD = """\
#!/bin/sh
root=${0%/.cc/*}
"""

# Of several maps that fit a path the last one counts. A module at the sandbox's root has Go's work
# directory, whose name is random, within it, and Go names the module's map after that of its own.
_WORK_LAST = """\
for argument; do
    case $argument in
    -ffile-prefix-map=*=/tmp/go-build) set -- "$@" "$argument" ;;
    esac
done
"""

# zig builds its C library at the first link, which takes longer than all else, and names its own
# path in the debug information of it. So it is made once, stripped, and given to each link.
# `.zig` is a link here, and on a worker zig itself: its map comes after the sandbox's.
_ZIG = """\
zig=$(cd -P "$root/.zig" && pwd) || exit 1
compile() {{
    exec "$root/.zig/ziglang/zig" {driver} {flags} "-ffile-prefix-map=$root=." \\
        "-ffile-prefix-map=$zig=/zig" {includes} "$@"
}}
for argument; do
    case $argument in
    -c | -E | -S | -M | -MM | '-###' | -fsyntax-only | -v | -V | --version | -dump* | -print-*)
        compile "$@"
        ;;
    esac
done
"""
_ZIG_LINK = """\
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    count=$((count - 1))
    shift
    case $argument in
    {dropped}) ;;
{replaced}    *) set -- "$@" "$argument" ;;
    esac
done
exec "$root/.zig/ziglang/zig" {driver} {flags} -nostdlib -rtlib=none $(cat "$root/.crt/flags") \\
    "$root/.crt/before"/* "$@" {libraries} "$root/.crt/after"/*
"""
_REPLACEMENT = """\
    {flag}) set -- "$@" {instead} ;;
"""
# Flags of a link that zig does not take as they are, by system.
_REPLACED: Mapping[str, Mapping[str, str]] = {
    # For Go's race detector libSystem may lack the function. zig's has it.
    "darwin": {"-Wl,-U,__dyld_get_dyld_header": ""},
    # What of the start-up code runs first, where a flag says so and `.crt/flags` says otherwise;
    # and the library of the race detector, which zig has by its other name alone.
    "windows": {
        "-mwindows": "-mwindows -Wl,-e,WinMainCRTStartup",
        "-municode": "-municode -Wl,-e,wmainCRTStartup",
        "-lsynchronization": "-lapi-ms-win-core-synch-l1-2-0",
    },
}
_ZIG_AR = """\
exec "$root/.zig/ziglang/zig" ar "$@"
"""
_GCC_AR = """\
exec {program} "$@"
"""
_GCC = """\
exec {program} {flags} "-ffile-prefix-map=$root=." "$@"
"""

# Parts of the C library, which `.crt` holds; with any of them zig would make its own again. They
# are those that zig knows (`isLibCLibName`); on windows as far as programs name them.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "linux": ("c", "c++", "dl", "m", "pthread", "resolv", "rt", "stdc++", "util"),
    "darwin": ("c++", "stdc++"),
    "windows": (
        *("c", "c++", "delayimp", "dxguid", "ksguid", "m", "mfuuid", "mingw32", "mingwex"),
        *("mingwthrd", "moldname", "msvcrt-os", "pthread", "stdc++", "strmiids", "uuid"),
        *("wbemuuid", "winpthread", "wmcodecdspuuid"),
    ),
}

# Go's `net` calls these three functions of macOS by their names (internal/syscall/unix,
# net_darwin.go), and has the C linker look for their library, which zig does not bring.
_RESOLVER = """\
--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: /usr/lib/libresolv.9.dylib
exports:
  - targets: [ x86_64-macos, arm64-macos ]
    symbols: [ _res_9_nclose, _res_9_ninit, _res_9_nsearch ]
...
"""

# Where zig keeps what it makes, and where what `multiarch.tools.c_runtime` leaves is mounted.
ZIG_CACHE, RUNTIME = ".zig-cache", ".crt"


def _sysroot(sysroot: str, triple: str, platform: Platform) -> tuple[str, str]:
    """Flags for headers and for libraries; the shell puts the sandbox's path into them."""
    own = [f'"-L$root/{FOLDER}"'] if stubs(platform) else []
    if not sysroot:
        return "", " ".join(own)
    folders = [f"usr/lib/{triple}", f"lib/{triple}", "usr/lib", "lib"]
    libraries = [f'"-L$root/.sysroot/{folder}"' for folder in folders]
    includes = [
        f'-idirafter "$root/.sysroot/{folder}"'
        for folder in (f"usr/include/{triple}", "usr/include")
    ]
    if platform.os == "darwin":
        frameworks = '-iframework "$root/.sysroot/System/Library/Frameworks"'
        includes.append(frameworks)
        libraries.append(frameworks.replace("-iframework ", "-F"))
    return " ".join(includes), " ".join([*libraries, *own])


def stubs(platform: Platform) -> dict[str, str]:
    """Files that stand for libraries of the system while zig links, by name; they are in FOLDER."""
    return {"libresolv.tbd": _RESOLVER} if platform.os == "darwin" else {}


def zig_driver(
    target: ZigTarget, platform: Platform, options: COptions, *, cxx: bool, pie: bool, triple: str
) -> str:
    """The script that compiles and links with zig; `triple` is Debian's name in a sysroot."""
    includes, libraries = _sysroot(options.sysroot, triple, platform)
    dropped = [f"-l{name}" for name in _PARTS[platform.os]]
    dropped += ["-pthread"] + ([] if pie else ["-pie"])
    replaced = _REPLACED.get(platform.os, {}).items()
    values = {
        "driver": "c++" if cxx else "cc",
        "flags": shlex.join((*target.flags, "-fno-sanitize=undefined")),
        "includes": includes,
        # After the `-g` of Go's line: else zig makes a .pdb, whose hash the file holds.
        "libraries": libraries if platform.os == "linux" else f"{libraries} -s",
        "dropped": " | ".join(dropped),
        "replaced": "".join(_REPLACEMENT.format(flag=f, instead=i) for f, i in replaced),
    }
    return _HEAD + _WORK_LAST + (_ZIG + _ZIG_LINK).format(**values)


def gcc_driver(program: str, platform: Platform, options: COptions) -> str:
    """The script that runs a GCC of the host, which is found on PATH."""
    flags = shlex.join(gcc_flags(platform))
    if options.sysroot:
        flags += ' "--sysroot=$root/.sysroot"'
    return _HEAD + _WORK_LAST + _GCC.format(program=shlex.quote(program), flags=flags)


def zig_archiver() -> str:
    """The script that puts objects into a library with zig."""
    return _HEAD + _ZIG_AR


def gcc_archiver(program: str) -> str:
    """The same with a program of the host."""
    # The folder of this script is first on PATH, and so is not searched for the program.
    return _HEAD + 'PATH=${PATH#"$root/.cc:"}\n' + _GCC_AR.format(program=shlex.quote(program))


def runtime_flags(platform: Platform, linkmode: str, options: COptions) -> tuple[str, ...]:
    """What kind of file zig makes its C library for, as flags of `zig cc`.

    Only linux has many. On windows libraries start otherwise, and on darwin all is one.
    """
    if platform.os != "linux":
        return ("-shared",) if (platform.os, linkmode) == ("windows", "c-shared") else ()
    kinds: dict[str, tuple[str, ...]] = {"pie": ("-pie",), "c-shared": ("-shared",)}
    kind = kinds.get(linkmode, ())
    if options.static and linkmode != "c-shared":
        return ("-static", *kind)
    return kind


def with_flags(defaults: Iterable[str], flags: Iterable[str]) -> str:
    """Write flags for CGO_CFLAGS and its like, each quoted where it needs to be."""
    return " ".join(_quoted(flag) for flag in (*defaults, *flags))


def _quoted(flag: str) -> str:
    # cmd/internal/quoted.Split: single or double quotes, without escapes inside.
    if not any(c in flag for c in " \t\n'\""):
        return flag
    return f'"{flag}"' if '"' not in flag else f"'{flag}'"
