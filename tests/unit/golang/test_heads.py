"""What a file's head says: package, imports, embedded files and constraints."""

from __future__ import annotations

import pytest
from multiarch.core.golang.constraints import UNKNOWN, AllOf, Tag, evaluate
from multiarch.core.golang.heads import FileHead, is_source, parse_head
from multiarch.core.golang.skeleton import go_skeleton

from tests.unit.golang.test_constraints import LINUX

SOURCE = """\
// Copyright "nobody".

//go:build linux || windows

/* Package hello
   import "not/this" */
package hello // import "example.com/hello"

import "fmt"
import (
	// "not/this/either"
	. "example.com/dot"
	_ "embed"; named `example.com/raw`

	/* "nor this" */ "example.com/last" // "at all"
)

//go:embed a.txt "with space.txt" `all:dir`
//go:embed *.html
var files embed.FS

const text = `
import "a/string"
`
"""


@pytest.mark.parametrize("text", [SOURCE, go_skeleton(SOURCE)], ids=["whole", "skeleton"])
def test_a_go_file(text: str) -> None:
    head = parse_head("hello_arm64.go", text)
    assert head == FileHead(
        "hello_arm64.go",
        head.constraint,
        "hello",
        ("fmt", "example.com/dot", "embed", "example.com/raw", "example.com/last"),
        ("a.txt", "with space.txt", "all:dir", "*.html"),
    )
    assert isinstance(head.constraint, AllOf)
    assert head.constraint.operands[0] == Tag("arm64")
    assert head.is_go
    assert not head.is_test
    assert not head.uses_c


def test_embed_lines_without_the_package_embed_nothing() -> None:
    assert parse_head("a.go", 'package a\n\nimport "fmt"\n\n//go:embed x\n').embeds == ()


def test_c_in_a_go_file() -> None:
    text = 'package a\n\n/*\n#include "x.h"\n*/\nimport "C"\n\nimport "fmt"\n'
    head = parse_head("a_test.go", text)
    assert head.uses_c
    assert head.is_test
    assert head.imports == ("C", "fmt")


def test_a_file_that_go_cannot_read_may_be_in_any_build() -> None:
    head = parse_head("a.go", "pack age a\n")
    assert head.constraint == UNKNOWN
    assert evaluate(parse_head("a_windows.go", "?").constraint, LINUX) is False


def test_other_files_have_constraints_alone() -> None:
    head = parse_head("a_linux.s", "//go:build arm64\n\n#include <x.h>\n// +build windows\n")
    assert head == FileHead("a_linux.s", AllOf((Tag("linux"), Tag("arm64"))))
    assert parse_head("b_windows.syso", "//go:build linux\n") == FileHead(
        "b_windows.syso", Tag("windows")
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.go", True),
        ("_a.go", False),
        (".a.go", False),
        ("a.S", True),
        ("a.syso", True),
        ("a.md", False),
    ],
)
def test_what_go_looks_at(name: str, expected: bool) -> None:
    assert is_source(name) is expected
