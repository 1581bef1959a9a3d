"""Transport: HTTPS by default, with the trust that the machine and the options have."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
from requests.adapters import HTTPAdapter

from multiarch.core.errors import MultiarchError

# Seconds to connect, and between two pieces of an answer.
TIMEOUT = (15, 60)
# The same where something is sent: a registry answers when it has stored it.
PUSH_TIMEOUT = (15, 300)
# Where Docker Hub answers, which names itself otherwise.
_API_HOSTS = {"docker.io": "registry-1.docker.io"}


class RegistryError(MultiarchError):
    """Says which registry does not give or take something, and why."""


@dataclass(frozen=True)
class RegistrySettings:
    """What this machine has for registries: none of it is in a key.

    `environment` is the user's own; `insecure` names registries without TLS; `ca_file` further
    authorities to trust.
    """

    environment: Mapping[str, str]
    insecure: tuple[str, ...] = ()
    ca_file: str = ""

    @classmethod
    def load(cls, path: str) -> RegistrySettings:
        """Read what Pants noted, and take the user's environment for this process."""
        value = json.loads(Path(path).read_text())
        # Credential helpers and proxies are found by it.
        os.environ.update(value["environment"])
        return cls(value["environment"], tuple(value["insecure"]), value["ca_file"])

    def address(self, registry: str) -> str:
        """The root of a registry's API."""
        scheme = "http" if registry in self.insecure else "https"
        return f"{scheme}://{_API_HOSTS.get(registry, registry)}"


class _Verified(HTTPAdapter):
    """Trusts what the system and certifi trust, and the authorities of the options."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)  # type: ignore[no-untyped-call]

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self.context, **kwargs)  # type: ignore[no-untyped-call]


class _Plain(HTTPAdapter):
    """Speaks HTTP without TLS to the registries alone that an option names; redirects too."""

    def __init__(self, insecure: tuple[str, ...]) -> None:
        self.insecure = insecure
        super().__init__()

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        host = urlsplit(request.url or "").netloc
        if host not in self.insecure:
            raise RegistryError(
                f"{host} is to be asked without TLS, which only the registries in "
                "`[multiarch-registry] insecure` are."
            )
        return super().send(request, *args, **kwargs)


def session(settings: RegistrySettings) -> requests.Session:
    """A session that trusts what the settings say; raises RegistryError for a bad `ca_file`."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if settings.ca_file:
        try:
            context.load_verify_locations(settings.ca_file)
        except OSError as error:
            raise RegistryError(
                f"`[multiarch-registry] ca_file` is {settings.ca_file!r}, which cannot be read as "
                f"certificates (PEM): {error}."
            ) from error
    found = requests.Session()
    # Neither ~/.netrc nor a variable may add credentials; proxies are looked up per request.
    found.trust_env = False
    found.mount("https://", _Verified(context))
    found.mount("http://", _Plain(settings.insecure))
    return found
