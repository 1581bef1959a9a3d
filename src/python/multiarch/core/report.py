"""The page about a run: targets by platforms, sizes, times and the log of each failure.

One HTML file without anything beside it. It holds its own data as JSON, from which the next page
takes the sizes to compare with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape

from multiarch.core.platforms import Platform, PlatformError
from multiarch.core.report_style import STYLE
from multiarch.core.summary import human_size

_DATA_START = '<script type="application/json" id="data">'
_DATA_END = "</script>"
_EVERYWHERE = "all"
# The worst state of several for one target and platform is shown.
_STATES = ("failed", "skipped", "built", "passed", "cached")
_CHART_WIDTH, _LANE_HEIGHT = 960, 18


@dataclass(frozen=True)
class ReportCell:
    """What came of one target on one platform.

    `kind` is "binary", "image", "list", "check" or "test"; `state` is "built", "cached", "passed",
    "failed" or "skipped". `seconds` is the time of its last process, also where that was cached.
    `log` holds a failure's words, or why it was skipped.
    """

    kind: str
    target: str
    platform: str
    state: str
    seconds: float = 0.0
    size: int = 0
    digest: str = ""
    log: str = ""


@dataclass(frozen=True)
class Span:
    """One process of the run: `start` is in seconds after the first."""

    text: str
    start: float
    seconds: float


@dataclass(frozen=True)
class Report:
    """All that a page shows. `before` maps kind, target and platform to the size last time."""

    title: str
    cells: tuple[ReportCell, ...]
    spans: tuple[Span, ...] = ()
    before: Mapping[tuple[str, str, str], int] | None = None


def sizes_of(page: str) -> dict[tuple[str, str, str], int]:
    """Read the sizes that an earlier page holds; nothing of a text that is no such page."""
    _, start, rest = page.partition(_DATA_START)
    try:
        cells = json.loads(rest.partition(_DATA_END)[0])["cells"] if start else []
        return {(c["kind"], c["target"], c["platform"]): int(c["size"]) for c in cells if c["size"]}
    except (ValueError, KeyError, TypeError):
        return {}


def merged(cells: Iterable[ReportCell]) -> tuple[ReportCell, ...]:
    """One cell for each kind, target and platform: the worst state, and every log."""
    found: dict[tuple[str, str, str], ReportCell] = {}
    for cell in cells:
        key = (cell.kind, cell.target, cell.platform)
        other = found.get(key)
        if other is None:
            found[key] = cell
            continue
        first, second = sorted((other, cell), key=lambda c: _STATES.index(c.state))
        logs = (first.log, "" if second.log in first.log else second.log)
        found[key] = replace(first, log="\n\n".join(filter(None, logs)))
    return tuple(found[key] for key in sorted(found))


def render_report(report: Report) -> str:
    """Write the page."""
    cells = merged(report.cells)
    data = json.dumps({"cells": [asdict(c) for c in cells]}, sort_keys=True)
    counts = {state: sum(c.state == state for c in cells) for state in _STATES}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(report.title)}</title>',
        f"<style>{STYLE}</style></head><body>",
        f"<h1>{escape(report.title)}</h1><p id='counts'>{escape(said) or 'nothing'}</p>",
        _matrix(cells, report.before or {}),
        _logs(cells),
        _sizes(cells, report.before or {}),
        _time_line(report.spans),
        # A `<` would end the element.
        _DATA_START + data.replace("<", "\\u003c") + _DATA_END,
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _columns(cells: Iterable[ReportCell]) -> list[str]:
    """The platforms, in their order; what is for several stands in a column of its own."""
    platforms: set[Platform] = set()
    several = False
    for cell in cells:
        try:
            platforms.add(Platform.parse(cell.platform))
        except PlatformError:
            several = True
    return [*map(str, sorted(platforms)), *([_EVERYWHERE] if several else [])]


def _anchor(cell: ReportCell) -> str:
    return escape(f"log-{cell.kind}-{cell.target}-{cell.platform}", quote=True)


def _change(cell: ReportCell, before: Mapping[tuple[str, str, str], int]) -> str:
    """The size's change since the last page; empty where there was none."""
    old = before.get((cell.kind, cell.target, cell.platform))
    if old is None or old == cell.size:
        return ""
    sign = "+" if cell.size > old else "-"
    return f"{sign}{human_size(abs(cell.size - old))}"


