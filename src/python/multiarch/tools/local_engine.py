"""The engine of a developer's machine: Docker or podman by their own command line, and kind."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from multiarch.core.errors import MultiarchError, bullets

RUNNERS = ("docker", "podman")
_HOW_TO_INSTALL = {
    "docker": "Debian and Ubuntu: `apt-get install docker.io`; elsewhere Docker Desktop",
    "podman": "Debian and Ubuntu: `apt-get install podman`",
    "kind": "one program, see its quick start; it needs Docker or podman too",
}
# What asks an engine whether it is there, and whether it answers.
_PROBES = {
    "docker": ("version", "--format", "{{.Server.Version}}"),
    "podman": ("version",),
    "kind": ("get", "clusters"),
}


def find(name: str, what: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The engine to use and its program; "auto" takes the first that answers.

    Raises MultiarchError that says what is wrong with each, and how to get it.
    """
    problems = []
    for engine in RUNNERS if name == "auto" else (name,):
        program = shutil.which(engine, path=environment.get("PATH"))
        if program is None:
            problems.append(f"{engine} is not in PATH ({_HOW_TO_INSTALL[engine]})")
            continue
        asked = subprocess.run(
            [program, *_PROBES[engine]], env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )  # fmt: skip
        if asked.returncode == 0:
            return engine, program
        said = (asked.stderr.strip().splitlines() or ["it says nothing"])[-1]
        problems.append(f"{engine} is there, but does not answer: {said}")
    raise MultiarchError(
        f"no engine can {what} on this machine:\n{bullets(problems)}\n"
        "Install or start one of them, and run again."
    )


def load(engine: str, program: str, tar: Path, environment: Mapping[str, str]) -> str:
    """Load an image's tar; returns the name that the engine has for it, "" where it says none.

    Raises MultiarchError with the engine's own words when it refuses.
    """
    argv = (
        ["load", "image-archive", str(tar)] if engine == "kind" else ["load", "-q", "-i", str(tar)]
    )
    made = subprocess.run(
        [program, *argv], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if made.returncode != 0:
        said = (made.stderr or made.stdout).strip()
        raise MultiarchError(f"{engine} refuses it (exit code {made.returncode}): {said}")
    named = [line.partition(": ")[2] for line in made.stdout.splitlines() if "oaded image" in line]
    return named[-1].split(",")[0].strip() if named else ""
