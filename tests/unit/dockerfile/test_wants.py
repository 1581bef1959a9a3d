"""What a Dockerfile takes from outside."""

from __future__ import annotations

import pytest
from multiarch.core.dockerfile.wants import Wants, wants
from multiarch.core.platforms import Platform

AMD64 = Platform.parse("linux/amd64")


def test_programs_and_files_but_not_what_comes_from_stages() -> None:
    text = """\
FROM scratch AS files
ARG NAME=app.conf
COPY ${NAME} /etc/
FROM scratch
COPY --from=files /etc /etc
COPY ./bin/server /server
"""
    found = wants(text, "Dockerfile", AMD64)
    assert found == Wants((), ("app.conf", "./bin/server"))
    assert found.binaries() == ("server",)
    assert found.files() == ("app.conf",)
    assert found.problem(["server"], ["app.conf"]) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "FROM debian:12\nCOPY bin/server /\n",
            "it stands on debian:12, which needs an `image_base`",
        ),
        ("FROM scratch\nCOPY --from=alpine /x /\n", "it stands on alpine, which needs"),
        ("FROM scratch\nCOPY bin/other /\n", "it takes bin/other, and no program of this"),
        ("FROM scratch\nCOPY dist/* /\n", "it takes dist/* from its context, which is no file"),
        ("FROM scratch\nCOPY . /\n", "it takes . from its context, which is no file"),
    ],
)
def test_why_an_image_would_not_build(text: str, said: str) -> None:
    assert said in wants(text, "Dockerfile", AMD64).problem(["server"], ["app.conf"])
