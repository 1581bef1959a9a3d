"""The stages of a Dockerfile for one platform: bases resolved, variables expanded, steps typed.

Source: Docker's Dockerfile reference. Everything is decided here but the files themselves: a
`CopyStep` says what to copy, and whoever has the context does it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.expand import ExpansionError, expand, split_words
from multiarch.core.dockerfile.syntax import Heredoc, Instruction, Source, heredoc_name
from multiarch.core.errors import did_you_mean
from multiarch.core.platforms import Platform, PlatformError

SCRATCH = "scratch"
_FROM = re.compile(r"(?:--|,)from=([^\s,]+)")
_FLAG = re.compile(r"--([a-z-]+)(?:=(.*))?\Z", re.S)
_FLAGS: Mapping[str, tuple[str, ...]] = {
    "ADD": ("chown", "chmod", "link", "keep-git-dir", "checksum", "exclude"),
    "COPY": ("chown", "chmod", "from", "link", "parents", "exclude"),
    "FROM": ("platform",),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
}
# Accepted and without effect here, or not (yet) supported.
_UNSUPPORTED = ("keep-git-dir", "checksum", "parents", "exclude")


@dataclass(frozen=True)
class CopyStep:
    """One COPY or ADD: sources as written, the destination, and where they come from.

    `origin` is "" for the context, else a stage's or a base's name. `heredocs` hold the sources
    that are here-documents. `unpack` is ADD's unpacking of local tars.
    """

    line: int
    text: str
    sources: tuple[str, ...]
    destination: str
    origin: str = ""
    heredocs: tuple[Heredoc, ...] = ()
    chown: str = ""
    chmod: str = ""
    unpack: bool = False


@dataclass(frozen=True)
class Stage:
    """One FROM: its name (or number), its base, and its instructions.

    `arguments` are the ARGs declared before the first FROM, with their values.
    """

    name: str
    base: str
    line: int
    platform: Platform
    instructions: tuple[Instruction, ...]
    arguments: Mapping[str, str]


def platform_arguments(build: Platform, target: Platform) -> dict[str, str]:
    """The predefined ARGs of the build's and the target's platform."""
    found = {}
    for prefix, platform in (("BUILD", build), ("TARGET", target)):
        found[f"{prefix}PLATFORM"] = str(platform)
        found[f"{prefix}OS"] = platform.os
        found[f"{prefix}ARCH"] = platform.arch
        found[f"{prefix}VARIANT"] = platform.parts[2] if len(platform.parts) == 3 else ""
    return found


def stages(
    source: Source, *, target: Platform, build: Platform, build_args: Mapping[str, str]
) -> tuple[Stage, ...]:
    """Cut a Dockerfile into its stages; raises DockerfileError with the line.

    `build` is the platform of the machine that builds, for stages with RUN that produce something
    for the `target`.
    """
    # Nothing of the host may reach an image: without RUN, the build's platform is the target's.
    has_run = any(instruction.keyword == "RUN" for instruction in source.instructions)
    predefined = platform_arguments(build if has_run else target, target)
    arguments = dict(predefined)
    found: list[tuple[Instruction, str, str, Platform]] = []
    bodies: list[list[Instruction]] = []
    for instruction in source.instructions:
        if instruction.keyword == "FROM":
            found.append(_from(source, instruction, arguments, target, len(found)))
            bodies.append([])
        elif bodies:
            bodies[-1].append(instruction)
        elif instruction.keyword == "ARG":
            for name, value in declared(source, instruction, arguments):
                arguments[name] = build_args.get(name, value or "")
        else:
            raise DockerfileError(
                source.file,
                instruction.line,
                f"{instruction.keyword} stands before the first FROM; only ARG may",
            )
    if not found:
        raise DockerfileError(source.file, 1, "there is no FROM line")
    return tuple(
        Stage(name, base, instruction.line, platform, tuple(body), arguments)
        for (instruction, name, base, platform), body in zip(found, bodies)
    )


def _from(
    source: Source,
    instruction: Instruction,
    arguments: Mapping[str, str],
    target: Platform,
    number: int,
) -> tuple[Instruction, str, str, Platform]:
    flags, words = split_flags(source, instruction)
    words = [expanded(source, instruction, w, arguments) for w in words]
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise DockerfileError(
            source.file,
            instruction.line,
            f"FROM takes `IMAGE` or `IMAGE AS NAME`: {instruction.rest!r}",
        )
    if not words[0]:
        raise DockerfileError(
            source.file, instruction.line, f"the base's name is empty: {instruction.rest!r}"
        )
    platform = target
    if "platform" in flags:
        text = expanded(source, instruction, flags["platform"], arguments)
        try:
            platform = Platform.parse(text)
        except PlatformError as error:
            raise DockerfileError(source.file, instruction.line, f"--platform: {error}") from error
    return instruction, (words[2].lower() if len(words) == 3 else str(number)), words[0], platform


def split_flags(source: Source, instruction: Instruction) -> tuple[dict[str, str], list[str]]:
    """Take the `--flags` off an instruction's words; raises DockerfileError for an unknown one."""
    words = split_words(instruction.rest, source.escape)
    allowed = _FLAGS.get(instruction.keyword, ())
    flags: dict[str, str] = {}
    while words and words[0].startswith("--"):
        match = _FLAG.match(words.pop(0))
        name = match.group(1) if match else ""
        if name not in allowed:
            raise DockerfileError(
                source.file,
                instruction.line,
                f"{instruction.keyword} has no flag --{name}.{did_you_mean(name, allowed)}",
            )
        if name in _UNSUPPORTED:
            raise DockerfileError(
                source.file, instruction.line, f"{instruction.keyword} --{name} is not supported"
            )
        flags[name] = (match.group(2) if match else None) or ""
    return flags, words


