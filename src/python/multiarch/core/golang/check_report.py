"""The report of `pants check`: each failure once, with its platforms, chain and remedy."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from multiarch.core.golang.test_packages import is_variant, plain_path
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
    """How many packages of one platform are clean, or wait for those that failed."""

    platform: Platform
    clean: int
    waiting: int


# What stands for all packages of a layer until `split_layer_errors` tells them apart.
THIRD_PARTY = "third-party packages"
_HEADING = re.compile(r"^# (\S+(?: \[\S+\])?)$", re.M)


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


def split_failure(import_path: str, message: str) -> dict[str, str]:
    """Take a failure apart by the packages that it is about: path to message.

    A layer's is about several. A package that is compiled anew for a test (`p [p.test]`) fails by
    its own files as `p` does, whatever the test. What names no file belongs to the line before it.
    """
    if import_path == THIRD_PARTY:
        return {path or import_path: text for path, text in split_layer_errors(message).items()}
    if not is_variant(import_path):
        return {import_path: message}
    found: dict[str, list[str]] = {}
    path = import_path
    for line in message.splitlines():
        if match := _POSITION.match(line):
            is_test = match.group(1).endswith("_test.go")
            path = import_path if is_test else plain_path(import_path)
        found.setdefault(path, []).append(line)
    return {path: "\n".join(lines) for path, lines in found.items()}


def _merged(failures: Iterable[CheckFailure]) -> list[CheckFailure]:
    """Say each line once where programs and tests, or several build tags, meet one failure."""
    found: dict[tuple[str, str, Platform], CheckFailure] = {}
    for failure in failures:
        first = found.setdefault((failure.step, failure.import_path, failure.platform), failure)
        lines = dict.fromkeys((*first.message.splitlines(), *failure.message.splitlines()))
        found[failure.step, failure.import_path, failure.platform] = replace(
            first, message="\n".join(lines)
        )
    return list(found.values())


def render_check(
    failures: Iterable[CheckFailure], platforms: Iterable[CheckedPlatform], support: Support
) -> str:
    """Lay out the failures, fatal ones first, and then one line per platform."""
    merged = _merged(failures)
    groups: dict[tuple[str, str, str, str], list[CheckFailure]] = {}
    for failure in merged:
        key = (failure.step, failure.import_path, failure.message, failure.remedy)
        groups.setdefault(key, []).append(failure)
    blocks = [_block(members, support) for members in groups.values()]
    blocks.sort(key=lambda block: "experimental" in block.split("\n", 1)[0])
    failed = Counter(
        platform for platform, _ in {(failure.platform, failure.import_path) for failure in merged}
    )
    return "\n".join([*blocks, *_table(_totals(platforms), failed, support)])


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
        before = sums.get(one.platform, CheckedPlatform(one.platform, 0, 0))
        sums[one.platform] = CheckedPlatform(
            one.platform,
            before.clean + one.clean,
            before.waiting + one.waiting,
        )
    return [sums[platform] for platform in sorted(sums)]


def _table(
    platforms: Sequence[CheckedPlatform], failures: Mapping[Platform, int], support: Support
) -> list[str]:
    width = max((len(str(p.platform)) for p in platforms), default=0)
    lines = []
    for one in platforms:
        failed = failures.get(one.platform, 0)
        parts = [f"{_packages(one.clean)} clean"] if one.clean or not failed else []
        parts += [f"{_packages(failed)} failed"] if failed else []
        parts += [f"{_packages(one.waiting)} not reached"] if one.waiting else []
        note = ", experimental" if support.is_experimental(one.platform) else ""
        lines.append(f"{str(one.platform).ljust(width)}  {', '.join(parts)}{note}")
    return lines


def _packages(count: int) -> str:
    return f"{count} package{'' if count == 1 else 's'}"
