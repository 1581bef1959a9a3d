"""Names in a registry: a list's own tags, and what each of its images is called besides."""

from __future__ import annotations

import re
from collections.abc import Mapping

from multiarch.core.oci.arch_names import arch_suffix
from multiarch.core.oci.descriptor import OciError
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform
from multiarch.core.stamps import fill_text

# Kubernetes' names: an image per architecture in a repository of its own, and the list over them.
# What the option of `redirected` is called.
REDIRECT = "`[multiarch-publish] redirect`"
DEFAULT_IMAGE_NAMES = "{repository}-{arch}:{tag}"
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]")


def parse_repository(text: str, *, where: str) -> Reference:
    """Read `REGISTRY/REPOSITORY`, without a tag or digest; raises OciError.

    >>> parse_repository("registry.example.com/team/hello", where="x").name
    'registry.example.com/team/hello'
    """
    if "@" in text or ":" in text.rpartition("/")[2]:
        raise OciError(
            f"{where}: {text!r} is a repository with a tag or digest; expected it without, such as "
            "`registry.example.com/team/hello`."
        )
    try:
        found = Reference.parse(text)
    except OciError as error:
        raise OciError(f"{where}: {error}") from error
    return Reference(found.registry, found.repository)


def parse_tag(text: str, *, where: str) -> str:
    """Read a tag whose stamps are filled in; `+` becomes `_`. Raises OciError for an invalid one.

    >>> parse_tag("v1.4.0+7", where="`tags`")
    'v1.4.0_7'
    """
    tag = text.replace("+", "_")
    try:
        return Reference.parse(f"registry.invalid/name:{tag}").tag
    except OciError:
        found = "it is empty" if not tag else f"{len(tag)} characters"
        wrong = sorted(set(_FOREIGN.findall(tag)))
        found = f"it holds {', '.join(map(repr, wrong))}" if wrong else found
        raise OciError(
            f"{where}: {text!r} is not a tag of a registry: {found}; a tag has 1 to 128 letters, "
            "digits, `_`, `.` and `-`, and begins with none of the last two. (`+` becomes `_`.)"
        ) from None


def arch_name(platform: Platform, os_version: str = "") -> str:
    """What `{arch}` stands for: the platform's suffix, with the version of windows.

    >>> arch_name(Platform.parse("linux/arm/v6"))
    'armv6'
    >>> arch_name(Platform.parse("windows/amd64"), "10.0.17763.6414")
    'windows-amd64-10.0.17763.6414'
    """
    suffix = arch_suffix(platform)
    return f"{suffix}-{os_version}" if os_version else suffix


def image_name(
    template: str, repository: Reference, tag: str, *, arch: str, where: str
) -> Reference:
    """The name of one platform's image, by a template such as `{repository}-{arch}:{tag}`.

    Raises OciError for a template that gives no repository and tag.
    """
    stamps: Mapping[str, str] = {"repository": repository.name, "tag": tag, "arch": arch}
    text = fill_text(template, stamps, where=where)
    if ":" not in text.rpartition("/")[2] or "@" in text:
        raise OciError(
            f"{where}: {template!r} gives {text!r}, which has no tag; expected a template such as "
            f"`{DEFAULT_IMAGE_NAMES}` or `{{repository}}:{{tag}}-{{arch}}`, or an empty one for "
            "images without a name of their own."
        )
    try:
        return Reference.parse(text)
    except OciError as error:
        raise OciError(f"{where}: {template!r} gives {error}") from error


def redirected(repository: Reference, redirects: Mapping[str, str], *, where: str) -> Reference:
    """The repository to publish to, where a prefix of its name has another one in its place.

    The longest prefix of whole parts wins. Raises OciError when the result is no repository.

    >>> redirected(Reference("r.example.com", "a/b"), {"r.example.com/a": "t.example.com"},
    ...            where="x").name
    't.example.com/b'
    """
    parts = repository.name.split("/")
    for count in range(len(parts), 0, -1):
        prefix = "/".join(parts[:count])
        if prefix in redirects:
            return parse_repository("/".join((redirects[prefix], *parts[count:])), where=where)
    return repository
