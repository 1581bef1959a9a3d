"""The report of `pants check`: each failure once, with its platforms, chain and remedy."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from multiarch.core.platforms import Platform
from multiarch.core.support import Support


@dataclass(frozen=True)
class CheckFailure:
    """One package that does not compile, or that `go vet` complains of, on one platform.

    `step` is "compile" or "vet". `chain` holds the imports from a program to a third-party package;
    it is empty for a package of this repository.
    """

    step: str
    import_path: str
    platform: Platform
    message: str
    chain: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True)
class CheckedPlatform:
    """How many packages of one platform were checked, failed, or wait for those that failed."""

    platform: Platform
    clean: int
    failed: int
    waiting: int


_HEADING = re.compile(r"^# (\S+)$", re.M)


def split_layer_errors(text: str) -> dict[str, str]:
    """Take apart what `multiarch.tools.layer` says of third-party packages: path to message.

    What stands before the first heading is kept under the empty path.
    """
    parts = _HEADING.split(text)
    found = {"": parts[0].strip()} if parts[0].strip() else {}
    found.update(zip(parts[1::2], (message.strip() for message in parts[2::2])))
    return found


_POSITION = re.compile(r"(?:\./)?([^\s:]+\.\w+):\d+")


def split_vet(text: str, packages: Mapping[str, str]) -> dict[str, str]:
    """Take apart what `go vet` says of several packages, by the files it names: path to message.

    `packages` maps directories to import paths. Older versions of Go write headings, too. What
    names no file belongs to the line before it, or to the empty path.
    """
    found: dict[str, list[str]] = {}
    path = ""
    for line in text.splitlines():
        if line.startswith("# "):
            continue
        match = _POSITION.match(line.removeprefix("vet: "))
        if match:
            path = packages.get(posixpath.dirname(match.group(1)), path)
        found.setdefault(path, []).append(line)
    return {path: "\n".join(lines) for path, lines in found.items()}


def of_test_files(text: str) -> str:
    """Keep what `go vet` says of test files; what names no file belongs to the line before it."""
    found, is_kept = [], True
    for line in text.splitlines():
        if match := _POSITION.match(line):
            is_kept = match.group(1).endswith("_test.go")
        if is_kept:
            found.append(line)
    return "\n".join(found)


def render_check(
    failures: Iterable[CheckFailure], platforms: Iterable[CheckedPlatform], support: Support
) -> str:
    """Lay out the failures, fatal ones first, and then one line per platform."""
    groups: dict[tuple[str, str, str, str], list[CheckFailure]] = {}
    for failure in failures:
        key = (failure.step, failure.import_path, failure.message, failure.remedy)
        groups.setdefault(key, []).append(failure)
    blocks = [_block(members, support) for members in groups.values()]
    blocks.sort(key=lambda block: "experimental" in block.split("\n", 1)[0])
    return "\n".join([*blocks, *_table(_totals(platforms), support)])


def _block(members: Sequence[CheckFailure], support: Support) -> str:
    first = members[0]
    names = []
    for platform in sorted({m.platform for m in members}):
        mark = " (experimental)" if support.is_experimental(platform) else ""
        names.append(f"{platform}{mark}")
    what = "does not compile" if first.step == "compile" else "is not clean for go vet"
    lines = [f"{first.import_path} {what} on {', '.join(names)}:"]
    lines += [f"  {line}" for line in first.message.splitlines()]
    if first.chain:
        lines.append("  It is imported by " + "\n    -> ".join(first.chain))
    if first.remedy:
        lines.append(f"  What to do: {first.remedy}")
    return "\n".join(lines) + "\n"


def _totals(platforms: Iterable[CheckedPlatform]) -> list[CheckedPlatform]:
    """Add up the modules and variants of each platform."""
    sums: dict[Platform, CheckedPlatform] = {}
    for one in platforms:
        before = sums.get(one.platform, CheckedPlatform(one.platform, 0, 0, 0))
        sums[one.platform] = CheckedPlatform(
            one.platform,
            before.clean + one.clean,
            before.failed + one.failed,
            before.waiting + one.waiting,
        )
    return [sums[platform] for platform in sorted(sums)]


def _table(platforms: Sequence[CheckedPlatform], support: Support) -> list[str]:
    width = max((len(str(p.platform)) for p in platforms), default=0)
    lines = []
    for one in platforms:
        parts = [f"{_packages(one.clean)} clean"] if one.clean or not one.failed else []
        parts += [f"{_packages(one.failed)} failed"] if one.failed else []
        parts += [f"{_packages(one.waiting)} not reached"] if one.waiting else []
        note = ", experimental" if support.is_experimental(one.platform) else ""
        lines.append(f"{str(one.platform).ljust(width)}  {', '.join(parts)}{note}")
    return lines


def _packages(count: int) -> str:
    return f"{count} package{'' if count == 1 else 's'}"
