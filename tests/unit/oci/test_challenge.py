"""Challenges: what registries write into WWW-Authenticate."""

from __future__ import annotations

import pytest
from multiarch.core.oci.challenge import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ('Basic realm="Registry Realm"', [("basic", {"realm": "Registry Realm"})]),
        (
            'Bearer realm="https://auth.example.com/token",service="registry.example.com",'
            'scope="repository:a/b:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.example.com/token",
                        "service": "registry.example.com",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ("Bearer realm=https://a.example.com/t , Service = x",
         [("bearer", {"realm": "https://a.example.com/t", "service": "x"})]),
        ('Negotiate, Basic realm="a \\"b\\" c", Bearer realm="d"',
         [("negotiate", {}), ("basic", {"realm": 'a "b" c'}), ("bearer", {"realm": "d"})]),
        ("BASIC", [("basic", {})]),
        ('Basic realm="never ends', [("basic", {})]),
        ('="x"', []),
    ],
)  # fmt: skip
def test_challenges(text: str, found: list[tuple[str, dict[str, str]]]) -> None:
    assert list(parse_challenges(text)) == [Challenge(scheme, values) for scheme, values in found]
