"""Which images the command line of `pants run` names, so that a foreign one can be run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.base.specs import AddressLiteralSpec
from pants.base.specs_parser import SpecsParser
from pants.engine.fs import GlobMatchErrorBehavior
from pants.engine.internals.options_parsing import _Options
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel


@dataclass(frozen=True)
class NamedToRun:
    """The generated targets that the command line of `pants run` names: directory, name, part."""

    names: frozenset[tuple[str, str, str]]


@rule(level=LogLevel.DEBUG)
async def named_to_run(options: _Options) -> NamedToRun:
    if "run" not in options.options.goals:
        return NamedToRun(frozenset())
    specs = SpecsParser().parse_specs(
        options.options.specs,
        description_of_origin="the command line",
        unmatched_glob_behavior=GlobMatchErrorBehavior.ignore,
    )
    return NamedToRun(frozenset(map(_named, specs.includes.address_literals)))


def _named(spec: AddressLiteralSpec) -> tuple[str, str, str]:
    path = spec.path_component
    return path, spec.target_component or path.rpartition("/")[2], spec.generated_component or ""


def rules() -> Iterable[object]:
    return collect_rules()
