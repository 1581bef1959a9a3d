"""RUN: what is to be executed, by whichever engine there is.

Source: Docker's Dockerfile reference, "RUN", "RUN --mount", "RUN --network", "Here-Documents".
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.stages import exec_form, expanded
from multiarch.core.dockerfile.syntax import Instruction, Source, heredoc_name
from multiarch.core.errors import did_you_mean

DEFAULT_SHELL = ("/bin/sh", "-c")
_NETWORKS = ("default", "none", "host")
_MOUNT_KINDS = ("bind", "cache", "secret", "tmpfs")
_SYNONYMS = {"destination": "target", "dst": "target", "src": "source", "ro": "readonly"}
_Fail = Callable[[str], DockerfileError]
_MOUNT_KEYS = (
    *("type", "target", "source", "from", "id", "required", "readonly", "rw", "readwrite"),
    *("sharing", "mode", "uid", "gid", "env", "size"),
)


@dataclass(frozen=True)
class Mount:
    """One `--mount`: kind, where it is seen, and what it shows.

    `origin` is the stage or base of a bind, "" for the context; `source` the path there. `id`
    names a cache or a secret. `mode` is octal text. `required` makes a missing secret an error;
    without it the RUN goes on and sees none.
    """

    kind: str
    target: str
    source: str = ""
    origin: str = ""
    id: str = ""
    mode: str = ""
    required: bool = False


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

    rest, flags = instruction.rest, []
    while rest.startswith("--"):
        word, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        flags.append(expanded(source, instruction, word, variables))
    fail = partial(DockerfileError, source.file, instruction.line)
    mounts, network = _flags(flags, fail)
    if not rest:
        raise fail("RUN needs a command")
    words = exec_form(rest)
    argv = tuple(words) if words is not None else (*shell, _command(rest, instruction, fail))
    return RunStep(argv, mounts, network)


def _flags(flags: Sequence[str], fail: _Fail) -> tuple[tuple[Mount, ...], str]:
    mounts, network = [], "default"
    for flag in flags:
        name, _, value = flag[2:].partition("=")
        if name == "mount":
            mounts.append(_mount(value, fail))
        elif name == "network" and value in _NETWORKS:
            network = value
        elif name == "network":
            raise fail(f"--network={value}: expected one of {', '.join(_NETWORKS)}")
        elif (name, value) != ("security", "sandbox"):
            known = ("mount", "network", "security")
            raise fail(f"RUN has no flag {flag!r} here.{did_you_mean(name, known)}")
    return tuple(mounts), network


def _command(rest: str, instruction: Instruction, fail: _Fail) -> str:
    """The text for the shell; a here-document alone is the command itself."""
    if not instruction.heredocs:
        return rest
    if heredoc_name(rest) is None:
        return f"{rest}\n" + "".join(f"{h.content}{h.name}\n" for h in instruction.heredocs)
    script = instruction.heredocs[0]
    if not script.content.startswith("#!"):
        return script.content
    interpreter, _, argument = script.content[2:].partition("\n")[0].strip().partition(" ")
    if not interpreter:
        raise fail(f"the first line of <<{script.name} is `#!` without a program")
    # As the kernel does it: the rest of the line is one argument, the script's name the last.
    # Nothing in the script is expanded, and standard input stays what it is.
    words = [interpreter, *([argument.strip()] if argument.strip() else []), "/dev/fd/3"]
    name = script.name
    return f"exec {shlex.join(words)} 3<<'{name}'\n{script.content}{name}\n"


def _mount(text: str, fail: _Fail) -> Mount:
    values = _mount_values(text, fail)
    kind, id, target = values.get("type", "bind"), values.get("id", ""), values.get("target", "")
    if kind == "secret":
        id = id or values.get("source", "") or target.rpartition("/")[2]
        target = target or f"/run/secrets/{id}"
    if not target.startswith("/"):
        raise fail(f"--mount={text}: `target` must be an absolute path")
    if kind == "cache" and (id or target).strip("/") in ("", ".", ".."):
        # Caches are folders beside each other, and their names are these.
        raise fail(f"--mount={text}: {id or target!r} is no name for a cache")
    return Mount(
        kind,
        target,
        values.get("source", "") if kind == "bind" else "",
        values.get("from", ""),
        id or target,
        values.get("mode", ""),
        values.get("required", "false") == "true",
    )


def _mount_values(text: str, fail: _Fail) -> dict[str, str]:
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
    return values
