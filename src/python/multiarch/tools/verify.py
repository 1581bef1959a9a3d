"""Verifies one linked executable against its platform, and reports what it is.

Request: `{"address", "platform", "file", "expect_static", "go", "cgo", "output"}`, of which `cgo`
may be left out for false. The output is a JSON file: size in bytes, sha256, format, os, arch,
static, interpreter, needed, and of a Go binary go_version, path, main, modules and settings. On a
mismatch nothing is written.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from multiarch.core.errors import MultiarchError, bullets
from multiarch.core.executables.build_info import BuildInfo, BuildModule
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.executables.verification import verify
from multiarch.core.platforms import Platform
from multiarch.tools.process import run

_CHUNK = 1 << 20


class VerificationError(MultiarchError):
    """Says which binary is not what its platform needs, and every way in which it is not."""


def main(request: Mapping[str, Any]) -> None:
    """Verify the file of one request and write its report; raises VerificationError."""
    platform = Platform.parse(request["platform"])
    with open(request["file"], "rb") as file:
        executable = _inspect(file, request)
        mismatches = verify(
            executable,
            platform,
            expect_static=request["expect_static"],
            go=request["go"],
            cgo=request.get("cgo", False),
        )
        if mismatches:
            raise VerificationError(_text(request, mismatches))
        report = {**_digest(file), **_report(executable)}
    Path(request["output"]).write_text(json.dumps(report, indent=1) + "\n")


def _inspect(file: BinaryIO, request: Mapping[str, Any]) -> Executable:
    try:
        executable = inspect(file)
    except ExecutableError as error:
        raise VerificationError(_text(request, [str(error)])) from None
    if executable is None:
        raise VerificationError(_text(request, ["expected an executable, found another file"]))
    return executable


def _text(request: Mapping[str, Any], mismatches: tuple[str, ...] | list[str]) -> str:
    return (
        f"{request['address']}: {request['file']} is not an executable for "
        f"`{request['platform']}`:\n{bullets(mismatches)}"
    )


def _digest(file: BinaryIO) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return {"size": size, "sha256": digest.hexdigest()}


def _report(executable: Executable) -> dict[str, Any]:
    return {
        "format": executable.format,
        "os": executable.os,
        "arch": executable.arch,
        "static": executable.is_static,
        "interpreter": executable.interpreter,
        "needed": list(executable.needed),
        **(_build(executable.build_info) if executable.build_info else {}),
    }


def _build(info: BuildInfo) -> dict[str, Any]:
    return {
        "go_version": info.go_version,
        "path": info.path,
        "main": _module(info.main) if info.main else None,
        "modules": [_module(module) for module in info.deps],
        "settings": dict(info.settings),
    }


def _module(module: BuildModule) -> dict[str, Any]:
    fields: dict[str, Any] = {"path": module.path, "version": module.version, "sum": module.sum}
    if module.replacement:
        fields["replacement"] = _module(module.replacement)
    return fields


if __name__ == "__main__":
    sys.exit(run(main))
