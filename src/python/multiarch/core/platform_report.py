"""What `pants platforms` says: each platform, and what this machine lacks for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from multiarch.core.errors import bullets

_HEADINGS = ("platform", "Go port", "cgo", "programs run", "RUN", "support", "binaries", "images")


@dataclass(frozen=True)
class PlatformRow:
    """One platform. `runs` says how this machine runs its programs, `engine` what executes RUN.

    `missing` says what to do where one of them is "no".
    """

    platform: str
    port: str
    cgo: bool
    runs: str
    engine: str
    support: str
    binaries: int
    images: int
    missing: str = ""


def as_data(host: str, rows: Sequence[PlatformRow]) -> dict[str, Any]:
    """The report as JSON and YAML have it."""
    return {"host": host, "platforms": [asdict(row) for row in rows]}


def as_json(host: str, rows: Sequence[PlatformRow]) -> str:
    """The report as JSON."""
    return json.dumps(as_data(host, rows), indent=2)


def as_text(host: str, rows: Sequence[PlatformRow]) -> str:
    """The report as a table, with what is missing below it, each thing once."""
    cells = [
        _HEADINGS,
        *(
            (
                row.platform,
                row.port,
                "yes" if row.cgo else "no",
                row.runs,
                row.engine,
                row.support,
                str(row.binaries),
                str(row.images),
            )
            for row in rows
        ),
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells
    ]
    missing = dict.fromkeys(row.missing for row in rows if row.missing)
    needs = [f"Missing on this machine:\n{bullets(missing)}"] if missing else []
    return "\n".join([f"This machine is {host}.", *lines, *needs])
