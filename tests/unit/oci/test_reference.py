"""References: Docker's defaults, every part, and each way to be wrong."""

from __future__ import annotations

import pytest
from multiarch.core.oci.descriptor import OciError
from multiarch.core.oci.reference import Reference, same_image

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("debian", "docker.io", "library/debian", "latest", ""),
        ("debian:12", "docker.io", "library/debian", "12", ""),
        ("team/base", "docker.io", "team/base", "latest", ""),
        ("docker.io/debian", "docker.io", "library/debian", "latest", ""),
        (f"debian@{DIGEST}", "docker.io", "library/debian", "", DIGEST),
        (f"debian:12@{DIGEST}", "docker.io", "library/debian", "12", DIGEST),
        ("localhost/x", "localhost", "x", "latest", ""),
        ("localhost:5000/a/b/c:v1.2_3-4", "localhost:5000", "a/b/c", "v1.2_3-4", ""),
        ("registry.example.com/a.b/c__d--e", "registry.example.com", "a.b/c__d--e", "latest", ""),
        ("[::1]:5000/x:1", "[::1]:5000", "x", "1", ""),
    ],
)
def test_every_part_is_read(
    text: str, registry: str, repository: str, tag: str, digest: str
) -> None:
    found = Reference.parse(text)
    assert found == Reference(registry, repository, tag, digest)
    assert Reference.parse(str(found)) == found
    assert found.version == (digest or tag)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"'' is not an image reference: '' is not a repository; it takes"),
        ("Debian", r"'Debian' is not a repository; it takes lower-case letters"),
        ("a/Upper/b", r"'a/Upper/b' is not a repository"),
        ("a//b", r"'a//b' is not a repository"),
        ("https://registry.example.com/x", r"is not a registry"),
        ("debian:", r"'' is not a tag"),
        ("debian:-x", r"'-x' is not a tag; it takes letters, digits"),
        ("debian:" + "x" * 129, r"is not a tag"),
        ("debian@sha256:12", r"'sha256:12' is not a digest; expected `sha256:` and 64"),
        ("debian@", r"'' is not a digest"),
        ("-x.example.com/a", r"'-x\.example\.com' is not a registry"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(OciError, match=message):
        Reference.parse(text)


def test_a_digest_is_added_to_a_tag() -> None:
    found = Reference.parse("debian:12").pinned(DIGEST)
    assert str(found) == f"docker.io/library/debian:12@{DIGEST}"
    assert found.name == "docker.io/library/debian"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("debian", "docker.io/library/debian:latest", True),
        ("debian:12", "debian:13", False),
        ("", "", False),
        ("Not One", "Not One", False),
    ],
)
def test_one_image_written_in_two_ways(one: str, other: str, same: bool) -> None:
    assert same_image(one, other) is same
