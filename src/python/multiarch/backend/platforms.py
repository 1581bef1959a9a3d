"""The repository's platforms: sets from options and YAML files, and what is built of them today."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pants.engine.fs import DigestContents, GlobMatchErrorBehavior, PathGlobs
from pants.engine.internals.session import RunId
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.core.platform_config import (
    Located,
    PlatformFileError,
    PlatformTables,
    locate,
    merge,
    parse_tables,
)
from multiarch.core.platforms import Platform, expand
from multiarch.core.support import Support, parse_support


@dataclass(frozen=True)
class PlatformMatrix:
    """The platforms that targets may name, and the support of each."""

    default_platforms: tuple[str, ...]
    sets: tuple[tuple[str, tuple[str, ...]], ...]
    support: Support

    def expand(
        self, platforms: Iterable[str] | None, exclude: Iterable[str], *, where: str
    ) -> tuple[Platform, ...]:
        """Expand a target's `platforms` and `exclude` fields; raises PlatformError."""
        names = self.default_platforms if platforms is None else tuple(platforms)
        return expand(names, dict(self.sets), exclude=tuple(exclude), where=where)


@dataclass(frozen=True)
class Today:
    """The day of this run, in UTC."""

    day: datetime.date


@dataclass(frozen=True)
class SupportToday:
    """The support of each platform, once no deactivation is past its day."""

    support: Support


def locate_yaml(text: str, file: str) -> Located:
    """Read YAML with the line of each value; raises PlatformFileError for what is not YAML."""

    def convert(node: yaml.Node) -> Located:
        where = f"{file}:{node.start_mark.line + 1}"
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Located] = {}
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in found:
                    raise PlatformFileError(f"{file}:{line}: `{name}` is written twice.")
                found[name] = Located(convert(value).value, f"{file}:{line}")
            return Located(found, where)
        if isinstance(node, yaml.SequenceNode):
            return Located(tuple(convert(item) for item in node.value), where)
        empty = node.tag == "tag:yaml.org,2002:null"
        return Located(None if empty else node.value, where)

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PlatformFileError(f"{file}:{line}: this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise PlatformFileError(f"{file}:1: this is not YAML: {error}") from error
    return convert(root) if root is not None else Located({}, f"{file}:1")


def option_tables(
    sets: Mapping[str, Any], support: Mapping[str, Any], deactivated: Mapping[str, Any]
) -> PlatformTables:
    """Read the tables of the options."""

    def table(name: str, value: Mapping[str, Any]) -> Mapping[str, Located]:
        return {str(k): locate(v, f"[multiarch].{name}") for k, v in value.items()}

    return PlatformTables(
        table("sets", sets), table("support", support), table("deactivated", deactivated)
    )


@rule(desc="Read the platforms", level=LogLevel.DEBUG)
async def read_platforms(multiarch: MultiarchSubsystem) -> PlatformMatrix:
    tables = [option_tables(multiarch.sets, multiarch.support, multiarch.deactivated)]
    if multiarch.platform_files:
        contents = await Get(
            DigestContents,
            PathGlobs(
                multiarch.platform_files,
                glob_match_error_behavior=GlobMatchErrorBehavior.error,
                description_of_origin="[multiarch].platform_files",
            ),
        )
        tables += [
            parse_tables(locate_yaml(c.content.decode(errors="replace"), c.path)) for c in contents
        ]
    merged = merge(tables)
    return PlatformMatrix(
        tuple(multiarch.default_platforms),
        tuple((name, tuple(members.plain)) for name, members in merged.sets.items()),
        parse_support(merged.support, merged.deactivated),
    )


@rule(level=LogLevel.DEBUG)
async def today(_: RunId) -> Today:
    # RunId makes this rule run anew in each run.
    return Today(datetime.datetime.now(datetime.timezone.utc).date())


@rule(level=LogLevel.DEBUG)
async def support_today(matrix: PlatformMatrix, today: Today) -> SupportToday:
    matrix.support.check_dates(today.day)
    return SupportToday(matrix.support)


def rules() -> Iterable[object]:
    return collect_rules()
