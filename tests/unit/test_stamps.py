"""Names in braces are filled, and an unknown one is an error that lists the known ones."""

from __future__ import annotations

import re

import pytest
from multiarch.core.stamps import StampError, fill, fill_text

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
