"""Skeletons keep what Go's loader reads, and nothing that a body edit changes."""

from __future__ import annotations

import pytest
from multiarch.core.golang.skeleton import go_skeleton, skeleton

HEAD = (
    '//go:build linux\n\n// Doc.\npackage p // here\n\nimport "fmt"\n'
    'import (\n\tx "a/b" // c\n\t. "d"\n\t_ `e`\n)\n'
)


def test_the_head_is_kept_and_the_body_is_not() -> None:
    kept = go_skeleton(HEAD + '\nfunc F() { fmt.Println("import \\"z\\"") }\n')
    assert kept.rstrip() == HEAD.rstrip()


def test_a_body_edit_leaves_the_skeleton_alone() -> None:
    assert go_skeleton(HEAD + "func F() {}\n") == go_skeleton(HEAD + "\nvar X = 1\n")


@pytest.mark.parametrize(
    "text",
    [
        'package p; import "a"; import `b`\n',
        '/* x */ package /* y */ p\nimport /* z */ (\n"a"; b "c"\n)\n',
        "package p\nimport ()\n",
    ],
)
def test_unusual_imports_are_kept_whole(text: str) -> None:
    assert go_skeleton(text + "var X int\n").strip() == text.strip()


def test_embed_lines_stay_on_their_lines() -> None:
    text = 'package p\n\nimport _ "embed"\n\nvar a int\n\n//go:embed x.txt\nvar s string\n'
    kept = go_skeleton(text)
    assert kept.split("\n").index("//go:embed x.txt") == text.split("\n").index("//go:embed x.txt")
    assert "var" not in kept


def test_embed_lines_count_only_with_the_import() -> None:
    assert "go:embed" not in go_skeleton("package p\n\n//go:embed x\nvar s string\n")


def test_what_is_not_understood_is_kept_whole() -> None:
    broken = 'package p\nimport (\n"a"\nfunc F() {}\n'
    assert go_skeleton(broken) == broken
    assert skeleton("x.go", b"\xff\xfe") == b"\xff\xfe"


def test_other_files() -> None:
    assert skeleton("go.mod", b"module m\n") == b"module m\n"
    assert skeleton("modules.txt", b"# x\n") == b"# x\n"
    assert skeleton("a.s", b'//go:build amd64\n\n#include "t.h"\nTEXT x\n') == (
        b"//go:build amd64\n\n"
    )
    assert skeleton("logo.png", b"bytes") == b""
