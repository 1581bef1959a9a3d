"""Findings of the linters, and the comments that waive them with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from multiarch.core.errors import did_you_mean

RULES = ("hard-coded-platform", "dockerfile-trap", "atomic-alignment")
_WAIVER = re.compile(
    r"(?:#|//|/\*).*?\bmultiarch:allow\b[ \t]*([\w-]*)[ \t]*:?[ \t]*(.*?)(?:\*/)?\s*\Z"
)


@dataclass(frozen=True, order=True)
class Finding:
    """One thing found: the file, the line it begins on, and what is wrong with it."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Waiver:
    """A comment `multiarch:allow RULE: REASON`; it stands on the line or on one above it."""

    line: int
    rule: str
    reason: str


def waivers(text: str) -> tuple[Waiver, ...]:
    """Find the waivers of a file, whatever their rule.

    >>> waivers("x = 1  # multiarch:allow hard-coded-platform: the machine is one")[0].reason
    'the machine is one'
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _WAIVER.search(line) if "multiarch:allow" in line else None
        if match:
            found.append(Waiver(number, match.group(1), match.group(2).strip()))
    return tuple(found)


def how_to_waive(rule: str) -> str:
    """The comment to write where a finding is as it should be."""
    return f"`multiarch:allow {rule}: REASON` in a comment on the line or above it"


def apply_waivers(
    rule: str, file: str, text: str, findings: Iterable[Finding], *, stale: bool = True
) -> list[Finding]:
    """Take out what is waived, and add what is wrong with the file's waivers of this rule.

    A waiver without a reason is a finding, and so is one of an unknown rule and, with `stale`,
    one that waives nothing.
    """
    lines = text.splitlines()
    mine = [w for w in waivers(text) if w.rule == rule or w.rule not in RULES]
    problems, covered = [], {}
    for waiver in mine:
        if waiver.rule not in RULES:
            # Each linter reads the file: the first one of them says it.
            if rule == RULES[0]:
                known = ", ".join(RULES)
                problems.append(
                    Finding(
                        file,
                        waiver.line,
                        f"`multiarch:allow` names the rule {waiver.rule!r}; there are {known}."
                        + did_you_mean(waiver.rule, RULES),
                    )
                )
            continue
        if not waiver.reason:
            problems.append(
                Finding(
                    file,
                    waiver.line,
                    f"the waiver has no reason; write {how_to_waive(rule)}.",
                )
            )
        covered[waiver] = _covered(waiver, lines)
    kept, used = [], set()
    for finding in findings:
        by = [w for w, numbers in covered.items() if finding.line in numbers]
        used.update(by)
        if not by:
            kept.append(finding)
    if stale:
        problems += [
            Finding(file, w.line, f"the waiver of {rule} waives nothing; take it away.")
            for w in covered
            if w not in used and w.reason
        ]
    return sorted([*kept, *problems])


def _covered(waiver: Waiver, lines: list[str]) -> set[int]:
    """The waiver's own line, and if that is a comment, the first line below that is none."""
    number = waiver.line
    while number < len(lines) and lines[number - 1].strip().startswith(("#", "//", "/*")):
        number += 1
    return {waiver.line, number}
