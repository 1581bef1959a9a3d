"""What the command line names: for `pants run` of a foreign platform, and for reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.base.specs import AddressLiteralSpec, Specs
from pants.base.specs_parser import SpecsParser
from pants.build_graph.address import Address
from pants.engine.fs import GlobMatchErrorBehavior
from pants.engine.internals.options_parsing import _Options
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import StringField
from pants.util.logging import LogLevel


class NamedToRunField(StringField):
    """Marks a target that the command line of `pants run` names."""

    alias = "named_to_run"
    help = "Set while `pants run` runs this target by its own address."


@dataclass(frozen=True)
class CommandLine:
    """The goals and the specs of this run."""

    goals: tuple[str, ...]
    specs: Specs


@dataclass(frozen=True)
class NamedToRun:
    """The generated targets that the command line of `pants run` names: directory, name, part."""

    names: frozenset[tuple[str, str, str]]

    def has(self, generator: Address, part: str) -> bool:
        """Whether one generated target of a generator is named."""
        return (generator.spec_path, generator.target_name, part) in self.names


@rule(level=LogLevel.DEBUG)
async def read_command_line(options: _Options) -> CommandLine:
    specs = SpecsParser().parse_specs(
        options.options.specs,
        description_of_origin="the command line",
        unmatched_glob_behavior=GlobMatchErrorBehavior.ignore,
    )
    return CommandLine(tuple(options.options.goals), specs)


@rule(level=LogLevel.DEBUG)
async def named_to_run() -> NamedToRun:
    found = await Get(CommandLine)
    if "run" not in found.goals:
        return NamedToRun(frozenset())
    return NamedToRun(frozenset(map(_named, found.specs.includes.address_literals)))


def _named(spec: AddressLiteralSpec) -> tuple[str, str, str]:
    path = spec.path_component
    return path, spec.target_component or path.rpartition("/")[2], spec.generated_component or ""


def rules() -> Iterable[object]:
    return collect_rules()
