"""The table at the end of a run: what was packaged for which platform, how big, built or cached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from multiarch.core.golang.failures import report

# Up to so many outputs stand one by one; beyond, one line per target is easier to read.
_DETAILED_ROWS = 64


@dataclass(frozen=True, order=True)
class SummaryRow:
    """One output. `size` in bytes, `digest` in hexadecimal, `built` False when it was cached.

    `note` is one thing more to know, such as what a dynamic binary needs.
    """

    kind: str
    target: str
    platform: str
    size: int
    digest: str
    built: bool
    # What a reader must know of it: its platform is experimental, it needs a library.
    note: str = ""


@dataclass(frozen=True, order=True)
class Notice:
    """What was not built without failing the run, and why.

    `kind` is "deactivated" (`reason` says until when, and the issue), "experimental" (`reason` is
    the failure's message) or "left out".
    """

    kind: str
    target: str
    platform: str
    reason: str


def render_notices(notices: Iterable[Notice]) -> list[str]:
    """Phrase the warnings of a run: one per deactivated platform and reason, one for the rest."""
    found = sorted(set(notices))
    texts = []
    skipped: dict[tuple[str, str], list[str]] = {}
    for notice in found:
        if notice.kind == "deactivated":
            skipped.setdefault((notice.platform, notice.reason), []).append(notice.target)
    for (_, reason), targets in sorted(skipped.items()):
        texts.append(f"{reason}: skipped for {', '.join(dict.fromkeys(targets))}")
    failed = [(n.target, n.platform, n.reason) for n in found if n.kind == "experimental"]
    if failed:
        texts.append(f"Failed on experimental platforms; the run goes on:\n{report(failed)}")
    texts += [f"Left out: {n.reason}" for n in found if n.kind == "left out"]
    return texts


def human_size(size: int) -> str:
    """Write a size as people read it: `812 B`, `3.4 KB`, `7.1 MB` (powers of 1000).

    >>> human_size(7_140_000)
    '7.1 MB'
    """
    value, units = float(size), ("B", "KB", "MB", "GB")
    for unit in units:
        if value < 999.5 or unit == units[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def _table(rows: Sequence[Sequence[str]], right: frozenset[int]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        )
        lines.append("  ".join(cells).rstrip())
    return lines


def render(rows: Iterable[SummaryRow]) -> str:
    """Lay out all outputs, sorted, with one closing line; the empty string without any."""
    found = sorted(rows)
    if not found:
        return ""
    if len(found) <= _DETAILED_ROWS:
        table = [
            ("kind", "target", "platform", "size", "digest", ""),
            *(
                (r.kind, r.target, r.platform, human_size(r.size), r.digest[:12], _state(r))
                for r in found
            ),
        ]
        lines = _table(table, frozenset((3,)))
    else:
        lines = _table(
            [("kind", "target", "platforms", "size", ""), *_grouped(found)], frozenset((2, 3))
        )
        lines += _notes(found)
    built = sum(r.built for r in found)
    platforms = len({r.platform for r in found if r.kind not in ("list", "release")})
    total = human_size(sum(r.size for r in found))
    closing = (
        f"{len(found)} outputs of {len({r.target for r in found})} targets for {platforms} "
        f"platforms, {total}: {built} built, {len(found) - built} cached"
    )
    return "\n".join([*lines, closing])


def _state(row: SummaryRow) -> str:
    return ("built" if row.built else "cached") + (f", {row.note}" if row.note else "")


def _grouped(rows: Sequence[SummaryRow]) -> list[tuple[str, ...]]:
    groups: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in rows:
        groups.setdefault((row.kind, row.target), []).append(row)
    lines: list[tuple[str, ...]] = []
    for (kind, target), members in groups.items():
        built = sum(r.built for r in members)
        state = ", ".join(
            part
            for part in (
                f"{built} built" if built else "",
                f"{len(members) - built} cached" if built < len(members) else "",
            )
            if part
        )
        size = human_size(sum(r.size for r in members))
        lines.append((kind, target, str(len(members)), size, state))
    return lines


def _notes(rows: Iterable[SummaryRow]) -> list[str]:
    """What a reader must know of some rows: each note of a target once, with its platforms."""
    platforms: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.note:
            platforms.setdefault((row.target, row.note), []).append(row.platform)
    return [f"{target}: {note} ({', '.join(found)})" for (target, note), found in platforms.items()]
