"""Mach-O files, thin and universal."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError

from tests.unit.executables.samples import MachO, go_blob, go_text


@pytest.mark.parametrize(
    ("file", "arch", "os"),
    [
        (MachO(), "arm64", "darwin"),
        (MachO(0x01000007, version=(0x24, 0)), "amd64", "darwin"),
        (MachO(version=(0x32, 2)), "arm64", "ios"),
        (MachO(version=(0x32, 7)), "arm64", "ios"),
        (MachO(version=(0x25, 0)), "arm64", "ios"),
        (MachO(version=(0x32, 11)), "arm64", "Apple platform 11"),
        (MachO(version=None), "arm64", "darwin"),
        (MachO(7, bits=32), "386", "darwin"),
        (MachO(18, bits=32, big=True), "ppc", "darwin"),
        (MachO(0x99), "Mach-O machine 0x99", "darwin"),
    ],
)
def test_machine_and_system_are_read(file: MachO, arch: str, os: str) -> None:
    file = replace(file, go=go_blob(go_text(GOARCH=arch)))
    executable = inspect(file.bytes())
    assert executable is not None
    assert (executable.arch, executable.os) == (arch, os)
    assert executable.bits == file.bits
    assert executable.endian == ("big" if file.big else "little")
    assert executable.interpreter == "/usr/lib/dyld"
    assert executable.needed == ("/usr/lib/libSystem.B.dylib",)
    assert executable.build_info is not None
    assert executable.build_info.setting("GOARCH") == arch


def test_a_file_without_build_info_is_not_go() -> None:
    executable = inspect(MachO(needed=()).bytes())
    assert executable is not None
    assert not executable.is_go
    assert not executable.dynamic


def test_a_universal_file_is_for_no_single_architecture() -> None:
    executable = inspect(b"\xca\xfe\xba\xbe" + struct.pack(">I", 2) + bytes(40))
    assert executable == Executable(
        "Mach-O universal", "2 architectures in one file", 32, "big", 0, os="darwin"
    )


def test_a_java_class_begins_with_the_same_bytes() -> None:
    assert inspect(b"\xca\xfe\xba\xbe" + struct.pack(">HH", 0, 52) + bytes(40)) is None
    assert inspect(b"\xca\xfe\xba\xbe") is None


def test_an_object_file_is_no_executable() -> None:
    assert inspect(MachO(type=1).bytes()) is None


def test_a_file_that_is_cut_short_says_what_is_missing() -> None:
    data = MachO(go=go_blob(None)).bytes()
    with pytest.raises(ExecutableError, match="its segment should be the 48 bytes at offset"):
        inspect(data[:-1])
    with pytest.raises(ExecutableError, match="its load commands should be the"):
        inspect(data[:200])


def test_load_commands_must_be_whole() -> None:
    def change(at: int, value: int) -> bytes:
        data = bytearray(MachO().bytes())
        data[at : at + 4] = struct.pack("<I", value)
        return bytes(data)

    with pytest.raises(ExecutableError, match="should have 9 load commands, found 4"):
        inspect(change(16, 9))
    with pytest.raises(ExecutableError, match="a load command has no size"):
        inspect(change(36, 0))