def _cell(cell: ReportCell, before: Mapping[tuple[str, str, str], int]) -> str:
    state = escape(cell.state)
    if cell.log:
        state = f'<a href="#{_anchor(cell)}">{state}</a>'
    lines = [f"<b>{state}</b>"]
    if cell.seconds:
        lines.append(f"{cell.seconds:.1f} s")
    if cell.size:
        change = _change(cell, before)
        lines.append(human_size(cell.size) + (f" <em>{escape(change)}</em>" if change else ""))
    if cell.digest:
        lines.append(f'<code title="{escape(cell.digest)}">{escape(cell.digest[:12])}</code>')
    return f'<td class="{escape(cell.state)}">{"<br>".join(lines)}</td>'


def _matrix(cells: Sequence[ReportCell], before: Mapping[tuple[str, str, str], int]) -> str:
    columns = _columns(cells)
    rows: dict[tuple[str, str], dict[str, ReportCell]] = {}
    for cell in cells:
        column = cell.platform if cell.platform in columns else _EVERYWHERE
        rows.setdefault((cell.kind, cell.target), {})[column] = cell
    head = "".join(f"<th>{escape(c)}</th>" for c in columns)
    body = []
    for (kind, target), found in rows.items():
        tds = (_cell(found[c], before) if c in found else "<td></td>" for c in columns)
        body.append(f"<tr><th>{escape(kind)}</th><th>{escape(target)}</th>{''.join(tds)}</tr>")
    return (
        f'<table id="matrix"><thead><tr><th>kind</th><th>target</th>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _logs(cells: Iterable[ReportCell]) -> str:
    found = [cell for cell in cells if cell.log]
    parts = [
        f'<details id="{_anchor(cell)}"{" open" if cell.state == "failed" else ""}>'
        f"<summary>{escape(f'{cell.state}: {cell.target} ({cell.kind}), {cell.platform}')}"
        f"</summary><pre>{escape(cell.log)}</pre></details>"
        for cell in found
    ]
    return "<h2>Failures and what was left out</h2>\n" + "\n".join(parts) if parts else ""


def _sizes(cells: Iterable[ReportCell], before: Mapping[tuple[str, str, str], int]) -> str:
    """A bar for each output, all on one scale; the mark is where the last page's bar ended."""
    found = [cell for cell in cells if cell.size]
    if not found:
        return ""
    largest = max(cell.size for cell in found)
    bars = []
    for cell in found:
        old = before.get((cell.kind, cell.target, cell.platform), 0)
        mark = f'<i style="left:{min(100, 100 * old / largest):.2f}%"></i>' if old else ""
        bars.append(
            f"<div class='row'><span>{escape(f'{cell.target} {cell.platform}')}</span>"
            f"<span class='bar'><b style='width:{100 * cell.size / largest:.2f}%'></b>{mark}</span>"
            f"<span>{human_size(cell.size)}</span></div>"
        )
    return "<h2>Sizes</h2>\n<div id='sizes'>" + "\n".join(bars) + "</div>"


def lanes(spans: Iterable[Span]) -> list[tuple[int, Span]]:
    """Put spans that overlap into different lanes, as few as possible."""
    ends: list[float] = []
    found = []
    for span in sorted(spans, key=lambda s: (s.start, s.text)):
        lane = next((n for n, end in enumerate(ends) if end <= span.start), len(ends))
        ends[lane : lane + 1] = [span.start + span.seconds]
        found.append((lane, span))
    return found


def _time_line(spans: Sequence[Span]) -> str:
    if not spans:
        return ""
    placed = lanes(spans)
    total = max(span.start + span.seconds for span in spans) or 1.0
    height = (1 + max(lane for lane, _ in placed)) * _LANE_HEIGHT
    scale = _CHART_WIDTH / total
    rects = [
        f'<rect x="{span.start * scale:.2f}" y="{lane * _LANE_HEIGHT}" '
        f'width="{max(span.seconds * scale, 1):.2f}" height="{_LANE_HEIGHT - 2}">'
        f"<title>{escape(span.text)}: {span.seconds:.2f} s</title></rect>"
        for lane, span in placed
    ]
    return (
        f"<h2>Time line: {len(spans)} processes, {total:.1f} s</h2>\n"
        f'<svg id="time" viewBox="0 0 {_CHART_WIDTH} {height}" width="{_CHART_WIDTH}" '
        f'height="{height}">{"".join(rects)}</svg>'
    )
