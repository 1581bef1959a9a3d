"""File patterns: those of COPY, as Go's filepath.Match has them, and those of .dockerignore.

Source: Docker's Dockerfile reference, "COPY" and ".dockerignore file".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence


def _component(pattern: str) -> str:
    out, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[" and "]" in pattern[at + 2 :]:
            end = pattern.index("]", at + 2)
            body = pattern[at + 1 : end]
            out += "[" + ("^" + body[1:] if body[0] in "^!" else body).replace("\\", "\\\\") + "]"
            at = end
        elif char == "\\" and at + 1 < len(pattern):
            at += 1
            out += re.escape(pattern[at])
        else:
            out += re.escape(char)
        at += 1
    return out


def has_wildcard(pattern: str) -> bool:
    """Whether a COPY source is a pattern rather than a name."""
    return any(char in pattern for char in "*?[")


def matches(pattern: str, path: str) -> bool:
    """Whether a path matches a COPY pattern; `*` stays within one directory."""
    return re.fullmatch("/".join(map(_component, pattern.split("/"))), path) is not None


def _ignore_regex(pattern: str) -> re.Pattern[str]:
    parts = []
    for part in pattern.split("/"):
        parts.append("**" if part == "**" else _component(part))
    text = "/".join(parts).replace("**/", "(?:.*/)?").replace("/**", "(?:/.*)?")
    text = ".*" if text == "**" else text
    # What is below an ignored directory is ignored with it.
    return re.compile(f"{text}(?:/.*)?")


def ignore_rules(text: str) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """Read a .dockerignore: each pattern and whether it excludes (True) or brings back (`!`)."""
    rules = []
    for raw in text.splitlines():
        line = raw.strip()
        if not line or raw.startswith("#"):
            continue
        exclude = not line.startswith("!")
        pattern = posixpath.normpath((line if exclude else line[1:]).strip().lstrip("/"))
        if pattern != ".":
            rules.append((_ignore_regex(pattern), exclude))
    return tuple(rules)


def ignored(path: str, rules: Sequence[tuple[re.Pattern[str], bool]]) -> bool:
    """Whether the last rule that matches a path of the context excludes it."""
    result = False
    for pattern, exclude in rules:
        if pattern.fullmatch(path):
            result = exclude
    return result
