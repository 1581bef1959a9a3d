"""RUN: what is to be executed, by whichever engine there is.

Source: Docker's Dockerfile reference, "RUN", "RUN --mount", "RUN --network", "Here-Documents".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.stages import exec_form, expanded
from multiarch.core.dockerfile.syntax import Instruction, Source, heredoc_name
from multiarch.core.errors import did_you_mean

DEFAULT_SHELL = ("/bin/sh", "-c")
_NETWORKS = ("default", "none", "host")
_MOUNT_KINDS = ("bind", "cache", "secret", "tmpfs")
_SYNONYMS = {"destination": "target", "dst": "target", "src": "source", "ro": "readonly"}
_MOUNT_KEYS = (
    *("type", "target", "source", "from", "id", "required", "readonly", "rw", "readwrite"),
    *("sharing", "mode", "uid", "gid", "env", "size"),
)


@dataclass(frozen=True)
class Mount:
    """One `--mount`: kind, where it is seen, and what it shows.

    `origin` is the stage or base of a bind, "" for the context; `source` the path there. `id`
    names a cache or a secret. `mode` is octal text.
    """

    kind: str
    target: str
    source: str = ""
    origin: str = ""
    id: str = ""
    required: bool = False
    mode: str = ""


@dataclass(frozen=True)
class RunStep:
    """One RUN: its command line, its mounts, and its network (`default`, `none`, `host`)."""

    argv: tuple[str, ...]
    mounts: tuple[Mount, ...] = ()
    network: str = "default"


def run_step(
    source: Source,
    instruction: Instruction,
    *,
    shell: Sequence[str],
    variables: Mapping[str, str],
) -> RunStep:
    """Read a RUN; raises DockerfileError with the line.

    Variables are the shell's own business in the command; in the flags they are expanded here.
    """

    def fail(problem: str) -> DockerfileError:
        return DockerfileError(source.file, instruction.line, problem)

    rest, flags = instruction.rest, []
    while rest.startswith("--"):
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        flags.append(expanded(source, instruction, word, variables))
    mounts, network = [], "default"
    for flag in flags:
        name, _, value = flag[2:].partition("=")
        if name == "mount":
            mounts.append(_mount(value, fail))
        elif name == "network":
            if value not in _NETWORKS:
                raise fail(f"--network={value}: expected one of {', '.join(_NETWORKS)}")
            network = value
        elif name == "security" and value == "sandbox":
            continue
        else:
            known = ("mount", "network", "security")
            raise fail(f"RUN has no flag {flag!r} here.{did_you_mean(name, known)}")
    if not rest:
        raise fail("RUN needs a command")
    words = exec_form(rest)
    if words is not None:
        return RunStep(tuple(words), tuple(mounts), network)
    command = rest
    if instruction.heredocs and heredoc_name(rest) is not None:
        command = instruction.heredocs[0].content
        if command.startswith("#!"):
            raise fail(
                "a here-document with its own `#!` line is not supported; write `RUN <<EOF "
                "INTERPRETER` the other way round: `RUN INTERPRETER <<EOF`"
            )
    elif instruction.heredocs:
        parts = (f"{h.content}{h.name}\n" for h in instruction.heredocs)
        command = f"{rest}\n{''.join(parts)}"
    return RunStep((*shell, command), tuple(mounts), network)


def _mount(text: str, fail: Callable[[str], DockerfileError]) -> Mount:
    values: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        name = _SYNONYMS.get(name, name)
        if name not in _MOUNT_KEYS:
            raise fail(f"--mount={text}: unknown {name!r}.{did_you_mean(name, _MOUNT_KEYS)}")
        values[name] = value if equals else "true"
    kind = values.get("type", "bind")
    if kind not in _MOUNT_KINDS:
        raise fail(
            f"--mount={text}: the type {kind!r} is not supported; there are "
            f"{', '.join(_MOUNT_KINDS)}.{did_you_mean(kind, _MOUNT_KINDS)}"
        )
    if "env" in values:
        raise fail(f"--mount={text}: `env` is not supported; read the secret from its file")
    id = values.get("id", "")
    target = values.get("target", "")
    if kind == "secret":
        id = id or values.get("source", "") or target.rpartition("/")[2]
        target = target or f"/run/secrets/{id}"
    if not target.startswith("/"):
        raise fail(f"--mount={text}: `target` must be an absolute path")
    if kind in ("secret", "cache") and not (id := id or target):
        raise fail(f"--mount={text}: `id` is missing")
    return Mount(
        kind,
        target,
        values.get("source", "") if kind == "bind" else "",
        values.get("from", ""),
        id,
        values.get("required", "").lower() in ("true", "1"),
        values.get("mode", ""),
    )
