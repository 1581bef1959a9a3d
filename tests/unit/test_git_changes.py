"""What git is asked for `--changed-since`, in a real checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from multiarch.tools.git_changes import GitDirectory, GitFailed


def git(root: Path, *argv: str) -> str:
    identity = (
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.test",
        "-c",
        "commit.gpgsign=false",
    )
    return subprocess.run(
        ["git", *identity, *argv], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of two commits; the repository of targets is its folder `below`."""
    git(tmp_path, "init", "-q")
    for path in ("outside.go", "below/a.go", "below/old name.go", "below/dir/b.go", "below/ü.go"):
        write(tmp_path, path, f"package {path}\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    write(tmp_path, "below/a.go", "package second\n")
    git(tmp_path, "commit", "-qam", "two")
    return tmp_path


def directory(checkout: Path) -> GitDirectory:
    return GitDirectory(("git",), str(checkout / "below"))


def test_commits_edits_moves_and_new_files_below_the_directory(checkout: Path) -> None:
    below = directory(checkout)
    write(checkout, "below/dir/b.go", "package edited\n")
    write(checkout, "below/new.go", "package new\n")
    write(checkout, "outside.go", "package edited\n")
    write(checkout, ".gitignore", "*.log\n")
    write(checkout, "below/x.log", "")
    git(checkout, "mv", "below/old name.go", "below/new name.go")
    (checkout / "below/ü.go").unlink()
    changed = below.changed(below.base_of("HEAD~1"))
    assert changed == {
        *("a.go", "dir/b.go", "new.go", "old name.go", "new name.go", "ü.go"),
    }
    assert below.contents(below.base_of("HEAD~1"), changed) == {
        name: f"package below/{name}\n".encode()
        for name in ("a.go", "dir/b.go", "old name.go", "ü.go")
    }


def test_nothing_is_asked_about_no_files(checkout: Path) -> None:
    assert directory(checkout).contents("no commit", ()) == {}
    assert directory(checkout).contents("HEAD", ["dir", "none.go"]) == {}


def test_a_branch_is_compared_with_where_it_began(checkout: Path) -> None:
    below, start = directory(checkout), git(checkout, "rev-parse", "HEAD")
    git(checkout, "checkout", "-qb", "other")
    write(checkout, "below/c.go", "package c\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "of the other branch")
    git(checkout, "checkout", "-q", "-")
    assert below.base_of("other") == start
    assert below.changed(below.base_of("other")) == frozenset()


def test_the_left_end_of_a_range(checkout: Path) -> None:
    below, first = directory(checkout), git(checkout, "rev-parse", "HEAD~1")
    for diffspec in ("HEAD~1..HEAD", "HEAD~1...HEAD", "HEAD"):
        assert below.base_of_range(diffspec) == first


def test_a_commit_that_is_not_there(checkout: Path) -> None:
    with pytest.raises(GitFailed, match=r"^--changed-since: `git merge-base nowhere HEAD` failed: "
                                        r".*Name a commit that this checkout has"):  # fmt: skip
        directory(checkout).base_of("nowhere")
