"""What a Dockerfile takes from outside: bases, and files of its context."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from multiarch.core.dockerfile.patterns import has_wildcard
from multiarch.core.dockerfile.stages import SCRATCH, copy_step, declared, stages
from multiarch.core.dockerfile.syntax import parse
from multiarch.core.platforms import Platform

_BINARIES = "bin/"


@dataclass(frozen=True)
class Wants:
    """`bases` are those that are neither `scratch` nor stages; `sources` are of the context."""

    bases: tuple[str, ...]
    sources: tuple[str, ...]

    def binaries(self) -> tuple[str, ...]:
        """The names of the programs that it takes: `server` for `bin/server`."""
        found = (s.removeprefix("./") for s in self.sources)
        return tuple(s[len(_BINARIES) :] for s in found if s.startswith(_BINARIES))

    def files(self) -> tuple[str, ...]:
        """Its other sources."""
        found = (s.removeprefix("./") for s in self.sources)
        return tuple(s for s in found if not s.startswith(_BINARIES))

    def problem(self, programs: Iterable[str], files: Iterable[str]) -> str:
        """Why an image of these programs and files alone does not build; "" where it does."""
        if self.bases:
            return f"it stands on {self.bases[0]}, which needs an `image_base`"
        known, there = set(programs), set(files)
        for name in self.binaries():
            if name not in known:
                return f"it takes bin/{name}, and no program of this repository is called so"
        for source in self.files():
            if has_wildcard(source) or source not in there:
                return f"it takes {source} from its context, which is no file beside it"
        return ""


def wants(text: str, file: str, platform: Platform) -> Wants:
    """Read a Dockerfile for one platform; raises DockerfileError."""
    source = parse(text, file=file)
    found = stages(source, target=platform, build=platform, build_args={})
    names = {stage.name for stage in found} | {SCRATCH}
    bases: dict[str, None] = {s.base: None for s in found if s.base.lower() not in names}
    sources: dict[str, None] = {}
    for stage in found:
        variables = dict(stage.arguments)
        for instruction in stage.instructions:
            if instruction.keyword in ("ARG", "ENV"):
                if instruction.keyword == "ARG":
                    for name, value in declared(source, instruction, variables):
                        variables.setdefault(name, value or "")
            elif instruction.keyword in ("COPY", "ADD"):
                step = copy_step(source, instruction, variables)
                if not step.origin:
                    sources.update((s, None) for s in step.sources)
                elif step.origin.lower() not in names:
                    bases[step.origin] = None
    return Wants(tuple(bases), tuple(sources))
