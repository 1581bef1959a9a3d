"""What is printed at the end of a run is each subject's last word."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from multiarch.backend.summary import Said, SummaryCallback
from multiarch.core.summary import Notice, SummaryRow

LEFT_OUT = Notice("left out", "//:i#linux/arm64", "linux/arm64", "//:i: no engine")


def row(*, built: bool, digest: str = "0123456789abcdef") -> SummaryRow:
    return SummaryRow("image", "//:i", "linux/arm64", 1000, digest, built)


def said(second: int, row_: SummaryRow | None, *notices: Notice) -> dict[str, Any]:
    """The workunit in which one subject says something."""
    metadata = Said("//:i#linux/arm64", row_, notices).metadata()
    return {"metadata": metadata, "start_secs": second, "start_nanos": 5}


def printed(
    caplog: pytest.LogCaptureFixture, *workunits: dict[str, Any], outcome: str = "SUCCESS"
) -> str:
    """What a run with these workunits prints."""
    tracker = SimpleNamespace(run_information=lambda: {"outcome": outcome})
    context: Any = SimpleNamespace(run_tracker=tracker)
    callback = SummaryCallback()
    with caplog.at_level(logging.INFO):
        for workunit in workunits:
            callback(
                started_workunits=(), completed_workunits=(workunit,), finished=False,
                context=context,
            )  # fmt: skip
        callback(
            started_workunits=(), completed_workunits=({"metadata": {}},), finished=True,
            context=context,
        )  # fmt: skip
    return caplog.text


def test_what_was_left_out_last_time_is_not_said_of_what_was_built(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = printed(caplog, said(1, None, LEFT_OUT), said(2, row(built=True)))
    assert "1 built, 0 cached" in text
    assert "Left out" not in text


def test_what_is_left_out_now_has_no_row_of_last_time(caplog: pytest.LogCaptureFixture) -> None:
    # Workunits need not come in the order in which they began.
    text = printed(caplog, said(2, None, LEFT_OUT), said(1, row(built=False)))
    assert "Left out: //:i: no engine" in text
    assert "Packaged" not in text


def test_the_row_of_what_was_built_anew_takes_the_place_of_the_old_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = printed(caplog, said(1, row(built=False, digest="0" * 16)), said(2, row(built=True)))
    assert "1 outputs of 1 targets for 1 platforms, 1.0 KB: 1 built, 0 cached" in text


def test_a_run_that_failed_does_not_say_packaged(caplog: pytest.LogCaptureFixture) -> None:
    text = printed(caplog, said(1, row(built=True)), outcome="FAILURE")
    assert "Built in a run that failed:" in text
    assert "Packaged" not in text
