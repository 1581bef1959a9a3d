"""What counts as an executable, how little of it is read, and that damage is always one error."""

from __future__ import annotations

import io
import random

import pytest
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError, Reader

from tests.unit.executables.samples import (
    TEXT,
    Elf,
    MachO,
    Pe,
    Section,
    arm_attributes,
    go_blob,
    go_text,
    plan9,
    wasm,
    xcoff,
)

GO = go_blob(go_text(GOOS="linux", GOARCH="arm", GOARM="6"))
ATTRIBUTES = Section(".ARM.attributes", arm_attributes(4, *b"v6", 0, 6, 7), 0x70000003, 0)
LINKAGE = ("/lib/ld-linux.so.3", ("libc.so.6", "libm.so.6"))
FILES = {
    "ELF 32": Elf(0x28, 32, False, 2, 0, 0, *LINKAGE, GO, (TEXT, ATTRIBUTES)).bytes(),
    "ELF 64": Elf(0x16, 64, True, 3, 0, 0, *LINKAGE, GO).bytes(),
    "Mach-O 32": MachO(12, bits=32, go=GO).bytes(),
    "Mach-O 64": MachO(go=GO).bytes(),
    "PE 32": Pe(0x14C, bits=32, go=GO).bytes(),
    "PE 64": Pe(go=GO).bytes(),
    "XCOFF": xcoff(go=GO),
    "Plan 9": plan9(go=GO),
    "WebAssembly": wasm(),
}


@pytest.mark.parametrize(
    "data", [b"", b"\x7f", b"#!/bin/sh\necho\n", b"\x7fEL", bytes(64), b"PK\x03\x04" + bytes(60)]
)
def test_scripts_and_data_are_no_executables(data: bytes) -> None:
    assert inspect(data) is None


def test_a_file_and_its_bytes_read_the_same() -> None:
    data = FILES["ELF 64"]
    assert inspect(io.BytesIO(data)) == inspect(data) == inspect(memoryview(data))


class Counting(io.BytesIO):
    """A file that counts the bytes read from it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_only_headers_and_build_info_are_read_of_a_large_file() -> None:
    code = Section(".text", bytes(8 << 20), flags=6)
    file = Counting(Elf(go=GO, sections=(code,), interpreter="/lib/ld.so").bytes())
    executable = inspect(file)
    assert executable is not None
    assert executable.is_go
    assert file.count < 4096


def test_a_file_that_shrinks_is_an_error() -> None:
    file = io.BytesIO(bytes(8))
    reader = Reader(file)
    file.truncate(4)
    with pytest.raises(ExecutableError, match="could not read the start: the file shrank"):
        reader.start(8)


@pytest.mark.parametrize("name", FILES)
def test_every_prefix_is_an_error_or_no_executable(name: str) -> None:
    data = FILES[name]
    assert inspect(data) is not None
    refused = 0
    for size in range(len(data)):
        try:
            inspect(data[:size])
        except ExecutableError:
            refused += 1
    # All that is read of a Plan 9 file is its short header.
    assert refused > 0 or name == "Plan 9"


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("ELF")])
def test_no_prefix_of_an_elf_file_is_an_executable(name: str) -> None:
    for size in range(4, len(FILES[name])):
        with pytest.raises(ExecutableError, match="cut short or damaged"):
            inspect(FILES[name][:size])


@pytest.mark.parametrize("name", FILES)
def test_no_damage_raises_another_error(name: str) -> None:
    numbers = random.Random(name)
    outcomes = set()
    for _ in range(3000):
        data = bytearray(FILES[name])
        for _ in range(numbers.choice((1, 2, 8))):
            at = numbers.randrange(4, len(data))
            size = numbers.choice((1, 1, 2, 4, 8))
            data[at : at + size] = numbers.choice(
                (b"\xff" * size, bytes(size), numbers.randbytes(size))
            )
        try:
            outcomes.add(type(inspect(bytes(data))))
        except ExecutableError as error:
            outcomes.add(type(error))
    assert {Executable, ExecutableError} <= outcomes or name == "Plan 9"
