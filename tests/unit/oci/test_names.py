"""Names in a registry: tags, images' own names, and repositories that are redirected."""

from __future__ import annotations

import re

import pytest
from multiarch.core.go_ports import PORTS
from multiarch.core.oci.descriptor import OciError
from multiarch.core.oci.names import (
    DEFAULT_IMAGE_NAMES,
    arch_name,
    image_name,
    parse_repository,
    parse_tag,
    redirected,
)
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import MICROARCHITECTURES, Platform
from multiarch.core.stamps import StampError

HELLO = Reference("registry.example.com:5000", "team/hello")


@pytest.mark.parametrize(
    ("text", "tag"),
    [("v1.36.0-alpha.1.7+0123abcd", "v1.36.0-alpha.1.7_0123abcd"), ("_x", "_x"), ("1", "1")],
)
def test_a_tag(text: str, tag: str) -> None:
    assert parse_tag(text, where="x") == tag


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "it is empty"),
        ("v1/2", "it holds '/'"),
        ("v1 2:3", "it holds ' ', ':'"),
        (".hidden", "7 characters"),
        ("v" * 129, "129 characters"),
        ("ü", "it holds 'ü'"),
    ],
)
def test_a_tag_that_no_registry_takes(text: str, found: str) -> None:
    said = (
        f"//:list: `tags`: {text!r} is not a tag of a registry: {found}; a tag has 1 to 128 "
        "letters, digits, `_`, `.` and `-`, and begins with none of the last two. (`+` becomes "
        "`_`.)"
    )
    with pytest.raises(OciError, match=f"^{re.escape(said)}$"):
        parse_tag(text, where="//:list: `tags`")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("registry.example.com/team/hello:1", "is a repository with a tag or digest"),
        (f"registry.example.com/x@sha256:{'0' * 64}", "is a repository with a tag or digest"),
        ("registry.example.com/Team/hello", "'Team/hello' is not a repository"),
        ("registry.example.com/", "'' is not a repository"),
    ],
)
def test_a_repository_that_is_none(text: str, said: str) -> None:
    with pytest.raises(OciError, match=f"^x: .*{re.escape(said)}"):
        parse_repository(text, where="x")


def test_repositories() -> None:
    assert parse_repository("registry.example.com:5000/team/hello", where="x") == HELLO
    assert parse_repository("hello", where="x").name == "docker.io/library/hello"


def test_no_two_platforms_have_one_name() -> None:
    platforms = set()
    for os, arch in PORTS:
        micro = MICROARCHITECTURES.get(arch)
        for variant in micro.variants if micro else ("",):
            platforms.add(Platform.parse("/".join(filter(None, (os, arch, variant)))))
    names = {arch_name(platform) for platform in platforms}
    assert len(names) == len(platforms) > 60
    assert {"amd64", "amd64v3", "armv6", "arm", "arm64", "windows-amd64"} <= names
    images = {image_name(DEFAULT_IMAGE_NAMES, HELLO, "v1", arch=name, where="x") for name in names}
    assert len(images) == len(platforms)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (DEFAULT_IMAGE_NAMES, "registry.example.com:5000/team/hello-armv6:v1"),
        ("{repository}:{tag}-{arch}", "registry.example.com:5000/team/hello:v1-armv6"),
        ("{repository}/{arch}:{tag}", "registry.example.com:5000/team/hello/armv6:v1"),
    ],
)
def test_templates(template: str, name: str) -> None:
    assert str(image_name(template, HELLO, "v1", arch="armv6", where="x")) == name


@pytest.mark.parametrize("template", ["{repository}-{arch}", "{tag}", "{repository}@{tag}"])
def test_a_template_without_a_tag(template: str) -> None:
    said = (
        rf"^x: {re.escape(repr(template))} gives '.*', which has no tag; expected a template such"
    )
    with pytest.raises(OciError, match=said):
        image_name(template, HELLO, "v1", arch="amd64", where="x")


def test_a_template_with_an_unknown_name() -> None:
    said = r"^x: .* uses \{os\}, which is not known; known are \{arch\}, \{repository\}, \{tag\}\."
    with pytest.raises(StampError, match=said):
        image_name("{repository}-{os}:{tag}", HELLO, "v1", arch="amd64", where="x")


def test_a_template_that_gives_no_repository() -> None:
    with pytest.raises(OciError, match=r"^x: '\{repository\}_X:\{tag\}' gives .* is not a reposit"):
        image_name("{repository}_X:{tag}", HELLO, "v1", arch="amd64", where="x")


@pytest.mark.parametrize(
    ("redirects", "name"),
    [
        ({}, "registry.example.com:5000/team/hello"),
        ({"registry.example.com:5000": "localhost:1"}, "localhost:1/team/hello"),
        ({"registry.example.com:5000/team": "localhost:1/try"}, "localhost:1/try/hello"),
        ({"registry.example.com:5000/te": "localhost:1"}, "registry.example.com:5000/team/hello"),
        (
            {"registry.example.com:5000": "a.example.com", f"{HELLO.name}": "b.example.com/x/y"},
            "b.example.com/x/y",
        ),
    ],
)
def test_redirects(redirects: dict[str, str], name: str) -> None:
    assert redirected(HELLO, redirects, where="x").name == name


def test_a_redirect_to_no_repository() -> None:
    with pytest.raises(OciError, match=r"^`redirect`: .*'Try/team/hello' is not a repository"):
        redirected(HELLO, {"registry.example.com:5000": "localhost:1/Try"}, where="`redirect`")
