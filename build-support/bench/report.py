"""The result of a run as a Markdown table and as an SVG chart."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from measure import Cost

# Case, builder, what each round cost.
Results = Mapping[str, Mapping[str, Sequence[Cost]]]
COLORS = ("#4c78a8", "#f58518", "#54a24b", "#b279a2", "#9d755d")
WIDTH, LABEL, BAR, GAP = 860, 240, 14, 22


def median(costs: Sequence[Cost]) -> Cost:
    """Each number's own median."""
    executed = [c.executed for c in costs if c.executed is not None]
    return Cost(
        statistics.median(c.wall for c in costs),
        statistics.median(c.cpu for c in costs),
        max(c.peak for c in costs),
        max(c.moved for c in costs),
        int(statistics.median(executed)) if len(executed) == len(costs) else None,
    )


def table(results: Results, ours: str) -> str:
    """One row for each case and builder; a ratio above 1 says that ours is faster."""
    lines = [
        "| case | builder | seconds | CPU-seconds | memory, MB | programs run | moved, MB "
        "| time / ours |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for case, builders in results.items():
        own = median(builders[ours]).wall
        for name, costs in builders.items():
            cost = median(costs)
            moved = f"{cost.moved / 1e6:.0f}" if cost.moved > 1e6 else ""
            executed = "" if cost.executed is None else cost.executed
            ratio = "" if name == ours else f"{cost.wall / own:.2f} x"
            lines.append(
                f"| {case} | {name} | {cost.wall:.2f} | {cost.cpu:.1f} | {cost.peak / 1e6:.0f} "
                f"| {executed} | {moved} | {ratio} |"
            )
    return "\n".join(lines) + "\n"


def bars(results: Results) -> str:
    """A bar for each case and builder, as long as its median time."""
    names = list(dict.fromkeys(name for builders in results.values() for name in builders))
    longest = max(median(c).wall for builders in results.values() for c in builders.values())
    shapes, y = [], 10
    for number, name in enumerate(names):
        color = COLORS[number % len(COLORS)]
        shapes.append(
            f'<rect x="{10 + number * 165}" y="{y}" width="12" height="12" fill="{color}"/>'
        )
        shapes.append(f'<text x="{28 + number * 165}" y="{y + 11}">{escape(name)}</text>')
    y += 30
    for case, builders in results.items():
        shapes.append(f'<text x="10" y="{y + 12}">{escape(case)}</text>')
        for name, costs in builders.items():
            wall = median(costs).wall
            length = max(1.0, wall / longest * (WIDTH - LABEL - 80))
            color = COLORS[names.index(name) % len(COLORS)]
            shapes.append(
                f'<rect x="{LABEL}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{color}"/>'
                f'<text x="{LABEL + length + 6:.1f}" y="{y + 12}">{wall:.2f} s</text>'
            )
            y += BAR + 3
        y += GAP - BAR
    return drawing(y, shapes)


def curves(title: str, unit: str, points: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Lines over one axis of counts, each from its own points; both axes begin at 0."""
    right, top, bottom, left = WIDTH - 160, 40, 320, 70
    most_x = max(x for line in points.values() for x, _ in line)
    most_y = max(y for line in points.values() for _, y in line) or 1.0
    shapes = [
        f'<text x="10" y="22">{escape(title)}</text>',
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#888"/>',
        f'<text x="{left - 60}" y="{top + 5}">{most_y:.4g} {escape(unit)}</text>',
        f'<text x="{left - 14}" y="{bottom + 5}">0</text>',
        f'<text x="{right - 10}" y="{bottom + 18}">{most_x}</text>',
    ]
    for number, (name, line) in enumerate(points.items()):
        color = COLORS[number % len(COLORS)]
        places = [
            (left + x / most_x * (right - left), bottom - y / most_y * (bottom - top))
            for x, y in line
        ]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        shapes.append(f'<polyline points="{drawn}" fill="none" stroke="{color}" stroke-width="2"/>')
        x, y = places[-1]
        shapes.append(f'<text x="{x + 6:.1f}" y="{y + 4:.1f}">{escape(name)}</text>')
    return drawing(bottom + 30, shapes)


def drawing(height: int, shapes: Sequence[str]) -> str:
    """An SVG document on a white ground, so that it reads in a dark theme too."""
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )
