#!/usr/bin/python3.13
"""Run one action with buildbox's runner, its outputs named as newer clients of the API do.

Pants names outputs in `Command.output_files` and `output_directories`, which version 2.1 of the
API replaced by `output_paths`; buildbox reads the latter alone. This stands between its server and
its runner on the worker of the tests, and writes the command anew into the server's storage.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

RUNNER = "/usr/bin/buildbox-run-hosttools"
OBJECTS = Path("/var/cas/cas/objects")
# Numbers of fields in messages of the API.
COMMAND_DIGEST = 1  # Action
HASH, SIZE = 1, 2  # Digest
OUTPUT_FILES, OUTPUT_DIRECTORIES, OUTPUT_PATHS = 3, 4, 7  # Command
_BYTES = 2  # The wire type of texts and messages.


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number; returns it and where the next field is."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return value, at


def as_varint(value: int) -> bytes:
    """Write a number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """The fields of a message: number, content of a text or message, and all of its bytes."""
    at = 0
    while at < len(message):
        start = at
        tag, at = varint(message, at)
        size, at = varint(message, at)
        content = b""
        if tag & 7 == _BYTES:
            content, at = message[at : at + size], at + size
        yield tag >> 3, content, message[start:at]


def field(number: int, content: bytes) -> bytes:
    """One text or message as a field."""
    return as_varint(number << 3 | _BYTES) + as_varint(len(content)) + content


def stored(name: str) -> Path:
    """Where the server keeps what has a hash."""
    return OBJECTS / name[:2] / name[2:]


def with_output_paths(command: bytes) -> bytes:
    """The same command, with its outputs where buildbox looks."""
    old = (OUTPUT_FILES, OUTPUT_DIRECTORIES, OUTPUT_PATHS)
    paths = sorted({content for number, content, _ in fields(command) if number in old})
    kept = [whole for number, _, whole in fields(command) if number not in old]
    return b"".join([*kept, *(field(OUTPUT_PATHS, path) for path in paths)])


def rewritten(action: bytes) -> bytes:
    """The action of the rewritten command, which is stored."""
    digest = next(content for number, content, _ in fields(action) if number == COMMAND_DIGEST)
    name = next(content for number, content, _ in fields(digest) if number == HASH).decode()
    command = with_output_paths(stored(name).read_bytes())
    file = stored(hashlib.sha256(command).hexdigest())
    file.parent.mkdir(exist_ok=True)
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    partial.write_bytes(command)
    partial.rename(file)
    new = field(HASH, hashlib.sha256(command).hexdigest().encode())
    new += as_varint(SIZE << 3) + as_varint(len(command))
    return b"".join(
        field(COMMAND_DIGEST, new) if number == COMMAND_DIGEST else whole
        for number, _, whole in fields(action)
    )


def main() -> None:
    """Rewrite the action that the command line names, and become the runner."""
    arguments = sys.argv[1:]
    for position, argument in enumerate(arguments):
        option, _, name = argument.partition("=")
        if option == "--action":
            file = Path(f"{name}.rewritten")
            file.write_bytes(rewritten(Path(name).read_bytes()))
            arguments[position] = f"{option}={file}"
    os.execv(RUNNER, [RUNNER, *arguments])


if __name__ == "__main__":
    main()
