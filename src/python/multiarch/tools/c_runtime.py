"""Has zig make its C library, its start-up code and its runtime, once for all links of a target.

Request: `{"flags": [target flags], "kind": [flags of the link], "cxx": bool, "output"}`. It leaves
below the output `before/` and `after/`, what zig's own linker line has before and after a program's
objects, numbered in its order; and `flags`, further flags for the link. It is stripped: zig's debug
information names the path of zig itself.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.tools.process import relative, run

_CACHE = ".zig-cache"
# The names of members hold the folder of zig's cache, which differs between paths of zig.
_CACHED = re.compile(rb"(?<=o/)[0-9a-f]{32}(?=/)")
_ARCHIVE = b"!<arch>\n"
_INPUT = re.compile(r"(?!-).*\.(o|obj|a|lib|so(\.\d+)*)\Z")
# The linkers of linux, windows and darwin, as zig calls them.
_LINKERS = ("ld.lld ", "lld-link ", "zig ld ")

# ARMv5 has no atomic instructions: the kernel does it, at a fixed address (Documentation/arch/arm/
# kernel_user_helpers.rst: it returns 0 when it has stored). zig's own runtime lacks them.
_ARM5_ATOMICS = """
typedef unsigned int word;
typedef int (*kernel_swap)(word old, word new, volatile word *at);
#define SWAP ((kernel_swap)0xffff0fc0)
#define BARRIER ((void (*)(void))0xffff0fa0)
#define NAMED(type, name, ...) type name(__VA_ARGS__) __asm__("__sync_" #name)
typedef unsigned char byte;
NAMED(void, synchronize, void);
NAMED(word, val_compare_and_swap_4, volatile word *, word, word);
NAMED(word, lock_test_and_set_4, volatile word *, word);
NAMED(byte, val_compare_and_swap_1, volatile byte *, byte, byte);
NAMED(byte, lock_test_and_set_1, volatile byte *, byte);
void synchronize(void) { BARRIER(); }
word val_compare_and_swap_4(volatile word *at, word old, word new) {
    for (;;) {
        word now = *at;
        if (now != old) return now;
        if (SWAP(old, new, at) == 0) return old;
    }
}
word lock_test_and_set_4(volatile word *at, word new) {
    for (;;) {
        word now = *at;
        if (SWAP(now, new, at) == 0) return now;
    }
}
#define PART(at) (((word)(at) & 3) * 8)
#define WHOLE(at) ((volatile word *)((word)(at) & ~3u))
byte val_compare_and_swap_1(volatile byte *at, byte old, byte new) {
    for (;;) {
        word now = *WHOLE(at), rest = now & ~(255u << PART(at));
        byte found = now >> PART(at);
        if (found != old) return found;
        if (SWAP(now, rest | (word)new << PART(at), WHOLE(at)) == 0) return old;
    }
}
byte lock_test_and_set_1(volatile byte *at, byte new) {
    for (;;) {
        word now = *WHOLE(at), rest = now & ~(255u << PART(at));
        if (SWAP(now, rest | (word)new << PART(at), WHOLE(at)) == 0) return now >> PART(at);
    }
}
"""

# zig has this as a flag of its linker line, and takes none such itself.
_IMAGE_BASE = """\
.section .drectve, "yn"
.ascii " -alternatename:__image_base__=__ImageBase"
"""


class RuntimeFailed(MultiarchError):
    """Carries what zig said."""


def link_line(stderr: str, program: str) -> list[str]:
    """Find the command that linked `program` among those that zig prints."""
    for line in reversed(stderr.splitlines()):
        words = shlex.split(line) if line.startswith(_LINKERS) else []
        if f"-OUT:{program}" in words:
            return words
        if "-o" in words and words[words.index("-o") + 1] == program:
            return words
    raise RuntimeFailed(f"zig did not say how it links:\n{stderr}")


def split(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Split a linker line at the program's own object: flags, files before it, files after it."""
    own = ("/empty.o", "/empty.obj")
    skipped = set()
    flags: list[str] = []
    for n, word in enumerate(words):
        if word in ("--dynamic-linker", "-dynamic-linker"):
            flags.append(f"-Wl,-dynamic-linker={words[n + 1]}")
            skipped.add(n + 1)
        if word == "-o":
            skipped.add(n + 1)
    at = next(n for n, word in enumerate(words) if word.endswith(own))
    files = [(n, w) for n, w in enumerate(words) if n not in skipped and _INPUT.match(w)]
    return flags, [w for n, w in files if n < at], [w for n, w in files if n > at]


def copy(files: list[str], folder: Path) -> None:
    """Copy files, numbered so that the shell lists them in the same order."""
    folder.mkdir(parents=True)
    if not files:
        # So that the shell's pattern always finds something.
        (folder / "empty.a").write_bytes(_ARCHIVE)
    for n, file in enumerate(files):
        data = Path(file).read_bytes()
        if data.startswith(_ARCHIVE):
            data = _CACHED.sub(b"0" * 32, data)
        (folder / f"{n:02d}-{Path(file).name}").write_bytes(data)


def zig(request: Mapping[str, Any], driver: str, *argv: str) -> str:
    """Compile for the request's target and return what zig says; raises RuntimeFailed."""
    cwd = os.getcwd()
    env = {
        "HOME": cwd,
        "PATH": "/usr/bin:/bin",
        "TMPDIR": cwd,
        # Relative, so that the names of members have one length everywhere.
        "ZIG_GLOBAL_CACHE_DIR": _CACHE,
        "ZIG_LOCAL_CACHE_DIR": _CACHE,
        "ZIG_VERBOSE_LINK": "1",
    }
    flags = [*request["flags"], "-O2", "-fno-sanitize=undefined"]
    result = subprocess.run(
        [f"{cwd}/.zig/ziglang/zig", driver, *flags, *argv], env=env, capture_output=True, text=True
    )
    if result.returncode != 0:
        raise RuntimeFailed(
            f"zig cannot make the C library for {' '.join(request['flags'])}:\n"
            f"{relative(result.stderr.strip())}"
        )
    return result.stderr


def compiled(request: Mapping[str, Any], source: str, text: str, *flags: str) -> str:
    """Compile a source of our own; returns the object's name."""
    Path(source).write_text(text)
    zig(request, "cc", *flags, "-c", "-o", f"{source}.o", source)
    return f"{source}.o"


def main(request: Mapping[str, Any]) -> None:
    """Link an empty program as it is asked, and keep what zig made for it."""
    name, driver = ("empty.cc", "c++") if request["cxx"] else ("empty.c", "cc")
    Path(name).write_text("int main(void) { return 0; }\n")
    said = zig(request, driver, "-s", *request["kind"], "-o", "empty", name)
    words = link_line(said, "empty")
    more, before, after = split(words)
    if words[0] == "zig":
        # Darwin's own library is a text stub, which zig has at hand.
        more += ["-s", "-lSystem"]
    elif words[0] == "lld-link":
        more += ["-s"] if "-shared" in request["kind"] else ["-s", "-Wl,-e,mainCRTStartup"]
        after = [compiled(request, "image_base.s", _IMAGE_BASE), *after]
    if "-mcpu=arm926ej_s" in request["flags"]:
        flags = ("-fPIC", "-fno-builtin", "-fno-unwind-tables")
        after = [compiled(request, "atomics.c", _ARM5_ATOMICS, *flags), *after]
    output = Path(request["output"])
    copy(before, output / "before")
    copy(after, output / "after")
    (output / "flags").write_text(" ".join(more) + "\n")


if __name__ == "__main__":
    sys.exit(run(main))
