"""Build constraints, by name and by text, against what Go says of the same."""

from __future__ import annotations

import pytest
from multiarch.core.golang.constraints import (
    ALWAYS,
    UNKNOWN,
    TagSet,
    evaluate,
    header_constraint,
    name_constraint,
    parse_go_build,
    parse_plus_build,
)
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.platforms import Platform


def tag_set(platform: str, *tags: str, cgo: bool = False) -> TagSet:
    return TagSet.of(BuildSettings(Platform.parse(platform), "go1.27.3", tags=tuple(tags), cgo=cgo))


LINUX = tag_set("linux/amd64")


@pytest.mark.parametrize(
    ("name", "platform", "expected"),
    [
        ("a.go", "windows/amd64", True),
        ("a_windows.go", "windows/amd64", True),
        ("a_windows.go", "linux/amd64", False),
        ("a_windows_test.go", "linux/amd64", False),
        ("a_linux_arm64.go", "linux/arm64", True),
        ("a_linux_arm64.go", "linux/amd64", False),
        ("a_linux_arm64.go", "darwin/arm64", False),
        # Of two names only the last counts when the one before it is no system.
        ("a_arm64_linux.go", "linux/amd64", True),
        ("a_sparc64.go", "linux/amd64", False),
        # Without anything before it, a name says nothing.
        ("linux.go", "windows/amd64", True),
        ("windows_.go", "linux/amd64", True),
        # What counts ends at the first dot.
        ("a_windows.pb.go", "linux/amd64", False),
        ("a_amd64.s", "linux/arm64", False),
        ("a_linux.go", "android/arm64", True),
        ("a_darwin.go", "ios/arm64", True),
        ("a_unix.go", "windows/amd64", True),
    ],
)
def test_names(name: str, platform: str, expected: bool) -> None:
    assert evaluate(name_constraint(name), tag_set(platform)) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux", True),
        ("!linux", False),
        ("windows || linux", True),
        ("linux && arm64", False),
        ("linux && !(arm64 || cgo)", True),
        ("unix && gc && go1.21 && go1.27", True),
        ("go1.28", False),
        ("!windows&&!plan9||wasm", True),
        ("windows || linux && arm64", False),
        ("custom", False),
        ("gccgo || race", False),
        ("linux // and a comment", True),
        # What only the toolchain knows decides only where it has to.
        ("goexperiment.arenas", None),
        ("!goexperiment.arenas", None),
        ("linux || goexperiment.arenas", True),
        ("windows && boringcrypto", False),
        ("amd64.v3", None),
        ("arm64.v8.1", False),
    ],
)
def test_expressions(text: str, expected: bool | None) -> None:
    assert evaluate(parse_go_build(text), LINUX) is expected


def test_tags_and_cgo_of_a_binary() -> None:
    both = parse_go_build("custom && cgo")
    assert evaluate(both, tag_set("linux/arm/v7", "custom", cgo=True)) is True
    assert evaluate(both, tag_set("linux/arm/v7", cgo=True)) is False
    assert evaluate(both, tag_set("linux/arm/v7", "custom")) is False


@pytest.mark.parametrize(
    "text", ["", "linux &&", "(linux", "linux)", "linux darwin", "a @ b", "&& a"]
)
def test_what_is_not_understood_may_be_true(text: str) -> None:
    assert parse_go_build(text) == UNKNOWN
    assert evaluate(UNKNOWN, LINUX) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linux darwin", True),
        ("windows,amd64 darwin", False),
        ("linux,!cgo", True),
        ("!linux", False),
    ],
)
def test_old_constraints(text: str, expected: bool) -> None:
    assert evaluate(parse_plus_build(text), LINUX) is expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("package a\n", True),
        ("//go:build windows\n\npackage a\n", False),
        ("// A licence.\n\n//go:build windows\n\n// Package a builds.\npackage a\n", False),
        ("/* a block\n\n of lines */\n\n//go:build windows\npackage a\n", False),
        # In a block comment, after the package clause, or without its space it is no constraint.
        ("/*\n//go:build windows\n*/\npackage a\n", True),
        ("package a\n\n//go:build windows\n", True),
        ("//go:builder windows\n\npackage a\n", True),
        ("// +build windows\n\npackage a\n", False),
        ("//+build windows\n\npackage a\n", False),
        ("// +build linux\n// +build arm64\n\npackage a\n", False),
        # An old one needs a blank line below it, and nothing but line comments above it.
        ("// +build windows\npackage a\n", True),
        ("/* x */\n// +build windows\n\npackage a\n", True),
        # The new one counts where there are both.
        ("//go:build linux\n// +build windows\n\npackage a\n", True),
    ],
)
def test_heads_of_files(head: str, expected: bool) -> None:
    assert evaluate(header_constraint(head), LINUX) is expected


def test_a_file_without_constraints_needs_no_thought() -> None:
    assert header_constraint("// Package a.\npackage a\n") == ALWAYS
