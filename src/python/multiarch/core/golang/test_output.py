"""What a Go test binary prints, and what its flags are called.

With `-test.v=test2json` each line that states a result begins with the byte 0x16, which no test
prints by chance. Source: testing/testing.go, cmd/internal/test2json.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

MARK = "\x16"
VERBOSE = "-test.v=test2json"

_RESULT = re.compile(rf"{MARK}\s*--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+)s\)")
_NOW = re.compile(rf"{MARK}=== (RUN|NAME|CONT|PAUSE)\s+(\S*)")
# The flags that `go test` passes on under another name (cmd/go/internal/test/flagdefs.go).
_FLAGS = frozenset(
    (
        *("bench", "benchmem", "benchtime", "blockprofile", "blockprofilerate", "count", "cpu"),
        *("cpuprofile", "failfast", "fullpath", "list", "memprofile", "memprofilerate"),
        *("mutexprofile", "mutexprofilefraction", "parallel", "run", "short", "shuffle", "skip"),
        *("timeout", "trace", "v"),
    )
)


@dataclass
class _Case:
    state: str = ""
    seconds: str = "0"
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TestCase:
    """One test: "pass", "fail", "skip", or "unfinished" where the program ended within it."""

    __test__ = False

    name: str
    state: str
    seconds: str
    output: str


def parse(text: str) -> tuple[TestCase, ...]:
    """Find each test in what the binary printed, in the order in which they began."""
    cases: dict[str, _Case] = {}
    current = ""
    for line in text.split("\n"):
        if now := _NOW.match(line):
            word, current = now.groups()
            if current:
                cases.setdefault(current, _Case())
            if word == "PAUSE":
                current = ""
        elif result := _RESULT.match(line):
            state, current, seconds = result.groups()
            case = cases.setdefault(current, _Case())
            case.state, case.seconds = state.lower(), seconds
        elif current and not line.startswith(MARK):
            cases[current].lines.append(line)
    return tuple(
        TestCase(name, case.state or "unfinished", case.seconds, "\n".join(case.lines).strip("\n"))
        for name, case in cases.items()
    )


def readable(text: str) -> str:
    """What the binary printed as `go test -v` shows it: without what only programs read."""
    lines = text.split("\n")
    return "\n".join(f.lstrip(MARK) for f in lines if not f.startswith(f"{MARK}=== NAME"))


def junit_xml(title: str, cases: Iterable[TestCase], *, failure: str = "") -> bytes:
    """The results as the XML that services for CI read (JUnit).

    `failure` is what is wrong where the program failed and no test says so.
    """
    from xml.etree import ElementTree

    found = list(cases)
    unfinished = [case for case in found if case.state == "unfinished"]
    failures = sum(case.state == "fail" for case in found)
    lost = bool(failure) and not failures and not unfinished
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        name=title,
        tests=str(len(found) + lost),
        failures=str(failures),
        errors=str(len(unfinished) + lost),
        skipped=str(sum(case.state == "skip" for case in found)),
    )
    for case in found:
        element = ElementTree.SubElement(
            suite, "testcase", classname=title, name=case.name, time=case.seconds
        )
        if case.state == "fail":
            ElementTree.SubElement(element, "failure").text = _xml_text(case.output)
        elif case.state == "skip":
            ElementTree.SubElement(element, "skipped", message=_xml_text(case.output))
        elif case.state == "unfinished":
            ElementTree.SubElement(element, "error").text = _xml_text(case.output or failure)
    if lost:
        element = ElementTree.SubElement(suite, "testcase", classname=title, name="(the program)")
        ElementTree.SubElement(element, "error").text = _xml_text(failure)
    data: bytes = ElementTree.tostring(suites, encoding="utf-8")
    return data


def _xml_text(text: str) -> str:
    """Leave out what XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def binary_flags(arguments: Iterable[str]) -> tuple[str, ...]:
    """Write the flags of `go test` as the test binary takes them; others stay as they are.

    >>> binary_flags(["-run", "TestA", "-short", "-update"])
    ('-test.run', 'TestA', '-test.short', '-update')
    """
    found = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        bare = name.lstrip("-")
        is_flag = name.startswith("-") and bare in _FLAGS
        found.append(f"-test.{bare}{equals}{value}" if is_flag else argument)
    return tuple(found)
