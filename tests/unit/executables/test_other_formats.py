"""XCOFF, Plan 9 and WebAssembly, and files that only begin like them."""

from __future__ import annotations

import pytest
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError

from tests.unit.executables.samples import go_blob, go_text, plan9, wasm, xcoff


def test_xcoff_is_for_aix() -> None:
    executable = inspect(xcoff(go=go_blob(go_text(GOOS="aix"))))
    assert executable is not None
    assert (executable.format, executable.os, executable.arch) == ("XCOFF", "aix", "ppc64")
    assert executable.needed == ("libc.a/shr_64.o",)
    assert executable.build_info is not None
    assert executable.build_info.setting("GOOS") == "aix"


def test_xcoff_may_have_no_loader_section() -> None:
    executable = inspect(xcoff(needed=()))
    assert executable is not None
    assert not executable.dynamic
    assert not executable.is_go


def test_xcoff_may_have_no_data_section() -> None:
    data = xcoff(needed=()).replace(b"\0\0\0\x40\0\0\0\0", b"\0\0\0\x20\0\0\0\0")
    executable = inspect(data)
    assert executable is not None
    assert not executable.is_go


@pytest.mark.parametrize(
    ("magic", "arch", "bits"), [(0x1EB, "386", 32), (0x8A97, "amd64", 64), (0x647, "arm", 32)]
)
def test_plan9_is_static(magic: int, arch: str, bits: int) -> None:
    executable = inspect(plan9(magic, go=go_blob(go_text(GOOS="plan9"))))
    assert executable is not None
    assert (executable.format, executable.os) == ("Plan 9", "plan9")
    assert (executable.arch, executable.bits) == (arch, bits)
    assert executable.is_static
    assert executable.is_go


@pytest.mark.parametrize(
    ("module", "os"), [("gojs", "js"), ("wasi_snapshot_preview1", "wasip1"), ("env", ""), ("", "")]
)
def test_the_import_of_webassembly_names_the_system(module: str, os: str) -> None:
    assert inspect(wasm(module)) == Executable("WebAssembly", "wasm", 32, "little", 0, os=os)


def test_webassembly_must_be_of_the_first_version_and_whole() -> None:
    with pytest.raises(ExecutableError, match="is WebAssembly of the version 13; allowed: 1"):
        inspect(wasm(version=13))
    with pytest.raises(ExecutableError, match="its WebAssembly section should be the 1 bytes"):
        inspect(wasm()[:-1])
    with pytest.raises(ExecutableError, match="a number in it does not end"):
        inspect(wasm()[:8] + b"\x01" + b"\x80" * 9)


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\xf7",
        b"\x01\xf7" + bytes(200),
        xcoff(flags=0),
        b"\0\0\x01\xeb",
        b"\0\0\x01\xeb" + bytes(100),
        b"\0\0\x01\xeb" + b"\x7f" * 100,
    ],
)
def test_data_may_begin_with_the_same_bytes(data: bytes) -> None:
    assert inspect(data) is None
