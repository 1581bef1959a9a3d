"""The runner of the tests' worker renames outputs and leaves everything else of an action alone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import worker_runner
from worker_runner import as_varint, field, fields, rewritten, varint, with_output_paths


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**40])
def test_numbers_are_read_as_they_are_written(value: int) -> None:
    data = as_varint(value)
    assert varint(b"x" + data, 1) == (value, 1 + len(data))


def test_outputs_of_either_kind_become_paths_sorted_and_once() -> None:
    command = b"".join(
        [
            field(1, b"/bin/sh"), field(4, b"out"), field(3, b"b"), field(3, b"a"), field(3, b"a"),
            field(6, b"directory"),
        ]
    )  # fmt: skip
    kept = field(1, b"/bin/sh") + field(6, b"directory")
    assert with_output_paths(command) == kept + b"".join(field(7, p) for p in (b"a", b"b", b"out"))


def test_an_action_names_the_stored_new_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_runner, "OBJECTS", tmp_path)
    command = field(3, b"file")
    name = hashlib.sha256(command).hexdigest()
    (tmp_path / name[:2]).mkdir()
    (tmp_path / name[:2] / name[2:]).write_bytes(command)
    action = field(1, field(1, name.encode())) + field(2, b"inputs") + as_varint(7 << 3) + b"\1"
    found = list(fields(rewritten(action)))
    assert [whole for _, _, whole in found[1:]] == [field(2, b"inputs"), as_varint(7 << 3) + b"\1"]
    digest = list(fields(found[0][1]))
    stored = tmp_path / digest[0][1][:2].decode() / digest[0][1][2:].decode()
    assert stored.read_bytes() == field(7, b"file")
    assert digest[1][2] == as_varint(2 << 3) + as_varint(len(field(7, b"file")))
