"""Verifies one linked Go executable against its platform.

Request: `{"file", "platform", "cgo": "static" | "dynamic", "kind": link mode, "go": bool}`; without
`cgo` it is a static one without C, and `go` is only False for a program of C. Of a `c-archive` each
member is verified. The error says every way in which the file is not what the platform needs. What
a file with C needs where it runs is printed. It runs once per link, so it imports little.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

from multiarch.core.errors import MultiarchError, bullets
from multiarch.core.executables.archives import members, read_object
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.executables.verification import verify, verify_archive
from multiarch.core.platforms import Platform
from multiarch.tools.process import run


class VerificationError(MultiarchError):
    """Says which file is not what its platform needs, and every way in which it is not."""


def main(request: Mapping[str, Any]) -> None:
    """Verify the file of one request; raises VerificationError."""
    path, platform, linkage = request["file"], request["platform"], request.get("cgo")
    with open(path, "rb") as file:
        if request.get("kind") == "c-archive":
            _archive(file, path, platform)
            return
        try:
            executable = inspect(file)
        except ExecutableError as error:
            raise VerificationError(_text(path, platform, (str(error),))) from None
        mismatches = (
            verify(
                executable,
                Platform.parse(platform),
                expect_static=linkage != "dynamic",
                go=request.get("go", True),
                cgo=linkage is not None,
            )
            if executable
            else ("expected an executable, found another file",)
        )
    if mismatches:
        raise VerificationError(_text(path, platform, mismatches))
    if linkage and executable:
        names = ", ".join(executable.loaded)
        print(f"dynamic: {names}" if names else "static")


def _archive(file: BinaryIO, path: str, platform: str) -> None:
    try:
        objects = [(name, read_object(data)) for name, data in members(file)]
    except ExecutableError as error:
        mismatches: tuple[str, ...] = (str(error),)
    else:
        mismatches = verify_archive(objects, Platform.parse(platform))
    if mismatches:
        raise VerificationError(f"{path} is not a library for `{platform}`:\n{bullets(mismatches)}")


def _text(path: str, platform: str, mismatches: tuple[str, ...]) -> str:
    return f"{path} is not an executable for `{platform}`:\n{bullets(mismatches)}"


if __name__ == "__main__":
    sys.exit(run(main))
