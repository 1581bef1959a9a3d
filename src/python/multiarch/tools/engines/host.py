"""What an engine needs of the host: programs, emulators, and errors that say what is missing."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multiarch.core.emulation import how_to_install, is_native, is_registered, qemu_names
from multiarch.core.errors import MultiarchError
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.platforms import Platform, host_platform

# How a tool says that an engine or an emulator is missing.
MISSING_EXIT_CODE = 3
# What RUN sees as the machine's name, whatever it is.
HOSTNAME = "build"
_LAST_LINES = 20
_SHORTEST_SECRET = 4
_BUILDAHS_OWN = re.compile(
    r"(?:subprocess exited (?:with status \d+|on [a-z ]+)\n)*"
    r"(?:Error: (?:exit status|while running runtime)[^\n]*\n?)?\Z"
)
_BINFMT = Path("/proc/sys/fs/binfmt_misc")


class EngineMissing(MultiarchError):
    """Says that this machine lacks an engine or an emulator, and how to get it."""


class RunError(MultiarchError):
    """Says how a RUN failed, with the last lines that it printed."""


class RunTimeout(RunError):
    """Says that a RUN did not end in time."""

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"it did not end within {seconds} s (`[multiarch-engine] run_timeout`) and was stopped"
        )


@dataclass(frozen=True)
class Host:
    """The host as far as engines are concerned: `environment` is the user's own.

    `secrets` maps names to files; `timeout` is in seconds; `network` allows RUN the network.
    """

    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    timeout: int
    network: bool

    def which(self, *names: str) -> str | None:
        """The path of the first of these programs that PATH has."""
        path = self.environment.get("PATH", os.defpath)
        return next((found for n in names if (found := shutil.which(n, path=path))), None)

    @property
    def platform(self) -> Platform:
        """The host's own platform."""
        return host_platform(platform.system(), platform.machine())


def secret_file(host: Host, mount: Mapping[str, Any]) -> Path | None:
    """The file of a secret that a RUN mounts; None where it is missing and may be.

    Raises RunError that says how to name its file.
    """
    file = host.secrets.get(mount["id"])
    if file is not None and Path(file).is_file():
        return Path(file)
    if not mount["required"]:
        return None
    known = ", ".join(sorted(host.secrets)) or "none"
    found = f"its file {file} is not there" if file else f"there are: {known}"
    raise RunError(
        f"it needs the secret {mount['id']!r}; {found}. Name its file in "
        f'`[multiarch-engine] secrets`, such as {{"{mount["id"]}": "/path/to/file"}}.'
    )


def masked(text: str, host: Host, mounts: Iterable[Mapping[str, Any]]) -> str:
    """What a RUN printed, with `***` for the secrets that it mounts, and for each line of one.

    What is shorter than four characters stays: it would hide words that are not the secret.
    """
    hidden: set[str] = set()
    for mount in mounts:
        file = host.secrets.get(mount["id"]) if mount["kind"] == "secret" else None
        if file is not None and Path(file).is_file():
            secret = Path(file).read_text(errors="replace")
            hidden.update(part.strip() for part in (secret, *secret.splitlines()))
    for part in sorted(hidden, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "***")
    return text


def is_static(program: str) -> bool:
    """Whether an executable needs no interpreter, so that it runs within any root."""
    try:
        with open(program, "rb") as file:
            executable = inspect(file)
    except (OSError, ExecutableError):
        return False
    return executable is not None and executable.is_static


def registered(platform: Platform) -> bool:
    """Whether the kernel already runs the platform's programs through an emulator of the host."""
    texts = []
    for file in _BINFMT.glob("*") if _BINFMT.is_dir() else ():
        if file.name not in ("register", "status"):
            try:
                texts.append(file.read_text())
            except OSError:
                continue
    return is_registered(platform, texts)


def emulator(host: Host, platform: Platform) -> str | None:
    """The emulator to register privately; None where the kernel needs none from us.

    Raises EngineMissing that says how to install one.
    """
    if is_native(host.platform, platform) or registered(platform):
        return None
    names = qemu_names(platform)
    found = host.which(*names)
    if found and is_static(found):
        return found
    what = f"{found} is not static" if found else f"no {' or '.join(names)} in PATH"
    raise EngineMissing(
        f"there is no emulator for `{platform}` on this {host.platform} machine: {what}, and "
        f"nothing is registered in binfmt_misc. {how_to_install(platform)}"
    )


def commands_own(printed: str) -> str:
    """What a command printed, without buildah's own words on its exit code at the end."""
    return _BUILDAHS_OWN.sub("", printed)


def failure(log: Path, code: int) -> str:
    """A command's exit code and the last lines that it printed."""
    kept = commands_own(log.read_text(errors="replace")).splitlines()[-_LAST_LINES:]
    return f"it ended with exit code {code}; its last lines:\n" + "\n".join(
        f"  | {line}" for line in kept or ["(it printed nothing)"]
    )


def check_layers_below(engine: str, found: Sequence[str], diff_ids: Sequence[str]) -> None:
    """All of an engine's layers but the last must be those it was given; raises RunError."""
    if list(found[:-1]) != list(diff_ids):
        raise RunError(f"{engine} changed the layers below: {diff_ids} became {found[:-1]}")
