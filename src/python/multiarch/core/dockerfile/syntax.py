"""A Dockerfile's instructions: continuation lines joined, comments dropped, heredocs attached.

Source: Docker's Dockerfile reference, "Format", "Parser directives" and "Here-Documents".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.errors import did_you_mean

KEYWORDS = frozenset(
    (
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME"),
        "WORKDIR",
    )
)
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][\w-]*)\s*=\s*(.*?)\s*\Z")
_HEREDOC = re.compile(r"<<(-?)\s*(['\"]?)([a-zA-Z_][\w.-]*)\2")
_TAKES_HEREDOCS = ("ADD", "COPY", "RUN")


@dataclass(frozen=True)
class Heredoc:
    """One here-document: the name it is written under, its text, and whether it is expanded."""

    name: str
    content: str
    expand: bool


@dataclass(frozen=True)
class Instruction:
    """One instruction: keyword in capitals, the rest as written, and the line it begins on."""

    keyword: str
    rest: str
    line: int
    heredocs: tuple[Heredoc, ...] = ()

    @property
    def text(self) -> str:
        """The instruction as it stands in an image's history."""
        return f"{self.keyword} {self.rest}"


@dataclass(frozen=True)
class Source:
    """A Dockerfile's instructions and its escape character."""

    file: str
    instructions: tuple[Instruction, ...]
    escape: str


def parse(text: str, *, file: str) -> Source:
    """Read a Dockerfile; raises DockerfileError with the line of the first thing wrong."""
    lines = text.replace("\r\n", "\n").split("\n")
    start, escape = _directives(lines, file)
    found = []
    at = start
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        first = at + 1
        logical, at = _logical_line(lines, at, escape)
        keyword, rest = _split(logical, file, first)
        heredocs: tuple[Heredoc, ...] = ()
        if keyword in _TAKES_HEREDOCS and "<<" in rest:
            heredocs, at = _heredocs(rest, lines, at, file, first)
        found.append(Instruction(keyword, rest, first, heredocs))
    if not found:
        raise DockerfileError(file, 1, "the Dockerfile is empty; it needs at least a FROM line")
    return Source(file, tuple(found), escape)


def _directives(lines: Sequence[str], file: str) -> tuple[int, str]:
    escape, at = "\\", 0
    while at < len(lines) and (match := _DIRECTIVE.match(lines[at].strip())):
        name, value = match.group(1).lower(), match.group(2)
        if name == "escape":
            if value not in ("\\", "`"):
                raise DockerfileError(
                    file, at + 1, f"the escape character must be \\ or `, found {value!r}"
                )
            escape = value
        elif name not in ("syntax", "check"):
            break
        at += 1
    return at, escape


def _logical_line(lines: Sequence[str], at: int, escape: str) -> tuple[str, int]:
    """Join continuation lines; comment lines and empty ones within are dropped."""
    continued = re.compile(re.escape(escape) + r"[ \t]*\Z")
    parts: list[str] = []
    while at < len(lines):
        line = lines[at]
        at += 1
        if parts and (not line.strip() or line.lstrip().startswith("#")):
            continue
        if continued.search(line):
            parts.append(continued.sub("", line))
            continue
        parts.append(line)
        break
    return "".join(parts).strip(), at


def _split(logical: str, file: str, line: int) -> tuple[str, str]:
    word, _, rest = logical.replace("\t", " ", 1).partition(" ")
    keyword = word.upper()
    if keyword not in KEYWORDS:
        hint = did_you_mean(keyword, KEYWORDS)
        raise DockerfileError(file, line, f"unknown instruction {word!r}.{hint}")
    if not rest.strip():
        raise DockerfileError(file, line, f"{keyword} needs an argument")
    return keyword, rest.strip()


def _heredocs(
    rest: str, lines: Sequence[str], at: int, file: str, first: int
) -> tuple[tuple[Heredoc, ...], int]:
    found = []
    for dash, quote, name in _HEREDOC.findall(rest):
        content = []
        while True:
            if at >= len(lines):
                raise DockerfileError(file, first, f"the here-document <<{name} has no end")
            line = lines[at].lstrip("\t") if dash else lines[at]
            at += 1
            if line == name:
                break
            content.append(line + "\n")
        found.append(Heredoc(name, "".join(content), not quote))
    return tuple(found), at


def heredoc_name(word: str) -> str | None:
    """The name of the here-document that a word of COPY or ADD stands for, or None."""
    match = _HEREDOC.fullmatch(word)
    return match.group(3) if match else None
