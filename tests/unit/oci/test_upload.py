"""Uploads in pieces: their sizes, and what a registry says it has."""

from __future__ import annotations

import pytest
from multiarch.core.oci.upload import CHUNK, chunk_size, next_range, received


@pytest.mark.parametrize(
    ("header", "size"),
    [(None, 0), ("", 0), ("0", 0), ("many", 0), ("1024", CHUNK), (str(CHUNK + 1), CHUNK + 1)],
)
def test_the_size_of_pieces(header: str | None, size: int) -> None:
    assert chunk_size(header) == size


@pytest.mark.parametrize(
    ("header", "size"),
    [("0-1023", 1024), ("bytes=0-9", 10), ("0-0", 0), (None, 0), ("5-9", 0), ("x", 0)],
)
def test_what_a_registry_has(header: str | None, size: int) -> None:
    assert received(header) == size


def test_pieces_cover_a_blob_without_a_gap() -> None:
    offset, found = 0, []
    while offset < 25:
        found.append(next_range(offset, 25, 10))
        offset = found[-1][1]
    assert found == [(0, 10), (10, 20), (20, 25)]
