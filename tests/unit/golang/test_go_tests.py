"""Packages as tests compile them, and what test binaries print."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from multiarch.core.golang.packages import ListError, Package
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.std import (
    GROUPS,
    TEST_GROUP,
    groups_for_tests,
    lower_groups,
    patterns_of,
)
from multiarch.core.golang.test_output import binary_flags, junit_xml, parse, readable
from multiarch.core.golang.test_packages import (
    as_compiled,
    build_info_subject,
    file_stem,
    files_for_tests,
    generated_main,
    is_left_out,
    is_variant,
    package_under_test,
    plain_path,
    trim_flags,
)
from multiarch.core.platforms import Platform


def package(path: str, name: str = "p", **more: object) -> Package:
    """A package of the repository."""
    return Package(path, name, "dir", "local", **more)  # type: ignore[arg-type]


def test_a_variant_is_a_package_of_its_plain_path_to_the_compiler() -> None:
    found = as_compiled(
        package(
            "a/q [a/p.test]",
            imports=("fmt", "a/p [a/p.test]"),
            import_map=(("x", "a/vendor/x"), ("a/p", "a/p [a/p.test]")),
        )
    )
    assert found.import_path == "a/q"
    assert found.imports == ("fmt", "a/p")
    assert found.import_map == (("x", "a/vendor/x"), ("a/p", "a/p"))
    plain = package("a/q", imports=("fmt",))
    assert as_compiled(plain) is plain


def test_a_program_under_test_is_a_library_and_a_generated_main_is_not() -> None:
    assert as_compiled(package("a/p [a/p.test]", "main")).name == "library"
    assert as_compiled(package("a/p.test", "main", imports=("a/p [a/p.test]",))).name == "main"


@pytest.mark.parametrize(
    ("version", "name", "godebug", "expected"),
    [
        ("go1.27.3", "main", "", ("a/p.test", ("o/q", "a/p", "o/t", "a/p.test"))),
        ("go1.26.6", "p", "", ("a/p.test", ())),
        ("go1.25.5", "main", "", ("a/p", ("o/q", "a/p"))),
        ("go1.25.5", "main", "x=1", ("a/p.test", ())),
    ],
    ids=["all", "library", "program", "directive"],
)
def test_build_info_of_tests_by_version_of_go(
    version: str, name: str, godebug: str, expected: tuple[str, tuple[str, ...]]
) -> None:
    packages = {
        p.import_path: p
        for p in (
            package("o/q"),
            package("o/t"),
            package("a/p", name, imports=("o/q",)),
            package("a/p.test", "main", imports=("a/p", "o/t"), default_godebug=godebug),
        )
    }
    settings = BuildSettings(Platform.parse("linux/amd64"), version)
    assert build_info_subject(packages, "a/p.test", settings) == expected


def test_a_package_of_other_platforms_has_nothing_to_test() -> None:
    excluded = ListError("build constraints exclude all Go files in a/p")
    windows = package("a/p", ignored_go_files=("p_windows.go",), errors=(excluded,))
    assert is_left_out(windows)
    assert not is_left_out(replace(windows, errors=(excluded, ListError("no such module"))))
    assert not is_left_out(replace(windows, cgo_files=("p.go",), errors=()))
    assert not is_left_out(package("a/p", go_files=("p.go",), ignored_go_files=("q.go",)))


def test_what_the_compiler_shows_of_the_packages_of_tests() -> None:
    assert trim_flags(package("a/p_test [a/p.test]", "p_test")) == (
        "-trimpath",
        "@CWD@/dir=>a/p;@CWD@/_work=>",
    )
    assert trim_flags(generated_main(package("a/p.test", "main"))) == ("-trimpath", "@CWD@/_work=>")
    for other in ("a/p [a/p.test]", "a/q [a/p.test]", "a/x_test [a/p.test]", "a/p"):
        assert trim_flags(package(other)) == ()


def test_outputs_have_no_characters_of_patterns() -> None:
    assert file_stem("a/p [a/p.test]") == "a/p+a/p.test"
    assert file_stem("a/p") == "a/p"
    assert is_variant("a/p [a/p.test]")
    assert not is_variant("a/p.test")
    assert plain_path("a/p.test") == "a/p.test"


def test_the_package_under_test_is_neither_its_variant_nor_its_external_test() -> None:
    packages = {
        p.import_path: p
        for p in (
            package("a/p [a/p.test]"),
            package("a/p_test [a/p.test]", "p_test"),
            package("a/p"),
        )
    }
    found = package_under_test(packages, "dir")
    assert found is not None
    assert found.import_path == "a/p"
    assert package_under_test(packages, "elsewhere") is None


def test_the_files_that_tests_find() -> None:
    files = (
        *("m/p/p.go", "m/p/data.json", "m/p/testdata/x.go", "m/p/testdata/deep/y"),
        *("m/p/sub/other.txt", "m/p/sub/testdata/z", "m/pp/q.txt", "m/README.md"),
    )
    assert files_for_tests(files, "m/p") == (
        "m/p/data.json",
        "m/p/testdata/x.go",
        "m/p/testdata/deep/y",
        "m/p/sub/testdata/z",
    )
    assert files_for_tests(("a.go", "b.txt", "testdata/c"), "") == ("b.txt", "testdata/c")


def test_tests_have_a_group_of_std_that_is_not_all_of_it() -> None:
    std = {
        name: Package(name, name, name, "std")
        for group in (*GROUPS[:-1], patterns_of(TEST_GROUP))
        for name in group
    }
    std["go/types"] = Package("go/types", "types", "go/types", "std")
    groups = groups_for_tests(std)
    assert groups["net/http/httptest"] == TEST_GROUP
    assert groups["testing"] == len(GROUPS) - 2
    assert groups["go/types"] == len(GROUPS) - 1
    assert list(lower_groups(TEST_GROUP)) == list(range(len(GROUPS) - 1))
    assert list(lower_groups(2)) == [0, 1]


OUTPUT = """\
\x16=== RUN   TestA
\x16=== RUN   TestA/sub
    a_test.go:3: wrong
    \x16--- FAIL: TestA/sub (0.01s)
