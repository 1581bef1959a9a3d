"""Which binaries and tests a change selects, over a small module in both states."""

from __future__ import annotations

from collections.abc import Mapping

from multiarch.core.golang.selection import (
    Built,
    SourceTree,
    affected,
    parse_skeletons,
    source_tree,
)

from tests.unit.golang.test_constraints import tag_set

PLATFORMS = {
    "linux": tag_set("linux/amd64"),
    "windows": tag_set("windows/amd64"),
    "cgo": tag_set("linux/amd64", cgo=True),
    "tagged": tag_set("linux/amd64", "custom"),
}
VENDORED = "# v.test/a v1.0.0\n## explicit; go 1.20\nv.test/a\n# v.test/b v1.0.0\nv.test/b\n"
FILES = {
    "go.mod": "module m.test\n\ngo 1.25\n\nrequire v.test/a v1.0.0\n",
    "go.sum": "v.test/a v1.0.0 h1:x=\n",
    "vendor/modules.txt": VENDORED,
    "vendor/v.test/a/a.go": 'package a\n\nimport "v.test/b"\n',
    "vendor/v.test/b/b.go": "package b\n",
    "cmd/one/main.go": 'package main\n\nimport "m.test/base"\n',
    "cmd/two/main.go": 'package main\n\nimport "v.test/a"\n',
    "cmd/two/main_windows.go": 'package main\n\nimport "m.test/base"\n',
    "cmd/c/main.go": 'package main\n\n// #include "../../native/n.h"\nimport "C"\n',
    "cmd/c/plain.go": "package main\n",
    "base/base.go": 'package base\n\nimport _ "embed"\n\n//go:embed text page\n',
    "base/base_windows.go": "package base\n",
    "base/base_custom.go": "//go:build custom\n\npackage base\n",
    "base/base_test.go": 'package base\n\nimport "m.test/fixture"\n',
    "base/base_windows_test.go": "package base_test\n",
    "base/data.json": "{}",
    "base/text": "",
    "base/page/index.html": "",
    "fixture/fixture.go": "package fixture\n",
    "native/n.h": "",
}
ONE, TWO, C = "cmd/one", "cmd/two", "cmd/c"


def tree(files: Mapping[str, str]) -> SourceTree:
    heads, texts = parse_skeletons((path, text.encode()) for path, text in files.items())
    return source_tree(heads, texts, ("",), modules_txt="vendor/modules.txt")


def selected(
    edits: Mapping[str, str | None], before: Mapping[str, str] = FILES, *, tests: bool = False
) -> set[str]:
    """Names such as `cmd/one linux` that a change selects; an edit to None deletes the file."""
    after = {path: text for path, text in {**before, **edits}.items() if text is not None}
    built = {
        Built(directory, tags, tests): f"{directory} {name}"
        for directory in (("base",) if tests else (ONE, TWO, C))
        for name, tags in PLATFORMS.items()
    }
    found = affected(tree(before), tree(after), "", edits, built)
    return {built[one] for one in found}


def on(*directories: str, platforms: str = "linux windows cgo tagged") -> set[str]:
    return {f"{d} {p}" for d in directories for p in platforms.split()}


def test_a_body_selects_who_imports_it() -> None:
    assert selected({"base/base.go": FILES["base/base.go"]}) == on(ONE) | {"cmd/two windows"}


def test_a_file_for_one_system_selects_that_system() -> None:
    assert selected({"base/base_windows.go": "package base\n"}) == {
        "cmd/one windows",
        "cmd/two windows",
    }


def test_a_tag_selects_who_has_it() -> None:
    assert selected({"base/base_custom.go": "package base\n"}) == on(ONE) | {"cmd/two windows"}
    kept = FILES["base/base_custom.go"]
    assert selected({"base/base_custom.go": kept}) == {"cmd/one tagged"}


def test_a_file_that_leaves_a_system_selects_it_too() -> None:
    text = "//go:build windows\n\npackage base\n"
    assert "cmd/one linux" in selected({"base/base.go": text})


def test_new_deleted_and_moved_files() -> None:
    assert selected({"base/base_windows.go": None}) == {"cmd/one windows", "cmd/two windows"}
    assert selected({"base/new_linux.go": "package base\n"}) == on(
        ONE, platforms="linux cgo tagged"
    )
    assert selected({"fixture/fixture.go": None}) == set()


