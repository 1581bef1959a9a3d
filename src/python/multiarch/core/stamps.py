"""Values in braces in what a user writes: `{version}` in `x_defs`, tags and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from multiarch.core.errors import MultiarchError, did_you_mean

_NAME = re.compile(r"\{(\w*)\}")


class StampError(MultiarchError):
    """Says which name in braces is not known."""


def fill_text(text: str, stamps: Mapping[str, str], *, where: str) -> str:
    """Replace each `{name}` by its stamp; raises StampError that lists the known names.

    >>> fill_text("v{version}", {"version": "1.2"}, where="tags")
    'v1.2'
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in stamps:
            known = ", ".join(f"{{{n}}}" for n in sorted(stamps))
            raise StampError(
                f"{where}: {text!r} uses {match.group()}, which is not known; known are {known}."
                + did_you_mean(name, stamps)
            )
        return stamps[name]

    return _NAME.sub(value, text)


def fill(
    pairs: Iterable[tuple[str, str]], stamps: Mapping[str, str], *, where: str
) -> tuple[tuple[str, str], ...]:
    """Fill the values of name and value pairs, in order."""
    return tuple((name, fill_text(value, stamps, where=where)) for name, value in pairs)
