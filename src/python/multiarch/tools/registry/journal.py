"""A journal of what this machine has pushed: where a blob may be mounted from.

Each target is published by a process of its own, in any order; the journal tells one what another
one sent. Whatever stands in it is asked for before it is used, so it may be old, wrong or missing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from multiarch.core.oci.descriptor import OciError
from multiarch.core.oci.publication import Placement, repository_of
from multiarch.core.oci.reference import Reference

# How much of it is read, and kept when it has become twice as long, in bytes.
_KEPT = 1 << 20


class Journal:
    """Lines of `REPOSITORY@DIGEST` in a file, the last ones last; without a path, nothing."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def seen(self) -> Mapping[tuple[str, str], Reference]:
        """A repository by registry and digest of a blob."""
        found: dict[tuple[str, str], Reference] = {}
        for line in self._tail().decode(errors="replace").splitlines():
            try:
                reference = Reference.parse(line)
            except OciError:
                # The first line that is read may be a part of one.
                continue
            if reference.digest:
                found[reference.registry, reference.digest] = repository_of(reference)
        return found

    def note(self, placements: Iterable[Placement]) -> None:
        """Note the blobs of manifests that are in a registry."""
        if self.path is None:
            return
        known = self.seen()
        lines = [
            f"{placement.repository.name}@{blob.digest}\n"
            for placement in placements
            for blob in placement.node.blobs
            if (placement.repository.registry, blob.digest) not in known
        ]
        # It helps, and that is all: a machine where it cannot be written publishes as well.
        with contextlib.suppress(OSError):
            self._append("".join(dict.fromkeys(lines)).encode())

    def _append(self, data: bytes) -> None:
        assert self.path is not None
        if self.path.exists() and self.path.stat().st_size > 2 * _KEPT:
            handle, name = tempfile.mkstemp(dir=self.path.parent)
            with os.fdopen(handle, "wb") as out:
                out.write(self._tail())
            os.replace(name, self.path)
        with open(self.path, "ab") as out:
            out.write(data)

    def _tail(self) -> bytes:
        try:
            assert self.path is not None
            with open(self.path, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _KEPT))
                return file.read()
        except (OSError, AssertionError):
            return b""
