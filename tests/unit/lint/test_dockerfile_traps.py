"""Each trap of a Dockerfile is found with its line and its remedy; the right way is not."""

from __future__ import annotations

import pytest
from multiarch.core.lint.dockerfile_traps import find_dockerfile_traps

GO_STAGE = (
    "FROM{} golang:1 AS build\n{}RUN {}go build -o /app .\n"
    "FROM scratch\nCOPY --from=build /app /app\n"
)
RIGHT = GO_STAGE.format(
    " --platform=$BUILDPLATFORM", "ARG TARGETOS TARGETARCH\n", "GOOS=$TARGETOS GOARCH=$TARGETARCH "
)


def found(text: str) -> list[str]:
    """The findings without the hint on waivers."""
    return [
        str(f).partition("; or write `multiarch")[0]
        for f in find_dockerfile_traps("D/Dockerfile", text)
    ]


@pytest.mark.parametrize(
    "text",
    [
        RIGHT,
        "FROM scratch\nCOPY bin/app /app\n",
        "FROM busybox\nARG TARGETARCH\nRUN wget https://example.com/a-${TARGETARCH}.tar\n",
        # A table, from which a `case` chooses.
        "FROM busybox\nRUN case $(uname -m) in x86_64) u=https://example.com/a-amd64;; "
        "aarch64) u=https://example.com/a-arm64;; esac; wget $u\n",
        "FROM busybox\nRUN echo ${TARGETARCH:-none}\n",
        # It runs what it builds, so it must be of the target's platform.
        "FROM golang:1\nRUN go build -o /app .\n",
        # The stage is on the target's platform, so the machine is the target.
        "FROM busybox\nRUN uname -m > /arch\n",
        "FROM $BASE-amd64\n",
        # A stage on another stage runs where that one does.
        "FROM --platform=$BUILDPLATFORM golang:1 AS Go\nFROM go AS build\nARG TARGETARCH\n"
        "RUN GOARCH=$TARGETARCH go build -o /app .\nFROM scratch\nCOPY --from=build /app /app\n",
        # A tool of the machine that builds.
        "FROM --platform=$BUILDPLATFORM golang:1\nRUN go install example.com/tool@latest\n",
    ],
)
def test_what_is_right(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "FROM --platform=linux/amd64 busybox\n",
            "D/Dockerfile:1: `--platform=linux/amd64` gives every platform the base of one; take "
            "the flag away, or write `--platform=$BUILDPLATFORM` for a stage that only builds",
        ),
        (
            "FROM registry.example.com/base-amd64:1\n",
            "D/Dockerfile:1: the base `registry.example.com/base-amd64:1` is of one architecture; "
            "name the manifest list over all of them (without the architecture in its name)",
        ),
        ("FROM arm64v8/busybox\n", "D/Dockerfile:1: the base `arm64v8/busybox` is of one"),
        (
            "FROM busybox\n\nRUN wget \\\n  https://example.com/a-linux-x64.tar\n",
            "D/Dockerfile:3: `https://example.com/a-linux-x64.tar` is for one architecture; write "
            "`ARG TARGETARCH` and use ${TARGETARCH} in the address",
        ),
        (
            "FROM busybox\nADD https://example.com/a-s390x /a\n",
            "D/Dockerfile:2: `https://example.com/a-s390x` is for one architecture",
        ),
        (
            "FROM busybox\nRUN <<END\nwget https://example.com/a-aarch64\nEND\n",
            "D/Dockerfile:2: `https://example.com/a-aarch64` is for one architecture",
        ),
        (
            GO_STAGE.format("", "", "CGO_ENABLED=0 "),
            "D/Dockerfile:1: the stage only builds (`go build`, line 2), and would do so emulated "
            "on foreign platforms; write `FROM --platform=$BUILDPLATFORM`, and for Go "
            "`GOOS=$TARGETOS GOARCH=$TARGETARCH`",
        ),
        (
            GO_STAGE.format(" --platform=$BUILDPLATFORM", "", ""),
            "D/Dockerfile:2: the stage runs on $BUILDPLATFORM, and its `go build` is for the "
            "machine that builds",
        ),
        (
            "FROM --platform=$BUILDPLATFORM golang:1 AS go\nFROM go\nRUN go install ./cmd/app\n",
            "D/Dockerfile:3: the stage runs on $BUILDPLATFORM, and its `go build` is for the",
        ),
        (
            "FROM --platform=$BUILDPLATFORM busybox AS b\nRUN wget $u-$(uname -m)\nFROM scratch\n",
            "D/Dockerfile:2: the stage runs on $BUILDPLATFORM, so `uname -m` names the machine "
            "that builds and not the target; use TARGETARCH",
        ),
        (
            "ARG TARGETARCH\nFROM busybox\nRUN echo $TARGETARCH\n",
            "D/Dockerfile:3: `$TARGETARCH` is empty here: a stage sees it only after "
            "`ARG TARGETARCH`",
        ),
        ("FORM scratch\n", "D/Dockerfile:1: unknown instruction 'FORM'. Did you mean `FROM`?"),
    ],
)
def test_a_trap(text: str, said: str) -> None:
    assert any(finding.startswith(said) for finding in found(text)), found(text)


def test_a_trap_is_waived_with_a_reason() -> None:
    waiver = "# multiarch:allow dockerfile-trap: the tool exists for one machine only\n"
    assert found(waiver + "FROM --platform=linux/amd64 busybox\n") == []
    assert (
        "the waiver has no reason"
        in found("# multiarch:allow dockerfile-trap:\nFROM --platform=linux/amd64 busybox\n")[0]
    )


def test_other_files_are_not_read() -> None:
    assert find_dockerfile_traps("a.sh", "FROM --platform=linux/amd64 busybox\n") == []
