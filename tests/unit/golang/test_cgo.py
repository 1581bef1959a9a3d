"""The plan of a `go build` with C code, and what is refused before it starts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from multiarch.core.c.options import COptions, Libc
from multiarch.core.golang.cgo import (
    CgoError,
    CgoOptions,
    build_flags,
    check,
    environment,
    file_name,
    header_name,
    link_flags,
    std_layers,
    std_patterns,
)
from multiarch.core.golang.packages import Package, problems
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import GROUPS
from multiarch.core.platforms import Platform

LINUX, WINDOWS = Platform.parse("linux/arm/v6"), Platform.parse("windows/amd64")
STATIC = CgoOptions(COptions("static", "zig", Libc("musl")))
DYNAMIC = CgoOptions(COptions("dynamic", "zig", Libc("glibc", "2.31")))
GCC = CgoOptions(COptions("static", "gcc", Libc("system"), cc="x-gcc", cxx="x-g++"))
SETTINGS = BuildSettings(LINUX, "go1.27.3", tags=("lite", "netgo"), cgo=True)


@pytest.mark.parametrize(
    ("options", "platform", "said"),
    [
        (
            STATIC,
            "plan9/amd64",
            '//:app: `cgo` is "static", but Go has no cgo on `plan9/amd64`. Leave the platform '
            'out, or set cgo="off" for it with `overrides`.',
        ),
        (
            replace(DYNAMIC, race=True),
            "linux/arm/v7",
            "//:app: `race` is True, but Go has no race detector on `linux/arm/v7`; it has on "
            "linux/amd64, linux/arm64, linux/loong64, linux/ppc64le, linux/riscv64, linux/s390x, "
            "darwin/amd64, darwin/arm64, windows/amd64. Set race=False for it with `overrides`.",
        ),
        (
            replace(STATIC, race=True),
            "linux/amd64",
            '//:app: `race` is True and `cgo` is "static", but the race detector needs a dynamic C '
            'library. Set cgo="dynamic".',
        ),
        (
            replace(DYNAMIC, link_mode="c-shared"),
            "linux/mips",
            '//:app: `linkmode` is "c-shared", which Go does not have on `linux/mips`; it has on '
            "linux/386, linux/amd64, linux/arm, ",
        ),
        (
            replace(STATIC, link_mode="c-shared"),
            "linux/amd64",
            '//:app: `linkmode` is "c-shared" and `cgo` is "static", but a library shares the C '
            'library of the program that loads it. Set cgo="dynamic".',
        ),
        (replace(STATIC, link_mode="pie"), "linux/amd64", None),
        (replace(DYNAMIC, race=True), "linux/arm64", None),
        (replace(STATIC, link_mode="c-shared"), "windows/amd64", None),
    ],
)
def test_what_a_platform_does_not_have(
    options: CgoOptions, platform: str, said: str | None
) -> None:
    if said is None:
        check(options, Platform.parse(platform), where="//:app")
        return
    with pytest.raises(CgoError, match="//:app: ") as raised:
        check(options, Platform.parse(platform), where="//:app")
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize(
    ("mode", "platform", "name"),
    [
        ("exe", "linux/amd64", "app"),
        ("pie", "windows/amd64", "app.exe"),
        ("c-shared", "linux/amd64", "libapp.so"),
        ("c-shared", "windows/amd64", "app.dll"),
        ("c-shared", "darwin/arm64", "libapp.dylib"),
        ("c-archive", "windows/amd64", "libapp.a"),
    ],
)
def test_names_of_files(mode: str, platform: str, name: str) -> None:
    assert file_name("app", Platform.parse(platform), mode) == name


def test_a_header_is_named_after_its_library() -> None:
    assert header_name("libapp.dylib") == "libapp.h"


@pytest.mark.parametrize(
    ("options", "platform", "flags"),
    [
        (STATIC, LINUX, "-buildid= -linkmode=external -extldflags=-static"),
        (DYNAMIC, LINUX, "-buildid= -linkmode=external"),
        (
            replace(STATIC, link_mode="pie"),
            LINUX,
            "-buildid= -linkmode=external -extldflags=-static-pie",
        ),
        (replace(STATIC, link_mode="c-archive"), LINUX, "-buildid="),
        # zig makes no DWARF for it.
        (STATIC, WINDOWS, "-buildid= -linkmode=external -s -w"),
    ],
)
def test_flags_of_the_link(options: CgoOptions, platform: Platform, flags: str) -> None:
    expected = f"{flags} -X=main.v=1 '-X=main.s=a \"b\"'"
    x_defs = (("main.v", "1"), ("main.s", 'a "b"'))
    assert link_flags(options, platform, (), x_defs, where="a") == expected


def test_a_value_that_go_build_cannot_pass_on() -> None:
    with pytest.raises(
        CgoError, match=r"//:a: `x_defs`: .* has both kinds of quotes, which `go bu"
    ):
        link_flags(STATIC, LINUX, (), (("main.s", "'\""),), where="//:a: `x_defs`")


def test_flags_and_environment_of_the_build() -> None:
    options = replace(STATIC, link_mode="pie", race=True)
    assert build_flags(options, SETTINGS, gcflags="all=-N") == (
        *("-trimpath", "-buildvcs=false", "-tags=lite,netgo", "-gcflags=all=-N"),
        *("-buildmode=pie", "-race"),
    )
    c = replace(STATIC.c, cflags=("-DA=1 2",), ldflags=("-lz",))
    env = environment(CgoOptions(c), SETTINGS)
    assert env["CGO_ENABLED"] == "1"
    assert (env["GOOS"], env["GOARCH"], env["GOARM"]) == ("linux", "arm", "6")
    assert env["CGO_CFLAGS"] == env["CGO_CXXFLAGS"] == '-O2 -g "-DA=1 2"'
    assert env["CGO_LDFLAGS"] == "-O2 -g -lz"
    # The compiler is called by its name alone: a path would be in the keys of Go's own cache.
    assert (env["CC"], env["CXX"]) == ("multiarch-cc", "multiarch-c++")


def test_a_static_glibc_does_without_its_lookups_and_says_so() -> None:
    assert GCC.tags == ("netgo", "osusergo")
    assert GCC.resolver_note({"net", "os/user", "fmt"}) == (
        "without the C library: net (netgo), os/user (osusergo)"
    )
    assert GCC.resolver_note({"fmt", "os/user"}) == "without the C library: os/user (osusergo)"
    assert GCC.resolver_note({"fmt"}) == ""
    for other in (STATIC, DYNAMIC, CgoOptions(replace(GCC.c, linkage="dynamic"))):
        assert other.tags == ()
        assert other.resolver_note({"net"}) == ""


def std(path: str, *imports: str) -> Package:
    return Package(path, path.rpartition("/")[2], f"src/{path}", "std", imports=imports)


def test_std_is_cut_so_that_net_alone_needs_no_http() -> None:
    roots = {root: std(root) for group in GROUPS[:-1] for root in group}
    packages = {
        **roots,
        "net": std("net", "context", "runtime/cgo"),
        "runtime/cgo": std("runtime/cgo"),
        "crypto/tls": std("crypto/tls"),
        "net/http": std("net/http", "net", "crypto/tls"),
        "go/ast": std("go/ast"),
        "app": Package("app", "main", "app", "local"),
    }
    for needed, layers in (
        ({"app", "fmt", "runtime/cgo"}, 1),
        ({"app", "os/user", "net"}, 2),
        ({"crypto/tls"}, 3),
        ({"go/ast"}, len(GROUPS)),
    ):
        assert std_layers(packages, needed) == layers
    assert std_patterns(1) == ("runtime/cgo", *GROUPS[0])
    assert std_patterns(len(GROUPS))[-1] == "std"


def test_pkg_config_needs_a_sysroot() -> None:
    packages = {
        "m": Package("m", "main", "", "local", go_files=("m.go",), imports=("m/db",)),
        "m/db": Package(
            "m/db", "db", "db", "local", cgo_files=("db.go",), pkg_config=("zlib", "libpng")
        ),
    }
    assert problems(packages, "m", cgo=True, sysroot=True) == ()
    (error,) = problems(packages, "m", cgo=True)
    assert str(error) == (
        "db/db.go: m/db asks `pkg-config` for zlib libpng, which would answer for the machine that "
        "builds. Give the platform a sysroot that has their .pc files, headers and libraries "
        "([c-toolchain].sysroots), or write the flags themselves (`#cgo LDFLAGS: -lNAME`)."
    )
