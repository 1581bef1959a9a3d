"""Versions are made of what git, a file or the environment says, and ordered as semver has it."""

from __future__ import annotations

import itertools
import re

import pytest
from multiarch.core.version import (
    SourceVersion,
    Version,
    VersionError,
    described_version,
    parse_seconds,
    parse_variables,
    stated_version,
)

HEX = "0123456789abcd"


@pytest.mark.parametrize(
    ("described", "dirty", "expected"),
    [
        ("v1.36.0", False, "v1.36.0"),
        ("v1.36.0", True, "v1.36.0-dirty"),
        ("v1.36.0-rc.0", False, "v1.36.0-rc.0"),
        (f"v1.36.0-alpha.1-12-g{HEX}", False, f"v1.36.0-alpha.1.12+{HEX}"),
        (f"v1.36.0-alpha.1-12-g{HEX}", True, f"v1.36.0-alpha.1.12+{HEX}-dirty"),
        (f"v1.36.0-3-g{HEX}", False, f"v1.36.0-3+{HEX}"),
        # git takes more digits where 14 are not enough.
        (f"v1.36.0-beta-2-g{HEX}01", False, f"v1.36.0-beta.2+{HEX}01"),
    ],
)
def test_what_git_describes_becomes_the_version_of_kubernetes(
    described: str, dirty: bool, expected: str
) -> None:
    found = described_version(described, dirty=dirty)
    assert found == expected
    assert Version.parse(found).text == expected


@pytest.mark.parametrize("tag", ["v1.36", "vfinal", f"v1-3-g{HEX}"])
def test_a_tag_that_is_no_version_is_an_error(tag: str) -> None:
    with pytest.raises(VersionError, match=r"git describe: '.*' is not a version; expected"):
        described_version(tag, dirty=False)


# The example of semver's own item 11, with what comes before and after it.
ORDER = (
    *("0.9.9", "v1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2"),
    *("1.0.0-beta.11", "1.0.0-rc.1", "v1.0.0", "1.0.1", "1.2.0", "1.10.0"),
)


def test_the_order_is_that_of_semver() -> None:
    for older, newer in itertools.combinations(map(Version.parse, ORDER), 2):
        assert older < newer
        assert not newer < older
        assert older != newer
    assert Version.parse("1.0.0+a") == Version.parse("v1.0.0+b")


@pytest.mark.parametrize("text", ["", "1", "1.2", "01.2.3", "1.2.3-", "1.2.3+", "x1.2.3", "1.2.3 "])
def test_what_is_no_version_says_what_one_looks_like(text: str) -> None:
    with pytest.raises(VersionError, match=re.escape(f"[multiarch]: {text!r} is not a version")):
        Version.parse(text, where="[multiarch]")


def test_stamps_have_both_names_of_kubernetes() -> None:
    found = SourceVersion(f"v1.36.0-alpha.1.12+{HEX}", "abc", "clean", 1_700_000_000).stamps
    assert found == {
        "version": f"v1.36.0-alpha.1.12+{HEX}",
        "revision": "abc",
        "gitVersion": f"v1.36.0-alpha.1.12+{HEX}",
        "gitCommit": "abc",
        "gitTreeState": "clean",
        "gitMajor": "1",
        "gitMinor": "36+",
        "buildDate": "2023-11-14T22:13:20Z",
    }
    assert SourceVersion("v1.36.2").stamps["gitMinor"] == "36"


def test_a_version_file_holds_variables_or_the_version_alone() -> None:
    text = "# made by a script\nKUBE_GIT_VERSION='v1.36.0'\nexport KUBE_GIT_COMMIT=abc\n\n"
    assert parse_variables(text) == {"KUBE_GIT_VERSION": "v1.36.0", "KUBE_GIT_COMMIT": "abc"}
    assert parse_variables("v1.36.0\n") == {"KUBE_GIT_VERSION": "v1.36.0"}
    stated = stated_version(
        {**parse_variables(text), "KUBE_GIT_TREE_STATE": "archive", "SOURCE_DATE_EPOCH": "7"},
        where="VERSION",
    )
    assert stated == SourceVersion("v1.36.0", "abc", "archive", 7)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "VERSION states no version: there is no KUBE_GIT_VERSION. It takes KUBE_GIT_VERSION,"),
        ({"KUBE_GIT_VERSION": "1.2"}, "VERSION: KUBE_GIT_VERSION: '1.2' is not a version"),
        (
            {"KUBE_GIT_VERSION": "1.2.3", "KUBE_GIT_TREE_STATE": "odd"},
            "VERSION: KUBE_GIT_TREE_STATE is 'odd'; it is one of clean, dirty, archive.",
        ),
        (
            {"KUBE_GIT_VERSION": "1.2.3", "SOURCE_DATE_EPOCH": "today"},
            "VERSION: SOURCE_DATE_EPOCH is 'today'; it is seconds since 1970.",
        ),
    ],
)
def test_what_a_source_states_wrongly_is_said(variables: dict[str, str], said: str) -> None:
    with pytest.raises(VersionError, match=re.escape(said)):
        stated_version(variables, where="VERSION")


def test_seconds_are_digits_alone() -> None:
    assert parse_seconds("0", where="x") == 0
    with pytest.raises(VersionError, match="x: SOURCE_DATE_EPOCH is '-1'"):
        parse_seconds("-1", where="x")
