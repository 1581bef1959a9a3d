"""The root of every error this project raises for a user's mistake, and how names are suggested."""

from __future__ import annotations

from collections.abc import Iterable


class MultiarchError(Exception):
    """Tells a user what is wrong, where, what was found, what is allowed and what to do next."""


def nearest(name: str, candidates: Iterable[str], *, limit: int = 3) -> tuple[str, ...]:
    """Find the known names that a misspelt one most probably meant, best first.

    Returns at most `limit` names; none when nothing is similar.
    """
    # Only a mistake needs it, and the tools that run once per binary start without it.
    import difflib

    return tuple(difflib.get_close_matches(name, sorted(set(candidates)), n=limit, cutoff=0.5))


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Phrase a suggestion to append to an error: " Did you mean `x`?", or nothing."""
    found = nearest(name, candidates)
    if not found:
        return ""
    return f" Did you mean {' or '.join(f'`{c}`' for c in found)}?"


def bullets(problems: Iterable[str]) -> str:
    """Join problems into one list, one per line, in the order given."""
    return "\n".join(f"  * {problem}" for problem in problems)
