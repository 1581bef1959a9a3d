"""Verifies one linked, static Go executable against its platform.

Request: `{"file", "platform"}`. The error says every way in which the file is not what the platform
needs. It runs once per link, so it imports little.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from multiarch.core.errors import MultiarchError, bullets
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.executables.verification import verify
from multiarch.core.platforms import Platform
from multiarch.tools.process import run


class VerificationError(MultiarchError):
    """Says which file is not what its platform needs, and every way in which it is not."""


def main(request: Mapping[str, Any]) -> None:
    """Verify the file of one request; raises VerificationError."""
    path, platform = request["file"], request["platform"]
    with open(path, "rb") as file:
        try:
            executable = inspect(file)
        except ExecutableError as error:
            raise VerificationError(_text(path, platform, (str(error),))) from None
        mismatches = (
            verify(executable, Platform.parse(platform), expect_static=True)
            if executable
            else ("expected an executable, found another file",)
        )
    if mismatches:
        raise VerificationError(_text(path, platform, mismatches))


def _text(path: str, platform: str, mismatches: tuple[str, ...]) -> str:
    return f"{path} is not an executable for `{platform}`:\n{bullets(mismatches)}"


if __name__ == "__main__":
    sys.exit(run(main))
