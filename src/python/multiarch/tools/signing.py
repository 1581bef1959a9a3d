"""Signing with a program of the user's, such as gpg or cosign: a command of an option."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from multiarch.core.errors import MultiarchError


def call(
    command: Sequence[str],
    values: Mapping[str, str],
    environment: Mapping[str, str],
    *,
    option: str,
    what: str,
    effect: str,
) -> None:
    """Run a command in which `{name}` stands for a value, in the foreground.

    Raises MultiarchError, which names the `option`, `what` it was called for and the `effect` that
    a failure has, when the command cannot be started or fails.
    """
    argv = list(command)
    for name, value in values.items():
        argv = [part.replace(f"{{{name}}}", value) for part in argv]
    try:
        code = subprocess.run(argv, env=dict(environment)).returncode
    except OSError as error:
        raise MultiarchError(
            f"{option}: {argv[0]!r} cannot be started: {error}. {effect}"
        ) from error
    if code != 0:
        raise MultiarchError(f"{option} ended with {code} for {what}. {effect}")