\x16=== NAME  TestA
    a_test.go:5: and
\x16--- FAIL: TestA (0.50s)
\x16=== NAME  \n\
\x16=== RUN   TestB
\x16--- SKIP: TestB (0.00s)
\x16=== RUN   TestC
--- PASS: TestA (9.00s)
panic: lost \x01
"""


def test_each_test_is_found_with_what_it_printed() -> None:
    output = OUTPUT.replace("    \x16---", "\x16    ---")
    found = {case.name: case for case in parse(output)}
    assert {name: case.state for name, case in found.items()} == {
        "TestA": "fail",
        "TestA/sub": "fail",
        "TestB": "skip",
        "TestC": "unfinished",
    }
    assert found["TestA/sub"].output == "    a_test.go:3: wrong"
    assert found["TestA"].output == "    a_test.go:5: and"
    assert found["TestA"].seconds == "0.50"
    # What a test prints itself is no result.
    assert "--- PASS: TestA (9.00s)" in found["TestC"].output
    assert "NAME" not in readable(output)
    assert "\x16" not in readable(output)
    assert "=== RUN   TestB\n--- SKIP: TestB" in readable(output)


def test_the_report_counts_and_holds_what_xml_can() -> None:
    output = OUTPUT.replace("    \x16---", "\x16    ---")
    suite = ElementTree.fromstring(junit_xml("//:t", parse(output), failure="exit code 2"))[0]
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "2", "errors": "1", "skipped": "1"}
    assert "panic: lost ?" in (suite.findtext("testcase/error") or "")


def test_a_program_that_fails_without_a_test_is_an_error() -> None:
    suite = ElementTree.fromstring(junit_xml("//:t", (), failure="it did not start"))[0]
    assert suite.get("errors") == "1"
    assert suite.get("tests") == "1"
    assert suite.findtext("testcase/error") == "it did not start"
    passed = ElementTree.fromstring(junit_xml("//:t", ()))[0]
    assert passed.get("tests") == "0"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (["-run=TestA|TestB", "-v"], ("-test.run=TestA|TestB", "-test.v")),
        (["--count", "2"], ("-test.count", "2")),
        (["-test.run=X", "-kubeconfig=x", "run"], ("-test.run=X", "-kubeconfig=x", "run")),
    ],
)
def test_flags_of_go_test(given: list[str], taken: tuple[str, ...]) -> None:
    assert binary_flags(given) == taken
