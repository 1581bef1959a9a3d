"""Coverage profiles: which statements tests ran, by file, merged over tests and platforms.

The text is that of `go test -coverprofile`. Of the modes that count, which the race detector asks
for, only whether something ran is kept. Source: golang.org/x/tools/cover.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform

_HEADING = "mode: set"
_LINE = re.compile(r"(.+):(\d+)\.(\d+),(\d+)\.(\d+) (\d+) (\d+)")


class Block(NamedTuple):
    """Statements that run together: the file by its import path, lines and columns from 1."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    statements: int


# Whether each block ran.
Profile = Mapping[Block, bool]


def parse_profile(text: str) -> Profile:
    """Read a profile; raises MultiarchError for a line that is none."""
    heading, *lines = text.strip().split("\n")
    if heading not in (_HEADING, "mode: count", "mode: atomic"):
        raise MultiarchError(f"a coverage profile begins with {heading!r}, not {_HEADING!r}")
    found: dict[Block, bool] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise MultiarchError(f"a coverage profile has the line {line!r}")
        block = Block(match[1], *(int(match[n]) for n in range(2, 7)))
        found[block] = found.get(block, False) or match[7] != "0"
    return found


def merged(profiles: Iterable[Profile]) -> Profile:
    """What ran in some of them."""
    found: dict[Block, bool] = {}
    for profile in profiles:
        for block, ran in profile.items():
            found[block] = found.get(block, False) or ran
    return found


def profile_text(profile: Profile) -> str:
    """Write a profile, as `go tool cover` reads it: by file and place."""
    rows = (
        f"{b.file}:{b.line}.{b.column},{b.end_line}.{b.end_column} {b.statements} {int(profile[b])}"
        for b in sorted(profile)
    )
    return "\n".join([_HEADING, *rows]) + "\n"


def _percent(profile: Profile, package: str | None = None) -> str:
    """The share of statements that ran, as `go test` prints it; "-" where there are none."""
    blocks = [b for b in profile if package is None or posixpath.dirname(b.file) == package]
    total = sum(b.statements for b in blocks)
    ran = sum(b.statements for b in blocks if profile[b])
    return f"{100 * ran / total:.1f}" if total else "-"


def render_coverage(profiles: Mapping[Platform, Profile]) -> str:
    """Lay out packages by platforms, in percent of statements; the last column is all platforms."""
    columns = {str(platform): profiles[platform] for platform in sorted(profiles)}
    if len(columns) > 1:
        columns["on any"] = merged(columns.values())
    packages = sorted({posixpath.dirname(b.file) for p in columns.values() for b in p})
    rows: list[tuple[str, ...]] = [("", *columns)]
    rows += [(name, *(_percent(p, name) for p in columns.values())) for name in packages]
    rows.append(("total", *(_percent(p) for p in columns.values())))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["Coverage of Go packages, in percent of their statements:"]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:]))
        lines.append("  ".join((first.ljust(widths[0]), *cells)))
    return "\n".join(lines) + "\n"
