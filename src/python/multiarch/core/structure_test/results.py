"""What the tests of an image came to, and how it is shown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_SHOWN_LINES = 20


@dataclass(frozen=True)
class Result:
    """One test: what kind it is, its name, and what is wrong; or why it was not run."""

    kind: str
    name: str
    problems: tuple[str, ...] = ()
    skipped: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Result:
        """Read what `as_json` wrote."""
        return cls(value["kind"], value["name"], tuple(value["problems"]), value["skipped"])

    def as_json(self) -> dict[str, Any]:
        """The result as JSON has it."""
        return asdict(self)

    @property
    def label(self) -> str:
        """Kind and name on one line."""
        return f"{self.kind}: {self.name}" if self.name else self.kind


def quoted(text: str) -> str:
    """The beginning of a text, as a quotation."""
    lines = text.splitlines() or ["(nothing)"]
    more = len(lines) - _SHOWN_LINES
    shown = [*lines[:_SHOWN_LINES], *([f"... {more} more lines"] if more > 0 else [])]
    return "\n".join(f"  | {line}" for line in shown)


def is_failed(results: Iterable[Result]) -> bool:
    """Whether any test found something wrong."""
    return any(result.problems for result in results)


def junit_xml(title: str, results: Sequence[Result]) -> bytes:
    """All results as the XML that test runners write and services for CI read (JUnit)."""
    from xml.etree import ElementTree

    counts = {"tests": len(results), "errors": 0}
    counts["failures"] = sum(bool(result.problems) for result in results)
    counts["skipped"] = sum(bool(result.skipped) for result in results)
    suites = ElementTree.Element("testsuites")
    numbers = {name: str(count) for name, count in counts.items()}
    suite = ElementTree.SubElement(suites, "testsuite", {"name": title, **numbers})
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", classname=title, name=result.label)
        if result.problems:
            ElementTree.SubElement(case, "failure").text = "\n".join(result.problems)
        elif result.skipped:
            ElementTree.SubElement(case, "skipped", message=result.skipped)
    data: bytes = ElementTree.tostring(suites, encoding="utf-8")
    return data


def report(title: str, results: Sequence[Result]) -> str:
    """All results as text: a line for each, and below it what was expected and what was found."""
    failed = sum(bool(result.problems) for result in results)
    skipped = sum(bool(result.skipped) for result in results)
    counts = f"{len(results) - failed - skipped} passed"
    counts += f", {failed} failed" if failed else ""
    counts += f", {skipped} not run" if skipped else ""
    lines = [f"{title}: {counts}"]
    for result in results:
        word = "FAILED " if result.problems else "not run" if result.skipped else "ok     "
        lines.append(f"  {word} {result.label}")
        for text in (*result.problems, *((result.skipped,) if result.skipped else ())):
            lines.append(textwrap.indent(text, " " * 10))
    return "\n".join(lines) + "\n"