def test_a_new_import_selects_and_what_it_imports_does_from_then_on() -> None:
    edited = 'package main\n\nimport "m.test/fixture"\n'
    assert selected({"cmd/one/main.go": edited}) == on(ONE)
    after = {**FILES, "cmd/one/main.go": edited}
    assert selected({"fixture/fixture.go": "package fixture\n"}, after) == on(ONE)
    assert selected({"base/base.go": FILES["base/base.go"]}, after) == {"cmd/two windows"}


def test_an_embedded_file_selects_its_embedder() -> None:
    expected = on(ONE) | {"cmd/two windows"}
    assert selected({"base/text": "x"}) == expected
    assert selected({"base/page/new.css": "x"}) == expected
    assert selected({"base/page/.hidden": "x"}) == set()
    assert selected({"base/data.json": "x"}) == set()


def test_a_vendored_package_selects_its_importers() -> None:
    assert selected({"vendor/v.test/b/b.go": "package b\n"}) == on(TWO)


def test_a_vendored_version_selects_who_has_it() -> None:
    bumped = {
        "go.mod": FILES["go.mod"].replace("a v1.0.0", "a v1.1.0"),
        "vendor/modules.txt": VENDORED.replace("a v1.0.0", "a v1.1.0"),
        "go.sum": "v.test/a v1.1.0 h1:y=\n",
    }
    assert selected(bumped) == on(TWO)
    only_b = {"vendor/modules.txt": VENDORED.replace("b v1.0.0", "b v1.1.0")}
    assert selected(only_b) == on(TWO)
    unused = {
        "go.mod": FILES["go.mod"] + "\nrequire v.test/u v1.0.0\n",
        "vendor/modules.txt": VENDORED + "# v.test/u v1.0.0\n## explicit\n",
    }
    assert selected(unused) == set()


def test_vendoring_that_does_not_agree_selects_all_because_nothing_builds() -> None:
    everything = on(ONE, TWO, C)
    assert selected({"go.mod": FILES["go.mod"].replace("a v1.0.0", "a v1.1.0")}) == everything
    replaced = FILES["go.mod"] + "\nreplace v.test/b => ./native\n"
    assert selected({"go.mod": replaced}) == everything
    assert selected({"vendor/modules.txt": None}) == everything


def test_the_language_version_selects_all_and_a_comment_none() -> None:
    assert selected({"go.mod": FILES["go.mod"].replace("1.25", "1.26")}) == on(ONE, TWO, C)
    assert selected({"go.mod": "// A comment.\n" + FILES["go.mod"]}) == set()
    assert selected({"go.work": "go 1.25\n\nuse .\n"}) == on(ONE, TWO, C)


def test_without_vendoring_a_version_selects_all_third_party_code() -> None:
    plain = {p: t for p, t in FILES.items() if not p.startswith("vendor/")}
    bumped = FILES["go.mod"].replace("a v1.0.0", "a v1.1.0")
    assert selected({"go.mod": bumped}, plain) == on(TWO)
    assert selected({"go.sum": "v.test/a v1.0.0 h1:z=\n"}, plain) == on(TWO)
    replaced = FILES["go.mod"] + "\nreplace v.test/a => ./fixture\n"
    assert selected({"go.mod": replaced}, plain) == on(ONE, TWO, C)
    assert selected({"go.sum": FILES["go.sum"] + "v.test/z v1.0.0 h1:z=\n"}, plain) == set()


def test_c_code_of_the_module_selects_who_has_cgo() -> None:
    assert selected({"native/n.h": "int x;"}) == {"cmd/c cgo"}
    assert selected({"cmd/c/main.go": FILES["cmd/c/main.go"]}) == {"cmd/c cgo"}


def test_a_profile_selects_its_program() -> None:
    assert selected({"cmd/two/default.pgo": "x"}) == on(TWO)
    assert selected({"base/default.pgo": "x"}) == set()


def test_a_file_that_nobody_uses_selects_nothing() -> None:
    for path in ("README.md", "base/base_test.go", "base/_off.go", "base/base_plan9.go"):
        assert selected({path: "package base\n"}) == set(), path
    # Go takes this name for a file of comments.
    assert selected({"base/doc.go": "package documentation\n"}) == set()


def test_tests_are_selected_by_their_files_data_and_imports() -> None:
    everywhere = on("base")
    for path in ("base/base.go", "base/base_test.go", "base/data.json", "base/testdata/deep/x.go"):
        assert selected({path: FILES.get(path, "")}, tests=True) == everywhere, path
    assert selected({"fixture/fixture.go": "package fixture\n"}, tests=True) == everywhere
    assert selected({"base/base_windows_test.go": "package base\n"}, tests=True) == {"base windows"}
    assert selected({"cmd/one/main.go": ""}, tests=True) == set()
