#!/usr/bin/env python3
"""Regenerate docs/reference.md from the help of the targets, their fields and the options.

Usage: generate_reference.py [--check]

It needs Pants as a library, which `build-support/check.py` has; run it by
`build-support/check.py --fix generated`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable
from enum import Enum
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs/reference.md"
sys.path.insert(0, str(ROOT / "src/python"))

HEADER = """\
# Reference

<!-- Made by build-support/generate_reference.py from the code's own help; do not edit. -->

Every target and option of `multiarch.backend`. `./pants help TARGET` and `./pants help multiarch`
show the same in a terminal. For how to use them, see [the how-to guide](how-to.md).

"""

GENERATED = """\
They are never written in a BUILD file. `./pants list` and `./pants peek` show them.
"""


def one_line(text: str) -> str:
    """Put a paragraph on one line, so that it fits into a table."""
    return " ".join(text.split()).replace("|", "\\|")


def literal(value: object) -> str:
    """Write a default as it would stand in a BUILD file or in pants.toml."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(v) for v in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def own_help(field: type[Any]) -> str | None:
    """The help that this plugin wrote for a field; None for one that is Pants' own."""
    for base in field.__mro__:
        if "help" in vars(base):
            text: str = field.help if isinstance(field.help, str) else field.help()
            return text if base.__module__.startswith("multiarch.") else None
    return None


def field_type(field: type[Any]) -> str:
    """Name the values a field takes; raises TypeError for a kind of field not yet named here."""
    from pants.engine import target as kinds

    names = (
        (kinds.BoolField, "True or False"),
        (kinds.OverridesField, "table of platform to fields"),
        (kinds.DictStringToStringField, "table of text to text"),
        (kinds.MultipleSourcesField, "list of file names"),
        (kinds.OptionalSingleSourceField, "file name"),
        (kinds.IntField, "number"),
        (kinds.SpecialCasedDependencies, "list of addresses"),
        (kinds.Dependencies, "list of addresses"),
        (kinds.StringSequenceField, "list of texts"),
        (kinds.BoolField, "`True` or `False`"),
        (kinds.StringField, "text"),
    )
    for kind, name in names:
        if issubclass(field, kind):
            return name
    raise TypeError(f"{field.__name__}: say in generate_reference.py how to name its values")


def choices(field: type[Any]) -> str:
    """Phrase which values are allowed, when there are only some."""
    allowed = getattr(field, "valid_choices", None)
    if allowed is None:
        return ""
    values = [v.value for v in allowed] if isinstance(allowed, type) else list(allowed)
    return " One of " + ", ".join(f"`{v}`" for v in values) + "."


def fields_of(target: type[Any]) -> list[type[Any]]:
    """All fields that may be written in a target, each once; others begin with `_`, as in Pants."""
    fields = dict.fromkeys((*target.core_fields, *getattr(target, "moved_fields", ())))
    return [field for field in fields if not field.alias.startswith("_")]


def target_lines(target: type[Any], described: Collection[type[Any]] = ()) -> Iterable[str]:
    """One target: its help and a table of its fields, without those `described` elsewhere."""
    text = target.help if isinstance(target.help, str) else target.help()
    yield f"### `{target.alias}`\n"
    yield text.strip() + "\n"
    fields = fields_of(target)
    ours = [f for f in fields if own_help(f) is not None and f not in described]
    if ours:
        yield "| field | value | default | |"
        yield "|---|---|---|---|"
        yield from map(field_row, ours)
        yield ""
    passed = [f.alias for f in fields if f in described and own_help(f) is not None]
    if passed:
        yield "Fields of its generator: " + ", ".join(f"`{name}`" for name in passed) + ".\n"
    pants = ["name", *(f.alias for f in fields if own_help(f) is None)]
    if not described:
        yield "Pants' own fields: " + ", ".join(f"`{name}`" for name in pants) + ".\n"


def field_row(field: type[Any]) -> str:
    """One row of a target's table."""
    default = getattr(field, "default", None)
    shown = "required" if field.required else "" if default is None else f"`{literal(default)}`"
    text = one_line(own_help(field) or "") + choices(field)
    return f"| `{field.alias}` | {field_type(field)} | {shown} | {text} |"


def option_lines(subsystem: type[Any]) -> Iterable[str]:
    """One section of pants.toml: its help and a table of its options."""
    from pants.option.option_types import collect_options_info

    scope = getattr(subsystem, "name", subsystem.options_scope)
    text = subsystem.help if isinstance(subsystem.help, str) else subsystem.help()
    yield f"### `[{scope}]`\n"
    yield text.strip() + "\n"
    variable = f"PANTS_{scope.upper().replace('-', '_')}_"
    yield f"On the command line: `--{scope}-OPTION`. In the environment: `{variable}OPTION`.\n"
    yield "| option | default | |"
    yield "|---|---|---|"
    for option in collect_options_info(subsystem):
        flag = option.flag_names[0].lstrip("-")
        details = option.flag_options
        kind = details.get("type")
        values = ""
        if isinstance(kind, type) and issubclass(kind, Enum):
            values = " One of " + ", ".join(f"`{member.value}`" for member in kind) + "."
        default = f"`{literal(details['default'])}`"
        yield f"| `{flag.replace('-', '_')}` | {default} | {one_line(details['help'])}{values} |"
    yield ""


def render() -> str:
    """Make the whole text; ImportError where Pants is not installed."""
    from multiarch.backend.goals.load_image import LoadImageSubsystem
    from multiarch.backend.goals.promote import PromoteSubsystem
    from multiarch.backend.lint.subsystems import (
        AtomicAlignment,
        DockerfileTraps,
        HardCodedPlatforms,
    )
    from multiarch.backend.register import target_types
    from multiarch.backend.subsystems.c_toolchain import CToolchainSubsystem
    from multiarch.backend.subsystems.go_toolchain import GoToolchainSubsystem
    from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
    from multiarch.backend.subsystems.multiarch_engine import MultiarchEngineSubsystem
    from multiarch.backend.subsystems.multiarch_publish import MultiarchPublishSubsystem
    from multiarch.backend.subsystems.multiarch_registry import MultiarchRegistrySubsystem

    # A target with an underscore is written by nobody.
    targets = [target for target in target_types() if not target.alias.startswith("_")]
    generators = {t.generated_target_cls: t for t in targets if hasattr(t, "generated_target_cls")}
    lines = ["## Targets that you write\n"]
    for target in targets:
        if target not in generators:
            lines += target_lines(target)
    lines.append("## Targets that are generated\n")
    lines.append(GENERATED)
    for target in targets:
        if target in generators:
            lines += target_lines(target, fields_of(generators[target]))
    lines.append("## Options in `pants.toml`\n")
    subsystems = (
        *(MultiarchSubsystem, MultiarchEngineSubsystem, MultiarchRegistrySubsystem),
        *(MultiarchPublishSubsystem, PromoteSubsystem),
        *(GoToolchainSubsystem, CToolchainSubsystem, LoadImageSubsystem),
        *(HardCodedPlatforms, DockerfileTraps, AtomicAlignment),
    )
    for subsystem in subsystems:
        lines += option_lines(subsystem)
    return HEADER + "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write the reference, or with --check say whether it is current."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="exit with 1 when it is out of date")
    options = parser.parse_args()
    try:
        text = render()
    except ModuleNotFoundError as error:
        print(f"{error}: run build-support/check.py --fix generated", file=sys.stderr)
        return 2
    if options.check:
        return int(not TARGET.exists() or TARGET.read_text() != text)
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
