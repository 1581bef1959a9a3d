"""Retries: which answers of a registry are worth another try, and when.

Source: RFC 9110 (408, 5xx, Retry-After) and RFC 6585 (429).
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

# The first try and those that follow.
ATTEMPTS = 5
# Whoever asks for more patience than this is not waited for, in seconds.
LONGEST_WAIT = 60.0
_FIRST_WAIT = 0.5


def is_retried(status: int) -> bool:
    """Whether the same request may succeed later; 501 and 505 will not."""
    return status in (408, 429) or (500 <= status < 600 and status not in (501, 505))


def wait_before(attempt: int, retry_after: str | None, now: datetime) -> float:
    """Seconds to wait before the next try after `attempt` (from 1): what was asked for, or longer
    each time.

    `retry_after` is the header, seconds or a date; one that cannot be read counts as none.
    """
    grown = _FIRST_WAIT * float(2 ** (attempt - 1))
    return max(grown, _asked(retry_after, now))


def _asked(retry_after: str | None, now: datetime) -> float:
    text = (retry_after or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0
