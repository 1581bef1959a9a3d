"""Values in braces in what a user writes: `{version}` in `x_defs`, tags and labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from multiarch.core.errors import MultiarchError, did_you_mean

_NAME = re.compile(r"\{(\w*)\}")
# The string variables of k8s.io/component-base/version and k8s.io/client-go/pkg/version.
_KUBERNETES = ("gitVersion", "gitCommit", "gitTreeState", "gitMajor", "gitMinor", "buildDate")
_SHORTHAND = "{kubernetes}"


class StampError(MultiarchError):
    """Says which name in braces is not known, or where a shorthand stands that takes none."""


def stamp_names(texts: Iterable[str]) -> tuple[str, ...]:
    """The names in braces of some texts, sorted: all that they depend on.

    >>> stamp_names(["v{version}", "{revision}{version}", "plain"])
    ('revision', 'version')
    """
    return tuple(sorted({name for text in texts for name in _NAME.findall(text)}))


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


def expand_variables(
    pairs: Iterable[tuple[str, str]], *, where: str
) -> tuple[tuple[str, str], ...]:
    """Write out `"PACKAGE.*": "{kubernetes}"`: the six variables that Kubernetes stamps.

    Raises StampError where only one half of it stands.

    >>> expand_variables([("a/version.*", "{kubernetes}")], where="x")[0]
    ('a/version.gitVersion', '{gitVersion}')
    """
    found: list[tuple[str, str]] = []
    for name, value in pairs:
        every = name.endswith(".*")
        if every != (value == _SHORTHAND):
            raise StampError(
                f'{where}: {name!r} is {value!r}. `"PACKAGE.*"` stands for the variables that '
                f"Kubernetes stamps, and its value is {_SHORTHAND!r}; any other name is one "
                "variable, such as `main.version`."
            )
        if every:
            found += [(f"{name[:-1]}{variable}", f"{{{variable}}}") for variable in _KUBERNETES]
        else:
            found.append((name, value))
    return tuple(found)
