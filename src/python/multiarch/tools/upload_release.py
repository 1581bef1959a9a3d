"""Publishes a release in a folder, S3 or Google Cloud Storage.

Argument: a JSON file `{"release": folder, "version", "destination", "markers": [kind...],
"dry_run": bool, "sign_command": [word...]}`; the folder is relative to the file's. What is there
already is not sent again, and never overwritten: other bytes are an error before anything is sent.
The sums are signed before that, unless there is a signature already. Markers are written last, and
only forward. With `dry_run` all is compared, and nothing is signed or written.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from multiarch.core.errors import MultiarchError
from multiarch.core.release.layout import SHA256SUMS, SHA512SUMS, SIGNATURE
from multiarch.core.release.publication import (
    MarkerMove,
    Stored,
    conflict,
    marker_files,
    marker_moves,
    plan,
)
from multiarch.core.summary import human_size
from multiarch.core.version import Version
from multiarch.tools.release_store import Store, StoreError
from multiarch.tools.signing import call
from multiarch.tools.sums import sums_of

# Transfers at once: a place answers many at a time, and most files are small.
_TRANSFERS = 8


def measure(folder: Path) -> dict[str, Stored]:
    """Every file of a release by its path."""
    found = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        size, sums = sums_of(str(file))
        found[file.relative_to(folder).as_posix()] = Stored(size, sums["sha256"])
    return found


def signed(folder: Path, command: list[str], work: str) -> Path:
    """Sign the sums of a release; returns the signature. Raises MultiarchError without one."""
    option, effect = "`[multiarch-release] sign_command`", "Nothing was sent."
    signature = Path(work) / SIGNATURE
    values = {"file": str((folder / SHA256SUMS).absolute()), "signature": str(signature)}
    call(command, values, os.environ, option=option, what=SHA256SUMS, effect=effect)
    if not signature.is_file():
        raise StoreError(f"{option} wrote no {{signature}}, which was {signature}. {effect}")
    return signature


def send(
    store: Store, folder: Path, version: str, sign: Callable[[], Path] | None, *, dry: bool
) -> tuple[int, int, int]:
    """Send what is missing; returns the number of files and bytes sent, and of files there.

    `sign` makes a signature where there is none. With `dry`, everything is compared and nothing is
    sent.
    """
    local, where = measure(folder), f"{store.url}/{version}"
    found = store.sizes(version)
    has_signature = found.pop(SIGNATURE, None) is not None
    todo = plan(local, found, where=where)
    with ThreadPoolExecutor(_TRANSFERS) as pool:
        there = pool.map(lambda p: (p, store.stored(f"{version}/{p}")), todo.compare)
        wrong = [
            f"`{path}` has the sha256 {found.sha256} there, and the release has "
            f"{local[path].sha256}"
            for path, found in there
            if found != local[path]
        ]
        if wrong:
            raise conflict(wrong, where=where)
        if dry:
            size = sum(local[path].size for path in todo.send)
            return len(todo.send), size, len(todo.compare)
        last = [p for p in todo.send if p in (SHA256SUMS, SHA512SUMS)]
        signature = sign() if sign and not has_signature else None

        def put(path: str) -> None:
            store.put(str(folder / path), f"{version}/{path}")

        list(pool.map(put, [p for p in todo.send if p not in last]))
    sizes = store.sizes(version)
    broken = [p for p, f in local.items() if p not in last and sizes.get(p) != f.size]
    if broken:
        raise StoreError(f"{where}: not whole after it was sent: {', '.join(broken)}. Try again.")
    if signature:
        store.put(str(signature), f"{version}/{SIGNATURE}")
    # The sums say that all others are there.
    for path in last:
        put(path)
    sent = sum(local[path].size for path in todo.send)
    return len(todo.send), sent, len(todo.compare)


def move_markers(
    store: Store, version: Version, kinds: list[str], *, dry: bool
) -> tuple[MarkerMove, ...]:
    """Move the markers forward; returns what was done, or with `dry` what would be."""
    current = {file: store.text(file) or "" for file in marker_files(version, kinds)}
    moves = marker_moves(version, kinds, current)
    for move in moves:
        if move.moves and not dry:
            store.put_text(move.file, version.text)
    return moves


def main(request_file: Path) -> None:
    """Publish one release, and say what was done."""
    request = json.loads(request_file.read_text())
    folder = request_file.parent / request["release"]
    version = Version.parse(request["version"], where="[multiarch].version")
    store = Store(request["destination"])
    dry, command = request["dry_run"], request["sign_command"]
    with tempfile.TemporaryDirectory() as work:
        sign = (lambda: signed(folder, command, work)) if command else None
        files, size, there = send(store, folder, version.text, sign, dry=dry)
    done = "to send" if dry else "sent"
    print(
        f"{store.url}/{version}: {files} files {done} ({human_size(size)}), {there} were there",
        flush=True,
    )
    for move in move_markers(store, version, request["markers"], dry=dry):
        if move.moves:
            print(f"{store.url}/{move.file}: {move.old or 'new'} -> {version}")
        else:
            print(f"{store.url}/{move.file}: stays {move.old}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except MultiarchError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
