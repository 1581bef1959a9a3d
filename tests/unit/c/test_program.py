"""The script of a C program, and what is said about a compiler's or linker's failure."""

from __future__ import annotations

import pytest
from multiarch.core.c.options import COptions, Libc
from multiarch.core.c.program import advice_for, compile_script
from multiarch.core.platforms import Platform

LINUX, DARWIN = Platform.parse("linux/arm64"), Platform.parse("darwin/arm64")
STATIC = COptions("static", "zig", Libc("musl"), ldflags=("-s",))
DYNAMIC = COptions("dynamic", "zig", Libc("glibc", "2.31"))


def test_each_source_is_compiled_and_all_are_linked() -> None:
    lines = compile_script(["p/a.c", "p/b c.c"], "_out/app", LINUX, STATIC, ["-DX=1 2"])
    assert lines.splitlines()[-3:] == [
        "multiarch-cc -O2 '-DX=1 2' -c p/a.c -o _objects/0.o",
        "multiarch-cc -O2 '-DX=1 2' -c 'p/b c.c' -o _objects/1.o",
        "multiarch-cc -O2 -static -o _out/app _objects/0.o _objects/1.o -s",
    ]


def test_a_dynamic_one_and_another_system() -> None:
    assert "-static" not in compile_script(["a.c"], "app", LINUX, DYNAMIC, [])
    system = COptions("static", "zig", Libc("system"))
    script = compile_script(["a.c"], "app", DARWIN, system, [])
    assert script.splitlines()[-1] == "multiarch-cc -O2 -s -o app _objects/0.o"


@pytest.mark.parametrize(
    ("said", "options", "platform", "expected"),
    [
        (
            "error: unable to find static system library 'z' using strategy",
            STATIC,
            LINUX,
            "A static file was asked for, and there is no static library libz.a for `linux/arm64`. "
            "Put it into the module and name its directory (`#cgo LDFLAGS: -L${SRCDIR}/DIR`), give "
            'a sysroot that has it ([c-toolchain].sysroots), or make the file "dynamic".',
        ),
        (
            "ld: cannot find -lz: No such file\nld: cannot find -lpng16: No such file",
            STATIC,
            LINUX,
            "A static file was asked for, and there is no static library libpng16.a, libz.a for "
            "`linux/arm64`. Put it into",
        ),
        (
            "ld.lld: error: unable to find library -lz",
            DYNAMIC,
            LINUX,
            "There is no library libz for `linux/arm64`. Give a sysroot that has it "
            "([c-toolchain].sysroots).",
        ),
        (
            'error: unable to find system framework "CoreFoundation". searched paths: none',
            DYNAMIC,
            DARWIN,
            "the framework CoreFoundation is a part of Apple's SDK, which zig does not bring. Put "
            "the SDK into the repository and name its directory: "
            '[c-toolchain].sysroots = {"darwin/arm64": "DIR"}.',
        ),
        (
            "db/db.go:3:11: fatal error: 'zlib.h' file not found",
            STATIC,
            LINUX,
            "There is no header zlib.h. Put it beside the sources, or give a sysroot that has it",
        ),
        (
            "a.c:1:10: fatal error: zlib.h: No such file or directory",
            STATIC,
            LINUX,
            "There is no header zlib.h.",
        ),
        (
            'exec: "pkg-config": executable file not found in $PATH',
            DYNAMIC,
            LINUX,
            "The program pkg-config, which reads the sysroot's .pc files, is not on this machine. "
            "Install it (Debian: the package pkgconf).",
        ),
    ],
)
def test_what_to_do_about_a_failure(
    said: str, options: COptions, platform: Platform, expected: str
) -> None:
    assert advice_for(said, options, platform).startswith(f"\n{expected}")


def test_other_words_speak_for_themselves() -> None:
    assert advice_for("a.c:1:1: error: unknown type name 'x'", STATIC, LINUX) == ""
