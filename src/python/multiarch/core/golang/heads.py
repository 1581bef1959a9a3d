"""What a source file says at its head: package, imports, embedded files, constraints.

It reads the skeletons (`multiarch.core.golang.skeleton`) that `go list` gets, or whole files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from multiarch.core.golang.constraints import (
    ALWAYS,
    UNKNOWN,
    AllOf,
    Expression,
    header_constraint,
    name_constraint,
)
from multiarch.core.golang.skeleton import (
    CONSTRAINED_SUFFIXES,
    EMBED_LINE,
    LEADING_COMMENTS,
    STRING,
    head_end,
)

_COMMENT_OR_STRING = re.compile(rf"//[^\n]*|/\*.*?\*/|({STRING})", re.S)
_CLAUSE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/|;)*package(?:\s|/\*.*?\*/|//[^\n]*\n)*(\w+)", re.S)
_PATTERN = re.compile(rf"{STRING}|\S+")
_NO_SOURCE = (".", "_")


@dataclass(frozen=True)
class FileHead:
    """The head of one file of a package's directory; `name` is its base name.

    `constraint` is that of the name and of the text. `package` is empty for what is not Go.
    """

    name: str
    constraint: Expression = ALWAYS
    package: str = ""
    imports: tuple[str, ...] = ()
    embeds: tuple[str, ...] = ()

    @property
    def is_go(self) -> bool:
        """Whether it is Go source."""
        return self.name.endswith(".go")

    @property
    def is_test(self) -> bool:
        """Whether only tests have it."""
        return self.name.endswith("_test.go")

    @property
    def uses_c(self) -> bool:
        """Whether cgo has to translate it."""
        return "C" in self.imports


def _unquoted(text: str) -> str:
    # An import path or a pattern with an escape in it is not seen in practice.
    return text[1:-1] if text[0] in '"`' else text


def is_source(name: str) -> bool:
    """Whether Go looks at a file of that base name at all."""
    return not name.startswith(_NO_SOURCE) and name.endswith(
        (".go", ".syso", *CONSTRAINED_SUFFIXES)
    )


def parse_head(name: str, text: str) -> FileHead:
    """Read the head of a file of that base name; one that is not understood may be in any build."""
    by_name = name_constraint(name)
    if not name.endswith(".go"):
        if not name.endswith(CONSTRAINED_SUFFIXES):
            return FileHead(name, by_name)
        comments = LEADING_COMMENTS.match(text)
        return FileHead(name, _both(by_name, header_constraint(comments[0] if comments else "")))
    end, clause = head_end(text), _CLAUSE.match(text)
    if end < 0 or clause is None:
        return FileHead(name, _both(by_name, UNKNOWN))
    found = _COMMENT_OR_STRING.finditer(text, clause.end(), end)
    imports = tuple(_unquoted(match[1]) for match in found if match[1])
    embeds: tuple[str, ...] = ()
    if "embed" in imports:
        lines = (match.group().split(None, 1)[1] for match in EMBED_LINE.finditer(text, end))
        embeds = tuple(_unquoted(pattern) for line in lines for pattern in _PATTERN.findall(line))
    constraint = _both(by_name, header_constraint(text[: clause.end()]))
    return FileHead(name, constraint, clause[1], imports, embeds)


def _both(one: Expression, other: Expression) -> Expression:
    if one == ALWAYS:
        return other
    return one if other == ALWAYS else AllOf((one, other))
