"""The verifier refuses a linked file that is not what its platform needs, and says why."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from multiarch.tools.verify import VerificationError, main

from tests.unit.executables.samples import Elf, go_blob, go_text

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
