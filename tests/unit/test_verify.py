"""The verifier refuses a linked file that is not what its platform needs, and says why."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from multiarch.tools.verify import VerificationError, main

from tests.unit.executables.samples import Elf, go_blob, go_text
from tests.unit.executables.test_archives import archive, member

AMD64 = {"CGO_ENABLED": "0", "GOARCH": "amd64", "GOOS": "linux", "GOAMD64": "v1"}
GO = go_blob(go_text(**AMD64))


def written(tmp_path: Path, data: bytes) -> str:
    file = tmp_path / "hello"
    file.write_bytes(data)
    return str(file)


def test_a_static_binary_of_the_platform_passes(tmp_path: Path) -> None:
    main({"file": written(tmp_path, Elf(go=GO).bytes()), "platform": "linux/amd64"})


@pytest.mark.parametrize(
    ("data", "platform", "said"),
    [
        (Elf(go=GO).bytes(), "linux/arm64", "arm64"),
        (Elf(go=GO).bytes(), "windows/amd64", "PE"),
        (Elf(go=go_blob(go_text(**{**AMD64, "GOOS": "freebsd"}))).bytes(), "linux/amd64", "GOOS"),
        (Elf(go=go_blob(go_text(**{**AMD64, "GOAMD64": "v3"}))).bytes(), "linux/amd64", "GOAMD64"),
        (Elf().bytes(), "linux/amd64", "build info"),
        (Elf(go=GO, interpreter="/lib64/ld.so").bytes(), "linux/amd64", "/lib64/ld.so"),
        (Elf(go=GO, needed=("libc.so.6",)).bytes(), "linux/amd64", "libc.so.6"),
        (Elf(go=GO).bytes()[:40], "linux/amd64", "cut short|too short|ends"),
        (b"#!/bin/sh\n", "linux/amd64", "found another file"),
    ],
)
def test_another_file_is_refused_with_its_reason(
    tmp_path: Path, data: bytes, platform: str, said: str
) -> None:
    with pytest.raises(VerificationError) as raised:
        main({"file": written(tmp_path, data), "platform": platform})
    assert f"is not an executable for `{platform}`" in str(raised.value)
    assert re.search(said, str(raised.value).split(":\n", 1)[1])


def archived(tmp_path: Path, *objects: Elf) -> str:
    """An archive with object files `0.o`, `1.o`, ..."""
    parts = [member(f"{n}.o/", replace(file, type=1).bytes()) for n, file in enumerate(objects)]
    return written(tmp_path, archive(*parts))


CGO = go_blob(go_text(**{**AMD64, "CGO_ENABLED": "1"}))


def test_each_member_of_a_library_is_for_its_platform(tmp_path: Path) -> None:
    request = {"platform": "linux/amd64", "cgo": "dynamic", "kind": "c-archive"}
    main({**request, "file": archived(tmp_path, Elf(go=CGO), Elf())})
    with pytest.raises(VerificationError, match=r"is not a library for `linux/amd64`:\n") as raised:
        main({**request, "file": archived(tmp_path, Elf(go=CGO), Elf(machine=0xB7))})
    assert str(raised.value).split(":\n", 1)[1].strip() == (
        "* 1.o: expected code for amd64, found arm64 (ELF, 64-bit little-endian, machine 0xb7)"
    )


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ((Elf(),), r"expected Go build info, found none"),
        ((Elf(go=GO),), r"expected CGO_ENABLED=1 in the Go build info, found CGO_ENABLED=0"),
        ((), r"expected Go build info, found none"),
    ],
)
def test_a_library_holds_go(tmp_path: Path, objects: tuple[Elf, ...], said: str) -> None:
    request = {"platform": "linux/amd64", "cgo": "dynamic", "kind": "c-archive"}
    with pytest.raises(VerificationError, match=said):
        main({**request, "file": archived(tmp_path, *objects)})


def test_a_program_is_no_library(tmp_path: Path) -> None:
    file = written(tmp_path, Elf(go=CGO).bytes())
    with pytest.raises(VerificationError, match="expected an archive of object files, found anot"):
        main({"file": file, "platform": "linux/amd64", "cgo": "dynamic", "kind": "c-archive"})
    file = written(tmp_path, archive(member("x.o/", Elf().bytes())))
    with pytest.raises(VerificationError, match=r"x\.o: expected an object file, found another"):
        main({"file": file, "platform": "linux/amd64", "cgo": "dynamic", "kind": "c-archive"})
