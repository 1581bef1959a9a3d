"""A fuzz target: what it is fed, what it does with it, and which error it may raise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Callable


class Wrong(AssertionError):
    """Says that something was accepted that must not be."""


@dataclass(frozen=True)
class Target:
    """`make` makes an input; `run` reads it, in an empty folder of its own.

    `run` may raise `allowed` alone, writes below its folder alone, and raises Wrong when what it
    accepted is not what it should be. `oracle` says so for people.
    """

    name: str
    oracle: str
    make: Callable[[Random], Any]
    run: Callable[[Any, Path], None]
    allowed: tuple[type[Exception], ...]
