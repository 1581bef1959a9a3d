"""Size and sums of files, read once and in pieces."""

from __future__ import annotations

import hashlib

from multiarch.core.release.layout import SIDES

_CHUNK = 1 << 20


def sums_of(path: str) -> tuple[int, dict[str, str]]:
    """A file's size in bytes, and its sums by their names."""
    size, hashes = 0, {name: hashlib.new(name) for name in SIDES}
    with open(path, "rb") as file:
        while data := file.read(_CHUNK):
            size += len(data)
            for hash in hashes.values():
                hash.update(data)
    return size, {name: hash.hexdigest() for name, hash in hashes.items()}
