"""Retries: what is tried again, and after how long."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from multiarch.core.oci.retries import is_retried, wait_before

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=timezone.utc)


def test_what_may_pass_is_retried() -> None:
    retried = [status for status in range(100, 600) if is_retried(status)]
    assert retried == [408, 429, 500, *(502, 503, 504), *range(506, 600)]


@pytest.mark.parametrize(
    ("attempt", "retry_after", "seconds"),
    [
        (1, None, 0.5),
        (2, None, 1.0),
        (4, None, 4.0),
        (1, "7", 7.0),
        (4, "1", 4.0),
        (1, "Wed, 25 Nov 2026 12:00:09 GMT", 9.0),
        (1, "Wed, 25 Nov 2026 11:00:00 GMT", 0.5),
        (2, "soon", 1.0),
        (1, "-5", 0.5),
        (1, "Wed, 25 Nov 2026 12:00:09", 0.5),
    ],
)
def test_the_wait_grows_and_obeys_the_registry(
    attempt: int, retry_after: str | None, seconds: float
) -> None:
    assert wait_before(attempt, retry_after, NOW) == seconds
