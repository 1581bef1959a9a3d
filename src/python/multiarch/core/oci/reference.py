"""References: how an image in a registry is named, with Docker's defaults filled in.

Source: distribution's reference grammar (registry, repository, tag, digest), and Docker's rule that
a name without a registry is one of `docker.io`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from multiarch.core.oci.descriptor import OciError

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
_LIBRARY = "library/"
_REGISTRY = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?\Z"
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Reference:
    """One image in a registry: `registry.example.com:5000`, `team/base`, and a tag, digest or both.

    With a digest, the tag only tells people what it was. Make one with `Reference.parse`.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`; raises OciError that names the wrong part.

        >>> str(Reference.parse("debian"))
        'docker.io/library/debian:latest'
        >>> str(Reference.parse("localhost:5000/team/base:1.2"))
        'localhost:5000/team/base:1.2'
        """
        name, at, digest = text.partition("@")
        registry, path = _split_registry(name)
        repository, colon, tag = path.partition(":")
        problem = (
            _registry_problem(registry)
            or _repository_problem(repository)
            or (_tag_problem(tag) if colon else "")
            or (_digest_problem(digest) if at else "")
        )
        if problem:
            raise OciError(f"{text!r} is not an image reference: {problem}")
        if registry == DEFAULT_REGISTRY and "/" not in repository:
            repository = _LIBRARY + repository
        return cls(registry, repository, tag if tag or digest else DEFAULT_TAG, digest)

    def __str__(self) -> str:
        return (
            self.name
            + (f":{self.tag}" if self.tag else "")
            + (f"@{self.digest}" if self.digest else "")
        )

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def version(self) -> str:
        """What the registry is asked for: the digest, else the tag."""
        return self.digest or self.tag

    def pinned(self, digest: str) -> Reference:
        """The same image by a digest."""
        return replace(self, digest=digest)


def same_image(one: str, other: str) -> bool:
    """Whether two texts are references of the same image, however much of it they write out."""
    try:
        return bool(one and other) and Reference.parse(one) == Reference.parse(other)
    except OciError:
        return False


def _split_registry(name: str) -> tuple[str, str]:
    """Registry and rest; a first part that is not like a host's name is of Docker Hub's."""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return DEFAULT_REGISTRY, name


def _registry_problem(registry: str) -> str:
    return "" if _REGISTRY.match(registry) else f"{registry!r} is not a registry."


def _repository_problem(repository: str) -> str:
    if all(_COMPONENT.match(part) for part in repository.split("/")):
        return ""
    return (
        f"{repository!r} is not a repository; it takes lower-case letters and digits, with `.`, "
        "`_` and `-` between them. Expected `registry.example.com/team/name:tag`, or "
        "`@sha256:...` instead of the tag."
    )


def _tag_problem(tag: str) -> str:
    if _TAG.match(tag):
        return ""
    return f"{tag!r} is not a tag; it takes letters, digits, `_`, `.` and `-`."


def _digest_problem(digest: str) -> str:
    if _DIGEST.match(digest):
        return ""
    return f"{digest!r} is not a digest; expected `sha256:` and 64 hexadecimal digits."