def expanded(
    source: Source, instruction: Instruction, word: str, variables: Mapping[str, str]
) -> str:
    """Expand one word; raises DockerfileError with the line."""
    try:
        return expand(word, variables, source.escape)
    except ExpansionError as error:
        raise DockerfileError(source.file, instruction.line, str(error)) from error


def declared(
    source: Source, instruction: Instruction, variables: Mapping[str, str]
) -> list[tuple[str, str | None]]:
    """The names that an ARG declares, each with its default, or None without one."""
    found: list[tuple[str, str | None]] = []
    seen = dict(variables)
    for word in split_words(instruction.rest, source.escape):
        name, equals, value = word.partition("=")
        default = expanded(source, instruction, value, seen) if equals else None
        found.append((name, default))
        if default is not None:
            seen[name] = default
    return found


def pairs(
    source: Source, instruction: Instruction, variables: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The `name=value` pairs of ENV and LABEL, or their old form `NAME the whole rest`."""
    words = split_words(instruction.rest, source.escape)
    if "=" not in words[0]:
        name, _, value = instruction.rest.partition(" ")
        if not value.strip() or instruction.keyword == "LABEL":
            raise DockerfileError(
                source.file,
                instruction.line,
                f"{instruction.keyword} takes name=value pairs: {instruction.rest!r}",
            )
        return [(name, expanded(source, instruction, value.strip(), variables))]
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise DockerfileError(
                source.file, instruction.line, f"{word!r} is not a name=value pair"
            )
        found.append(
            (
                expanded(source, instruction, name, variables),
                expanded(source, instruction, value, variables),
            )
        )
    return found


def exec_form(text: str) -> list[str] | None:
    """Read the JSON form of CMD, ENTRYPOINT, COPY...; None for the shell form."""
    if not text.startswith("["):
        return None
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return None


def copy_step(source: Source, instruction: Instruction, variables: Mapping[str, str]) -> CopyStep:
    """Read a COPY or ADD; raises DockerfileError with the line."""
    flags, words = split_flags(source, instruction)
    as_json = exec_form(" ".join(words))
    words = [expanded(source, instruction, w, variables) for w in as_json or words]
    if len(words) < 2:
        raise DockerfileError(
            source.file,
            instruction.line,
            f"{instruction.keyword} needs at least one source and a destination: "
            f"{instruction.rest!r}",
        )
    if instruction.keyword == "ADD":
        for word in words[:-1]:
            if "://" in word or word.startswith("git@"):
                raise DockerfileError(
                    source.file,
                    instruction.line,
                    f"ADD of {word!r}: nothing is downloaded while an image is built; put the file "
                    "into the repository, or make it a target that `dependencies` names",
                )
    if len(words) > 2 and not words[-1].endswith("/"):
        raise DockerfileError(
            source.file,
            instruction.line,
            f"with several sources the destination must end in `/`: {words[-1]!r}",
        )
    return CopyStep(
        instruction.line,
        instruction.text,
        tuple(w for w in words[:-1] if heredoc_name(w) is None),
        words[-1],
        expanded(source, instruction, flags.get("from", ""), variables),
        instruction.heredocs,
        expanded(source, instruction, flags.get("chown", ""), variables),
        expanded(source, instruction, flags.get("chmod", ""), variables),
        instruction.keyword == "ADD",
    )


def origins(stage: Stage) -> list[str]:
    """What a stage takes files from: its base, and what `--from` and `,from=` name."""
    rests = [i.rest for i in stage.instructions if i.keyword in ("COPY", "RUN")]
    return [stage.base, *(name for rest in rests for name in _FROM.findall(rest))]


def needed(found: Sequence[Stage], source: Source, target: str) -> tuple[Stage, ...]:
    """The stages that the wanted one needs, in order; raises DockerfileError for an unknown one."""
    names = {stage.name: n for n, stage in enumerate(found)}
    if target and target.lower() not in names:
        raise DockerfileError(
            source.file,
            found[-1].line,
            f"there is no stage {target!r}; there are {', '.join(names)}."
            + did_you_mean(target, names),
        )
    wanted, todo = set(), [names[target.lower()] if target else len(found) - 1]
    while todo:
        number = todo.pop()
        if number in wanted:
            continue
        wanted.add(number)
        for origin in origins(found[number]):
            earlier = names.get(origin.lower(), int(origin) if origin.isdecimal() else None)
            if earlier is not None and earlier < number:
                todo.append(earlier)
    return tuple(found[n] for n in sorted(wanted))


def outside(wanted: Sequence[Stage], target: Platform) -> tuple[tuple[str, Platform], ...]:
    """What the wanted stages take from outside the Dockerfile: names, each with its platform.

    A base is for its stage's platform, and what `--from` names for the target's.
    """
    found: list[tuple[str, Platform]] = []
    known = {SCRATCH}
    for stage in wanted:
        base, *others = origins(stage)
        names = [(base, stage.platform), *((name, target) for name in others)]
        found += [n for n in names if n[0].lower() not in known and not n[0].isdecimal()]
        known.add(stage.name)
    return tuple(dict.fromkeys(found))
