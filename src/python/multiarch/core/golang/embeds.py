"""Which embedded files each //go:embed pattern stands for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from multiarch.core.globs import component


def _matches(pattern: str, file: str) -> bool:
    all_files = pattern.startswith("all:")
    want = pattern.removeprefix("all:").split("/")
    have = file.split("/")
    if want == ["."]:
        want = []
    if len(have) < len(want):
        return False
    if not all(component(w, negation="^").fullmatch(h) for w, h in zip(want, have)):
        return False
    # Below a matched directory, names that begin with `.` or `_` need `all:`.
    return all_files or not any(part[0] in "._" for part in have[len(want) :])


def resolve(patterns: Sequence[str], files: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Give each pattern its files, sorted, out of those that `go list` found for all patterns.

    Source: Go's `embed` package documentation, "Directives".
    """
    names = sorted(files)
    return {p: tuple(f for f in names if _matches(p, f)) for p in sorted(set(patterns))}


def embedcfg(patterns: Mapping[str, Sequence[str]], directory: str) -> str:
    """Write the compiler's -embedcfg file; `directory` is the package's, as the compiler has it."""
    files = {f: f"{directory}/{f}" for found in patterns.values() for f in found}
    return json.dumps(
        {"Patterns": {p: list(f) for p, f in patterns.items()}, "Files": files},
        indent="\t",
        sort_keys=True,
    )
