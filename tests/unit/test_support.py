"""Support levels, deactivations and platform files: their meaning and every mistake in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from multiarch.core.platform_config import (
    Located,
    PlatformFileError,
    PlatformTables,
    locate,
    merge,
    parse_tables,
)
from multiarch.core.platforms import Platform
from multiarch.core.support import Support, SupportError, SupportLevel, parse_support

S390X = Platform.parse("linux/s390x")
ARM = Platform.parse("linux/arm/v7")
ENTRY = {"issue": "https://example.com/7", "until": "2030-01-31"}


def support(levels: Mapping[str, Any], deactivated: Mapping[str, Any]) -> Support:
    """What two tables of options mean."""
    return parse_support(
        {k: locate(v, "the option") for k, v in levels.items()},
        {k: locate(v, "the option") for k, v in deactivated.items()},
    )


def test_levels_and_deactivations_decide_what_a_failure_means() -> None:
    found = support({"linux/s390x": "experimental"}, {"linux/arm": ENTRY})
    assert found.level(S390X) is SupportLevel.EXPERIMENTAL
    assert found.level(ARM) is SupportLevel.SUPPORTED
    assert not found.fails_on(S390X)
    assert not found.fails_on(ARM)
    assert found.fails_on(Platform.parse("linux/amd64"))
    assert str(found.deactivation(ARM)) == (
        "linux/arm/v7 is deactivated until 2030-01-31 (https://example.com/7)"
    )


def test_a_deactivation_ends_after_its_day() -> None:
    found = support({}, {"linux/arm": ENTRY})
    found.check_dates(date(2030, 1, 31))
    with pytest.raises(SupportError, match=r"today is 2030-02-01\. Take the entry away") as raised:
        found.check_dates(date(2030, 2, 1))
    assert "the option: linux/arm/v7 was deactivated until 2030-01-31 (https://example.com/7)" in (
        str(raised.value)
    )


@pytest.mark.parametrize(
    ("levels", "deactivated", "said"),
    [
        ({"linux/amd46": "experimental"}, {}, "the option: unknown platform 'linux/amd46'"),
        ({"linux/arm": "experimntal"}, {}, "is 'experimntal'; it is one of .*`experimental`"),
        (
            {"linux/arm": "supported", "linux/arm/v7": "supported"},
            {},
            "`linux/arm/v7` is named twice",
        ),
        ({}, {"linux/arm": "2030-01-31"}, "has no 'issue' and has no 'until'. It is of the form"),
        ({}, {"linux/arm": {"issue": "x"}}, "`linux/arm` has no 'until'"),
        ({}, {"linux/arm": {**ENTRY, "who": "me"}}, "has 'who', which is not known"),
        ({}, {"linux/arm": {**ENTRY, "until": "soon"}}, "is 'soon'; it is a day such as"),
        ({}, {"plan9/s390x": ENTRY}, "plan9/s390x"),
    ],
)
def test_mistakes_in_tables(levels: dict[str, Any], deactivated: dict[str, Any], said: str) -> None:
    with pytest.raises(SupportError, match=said):
        support(levels, deactivated)


def test_all_mistakes_are_in_one_message() -> None:
    with pytest.raises(SupportError, match=r"(?s)linux/amd46.*linux/s390x.*soon"):
        support(
            {"linux/amd46": "supported", "linux/s390x": "good"},
            {"linux/arm": {**ENTRY, "until": "soon"}},
        )


def test_a_file_has_tables() -> None:
    root = locate({"sets": {"server": ["linux/amd64"]}, "support": None}, "f")
    tables = parse_tables(root)
    assert tables.sets["server"].plain == ["linux/amd64"]
    assert (tables.support, tables.deactivated) == ({}, {})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["linux/amd64"], "f:1: a platform file holds the tables sets, support, deactivated"),
        ({"set": {}}, "no table `set`.*Did you mean `sets`"),
        ({"support": ["x"]}, "`support` is not a table"),
        ({"sets": {"server": "linux/amd64"}}, "the set `server` is not a list of platforms"),
        ({"sets": {"server": [["linux/amd64"]]}}, "the set `server` is not a list of platforms"),
    ],
)
def test_mistakes_in_a_file(value: object, said: str) -> None:
    with pytest.raises(PlatformFileError, match=said):
        parse_tables(locate(value, "f:1"))


def test_two_sources_may_not_define_one_name() -> None:
    one = PlatformTables({"server": Located((), "a.yaml:3")}, {}, {})
    other = PlatformTables({"server": Located((), "[multiarch].sets")}, {}, {})
    with pytest.raises(PlatformFileError, match=r"sets: `sets` has `server`, which a.yaml:3 has"):
        merge([one, other])
