"""Compile and link plans: the flags, files and build info that cmd/go itself makes."""

from __future__ import annotations

import json

import pytest
from multiarch.core.golang.compile import CWD, Outputs, compile_plan, language
from multiarch.core.golang.embeds import resolve
from multiarch.core.golang.link import LinkRequest, build_info, link_plan
from multiarch.core.golang.packages import Module, Package
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.shell import script
from multiarch.core.golang.std import GROUP_ROOTS, group_of, std_tags
from multiarch.core.platforms import Platform

OUT = Outputs("out.x", "out.a")


def settings(platform: str = "linux/amd64", **more: object) -> BuildSettings:
    return BuildSettings(Platform.parse(platform), "go1.27.3", **more)  # type: ignore[arg-type]


def package(**more: object) -> Package:
    values = {"import_path": "m.test/p", "name": "p", "dir": "p", "kind": "local"}
    return Package(**{"go_files": ("p.go",), **values, **more})  # type: ignore[arg-type]


def command(found: Package, s: BuildSettings | None = None) -> tuple[str, ...]:
    """The compile's own command line."""
    plan = compile_plan(found, s or settings(), {i: f"{i}.x" for i in found.imports}, OUT)
    (line,) = (c for c in plan.commands if c[0].endswith("/compile"))
    return line


def test_a_compile_gives_export_data_and_archive_apart() -> None:
    line = " ".join(command(package()))
    assert "-o out.x -linkobj out.a" in line
    assert f"{CWD}/p/p.go" in line
    assert "-complete" in line
    assert "-p m.test/p" in line
    assert "-p main" in " ".join(command(package(name="main")))


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (None, "go1.27"),
        (Module("m"), "go1.16"),
        (Module("m", go_version="1.25.1"), "go1.25"),
        (Module("m", go_version="1.26rc1"), "go1.26"),
    ],
)
def test_the_language_is_the_modules(module: Module | None, expected: str) -> None:
    assert language(package(module=module), settings()) == expected


def test_paths_are_trimmed_as_go_trims_them() -> None:
    own = command(package(module=Module("m.test")))
    assert f"{CWD}/p=>m.test/p;{CWD}/_work=>" in own
    other = command(package(module=Module("m.test", "v1.2.0")))
    assert f"{CWD}/p=>m.test@v1.2.0/p;{CWD}/_work=>" in other


def test_assembly_is_scanned_first_and_appended_last() -> None:
    plan = compile_plan(
        package(s_files=("a.s",), h_files=("h_linux_arm.h",)), settings("linux/arm/v6"), {}, OUT
    )
    assert [c[0].rsplit("/", 1)[1] for c in plan.commands] == ["asm", "compile", "asm"]
    assert "-gensymabis" in plan.commands[0]
    assert "-complete" not in plan.commands[1]
    assert "GOARM_6 -D GOARM_5" in " ".join(plan.commands[2])
    assert "GOARM_7" not in plan.commands[2]
    assert plan.archive_members == ("_work/a.o",)
    assert plan.copies == (("p/h_linux_arm.h", "_work/h_GOOS_GOARCH.h"),)
    assert "append out.a _work/a.o" in script(plan)


@pytest.mark.parametrize(
    ("platform", "buildmode", "shared"),
    [("linux/amd64", "exe", False), ("darwin/arm64", "pie", True), ("windows/amd64", "pie", False)],
)
def test_position_independence_by_system(platform: str, buildmode: str, shared: bool) -> None:
    assert settings(platform).link_buildmode == buildmode
    assert ("-shared" in command(package(), settings(platform))) == shared


def test_imports_are_the_direct_ones_with_vendored_renames() -> None:
    found = package(imports=("b", "a"), import_map=(("x", "vendor/x"), ("a", "a")))
    plan = compile_plan(found, settings(), {"a": "a.x", "b": "b.x", "c": "c.x"}, OUT)
    assert dict(plan.files)["_work/importcfg"] == (
        "# import config\nimportmap x=vendor/x\npackagefile a=a.x\npackagefile b=b.x\n"
    )


def test_embeds_give_each_pattern_its_files() -> None:
    files = ["a.txt", "d/.hidden", "d/x", "d/_y", "b.txt"]
    assert resolve(["*.txt", "d", "all:d", "d/.hidden"], files) == {
        "*.txt": ("a.txt", "b.txt"),
        "all:d": ("d/.hidden", "d/_y", "d/x"),
        "d": ("d/x",),
        "d/.hidden": ("d/.hidden",),
    }
    plan = compile_plan(
        package(embed_patterns=("*.txt",), embed_files=("a.txt",)), settings(), {}, OUT
    )
    assert json.loads(dict(plan.files)["_work/embedcfg"]) == {
        "Patterns": {"*.txt": ["a.txt"]},
        "Files": {"a.txt": f"{CWD}/p/a.txt"},
    }


def request(**more: object) -> LinkRequest:
    main = package(name="main", module=Module("m.test"), default_godebug="x=1")
    other = package(
        import_path="o.test/x", module=Module("o.test", "v1.0.0", "h1:abc", replace=None)
    )
    fork = package(
        import_path="f.test/x", module=Module("f.test", "v0.1.0", replace=Module("../f"))
    )
    values: dict[str, object] = {
        "main": main,
        "packages": [main, other, fork],
        "archives": {"m.test/p": "p.a"},
        "output": "bin",
    }
    return LinkRequest(**{**values, **more})  # type: ignore[arg-type]


def test_build_info_is_as_go_writes_it() -> None:
    assert build_info(request(), settings("linux/arm/v6", tags=("a", "b"))) == (
        "path\tm.test/p\n"
        "mod\tm.test\t(devel)\t\n"
        "dep\tf.test\tv0.1.0\n=>\t../f\t(devel)\t\n\n"
        "dep\to.test\tv1.0.0\th1:abc\n"
        "build\t-buildmode=exe\nbuild\t-compiler=gc\nbuild\t-tags=a,b\nbuild\t-trimpath=true\n"
        "build\tDefaultGODEBUG=x=1\nbuild\tCGO_ENABLED=0\nbuild\tGOARCH=arm\nbuild\tGOOS=linux\n"
        "build\tGOARM=6\n"
    )


def test_a_profile_sorts_the_settings() -> None:
    info = build_info(request(pgo_name="default.pgo"), settings())
    keys = [line.split("\t")[1].split("=")[0] for line in info.splitlines() if "build\t" in line]
    assert keys == sorted(keys)
    assert "-pgo" in keys


def test_stamps_reach_only_the_link() -> None:
    plan = link_plan(request(x_defs=(("main.v", "a b"),), ldflags=("-s",)), settings())
    line = plan.commands[0]
    assert line[-3:] == ("-s", "-X=main.v=a b", "p.a")
    assert "-buildid=" in line
    assert "'-X=main.v=a b'" in script(plan)


def test_std_is_shared_by_all_tags_that_it_does_not_know() -> None:
    assert std_tags(("mine", "netgo")) == ("netgo",)


def test_std_groups_are_closures_in_order() -> None:
    def std(path: str, *imports: str) -> Package:
        return package(import_path=path, kind="std", imports=imports)

    found = {p: std(p) for p in GROUP_ROOTS}
    found["fmt"] = std("fmt", "errors")
    found["errors"] = std("errors")
    found["go/ast"] = std("go/ast", "fmt")
    groups = group_of(found)
    assert groups["errors"] == groups["fmt"] == 0
    assert groups["net/http"] == 2
    assert groups["go/ast"] == max(groups.values()) == 4
