"""Challenges: what a registry asks for before it answers, as WWW-Authenticate says it.

Source: RFC 9110, section 11.6.1; distribution's token authentication specification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"\s*({_TOKEN})(?=\s|,|\Z)")
_PARAMETER = re.compile(rf'\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SEPARATORS = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class Challenge:
    """One way to authenticate: its scheme and its parameters' names, both in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(text: str) -> tuple[Challenge, ...]:
    """Read the value of WWW-Authenticate; what cannot be read ends it.

    >>> parse_challenges('Bearer realm="https://auth.example.com/token",service="registry"')[0].scheme
    'bearer'
    """
    found: list[Challenge] = []
    position = _skip(text, 0)
    while scheme := _SCHEME.match(text, position):
        position = _skip(text, scheme.end())
        parameters: dict[str, str] = {}
        while match := _PARAMETER.match(text, position):
            quoted, plain = match.group(2), match.group(3)
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters[match.group(1).lower()] = value
            position = _skip(text, match.end())
        found.append(Challenge(scheme.group(1).lower(), parameters))
    return tuple(found)


def _skip(text: str, position: int) -> int:
    match = _SEPARATORS.match(text, position)
    return match.end() if match else position
