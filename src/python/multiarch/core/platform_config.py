"""The platform tables of a repository: sets, support levels and deactivations, each with its place.

They come from `[multiarch]` and from YAML files; whoever reads a file makes `Located` values of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from multiarch.core.errors import MultiarchError, bullets, did_you_mean

TABLES = ("sets", "support", "deactivated")


class PlatformFileError(MultiarchError):
    """Says what is wrong with a platform file, with file and line."""


@dataclass(frozen=True)
class Located:
    """A text, None, or a tuple or mapping of `Located`, and where it stands."""

    value: Any
    where: str

    @property
    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, Mapping):
            return {key: item.plain for key, item in self.value.items()}
        if isinstance(self.value, tuple):
            return [item.plain for item in self.value]
        return self.value


def locate(value: Any, where: str) -> Located:
    """Give a plain value, as an option has it, one place for all its parts."""
    if isinstance(value, Mapping):
        return Located({str(k): locate(v, where) for k, v in value.items()}, where)
    if isinstance(value, (list, tuple)):
        return Located(tuple(locate(v, where) for v in value), where)
    return Located(value, where)


@dataclass(frozen=True)
class PlatformTables:
    """The tables of one source, or of all sources together."""

    sets: Mapping[str, Located]
    support: Mapping[str, Located]
    deactivated: Mapping[str, Located]


def parse_tables(root: Located) -> PlatformTables:
    """Read one file's tables; raises PlatformFileError with every problem and its line."""
    problems: list[str] = []
    if not isinstance(root.value, Mapping):
        raise PlatformFileError(
            f"{root.where}: a platform file holds the tables {', '.join(TABLES)}; "
            f"found {root.plain!r}."
        )
    for name, table in root.value.items():
        if name not in TABLES:
            problems.append(
                f"{table.where}: a platform file has no table `{name}`; it has "
                f"{', '.join(TABLES)}.{did_you_mean(name, TABLES)}"
            )
        elif table.value is None:
            continue
        elif not isinstance(table.value, Mapping):
            problems.append(f"{table.where}: `{name}` is not a table: {table.plain!r}.")
        elif name == "sets":
            problems += _set_problems(table)
    if problems:
        raise PlatformFileError(f"the platform file is not usable:\n{bullets(problems)}")
    return PlatformTables(*(_table(root, name) for name in TABLES))


def _table(root: Located, name: str) -> Mapping[str, Located]:
    table = root.value.get(name)
    return dict(table.value) if table is not None and table.value is not None else {}


def _set_problems(table: Located) -> list[str]:
    return [
        f"{members.where}: the set `{name}` is not a list of platforms: {members.plain!r}."
        for name, members in table.value.items()
        if not isinstance(members.value, tuple)
        or not all(isinstance(member.value, str) for member in members.value)
    ]


def merge(sources: Iterable[PlatformTables]) -> PlatformTables:
    """Put the tables of several sources together; a name that two of them define is an error."""
    merged: dict[str, dict[str, Located]] = {name: {} for name in TABLES}
    problems = []
    for source in sources:
        for name in TABLES:
            for key, value in getattr(source, name).items():
                if key in merged[name]:
                    first = merged[name][key].where
                    problems.append(
                        f"{value.where}: `{name}` has `{key}`, which {first} has as well. "
                        "Keep one of them."
                    )
                merged[name].setdefault(key, value)
    if problems:
        raise PlatformFileError(f"the platform tables contradict:\n{bullets(problems)}")
    return PlatformTables(**merged)
