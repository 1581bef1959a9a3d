"""A YAML document as plain values that know their lines, whichever library read it."""

from __future__ import annotations

from dataclasses import dataclass

MAP, LIST, SCALAR = "a mapping", "a list", "a value"


@dataclass(frozen=True)
class Node:
    """One value of a document, with the line that it begins on.

    `kind` is MAP, LIST or SCALAR. `text` is a scalar as written, and `type` what it is in YAML:
    `str`, `int`, `bool`, `float`, `null`, or another. A mapping has `entries` (key, the key's
    line, value), a list `items`.
    """

    kind: str
    line: int
    text: str = ""
    type: str = ""
    items: tuple[Node, ...] = ()
    entries: tuple[tuple[str, int, Node], ...] = ()

    @property
    def is_null(self) -> bool:
        """Whether nothing stands there."""
        return self.kind == SCALAR and self.type == "null"

    @property
    def found(self) -> str:
        """What it is, for a message."""
        if self.is_null:
            return "nothing"
        return repr(self.text) if self.kind == SCALAR else self.kind
