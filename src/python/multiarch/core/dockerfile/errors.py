"""The one error of this package: it names the file and the line."""

from __future__ import annotations

from multiarch.core.errors import MultiarchError


class DockerfileError(MultiarchError):
    """Says what is wrong with a Dockerfile, and on which line."""

    def __init__(self, file: str, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}")
        self.line = line
