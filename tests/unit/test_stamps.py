"""Names in braces are filled, and an unknown one is an error that lists the known ones."""

from __future__ import annotations

import re

import pytest
from multiarch.core.stamps import StampError, expand_variables, fill, fill_text, stamp_names
from multiarch.core.version import SourceVersion

STAMPS = {"version": "1.2.3", "revision": "abc"}


def test_each_name_is_replaced_and_the_rest_is_kept() -> None:
    assert fill_text("v{version}+{revision} {version}", STAMPS, where="x") == "v1.2.3+abc 1.2.3"
    assert fill_text("no names", STAMPS, where="x") == "no names"
    assert fill((("a", "{version}"), ("b", "c")), STAMPS, where="x") == (("a", "1.2.3"), ("b", "c"))


@pytest.mark.parametrize("text", ["{versoin}", "{}"])
def test_an_unknown_name_names_the_place_and_the_known_ones(text: str) -> None:
    with pytest.raises(StampError, match=re.escape(f"//:hello: `x_defs`: {text!r} uses")) as raised:
        fill_text(text, STAMPS, where="//:hello: `x_defs`")
    assert "known are {revision}, {version}" in str(raised.value)


def test_the_names_of_texts_are_what_they_depend_on() -> None:
    assert stamp_names(["{version}-{gitCommit}", "plain", "{version}"]) == ("gitCommit", "version")
    assert stamp_names(["plain"]) == ()


def test_both_sets_of_kubernetes_variables_are_one_line() -> None:
    pairs = (
        ("k8s.io/component-base/version.*", "{kubernetes}"),
        ("k8s.io/client-go/pkg/version.*", "{kubernetes}"),
        ("main.version", "{version}"),
    )
    found = dict(expand_variables(pairs, where="x"))
    assert len(found) == 13
    assert found["k8s.io/component-base/version.gitMajor"] == "{gitMajor}"
    assert found["k8s.io/client-go/pkg/version.buildDate"] == "{buildDate}"
    assert found["main.version"] == "{version}"
    # Each of them is a stamp that there is.
    stamps = SourceVersion("v1.2.3").stamps
    assert set(stamp_names(found.values())) <= set(stamps)


@pytest.mark.parametrize(
    ("name", "value"), [("a/version.*", "{version}"), ("main.version", "{kubernetes}")]
)
def test_half_a_shorthand_is_an_error(name: str, value: str) -> None:
    said = f'//:x: `x_defs`: {name!r} is {value!r}. `"PACKAGE.*"` stands for the variables'
    with pytest.raises(StampError, match=re.escape(said)):
        expand_variables([(name, value)], where="//:x: `x_defs`")
