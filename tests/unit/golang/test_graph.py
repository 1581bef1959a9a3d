"""The package graph: closures, chains, owners of files, and what keeps a binary from building."""

from __future__ import annotations

from multiarch.core.golang.failures import report, shared_report
from multiarch.core.golang.modfile import local_directories, requires_modules
from multiarch.core.golang.ownership import owners
from multiarch.core.golang.packages import (
    ListError,
    Package,
    closure,
    import_chain,
    problems,
    third_party,
)


def graph(**imports: str) -> dict[str, Package]:
    """Packages by their imports; those that begin with `v` are vendored."""
    return {
        name: Package(
            name, name, name, "third-party" if name[0] == "v" else "local",
            go_files=("x.go",), imports=tuple(found.split()),
        )
        for name, found in imports.items()
    }  # fmt: skip


def test_a_closure_has_dependencies_first() -> None:
    found = graph(main="a b", a="b", b="", c="")
    assert closure(found, ["main"]) == ("b", "a", "main")


def test_a_chain_is_a_shortest_one() -> None:
    found = graph(main="a b", a="b", b="c", c="")
    assert import_chain(found, "main", "c") == ("main", "b", "c")
    assert import_chain(found, "main", "main") == ("main",)
    assert import_chain(found, "c", "main") == ()


def test_a_layer_holds_what_imports_nothing_of_ours() -> None:
    found = graph(vone="vtwo", vtwo="", vthree="own", vfour="vthree", own="")
    assert third_party(found) == {"vone", "vtwo"}


def test_cgo_names_its_chain() -> None:
    found = graph(main="a", a="b", b="")
    found["b"] = Package("b", "b", "lib/b", "local", cgo_files=("c.go",))
    (error,) = problems(found, "main")
    assert str(error).startswith('lib/b/c.go: b uses cgo, and `cgo` is "off"')
    assert error.chain == ("main", "a", "b")


def test_excluded_files_are_named() -> None:
    found = graph(main="a", a="")
    found["a"] = Package("a", "a", "a", "local", ignored_go_files=("a_linux.go",))
    (error,) = problems(found, "main")
    assert "build constraints exclude all Go files (a_linux.go)" in str(error)


def test_errors_of_go_list_come_as_they_are() -> None:
    found = graph(main="a", a="")
    said = ListError("no required module", "m.go:3:2")
    found["a"] = Package("a", "a", "a", "local", errors=(said,))
    assert [str(e) for e in problems(found, "main")] == ["m.go:3:2: no required module"]


def test_a_report_has_each_failure_once_with_its_platforms() -> None:
    text = report(
        [("p", "linux/arm64", "x"), ("p", "linux/amd64", "x"), ("p", "linux/amd64", "x"),
         ("q", "linux/amd64", "x\ny")]
    )  # fmt: skip
    assert text == "p [linux/amd64, linux/arm64]\n  x\nq [linux/amd64]\n  x\n  y"


def test_a_file_at_the_root_of_the_repository_has_no_directory() -> None:
    native = Package("m", "main", "", "local", cgo_files=("native.go",), pkg_config=("z",))
    (off,) = problems({"m": native}, "m")
    (asks,) = problems({"m": native}, "m", cgo=True)
    assert (off.position, asks.position) == ("native.go", "native.go")


def test_what_keeps_several_tests_from_running_is_said_by_the_first() -> None:
    failures = {
        "//:b#linux/amd64": [("p", "linux/amd64", "x"), ("q", "linux/amd64", "y")],
        "//:a#linux/s390x": [("p", "linux/s390x", "x")],
    }
    assert shared_report(failures, "//:a#linux/s390x") == "p [linux/amd64, linux/s390x]\n  x"
    assert shared_report(failures, "//:b#linux/amd64") == (
        "q [linux/amd64]\n  y\np does not compile: see //:a#linux/s390x."
    )


def test_every_file_has_one_owner() -> None:
    files = ["go.mod", "vendor/modules.txt", "a/a.go", "a/a.s", "a/a_test.go", "a/web/i.html",
             "a/testdata/x", "README.md", "docs/d.md"]  # fmt: skip
    found = owners(files)
    assert found == {
        "go.mod": ("go.mod", "vendor/modules.txt"),
        "a": ("a/a.go", "a/a.s"),
        "a+tests": ("a/a_test.go", "a/testdata/x"),
        "a+files": ("a/web/i.html",),
        ".+files": ("README.md", "docs/d.md"),
    }
    assert sorted(f for names in found.values() for f in names) == sorted(files)


MOD = """module m // a comment
require (
	a.test/x v1.0.0
)
replace a.test/x => ../x
replace b.test/y v1.0.0 => c.test/y v1.0.1
"""


def test_local_directories_of_mod_and_work_files() -> None:
    assert local_directories(MOD, "one/two") == ("one/x",)
    assert local_directories("go 1.25\nuse (\n\t./a\n\tb\n)\nuse .\n", "w") == ("w/a", "w/b", "w")
    assert local_directories("replace x => ../../out", "a") == ("../out",)


def test_what_is_replaced_by_a_directory_needs_no_download() -> None:
    assert not requires_modules(MOD)
    assert requires_modules(MOD + "require b.test/y v1.0.0\n")
