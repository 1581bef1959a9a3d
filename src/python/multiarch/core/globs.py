"""Patterns with `*`, `?` and classes of characters as regular expressions whose time is bounded.

Source: Go's `path.Match`. However many stars a pattern has, it is matched in a time that grows with
its length times the text's: what stands between two stars is looked for once, and its first place
is kept.
"""

from __future__ import annotations

import re


def component(pattern: str, *, negation: str = "^!") -> re.Pattern[str]:
    """A pattern for one part of a path, for `fullmatch`; `negation` is what negates a class."""
    return re.compile(glob_regex(pattern, any_char="[^/]", negation=negation), re.S)


def glob_regex(pattern: str, *, any_char: str, plain: bool = False, negation: str = "^!") -> str:
    """Translate a pattern into a regular expression for the whole of a text.

    `any_char` is what `?` stands for, and `*` for any number of; `plain` patterns have no classes
    and no escapes.
    """
    pieces, at = [""], 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif char == "?":
            pieces[-1] += any_char
        elif char == "[" and "]" in pattern[at + 2 :] and not plain:
            end = pattern.index("]", at + 2)
            pieces[-1] += _char_class(pattern[at + 1 : end], negation)
            at = end
        elif char == "\\" and at + 1 < len(pattern) and not plain:
            at += 1
            pieces[-1] += re.escape(pattern[at])
        else:
            pieces[-1] += re.escape(char)
        at += 1
    first, *middle = pieces
    if not middle:
        return first
    *middle, last = middle
    # What a lookahead has found is not looked for again.
    found = (f"(?=(?P<p{n}>{any_char}*?{m}))(?P=p{n})" for n, m in enumerate(middle))
    return first + "".join(found) + f"{any_char}*{last}"


def _char_class(body: str, negation: str) -> str:
    """One character of some, as Go has it: ranges the wrong way round hold nothing."""
    negated = body[0] in negation
    chars = re.findall(r"\\?(.)(?:-\\?(.))?", body[negated:], re.S)
    ranges = [(low, high or low) for low, high in chars]
    items = "".join(f"{re.escape(a)}-{re.escape(b)}" for a, b in ranges if a <= b)
    if not items:
        return "[^/]" if negated else "(?!)"
    return f"[^/{items}]" if negated else f"(?!/)[{items}]"
