"""Findings of several platforms stand once; waivers, chains and packages that cannot be read."""

from __future__ import annotations

from multiarch.core.golang.packages import Module, Package
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.lint.atomics import AtomicFinding, atomic_findings, atomics_request, grouped
from multiarch.core.platforms import Platform

ARM, I386 = Platform.parse("linux/arm/v7"), Platform.parse("linux/386")


def finding(platform: Platform, *, line: int = 2, error: bool = False) -> AtomicFinding:
    """One finding in a.go."""
    return AtomicFinding("example.test/a", "a.go", line, "`n` is misaligned", platform, error)


def test_platforms_are_put_together() -> None:
    found = grouped([finding(ARM), finding(I386)], {"a.go": "package a\nx\n"}, {})
    ((one, platforms),) = found.items()
    assert str(one).startswith("a.go:2: [linux/386, linux/arm/v7] `n` is misaligned; or write `mul")
    assert platforms == (I386, ARM)


def test_a_waiver_with_a_reason_and_one_without() -> None:
    waiver = "// multiarch:allow atomic-alignment: never on such a machine\n"
    assert grouped([finding(ARM)], {"a.go": waiver + "x\n"}, {}) == {}
    found = grouped([finding(ARM)], {"a.go": "// multiarch:allow atomic-alignment:\nx\n"}, {})
    ((one, platforms),) = found.items()
    assert "a.go:1: the waiver has no reason" in str(one)
    assert platforms == ()


def test_third_party_code_names_the_imports_that_lead_to_it() -> None:
    chains = {"example.test/a": ("example.test/main", "example.test/a")}
    (one,) = grouped([finding(ARM)], {}, chains)
    assert str(one).endswith("misaligned. It is imported by example.test/main -> example.test/a.")


def test_a_package_that_could_not_be_read() -> None:
    (one,) = grouped([finding(ARM, error=True)], {}, {})
    assert "[linux/arm/v7] example.test/a was not analysed, `check` says more" in str(one)


def test_request_and_answer() -> None:
    package = Package(
        "example.test/a", "a", "a", "local", Module("example.test"), go_files=("a.go",)
    )
    request = atomics_request([package], BuildSettings(ARM, "go1.27.3"), {"fmt": "fmt.x"})
    assert request == {
        "Arch": "arm",
        "Packages": [
            {
                "Path": "example.test/a",
                "Files": ["a/a.go"],
                "ImportMap": {},
                "GoVersion": "go1.16",
            }
        ],
        "Exports": {"fmt": "fmt.x"},
    }
    answer = {"package": "p", "file": "a.go", "line": 3, "message": "m", "error": False}
    assert atomic_findings([answer], ARM) == (AtomicFinding("p", "a.go", 3, "m", ARM),)
