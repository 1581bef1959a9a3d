"""The report of `pants platforms`: a table, and what is missing once."""

from __future__ import annotations

import json

from multiarch.core.platform_report import PlatformRow, as_html, as_json, as_text


def row(platform: str, missing: str = "") -> PlatformRow:
    """One platform."""
    runs = "no" if missing else "natively"
    return PlatformRow(
        platform, "first class", True, "zig 1", runs, "buildah", "supported", 2, 1, 3, missing
    )


def test_the_table_and_what_is_missing() -> None:
    rows = [row("linux/amd64"), row("linux/arm/v6", "Get QEMU."), row("linux/arm/v7", "Get QEMU.")]
    assert as_text("linux/amd64", rows).splitlines() == [
        "This machine is linux/amd64.",
        "platform      Go port      C compiler  programs run  RUN      support    binaries  images"
        "  tests",
        "linux/amd64   first class  zig 1       natively      buildah  supported  2         1     "
        "  3",
        "linux/arm/v6  first class  zig 1       no            buildah  supported  2         1     "
        "  3",
        "linux/arm/v7  first class  zig 1       no            buildah  supported  2         1     "
        "  3",
        "Missing on this machine:",
        "  * Get QEMU.",
    ]


def test_a_machine_that_lacks_nothing() -> None:
    assert "Missing" not in as_text("linux/amd64", [row("linux/amd64")])


def test_json_holds_the_same() -> None:
    data = json.loads(as_json("linux/amd64", [row("linux/arm/v7", "Get QEMU.")]))
    assert data["host"] == "linux/amd64"
    assert data["platforms"][0]["platform"] == "linux/arm/v7"
    assert data["platforms"][0]["missing"] == "Get QEMU."


def test_a_page_holds_the_same_as_text() -> None:
    page = as_html("linux/amd64", [row("linux/arm/v7", "Get <QEMU>."), row("linux/amd64")])
    assert page.count("<tr>") == 3
    assert "<td>linux/arm/v7</td><td>first class</td><td>zig 1</td><td>no</td>" in page
    assert "<td>Get &lt;QEMU&gt;.</td>" in page
    assert "http" not in page
