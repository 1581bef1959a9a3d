"""The page about a run."""

from __future__ import annotations

from html.parser import HTMLParser

from multiarch.core.report import (
    Report,
    ReportCell,
    Span,
    lanes,
    merged,
    render_report,
    sizes_of,
)

CELLS = (
    ReportCell("binary", "cmd:app", "linux/arm64", "built", 1.24, 2_000_000, "ab" * 32),
    ReportCell("binary", "cmd:app", "linux/amd64", "cached", 0.9, 1_000_000, "cd" * 32),
    ReportCell("list", "image:list", "2 platforms", "built", 0.1, 5_000_000, "ef" * 32),
    ReportCell("test", "web:test", "linux/s390x", "failed", 0.5, log="<b>got</b> 1 & 2"),
    ReportCell("test", "web:test", "windows/amd64", "skipped", log="no emulator"),
)
VOID = {"meta", "br"}


class Checker(HTMLParser):
    """Fails on an element that is not closed, and keeps the texts of table cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data + "|"


def test_targets_by_platforms_with_what_came_of_each() -> None:
    before = {("binary", "cmd:app", "linux/arm64"): 1_500_000}
    page = render_report(Report("A run", CELLS, before=before))
    head, app, image, web = Checker(page).rows
    assert head == [
        *("kind|", "target|", "linux/amd64|", "linux/arm64|"),
        *("linux/s390x|", "windows/amd64|", "all|"),
    ]
    assert app == [
        *("binary|", "cmd:app|", "cached|0.9 s|1.0 MB|cdcdcdcdcdcd|"),
        *("built|1.2 s|2.0 MB |+500.0 KB|abababababab|", "", "", ""),
    ]
    assert image[-1] == "built|0.1 s|5.0 MB|efefefefefef|"
    assert web == ["test|", "web:test|", "", "", "failed|0.5 s|", "skipped|", ""]
    assert "1 failed, 1 skipped, 2 built, 1 cached" in page


def test_a_log_is_text_and_is_linked_from_its_cell() -> None:
    page = render_report(Report("A run", CELLS))
    assert "<pre>&lt;b&gt;got&lt;/b&gt; 1 &amp; 2</pre>" in page
    assert '<a href="#log-test-web:test-linux/s390x">failed</a>' in page
    assert '<details id="log-test-web:test-linux/s390x" open>' in page
    assert '<details id="log-test-web:test-windows/amd64">' in page


def test_the_page_needs_nothing_beside_it_and_holds_its_sizes() -> None:
    page = render_report(Report("</script>", CELLS, (Span("x", 0, 1),)))
    for outside in ("http:", "https:", "src=", "@import", "url("):
        assert outside not in page
    assert sizes_of(page) == {
        ("binary", "cmd:app", "linux/arm64"): 2_000_000,
        ("binary", "cmd:app", "linux/amd64"): 1_000_000,
        ("list", "image:list", "2 platforms"): 5_000_000,
    }
    again = render_report(Report("A run", CELLS, before=sizes_of(page)))
    assert "<em>" not in again
    for other in ("", "<html>", '<script type="application/json" id="data">{</script>'):
        assert sizes_of(other) == {}


def test_the_bars_share_one_scale_and_the_times_share_lanes() -> None:
    spans = (Span("a", 0, 2), Span("b", 1, 1), Span("c", 2, 2), Span("d", 3, 0.5))
    assert [(lane, span.text) for lane, span in lanes(spans)] == [
        *((0, "a"), (1, "b"), (0, "c"), (1, "d")),
    ]
    page = render_report(Report("A run", CELLS, spans))
    assert page.count("<rect") == 4
    assert "Time line: 4 processes, 4.0 s" in page
    for width in ("40.00%", "20.00%", "100.00%"):
        assert f"width:{width}" in page


def test_of_several_results_the_worst_counts_and_all_logs_stay() -> None:
    one = ReportCell("check", "m", "linux/amd64", "passed")
    two = ReportCell("check", "m", "linux/amd64", "failed", log="x")
    three = ReportCell("check", "m", "linux/amd64", "failed", log="y")
    for cells in ([one, two, three], [two, three, two, one]):
        assert merged(cells) == (ReportCell("check", "m", "linux/amd64", "failed", log="x\n\ny"),)
