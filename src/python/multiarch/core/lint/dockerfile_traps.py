"""Finds what makes a Dockerfile right on one platform and wrong, or slow, on others.

Source: Docker's documentation, "Multi-platform builds" and "Automatic platform ARGs".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.expand import split_words
from multiarch.core.dockerfile.syntax import Instruction, Source, parse
from multiarch.core.lint.findings import Finding, apply_waivers, how_to_waive
from multiarch.core.lint.hard_coded_platforms import architectures, language

RULE = "dockerfile-trap"

_URL = re.compile(r"(?:https?|ftp)://[^\s\"'`]+")
# A use with a default is right without a declaration.
_PREDEFINED = re.compile(r"\$\{?((?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT))\b(?!:?-)")
# A tool of a named version is for the machine that builds.
_GO_BUILD = re.compile(r"\bgo (?:build\b|install\b(?![^\n;&|]*@))")
# What cross-compiles, or makes files that are the same for every platform.
_BUILDS = re.compile(
    r"\b(?:go (?:build|install|generate)|(?:npm|yarn|pnpm) (?:ci|install|run|build)|mvn|gradle)\b"
)
_ASKS_MACHINE = re.compile(r"\buname -m\b|\bdpkg --print-architecture\b|\bgo env GO(?:HOST)?ARCH\b")
_NAME_OF_ARCH = re.compile(r"\A(?:amd64|arm64v8|arm32v[567]|i386|ppc64le|s390x|riscv64)/")


@dataclass(frozen=True)
class _Stage:
    """One FROM with what follows it.

    `flag` is the value of its `--platform`, "" without one; `platform` is the same, or else that of
    the stage that it stands on.
    """

    name: str
    base: str
    flag: str
    platform: str
    start: Instruction
    body: tuple[Instruction, ...]

    def text(self, *keywords: str) -> str:
        """The instructions with these keywords, here-documents included."""
        return "\n".join(full_text(i) for i in self.body if i.keyword in keywords)

    @property
    def on_build_platform(self) -> bool:
        """Whether it runs on the machine that builds, whatever the target."""
        return "BUILDPLATFORM" in self.platform


def full_text(instruction: Instruction) -> str:
    """An instruction's arguments with its here-documents."""
    return "\n".join((instruction.rest, *(h.content for h in instruction.heredocs)))


def find_dockerfile_traps(path: str, text: str) -> list[Finding]:
    """Look at one Dockerfile; its waivers are honoured."""
    if language(path) != "dockerfile":
        return []
    try:
        source = parse(text, file=path)
    except DockerfileError as error:
        problem = str(error).partition(f"{path}:{error.line}: ")[2]
        return [Finding(path, error.line, problem)]
    found = _stages(source)
    findings = [
        Finding(path, line, f"{message}; or write {how_to_waive(RULE)}.")
        for number, stage in enumerate(found)
        for check in (_base, _downloads, _emulated, _wrong_architecture, _undeclared)
        for line, message in check(stage, found[number + 1 :], number)
    ]
    return apply_waivers(RULE, path, text, dict.fromkeys(findings))


def _stages(source: Source) -> list[_Stage]:
    found: list[tuple[Instruction, list[Instruction]]] = []
    for instruction in source.instructions:
        if instruction.keyword == "FROM":
            found.append((instruction, []))
        elif found:
            found[-1][1].append(instruction)
    stages: list[_Stage] = []
    for number, (start, body) in enumerate(found):
        words = split_words(start.rest, source.escape)
        flags = [w for w in words if w.startswith("--platform=")]
        plain = [w for w in words if not w.startswith("--")]
        name = plain[2].lower() if len(plain) == 3 else str(number)
        base = plain[0] if plain else ""
        flag = flags[0].partition("=")[2] if flags else ""
        inherited = next((s.platform for s in reversed(stages) if s.name == base.lower()), "")
        stages.append(_Stage(name, base, flag, flag or inherited, start, tuple(body)))
    return stages


def _base(stage: _Stage, later: Sequence[_Stage], number: int) -> Iterator[tuple[int, str]]:
    del later, number
    line = stage.start.line
    if stage.flag and "$" not in stage.flag:
        yield (
            line,
            f"`--platform={stage.flag}` gives every platform the base of one; take the flag "
            "away, or write `--platform=$BUILDPLATFORM` for a stage that only builds",
        )
    if "$" not in stage.base and (_NAME_OF_ARCH.match(stage.base) or architectures(stage.base)):
        yield (
            line,
            f"the base `{stage.base}` is of one architecture; name the manifest list over all of "
            "them (without the architecture in its name)",
        )


def _downloads(stage: _Stage, later: Sequence[_Stage], number: int) -> Iterator[tuple[int, str]]:
    del later, number
    for instruction in stage.body:
        if instruction.keyword not in ("ADD", "RUN"):
            continue
        text = full_text(instruction)
        # Several architectures are a table, from which a `case` chooses.
        if len(architectures(text)) > 1:
            continue
        for url in _URL.findall(text):
            if architectures(url):
                yield (
                    instruction.line,
                    f"`{url}` is for one architecture; write `ARG TARGETARCH` and use "
                    "${TARGETARCH} in the address",
                )


def _emulated(stage: _Stage, later: Sequence[_Stage], number: int) -> Iterator[tuple[int, str]]:
    names = {stage.name, str(number)}
    copied = any(
        match.lower() in names
        for other in later
        for match in re.findall(r"--from=(\S+)", other.text("COPY"))
    )
    builds = next(
        (i for i in stage.body if i.keyword == "RUN" and _BUILDS.search(full_text(i))), None
    )
    if copied and builds is not None and not stage.platform:
        match = _BUILDS.search(full_text(builds))
        command = match.group() if match else ""
        yield (
            stage.start.line,
            f"the stage only builds (`{command}`, line {builds.line}), and would do so emulated "
            "on foreign platforms; write `FROM --platform=$BUILDPLATFORM`, and for Go "
            "`GOOS=$TARGETOS GOARCH=$TARGETARCH`",
        )


def _wrong_architecture(
    stage: _Stage, later: Sequence[_Stage], number: int
) -> Iterator[tuple[int, str]]:
    del later, number
    if not stage.on_build_platform:
        return
    everything = stage.text("RUN", "ENV", "ARG")
    for instruction in stage.body:
        text = full_text(instruction)
        if instruction.keyword != "RUN":
            continue
        if _GO_BUILD.search(text) and "GOARCH" not in everything:
            yield (
                instruction.line,
                "the stage runs on $BUILDPLATFORM, and its `go build` is for the machine that "
                "builds; write `ARG TARGETOS TARGETARCH` and `GOOS=$TARGETOS GOARCH=$TARGETARCH`",
            )
        if match := _ASKS_MACHINE.search(text):
            yield (
                instruction.line,
                f"the stage runs on $BUILDPLATFORM, so `{match.group()}` names the machine that "
                "builds and not the target; use TARGETARCH",
            )


def _undeclared(stage: _Stage, later: Sequence[_Stage], number: int) -> Iterator[tuple[int, str]]:
    del later, number
    declared: set[str] = set()
    for instruction in stage.body:
        if instruction.keyword == "ARG":
            declared |= {word.partition("=")[0] for word in split_words(instruction.rest)}
        text = full_text(instruction)
        if instruction.keyword == "ENV":
            declared |= {word.partition("=")[0] for word in split_words(instruction.rest)}
        for name in dict.fromkeys(_PREDEFINED.findall(text)):
            if name not in declared and f"{name}=" not in text:
                yield (
                    instruction.line,
                    f"`${name}` is empty here: a stage sees it only after `ARG {name}`",
                )
