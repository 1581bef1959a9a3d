"""Credentials: what Docker's configuration and its helpers have for a registry."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multiarch.tools.registry.transport import RegistryError


@dataclass(frozen=True)
class Credentials:
    """A user's name and password for a registry, or a token that stands for them."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


def config_file(environment: Mapping[str, str]) -> Path:
    """Where Docker keeps its configuration: DOCKER_CONFIG, else ~/.docker."""
    folder = environment.get("DOCKER_CONFIG")
    return Path(folder or Path(environment.get("HOME", "/"), ".docker"), "config.json")


def find_credentials(registry: str, environment: Mapping[str, str]) -> Credentials | None:
    """Look a registry up in Docker's configuration, and ask its helper where it names one.

    Returns None where it has nothing for the registry. Raises RegistryError that names the file
    when it cannot be read, or the helper fails.
    """
    file = config_file(environment)
    try:
        value: Any = json.loads(file.read_text())
        if not isinstance(value, dict):
            raise ValueError("expected a JSON object")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RegistryError(
            f"the credentials for {registry} cannot be read: {file}: {error}. Put the file right, "
            f"or remove it and run `docker login {registry}`."
        ) from error
    import docker.auth
    import docker.errors

    try:
        with warnings.catch_warnings():
            # A helper that is missing is warned of, and then an error.
            warnings.simplefilter("ignore")
            config = docker.auth.load_config(config_dict=value)
            found = config.resolve_authconfig(registry) or {}
    except (docker.errors.DockerException, ValueError, KeyError) as error:
        raise RegistryError(
            f"the credentials for {registry} cannot be read: {file}: {error}. Run `docker login "
            f"{registry}`, or put the helper that the file names on PATH."
        ) from error
    parts = {name.lower(): text or "" for name, text in found.items()}
    credentials = Credentials(
        parts.get("username", ""), parts.get("password", ""), parts.get("identitytoken", "")
    )
    return credentials if credentials != Credentials() else None
