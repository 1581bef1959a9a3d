"""Coverage: the graph of instrumented tests, their compiles, and profiles."""

from __future__ import annotations

import json

import pytest
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.compile import Outputs, compile_plan
from multiarch.core.golang.coverage import (
    covered_main,
    instrumented,
    is_instrumented,
    with_coverage,
)
from multiarch.core.golang.coverage_profile import (
    merged,
    parse_profile,
    profile_text,
    render_coverage,
)
from multiarch.core.golang.packages import Module, Package
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.test_packages import as_compiled, generated_main
from multiarch.core.platforms import Platform

MODULE = Module("example.com/m", go_version="1.25")
RUNTIME = ("internal/coverage/cfile", "runtime/coverage")


def package(path: str, *imports: str, name: str = "p", files: tuple[str, ...] = ()) -> Package:
    """A package of the repository."""
    return Package(path, name, "dir", "local", MODULE, go_files=files, imports=imports)


def graph(*packages: Package) -> dict[str, Package]:
    """Those packages by their paths."""
    return {p.import_path: p for p in packages}


def test_a_package_with_external_tests_alone_is_compiled_anew_with_what_imports_it() -> None:
    found = with_coverage(
        graph(
            package("m/p", "fmt"),
            package("m/q", "m/p"),
            package("m/other", "fmt"),
            package("m/p_test [m/p.test]", "m/q", "m/p", "m/other", name="p_test"),
            package("m/p.test", "m/p_test [m/p.test]", "m/p", name="main"),
        ),
        {"m/p.test": "text"},
    )
    assert found["m/p [m/p.test]"].imports == ("fmt",)
    assert found["m/q [m/p.test]"].imports == ("m/p [m/p.test]",)
    assert found["m/p_test [m/p.test]"].imports == ("m/q [m/p.test]", "m/p [m/p.test]", "m/other")
    assert found["m/p.test"].imports == ("m/p_test [m/p.test]", "m/p [m/p.test]", *RUNTIME)
    # Other tests and programs have them as they are.
    assert found["m/q"].imports == ("m/p",)
    assert "m/other [m/p.test]" not in found


def test_a_program_under_test_takes_what_counts() -> None:
    found = with_coverage(
        graph(
            package("m/p", name="main"),
            package("m/p [m/p.test]", "fmt", name="main"),
            package("m/p.test", "m/p [m/p.test]", name="main"),
        ),
        {"m/p.test": "text"},
    )
    assert found["m/p [m/p.test]"].imports == ("fmt", "runtime/coverage")
    assert found["m/p.test"].imports == ("m/p [m/p.test]", *RUNTIME)


def test_the_generated_main_hands_the_counters_over() -> None:
    text = covered_main(
        'import (\n\t"testing/internal/testdeps"\n\n\n)\n\nfunc init() {\n\n\tx = 1\n}\n', "m/p"
    )
    assert '\t"testing/internal/testdeps"\n\n\t"internal/coverage/cfile"\n' in text
    assert 'func init() {\n\n\ttestdeps.CoverMode = "set"\n' in text
    assert '\ttestdeps.CoverSelectedPackages = []string{"m/p"}\n' in text


def test_sources_are_instrumented_and_test_files_are_not() -> None:
    settings = BuildSettings(Platform.parse("linux/arm64"), "go1.27.3")
    # A path may look like a file.
    tested = package("m/p.go [m/p.go.test]", files=("a.go", "b.go", "a_test.go"))
    plan = compile_plan(as_compiled(tested), settings, {}, Outputs("x", "a"))
    changed = instrumented(plan, tested)
    cover, compiled = changed.commands
    assert cover[0] == "@CWD@/.cover/cover"
    assert cover[-2:] == ("@CWD@/dir/a.go", "@CWD@/dir/b.go")
    assert cover[cover.index("-mode") + 1] == "set"
    files = dict(changed.files)
    assert files["_work/coveroutfiles.txt"] == (
        "_work/covervars.go\n_work/a.cover.go\n_work/b.cover.go\n"
    )
    config = json.loads(files["_work/pkgcfg.txt"])
    assert (config["PkgPath"], config["ModulePath"]) == ("m/p.go", "example.com/m")
    assert compiled[-4:] == (
        "@CWD@/_work/covervars.go",
        "@CWD@/_work/a.cover.go",
        "@CWD@/_work/b.cover.go",
        "@CWD@/dir/a_test.go",
    )
    assert compiled[1] == f"-coveragecfg={config['OutConfig']}"
    assert compiled[compiled.index("-p") + 1] == "m/p.go"
    main = instrumented(plan, generated_main(package("m/p.test", name="main")))
    assert main.commands[0][main.commands[0].index("-mode") + 1] == "testmain"


@pytest.mark.parametrize(
    "other",
    [
        package("m/p", files=("a.go",)),
        package("m/q [m/p.test]", files=("a.go",)),
        package("m/p_test [m/p.test]", files=("a.go",)),
        package("m/p [m/p.test]", files=("a_test.go",)),
    ],
    ids=str,
)
def test_no_other_package_is_instrumented(other: Package) -> None:
    assert not is_instrumented(other)


ONE = "mode: set\nm/p/b.go:9.2,9.9 3 0\nm/p/a.go:10.1,11.2 1 1\nm/p/a.go:9.1,9.2 1 0\n"
OTHER = "mode: set\nm/p/a.go:9.1,9.2 1 1\nm/q/c.go:1.1,2.2 2 1\n"


def test_profiles_merge_to_what_ran_somewhere() -> None:
    both = merged([parse_profile(ONE), parse_profile(OTHER)])
    assert profile_text(both) == (
        "mode: set\nm/p/a.go:9.1,9.2 1 1\nm/p/a.go:10.1,11.2 1 1\n"
        "m/p/b.go:9.2,9.9 3 0\nm/q/c.go:1.1,2.2 2 1\n"
    )
    assert parse_profile(profile_text(both)) == both
    assert parse_profile("mode: set\n") == {}
    assert parse_profile(OTHER.replace("set", "atomic").replace(" 1\n", " 7\n")) == parse_profile(
        OTHER
    )


def test_the_table_has_packages_platforms_and_what_ran_on_any() -> None:
    profiles = {
        Platform.parse("linux/s390x"): parse_profile(OTHER),
        Platform.parse("linux/amd64"): parse_profile(ONE),
    }
    assert render_coverage(profiles) == (
        "Coverage of Go packages, in percent of their statements:\n"
        "       linux/amd64  linux/s390x  on any\n"
        "m/p           20.0        100.0    40.0\n"
        "m/q              -        100.0   100.0\n"
        "total         20.0        100.0    57.1\n"
    )
    only = {Platform.parse("linux/amd64"): parse_profile("mode: set\n")}
    assert render_coverage(only).splitlines()[1:] == ["       linux/amd64", "total            -"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("m/a.go:1.1,2.2 2 1\n", "begins with 'm/a.go:1.1,2.2 2 1', not 'mode: set'"),
        ("mode: set\nm/a.go:1.1 2 1\n", "has the line 'm/a.go:1.1 2 1'"),
    ],
)
def test_what_is_no_profile(text: str, said: str) -> None:
    with pytest.raises(MultiarchError, match=said):
        parse_profile(text)
