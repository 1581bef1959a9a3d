"""What `pants platforms` says: each platform, and what this machine lacks for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from multiarch.core.errors import bullets
from multiarch.core.report_style import STYLE

_HEADINGS = (
    *("platform", "Go port", "C compiler", "programs run", "RUN", "support"),
    *("binaries", "images", "tests"),
)


@dataclass(frozen=True)
class PlatformRow:
    """One platform. `runs` says how this machine runs its programs, `engine` what executes RUN.

    `compiler` is what compiles its C, "no" where Go has no cgo or nothing reaches it. The last
    counts are targets. `missing` says what to do where one of them is "no" and can be had.
    """

    platform: str
    port: str
    cgo: bool
    compiler: str
    runs: str
    engine: str
    support: str
    binaries: int
    images: int
    tests: int
    missing: str = ""


def as_data(host: str, rows: Sequence[PlatformRow]) -> dict[str, Any]:
    """The report as JSON and YAML have it."""
    return {"host": host, "platforms": [asdict(row) for row in rows]}


def as_json(host: str, rows: Sequence[PlatformRow]) -> str:
    """The report as JSON."""
    return json.dumps(as_data(host, rows), indent=2)


def _cells(row: PlatformRow) -> tuple[str, ...]:
    counts = (str(row.binaries), str(row.images), str(row.tests))
    return (row.platform, row.port, row.compiler, row.runs, row.engine, row.support, *counts)


def as_html(host: str, rows: Sequence[PlatformRow]) -> str:
    """The report as a page of its own; what is missing stands in the last column."""
    head = "".join(f"<th>{escape(name)}</th>" for name in (*_HEADINGS, "missing"))
    body = []
    for row in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in (*_cells(row), row.missing))
        body.append(f"<tr>{cells}</tr>")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8"><title>Platforms</title>',
            f"<style>{STYLE}</style></head><body>",
            f"<h1>Platforms</h1><p>This machine is {escape(host)}.</p>",
            f"<table><thead><tr>{head}</tr></thead>",
            f"<tbody>{''.join(body)}</tbody></table></body></html>",
        ]
    )


def as_text(host: str, rows: Sequence[PlatformRow]) -> str:
    """The report as a table, with what is missing below it, each thing once."""
    cells = [_HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells
    ]
    missing = dict.fromkeys(row.missing for row in rows if row.missing)
    needs = [f"Missing on this machine:\n{bullets(missing)}"] if missing else []
    return "\n".join([f"This machine is {host}.", *lines, *needs])
