"""Uploads in pieces: which ranges of a blob are sent, and what a registry says it has.

Source: OCI distribution-spec, "Pushing a blob in chunks".
"""

from __future__ import annotations

import re

# What is sent at once where a registry wants pieces and states no size, in bytes.
CHUNK = 16 << 20
_RANGE = re.compile(r"(?:bytes[= ])?0-(\d+)\Z")


def chunk_size(minimum: str | None) -> int:
    """The size of pieces, by the header OCI-Chunk-Min-Length; 0 where the registry wants none.

    >>> chunk_size("33554432")
    33554432
    """
    text = (minimum or "").strip()
    return max(CHUNK, int(text)) if text.isdecimal() and int(text) else 0


def received(header: str | None) -> int:
    """How many bytes a registry has, by the header Range of its answer; 0 where it says nothing.

    `0-0` is what some answer for an empty upload; a blob of one byte is then sent again.

    >>> received("0-1023")
    1024
    """
    match = _RANGE.match((header or "").strip())
    last = int(match.group(1)) if match else 0
    return last + 1 if last else 0


def next_range(offset: int, size: int, chunk: int) -> tuple[int, int]:
    """The next piece to send: its first byte, and the one after its last."""
    return offset, min(offset + chunk, size)
