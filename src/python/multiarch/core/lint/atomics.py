"""Misaligned 64-bit atomics: what `tools/atomicalign` finds on each 32-bit platform, put together.

Source: package sync/atomic, "Bugs".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multiarch.core.golang.compile import language
from multiarch.core.golang.packages import Package
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.lint.findings import Finding, apply_waivers, how_to_waive
from multiarch.core.platforms import Platform

RULE = "atomic-alignment"
# Architectures whose int64 is aligned to 32 bits.
ARCHES_32 = frozenset(("386", "arm", "mips", "mipsle"))


@dataclass(frozen=True)
class AtomicFinding:
    """One misaligned word on one platform; with `error`, a package that could not be analysed."""

    package: str
    file: str
    line: int
    message: str
    platform: Platform
    error: bool = False


def atomics_request(
    packages: Iterable[Package], settings: BuildSettings, exports: Mapping[str, str]
) -> dict[str, Any]:
    """The request of `tools/atomicalign`: packages without those of std, dependencies first."""
    return {
        "Arch": settings.platform.arch,
        "Packages": [
            {
                "Path": package.import_path,
                "Files": [
                    f"{package.dir}/{name}" if package.dir else name
                    for name in (*package.go_files, *package.cgo_files)
                ],
                "ImportMap": dict(package.import_map),
                "GoVersion": language(package, settings),
            }
            for package in packages
        ],
        "Exports": dict(exports),
    }


def atomic_findings(
    answer: Sequence[Mapping[str, Any]], platform: Platform
) -> tuple[AtomicFinding, ...]:
    """Read the tool's answer."""
    return tuple(
        AtomicFinding(f["package"], f["file"], f["line"], f["message"], platform, bool(f["error"]))
        for f in answer
    )


def grouped(
    findings: Iterable[AtomicFinding],
    texts: Mapping[str, str],
    chains: Mapping[str, Sequence[str]],
) -> dict[Finding, tuple[Platform, ...]]:
    """Put the platforms of each finding together, and honour the waivers in the files' texts.

    `chains` maps a third-party package to the imports that lead to it.
    """
    places: dict[tuple[str, int, str], list[Platform]] = {}
    for one in findings:
        said = f"{one.message}; or write {how_to_waive(RULE)}"
        if one.package in chains:
            said = f"{one.message}. It is imported by {' -> '.join(chains[one.package])}"
        if one.error:
            said = f"{one.package} was not analysed, `check` says more: {one.message}"
        places.setdefault((one.file, one.line, said), []).append(one.platform)
    found: dict[Finding, tuple[Platform, ...]] = {}
    for (file, line, said), platforms in places.items():
        names = ", ".join(map(str, sorted(set(platforms))))
        found[Finding(file, line, f"[{names}] {said}.")] = tuple(sorted(set(platforms)))
    kept: dict[Finding, tuple[Platform, ...]] = {}
    for file in sorted({*texts, *(finding.file for finding in found)}):
        mine = [finding for finding in found if finding.file == file]
        # On other platforms it may waive something.
        for finding in apply_waivers(RULE, file, texts.get(file, ""), mine, stale=False):
            kept[finding] = found.get(finding, ())
    return kept
