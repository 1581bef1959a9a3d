"""The report of `check`, its remedies, and the configuration that vet is given."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from multiarch.core.golang.check_report import (
    THIRD_PARTY,
    CheckedPlatform,
    CheckFailure,
    render_check,
    split_failure,
    split_layer_errors,
    split_vet,
)
from multiarch.core.golang.packages import Module, Package
from multiarch.core.golang.remedies import remedy
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.vet import vet_command, vet_config
from multiarch.core.platforms import Platform
from multiarch.core.support import Support, SupportLevel

AMD64, ARM, S390X = map(Platform.parse, ("linux/amd64", "linux/arm/v7", "linux/s390x"))
SETTINGS = BuildSettings(AMD64, "go1.27.3")


def test_a_failure_stands_once_with_its_platforms_chain_and_remedy() -> None:
    chain = ("example.test/app", "example.org/lib")
    failures = [
        CheckFailure("compile", "example.org/lib", p, "lib.go:1:1: undefined: x", chain, "Do it.")
        for p in (S390X, ARM)
    ]
    platforms = [
        CheckedPlatform(AMD64, 2, 0),
        CheckedPlatform(AMD64, 1, 0),
        CheckedPlatform(ARM, 0, 1),
        CheckedPlatform(S390X, 1, 0),
    ]
    support = Support(((S390X, SupportLevel.EXPERIMENTAL),))
    assert render_check(failures, platforms, support) == (
        "example.org/lib does not compile on linux/arm/v7, linux/s390x (experimental):\n"
        "  lib.go:1:1: undefined: x\n"
        "  It is imported by example.test/app\n"
        "    -> example.org/lib\n"
        "  What to do: Do it.\n"
        "\n"
        "linux/amd64   3 packages clean\n"
        "linux/arm/v7  1 package failed, 1 package not reached\n"
        "linux/s390x   1 package clean, 1 package failed, experimental"
    )


def test_what_vet_says_is_told_apart_from_what_the_compiler_says() -> None:
    failures = [
        CheckFailure("vet", "a", AMD64, "a.go:1:1: x"),
        CheckFailure("compile", "a", ARM, "y"),
    ]
    text = render_check(failures, [], Support())
    assert "a is not clean for go vet on linux/amd64:\n  a.go:1:1: x\n" in text
    assert "a does not compile on linux/arm/v7:\n  y\n" in text


def test_what_fails_only_on_experimental_platforms_stands_last() -> None:
    failures = [CheckFailure("compile", "a", S390X, "x"), CheckFailure("compile", "b", ARM, "y")]
    support = Support(((S390X, SupportLevel.EXPERIMENTAL),))
    text = render_check(failures, [], support)
    assert text.index("b does not compile") < text.index("a does not compile")


def test_errors_of_a_layer_are_told_apart_by_package() -> None:
    text = "# example.org/a\na.go:1: x\na.go:2: y\n# example.org/b\nb.go:1: z"
    assert split_layer_errors(text) == {
        "example.org/a": "a.go:1: x\na.go:2: y",
        "example.org/b": "b.go:1: z",
    }
    assert split_layer_errors("killed") == {"": "killed"}
    assert split_layer_errors("") == {}


def test_words_of_vet_are_told_apart_by_file() -> None:
    text = (
        "# example.org/b\nlib/b/b.go:3:1: one\n\tmore of it\nvet: ./a.go:1:2: undefined: x\n"
        "lib/c/c.go:9:1: of no package that was asked for"
    )
    assert split_vet(text, {"lib/b": "example.org/b", "": "example.org"}) == {
        "example.org/b": "lib/b/b.go:3:1: one\n\tmore of it",
        "example.org": (
            "vet: ./a.go:1:2: undefined: x\nlib/c/c.go:9:1: of no package that was asked for"
        ),
    }
    assert split_vet("killed", {}) == {"": "killed"}
    assert split_vet("", {}) == {}


@pytest.mark.parametrize(
    ("message", "ignored", "said"),
    [
        (
            "v/a.go:5:2: undefined: order",
            {
                "v/b.go": "//go:build !s390x\n\npackage v\n\nconst order = 1\n",
                "v/c.go": "package v\n",
            },
            "`order` is declared in v/b.go (//go:build !s390x), which is not built there",
        ),
        (
            "a.go:5:2: undefined: order",
            {"a_amd64.go": "package v\n\nconst (\n\tother = 1\n\torder = 2\n)\n"},
            "`order` is declared in a_amd64.go (its name, a_amd64.go), which is not built there",
        ),
        (
            "a.go:5:2: undefined: limit",
            {"a_amd64.go": "package v\n\nfunc limit() int { return 1 }\n"},
            "`limit` is declared in a_amd64.go",
        ),
        ("a.go:5:2: undefined: syscall.Dup2", {}, "`syscall.Dup2`: use unix.Dup3(old, new, 0)"),
        ("a.go:5:2: undefined: unix.Ioperm", {}, "no `unix.Ioperm`: move its use into a file with"),
        ("a.go:5:2: cannot use 1 << 40 (untyped int constant 1) as int value in x", {}, "32 bits"),
        ("a.go:5:2: missing function body", {}, "give it a body in Go"),
        ("a: build constraints exclude all Go files in a", {}, "add a file for these platforms"),
    ],
)
def test_remedies(message: str, ignored: Mapping[str, str], said: str) -> None:
    assert said in remedy(message, ignored)


@pytest.mark.parametrize(
    ("message", "ignored"),
    [
        ("a.go:5:2: undefined: order", {"b.go": "package v\n// order is nothing\nvar x = order\n"}),
        ("a.go:5:2: undefined: order", {"b.go": "package v\nvar orders = 1\n"}),
        ("a.go:5:2: undefined: lib.Order", {"b.go": "package v\nvar Order = 1\n"}),
        ("a.go:5:2: too many arguments in call to f", {}),
    ],
)
def test_no_remedy_is_made_up(message: str, ignored: Mapping[str, str]) -> None:
    assert remedy(message, ignored) == ""


def test_vet_is_configured_as_go_vet_does() -> None:
    package = Package(
        "example.test/a",
        "a",
        "a",
        "local",
        module=Module("example.test", go_version="1.25"),
        go_files=("a.go",),
        s_files=("a.s",),
        ignored_go_files=("a_windows.go",),
        imports=("fmt", "vendor/example.org/b"),
        import_map=(("example.org/b", "vendor/example.org/b"),),
    )
    exports = {"fmt": "std/fmt.x", "vendor/example.org/b": "b.x"}
    config = json.loads(
        vet_config(
            package,
            SETTINGS,
            exports=exports,
            facts={"fmt": "fmt.vetx"},
            standard=("fmt",),
            output="out",
            facts_only=False,
        )
    )
    assert config["GoFiles"] == ["a/a.go"]
    assert config["NonGoFiles"] == ["a/a.s"]
    assert config["IgnoredFiles"] == ["a/a_windows.go"]
    assert config["ImportMap"]["example.org/b"] == "vendor/example.org/b"
    assert config["ImportMap"]["unsafe"] == "unsafe"
    assert config["PackageFile"] == exports
    assert config["PackageVetx"] == {"fmt": "fmt.vetx"}
    assert config["GoVersion"] == "go1.25"
    assert config["VetxOnly"] is False


def test_the_language_of_std_and_of_an_old_module() -> None:
    def version(module: Module | None) -> str:
        package = Package("a", "a", "", "std", module=module, go_files=("a.go",))
        text = vet_config(
            package, SETTINGS, exports={}, facts={}, standard=(), output="o", facts_only=True
        )
        return str(json.loads(text)["GoVersion"])

    assert version(None) == "go1.27.3"
    assert version(Module("a")) == "go1.16"


def test_std_is_vetted_without_unsafeptr() -> None:
    assert vet_command("vet", "c", Package("a", "a", "", "std")) == ("vet", "-unsafeptr=false", "c")
    assert vet_command("vet", "c", Package("a", "a", "", "local")) == ("vet", "c")


def test_a_package_compiled_anew_for_a_test_fails_by_its_own_files_as_itself() -> None:
    text = "lib/a.go:1:2: one\n\tmore\nlib/a_test.go:3:4: two\n\tmore of two\nlib/b.go:5:6: three"
    assert split_failure("m/lib [m/lib.test]", text) == {
        "m/lib": "lib/a.go:1:2: one\n\tmore\nlib/b.go:5:6: three",
        "m/lib [m/lib.test]": "lib/a_test.go:3:4: two\n\tmore of two",
    }
    assert split_failure("m/lib [m/lib.test]", "killed") == {"m/lib [m/lib.test]": "killed"}
    assert split_failure("m/lib", text) == {"m/lib": text}
    layer = "# o/a\na.go:1: x\n# o/b\nb.go:1: y"
    assert split_failure(THIRD_PARTY, layer) == {"o/a": "a.go:1: x", "o/b": "b.go:1: y"}
    assert split_failure(THIRD_PARTY, "killed") == {THIRD_PARTY: "killed"}


def test_what_programs_and_tests_meet_stands_once() -> None:
    failures = [
        CheckFailure("compile", "p", AMD64, "p.go:1: x\ntoo many errors", remedy="Do it."),
        CheckFailure("compile", "p", AMD64, "p.go:1: x\np.go:2: y\ntoo many errors"),
        CheckFailure("vet", "p", AMD64, "p.go:3: z"),
    ]
    counts = [CheckedPlatform(AMD64, 1, 0), CheckedPlatform(AMD64, 1, 1)]
    assert render_check(failures, counts, Support()) == (
        "p does not compile on linux/amd64:\n  p.go:1: x\n  too many errors\n  p.go:2: y\n"
        "  What to do: Do it.\n\n"
        "p is not clean for go vet on linux/amd64:\n  p.go:3: z\n\n"
        "linux/amd64  2 packages clean, 1 package failed, 1 package not reached"
    )
