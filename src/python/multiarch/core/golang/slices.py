"""How a module's third-party packages are divided into parts that are compiled apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

# A process for fewer packages than this costs more than it spares when a version changes.
_LEAST = 12
# One in so many packages ends a slice.
_MEAN_REST = 12


def slices(order: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Cut import paths, dependencies first, into runs; none imports from a later one.

    Where a run ends depends on the import path there, so that another package more or less changes
    the runs beside it and no others.
    """
    found: list[list[str]] = [[]]
    for path in order:
        found[-1].append(path)
        mark = int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big")
        if len(found[-1]) >= _LEAST and mark % _MEAN_REST == 0:
            found.append([])
    return tuple(tuple(one) for one in found if one)
