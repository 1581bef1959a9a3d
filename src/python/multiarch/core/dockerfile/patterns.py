"""File patterns: those of COPY, as Go's filepath.Match has them, and those of .dockerignore.

Source: Docker's Dockerfile reference, "COPY" and ".dockerignore file".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from multiarch.core.globs import component


def has_wildcard(pattern: str) -> bool:
    """Whether a COPY source is a pattern rather than a name."""
    return any(char in pattern for char in "*?[")


def matches(pattern: str, path: str) -> bool:
    """Whether a path matches a COPY pattern; `*` stays within one directory."""
    parts, names = pattern.split("/"), path.split("/")
    return len(parts) == len(names) and all(
        component(part).fullmatch(name) for part, name in zip(parts, names)
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
            parts = (None if part == "**" else component(part) for part in pattern.split("/"))
            rules.append(Rule(tuple(parts), exclude))
    return tuple(rules)


def ignored(path: str, rules: Sequence[Rule]) -> bool:
    """Whether the last rule that matches a path of the context excludes it."""
    return next((rule.excludes for rule in reversed(rules) if rule.holds(path)), False)
