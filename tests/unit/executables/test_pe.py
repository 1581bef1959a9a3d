"""PE files."""

from __future__ import annotations

import pytest
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError

from tests.unit.executables.samples import Pe, go_blob, go_text


@pytest.mark.parametrize(
    ("machine", "bits", "arch"),
    [
        (0x14C, 32, "386"),
        (0x8664, 64, "amd64"),
        (0xAA64, 64, "arm64"),
        (0x1C4, 32, "arm"),
        (0x200, 64, "PE machine 0x200"),
    ],
)
def test_machine_imports_and_build_info_are_read(machine: int, bits: int, arch: str) -> None:
    file = Pe(
        machine, bits, needed=("kernel32.dll", "ntdll.dll"), go=go_blob(go_text(GOOS="windows"))
    )
    executable = inspect(file.bytes())
    assert executable is not None
    assert (executable.format, executable.os) == ("PE", "windows")
    assert (executable.arch, executable.bits, executable.machine) == (arch, bits, machine)
    assert executable.needed == ("kernel32.dll", "ntdll.dll")
    assert executable.build_info is not None
    assert executable.build_info.setting("GOOS") == "windows"


@pytest.mark.parametrize("file", [Pe(needed=()), Pe(directories=1)])
def test_a_file_may_import_nothing(file: Pe) -> None:
    executable = inspect(file.bytes())
    assert executable is not None
    assert executable.needed == ()
    assert executable.build_info is None


def test_a_boot_loader_is_not_for_windows() -> None:
    executable = inspect(Pe(subsystem=10).bytes())
    assert executable is not None
    assert executable.os == "Windows subsystem 10"


@pytest.mark.parametrize(
    "data",
    [
        b"MZ",
        b"MZ" + bytes(100),
        b"MZ" + bytes(58) + b"\xff\xff\xff\x7f" + bytes(9),
        Pe(flags=0).bytes(),
        Pe(managed=True).bytes(),
    ],
    ids=["two letters", "DOS", "no signature", "object file", "portable .NET code"],
)
def test_what_windows_does_not_start_as_machine_code_is_no_executable(data: bytes) -> None:
    assert inspect(data) is None


def test_a_file_without_writable_data_is_not_go() -> None:
    data = Pe(go=go_blob(None)).bytes().replace(b"\x40\0\x50\xc0", b"\x40\0\0\x40")
    executable = inspect(data)
    assert executable is not None
    assert not executable.is_go


def test_damage_is_an_error_that_says_where() -> None:
    with pytest.raises(ExecutableError, match="its section should be the"):
        inspect(Pe(go=go_blob(None)).bytes()[:-1])
    with pytest.raises(ExecutableError, match="imports are at the address 0x9000, which no"):
        inspect(Pe(imports_at=0x9000).bytes())
    with pytest.raises(ExecutableError, match="its PE header has the magic 0x107"):
        inspect(Pe().bytes().replace(b"\x0b\x02", b"\x07\x01", 1))
    with pytest.raises(ExecutableError, match="its import table does not end"):
        inspect(Pe(needed=("a.dll",) * 4096, ends=False).bytes())
