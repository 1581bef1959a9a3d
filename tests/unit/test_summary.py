"""The table at the end of a run says what was built and what was not."""

from __future__ import annotations

import pytest
from multiarch.core.summary import Notice, SummaryRow, human_size, render, render_notices


def row(target: str, platform: str, *, built: bool, size: int = 1_500_000) -> SummaryRow:
    return SummaryRow("binary", target, platform, size, "0123456789abcdef", built)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (7_140_000, "7.1 MB"), (5_000_000_000_000,
     "5000.0 GB")],
)  # fmt: skip
def test_sizes_as_people_read_them(size: int, text: str) -> None:
    assert human_size(size) == text


def test_nothing_packaged_prints_nothing() -> None:
    assert render([]) == ""


def test_few_outputs_stand_one_by_one() -> None:
    one = row("//:a", "linux/arm64", built=True)
    lines = render([one, row("//:a", "linux/amd64", built=False)]).splitlines()
    assert [line.split() for line in lines[1:-1]] == [
        ["binary", "//:a", "linux/amd64", "1.5", "MB", "0123456789ab", "cached"],
        ["binary", "//:a", "linux/arm64", "1.5", "MB", "0123456789ab", "built"],
    ]
    assert lines[-1] == "2 outputs of 1 targets for 2 platforms, 3.0 MB: 1 built, 1 cached"


def test_many_outputs_stand_by_target() -> None:
    many = [row(f"//:t{n}", p, built=n == 0) for n in range(40) for p in ("linux/amd64", "js/wasm")]
    lines = render(many).splitlines()
    assert lines[1].split() == ["binary", "//:t0", "2", "3.0", "MB", "2", "built"]
    assert len(lines) == 1 + 40 + 1
    assert lines[-1].startswith("80 outputs of 40 targets for 2 platforms, 120.0 MB: 2 built, 78")


def test_notes_of_many_outputs_stand_below_the_table() -> None:
    plain = [row(f"//:t{n}", "linux/amd64", built=False) for n in range(64)]
    noted = [
        SummaryRow("binary", "//:c", platform, 1, "0123456789abcdef", True, "needs libc.so.6")
        for platform in ("linux/arm64", "linux/amd64")
    ]
    lines = render([*plain, *noted]).splitlines()
    assert lines[-2] == "//:c: needs libc.so.6 (linux/amd64, linux/arm64)"


def test_an_output_of_an_experimental_platform_says_so() -> None:
    one = SummaryRow("binary", "//:a", "linux/s390x", 1, "0123456789abcdef", True, "experimental")
    assert render([one]).splitlines()[1].endswith("built, experimental")


def test_notices_stand_once_per_platform_and_reason() -> None:
    texts = render_notices(
        [
            Notice("deactivated", "//:b", "linux/arm/v7", "linux/arm/v7 is off until May"),
            Notice("deactivated", "//:a", "linux/arm/v7", "linux/arm/v7 is off until May"),
            Notice("deactivated", "//:a", "linux/arm/v7", "linux/arm/v7 is off until May"),
            Notice("left out", "//:i", "linux/s390x", "//:i: its binary failed"),
            Notice("experimental", "example.test/p", "linux/s390x", "p.go:1: undefined: x"),
            Notice("experimental", "example.test/p", "linux/riscv64", "p.go:1: undefined: x"),
        ]
    )
    assert texts == [
        "linux/arm/v7 is off until May: skipped for //:a, //:b",
        "Failed on experimental platforms; the run goes on:\n"
        "example.test/p [linux/riscv64, linux/s390x]\n  p.go:1: undefined: x",
        "Left out: //:i: its binary failed",
    ]


def test_no_notice_says_nothing() -> None:
    assert render_notices([]) == []
