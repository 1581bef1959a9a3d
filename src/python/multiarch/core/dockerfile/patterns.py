"""File patterns: those of COPY, as Go's filepath.Match has them, and those of .dockerignore.

Source: Docker's Dockerfile reference, "COPY" and ".dockerignore file". However many stars a pattern
has, it is matched in a time that grows with its length times the path's: what stands between two
stars is looked for once, and its first place is kept.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass


def glob_regex(pattern: str, *, any_char: str, plain: bool = False) -> str:
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
            pieces[-1] += _char_class(pattern[at + 1 : end])
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


def _char_class(body: str) -> str:
    """One character of some, as Go has it: ranges the wrong way round hold nothing."""
    negated = body[0] in "^!"
    chars = re.findall(r"\\?(.)(?:-\\?(.))?", body[negated:], re.S)
    ranges = [(low, high or low) for low, high in chars]
    items = "".join(f"{re.escape(a)}-{re.escape(b)}" for a, b in ranges if a <= b)
    if not items:
        return "[^/]" if negated else "(?!)"
    return f"[^/{items}]" if negated else f"(?!/)[{items}]"


def _component(pattern: str) -> re.Pattern[str]:
    return re.compile(glob_regex(pattern, any_char="[^/]"), re.S)


def has_wildcard(pattern: str) -> bool:
    """Whether a COPY source is a pattern rather than a name."""
    return any(char in pattern for char in "*?[")


def matches(pattern: str, path: str) -> bool:
    """Whether a path matches a COPY pattern; `*` stays within one directory."""
    parts, names = pattern.split("/"), path.split("/")
    return len(parts) == len(names) and all(
        _component(part).fullmatch(name) for part, name in zip(parts, names)
    )


@dataclass(frozen=True)
class Rule:
    """One line of a .dockerignore: `excludes`, or with `!` brings back.

    `parts` are the pattern's components; None is `**`, any number of directories.
    """

    parts: tuple[re.Pattern[str] | None, ...]
    excludes: bool

    def holds(self, path: str) -> bool:
        """Whether it matches the path, or a directory above it."""
        states = self._skipped({0})
        for name in path.split("/"):
            states = self._skipped(
                {s + (self.parts[s] is not None) for s in states if self._takes(s, name)}
            )
            if len(self.parts) in states:
                return True
        return False

    def _takes(self, state: int, name: str) -> bool:
        if state == len(self.parts):
            return False
        part = self.parts[state]
        return part is None or part.fullmatch(name) is not None

    def _skipped(self, states: set[int]) -> set[int]:
        """The states, and those behind a `**` that stands for no directory at all."""
        todo, found = list(states), set(states)
        while todo:
            state = todo.pop()
            following = state + 1
            if state < len(self.parts) and self.parts[state] is None and following not in found:
                found.add(following)
                todo.append(following)
        return found


def ignore_rules(text: str) -> tuple[Rule, ...]:
    """Read a .dockerignore."""
    rules = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or raw.startswith("#"):
            continue
        exclude = not line.startswith("!")
        pattern = posixpath.normpath((line if exclude else line[1:]).strip().lstrip("/"))
        if pattern != ".":
            parts = (None if part == "**" else _component(part) for part in pattern.split("/"))
            rules.append(Rule(tuple(parts), exclude))
    return tuple(rules)


def ignored(path: str, rules: Sequence[Rule]) -> bool:
    """Whether the last rule that matches a path of the context excludes it."""
    return next((rule.excludes for rule in reversed(rules) if rule.holds(path)), False)
