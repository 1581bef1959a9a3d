"""The page about a run, as a browser shows it."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from multiarch.core.report import Report, ReportCell, Span, render_report, sizes_of

from tests.integration.scratch import require

pytestmark = pytest.mark.integration

PLATFORMS = ("linux/amd64", "linux/arm/v7", "linux/arm64", "linux/s390x")
CELLS = (
    *(ReportCell("binary", "cmd:app", p, "built", 1.0, 1_000_000 * n, "ab" * 32)
      for n, p in enumerate(PLATFORMS, 1)),
    ReportCell("test", "web:test", "linux/amd64", "cached", 0.2),
    ReportCell("test", "web:test", "linux/s390x", "failed", 0.5, log="web_test.go:3: got 256"),
)  # fmt: skip
SPANS = (Span("Compile a", 0, 4), Span("Compile b", 1, 2), Span("Link", 4, 1))

# Writes what the browser made of the page into it, for --dump-dom.
MEASURE = """
<script>
const box = e => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; };
const all = (s, f) => [...document.querySelectorAll(s)].map(f);
document.body.dataset.measured = JSON.stringify({
  failed: all("td.failed", e => getComputedStyle(e).backgroundColor),
  built: all("td.built", e => getComputedStyle(e).backgroundColor),
  bars: all(".bar b", e => box(e)[2]),
  marks: all(".bar i", e => box(e)[0] - box(e.parentElement)[0]),
  rects: all("rect", box),
  log: all("details[open] pre", e => e.innerText),
  linked: all("td a", e => document.getElementById(decodeURIComponent(e.hash.slice(1))) !== null),
  width: [document.documentElement.scrollWidth, window.innerWidth],
});
</script></body>
"""


def chromium(*arguments: str) -> str:
    """Run the browser without a screen."""
    return subprocess.run(
        [require("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--window-size=1000,640", *arguments],
        check=True, capture_output=True, text=True, timeout=120,
    ).stdout  # fmt: skip


def colours(png: Path) -> set[tuple[int, int, int]]:
    """The colours of a PNG with 8 bits a channel (RFC 2083; its five filters undone)."""
    data, at, packed = png.read_bytes(), 8, b""
    width = height = channels = 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack(">IIBB", body[:10])
            channels = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            packed += body
        at += 12 + size
    raw, stride = zlib.decompress(packed), width * channels
    above, found = bytearray(stride), set()
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        for i in range(stride):
            left = line[i - channels] if i >= channels else 0
            corner = above[i - channels] if i >= channels else 0
            line[i] = (line[i] + _predicted(raw[start], left, above[i], corner)) & 255
        found.update(zip(line[0::channels], line[1::channels], line[2::channels]))
        above = line
    return found


def _predicted(kind: int, left: int, above: int, corner: int) -> int:
    if kind == 4:
        distances = [(abs(above - corner), left), (abs(left - corner), above)]
        distances.append((abs(left + above - 2 * corner), corner))
        return min(distances, key=lambda d: d[0])[1]
    return (0, left, above, (left + above) // 2)[kind]


def test_the_page_shows_its_cells_bars_and_times(tmp_path: Path) -> None:
    earlier = render_report(Report("Before", (ReportCell("binary", "cmd:app", "linux/arm64",
                                                         "built", size=2_000_000),)))  # fmt: skip
    page = render_report(Report("A run", CELLS, SPANS, sizes_of(earlier)))
    file = tmp_path / "report.html"
    file.write_text(page.replace("</body>", MEASURE))
    dom = chromium("--dump-dom", file.as_uri())
    (text,) = re.findall(r'data-measured="([^"]*)"', dom)
    seen = json.loads(text.replace("&quot;", '"').replace("&amp;", "&"))

    (red,) = set(seen["failed"])
    (green,) = set(seen["built"])
    assert red != green
    assert len(seen["built"]) == len(PLATFORMS)
    one, two, three, four = seen["bars"]
    assert [round(bar / one, 1) for bar in (two, three, four)] == [2, 3, 4]
    # The mark is where the bar of 2 MB ended; arm64 now has 3 MB.
    assert seen["marks"] == [pytest.approx(two, abs=2)]
    assert "+1.0 MB" in page
    (x1, y1, w1, _), (x2, y2, w2, _), (x3, y3, w3, _) = seen["rects"]
    assert y1 == y3 < y2
    assert x1 < x2 < x3
    assert w1 == pytest.approx(2 * w2, abs=1) == pytest.approx(4 * w3, abs=2)
    assert seen["log"] == ["web_test.go:3: got 256"]
    assert seen["linked"] == [True]
    assert seen["width"][0] <= seen["width"][1]

    file.write_text(page)
    picture = tmp_path / "report.png"
    chromium(f"--screenshot={picture}", "--force-color-profile=srgb", file.as_uri())
    shown = colours(picture)
    # The bars, and a failed and a built cell on white.
    for expected in ((0x4A, 0x78, 0xC8), (244, 206, 206), (203, 231, 208)):
        assert any(all(abs(a - b) <= 2 for a, b in zip(expected, c)) for c in shown), expected
