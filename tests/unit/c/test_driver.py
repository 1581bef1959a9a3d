"""The scripts that stand for a C compiler: run, with a compiler that says its arguments."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from multiarch.core.c.driver import (
    AR,
    CC,
    CXX,
    FOLDER,
    gcc_archiver,
    gcc_driver,
    runtime_flags,
    stubs,
    with_flags,
    zig_archiver,
    zig_driver,
)
from multiarch.core.c.options import COptions, Libc
from multiarch.core.c.zig import zig_target
from multiarch.core.platforms import Platform

ARM = Platform.parse("linux/arm/v6")
MUSL = Libc("musl")
STATIC = COptions("static", "zig", MUSL)
SAY = '#!/bin/sh\nfor argument; do printf "%s\\n" "$argument"; done\n'


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """A sandbox with such a zig and a C library of two files."""
    root = tmp_path / "a sandbox"
    executable(root / ".zig/ziglang/zig", SAY)
    for name in ("before/00-crt1.o", "before/01-crti.o", "after/00-libc.a", "after/01-crtn.o"):
        (root / ".crt" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / ".crt" / name).touch()
    (root / ".crt/flags").write_text("-Wl,-dynamic-linker=/lib/ld.so\n")
    return root


def called(
    root: Path,
    *argv: str,
    platform: Platform = ARM,
    options: COptions = STATIC,
    cxx: bool = False,
    pie: bool = False,
    triple: str = "",
) -> list[str]:
    """What the compiler is called with when the script is, with the sandbox's path taken out."""
    target = zig_target(platform, options.libc, where="a")
    text = zig_driver(target, platform, options, cxx=cxx, pie=pie, triple=triple)
    program = root / FOLDER / (CXX if cxx else CC)
    executable(program, text)
    printed = subprocess.run(
        [program, *argv], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    return printed.replace(str(root), "ROOT").splitlines()


TARGET = ["-target", "arm-linux-musleabihf", "-mcpu=arm1176jzf_s", "-fno-sanitize=undefined"]
# As on a worker, where zig is in the sandbox. Of several maps that fit the last one counts.
MAPS = ["-ffile-prefix-map=ROOT=.", "-ffile-prefix-map=ROOT/.zig=/zig"]


def test_a_compile_takes_the_target_and_hides_the_paths(sandbox: Path) -> None:
    assert called(sandbox, "-c", "a b.c", "-o", "a.o") == [
        *("cc", *TARGET, *MAPS, "-c", "a b.c", "-o", "a.o")
    ]


WORK, MODULE = "-ffile-prefix-map=/m/.tmp/go-build1=/tmp/go-build", "-ffile-prefix-map=/m=/_/m"


def test_the_map_of_gos_work_directory_counts_within_a_module(sandbox: Path) -> None:
    """The last map that fits counts, and Go names the module's last."""
    argv = ["-c", WORK, MODULE, "a b.c"]
    assert called(sandbox, *argv) == ["cc", *TARGET, *MAPS, *argv, WORK]
    options = COptions("dynamic", "gcc", Libc("system"))
    executable(sandbox / FOLDER / CC, gcc_driver("./gcc", ARM, options))
    executable(sandbox / "gcc", SAY)
    ran = [sandbox / FOLDER / CC, *argv]
    printed = subprocess.run(ran, cwd=sandbox, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-5:] == [*argv, WORK]


@pytest.mark.parametrize("flag", ["-E", "-S", "-###", "--version", "-dumpmachine", "-print-file-x"])
def test_a_question_is_no_link(sandbox: Path, flag: str) -> None:
    assert ".crt" not in " ".join(called(sandbox, flag, "x.c"))


def test_a_link_takes_the_ready_c_library_in_zigs_order(sandbox: Path) -> None:
    argv = ["-static", "-o", "app", "go.o", "-lpthread", "-lown", "-lm", "-pie", "-pthread"]
    assert called(sandbox, *argv) == [
        *("cc", *TARGET, "-nostdlib", "-rtlib=none", "-Wl,-dynamic-linker=/lib/ld.so"),
        *("ROOT/.crt/before/00-crt1.o", "ROOT/.crt/before/01-crti.o"),
        *("-static", "-o", "app", "go.o", "-lown"),
        *("ROOT/.crt/after/00-libc.a", "ROOT/.crt/after/01-crtn.o"),
    ]


def test_a_link_keeps_arguments_with_spaces_and_pie_where_it_is_meant(sandbox: Path) -> None:
    argv = called(sandbox, "-o", "my app", "-pie", "x.o", pie=True)
    assert argv[argv.index("my app") - 1 :][:3] == ["-o", "my app", "-pie"]


def test_cxx_links_as_cxx(sandbox: Path) -> None:
    argv = called(sandbox, "-o", "app", "x.o", "-lstdc++", "-lc++", cxx=True)
    assert argv[0] == "c++"
    assert not {"-lstdc++", "-lc++"} & set(argv)


def test_windows_takes_its_libraries_and_its_start_from_what_zig_made(sandbox: Path) -> None:
    def linked(*argv: str) -> list[str]:
        system = COptions("static", "zig", Libc("system"))
        windows = Platform.parse("windows/amd64")
        return called(sandbox, "-o", "app", "x.o", *argv, platform=windows, options=system)

    argv = linked("-lmingwex", "-lmingw32", "-lws2_32")
    assert argv[argv.index("x.o") + 1 :] == [
        *("-lws2_32", "-s", "ROOT/.crt/after/00-libc.a", "ROOT/.crt/after/01-crtn.o")
    ]
    assert {"-nostdlib", "ROOT/.crt/before/00-crt1.o"} <= set(argv)
    graphic = linked("-mwindows", "-lm")
    at = graphic.index("-mwindows")
    assert graphic[at : at + 2] == ["-mwindows", "-Wl,-e,WinMainCRTStartup"]
    # Of the race detector.
    assert "-lapi-ms-win-core-synch-l1-2-0" in linked("-lsynchronization")
    assert "-lsynchronization" not in linked("-lsynchronization")


def test_a_sysroot_comes_after_zigs_own_headers(sandbox: Path) -> None:
    options = replace(STATIC, sysroot="roots/arm")
    compiled = called(sandbox, "-c", "x.c", options=options, triple="arm-linux-gnueabi")
    at = compiled.index("-idirafter")
    assert compiled[at : at + 4] == [
        *("-idirafter", "ROOT/.sysroot/usr/include/arm-linux-gnueabi"),
        *("-idirafter", "ROOT/.sysroot/usr/include"),
    ]
    linked = called(sandbox, "-o", "x", "x.o", "-lz", options=options, triple="arm-linux-gnueabi")
    assert linked[linked.index("-lz") + 1] == "-LROOT/.sysroot/usr/lib/arm-linux-gnueabi"


def test_darwin_has_the_library_that_go_names_and_an_sdk_in_front_of_it(sandbox: Path) -> None:
    options = COptions("static", "zig", Libc("system"))
    darwin = Platform.parse("darwin/arm64")
    assert stubs(ARM) == {}
    (text,) = stubs(darwin).values()
    assert "install-name: /usr/lib/libresolv.9.dylib" in text
    flag = "-Wl,-U,__dyld_get_dyld_header"
    argv = called(sandbox, flag, "-o", "x", "-lresolv", platform=darwin, options=options)
    assert flag not in argv
    own = ["ROOT/.crt/after/00-libc.a", "ROOT/.crt/after/01-crtn.o"]
    assert argv[-5:] == ["-lresolv", "-LROOT/.cc", "-s", *own]
    options = replace(options, sysroot="sdk")
    argv = called(sandbox, flag, "-o", "x", "-lresolv", platform=darwin, options=options)
    assert flag not in argv
    frameworks = "ROOT/.sysroot/System/Library/Frameworks"
    assert argv[-6:] == ["-LROOT/.sysroot/lib", f"-F{frameworks}", "-LROOT/.cc", "-s", *own]
    compiled = called(sandbox, "-c", "x.m", platform=darwin, options=options)
    assert compiled[compiled.index("-iframework") + 1] == frameworks


def test_the_archiver_is_zigs(sandbox: Path) -> None:
    executable(sandbox / FOLDER / AR, zig_archiver())
    printed = subprocess.run(
        [sandbox / FOLDER / AR, "-q", "lib.a", "x y.o"], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines() == ["ar", "-q", "lib.a", "x y.o"]


def test_a_gcc_is_found_on_path_and_told_its_variant(tmp_path: Path) -> None:
    executable(tmp_path / "bin/arm-linux-gnueabi-gcc", SAY)
    options = COptions("dynamic", "gcc", Libc("system"), cc="arm-linux-gnueabi-gcc", sysroot="s")
    executable(tmp_path / "box" / FOLDER / CC, gcc_driver(options.cc, ARM, options))
    printed = subprocess.run(
        [tmp_path / "box" / FOLDER / CC, "-c", "x y.c"],
        env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert printed.replace(str(tmp_path), "T").splitlines() == [
        *("-march=armv6", "--sysroot=T/box/.sysroot", "-ffile-prefix-map=T/box=.", "-c", "x y.c")
    ]


def test_an_archiver_named_ar_does_not_call_itself(tmp_path: Path) -> None:
    executable(tmp_path / "bin/ar", SAY)
    executable(tmp_path / "box" / FOLDER / AR, gcc_archiver("ar"))
    printed = subprocess.run(
        ["ar", "-q", "lib.a"],
        env={"PATH": f"{tmp_path}/box/{FOLDER}:{tmp_path}/bin:{os.defpath}"},
        capture_output=True, text=True, check=True, timeout=20,
    ).stdout  # fmt: skip
    assert printed.splitlines() == ["-q", "lib.a"]


@pytest.mark.parametrize(
    ("mode", "linkage", "flags"),
    [
        ("exe", "static", ("-static",)),
        ("exe", "dynamic", ()),
        ("pie", "static", ("-static", "-pie")),
        ("pie", "dynamic", ("-pie",)),
        ("c-shared", "dynamic", ("-shared",)),
        ("c-archive", "dynamic", ()),
    ],
)
def test_the_kind_of_c_library(mode: str, linkage: str, flags: tuple[str, ...]) -> None:
    assert runtime_flags(ARM, mode, replace(STATIC, linkage=linkage)) == flags


@pytest.mark.parametrize(
    ("platform", "mode", "flags"),
    [
        ("windows/amd64", "c-shared", ("-shared",)),
        ("windows/amd64", "pie", ()),
        ("darwin/arm64", "c-shared", ()),
    ],
)
def test_elsewhere_fewer_kinds_differ(platform: str, mode: str, flags: tuple[str, ...]) -> None:
    options = COptions("static", "zig", Libc("system"))
    assert runtime_flags(Platform.parse(platform), mode, options) == flags


def test_flags_are_quoted_as_go_splits_them() -> None:
    flags = ["-DA=b", '-DNAME="x y"', "-DQUOTE='", ""]
    assert with_flags(["-O2"], flags[:3]) == '-O2 -DA=b \'-DNAME="x y"\' "-DQUOTE=\'"'
