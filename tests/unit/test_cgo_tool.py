"""The tool that runs `go build` with cgo: positions, its cache, and that a failure has words."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from multiarch.tools.cgo import BuildFailed, copy_cache, environment, main, normalise, place, words

REQUEST = {
    "make": "file", "env": {"PATH": "/usr/bin:/bin", "CC": "multiarch-cc"}, "flags": ["-trimpath"],
    "packages": ["./cmd"], "directory": "", "lower": None, "file": "app", "mod_cache": False,
    "pkg_config": False, "output": "_out",
}  # fmt: skip


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fake_go(sandbox: Path, script: str) -> None:
    """A Go command that does as the script says."""
    program = sandbox / ".goroot/bin/go"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_positions_are_the_repositorys(sandbox: Path) -> None:
    for name in ("mod/db/db.go", "mod/db/deep.h", "mod/x.go"):
        (sandbox / name).parent.mkdir(parents=True, exist_ok=True)
        (sandbox / name).touch()
    text = "\n".join(
        (
            "# example.test/db",
            "In file included from db/db.go:3:",
            "deep.h:2:1: error: unknown type name 'x'",
            "./x.go:7:2: undefined: y",
            f"{sandbox}/mod/x.go:9:1: note",
            "/zig/lib/libc/stdio.h:4:1: note",
        )
    )
    assert place(text, "mod").splitlines() == [
        "# example.test/db",
        "In file included from mod/db/db.go:3:",
        "mod/db/deep.h:2:1: error: unknown type name 'x'",
        "mod/x.go:7:2: undefined: y",
        "mod/x.go:9:1: note",
        "/zig/lib/libc/stdio.h:4:1: note",
    ]


def test_two_files_of_one_name_are_not_confused(sandbox: Path) -> None:
    for name in ("mod/a/deep.h", "mod/b/deep.h"):
        (sandbox / name).parent.mkdir(parents=True)
        (sandbox / name).touch()
    assert place("deep.h:2:1: error", "mod") == "deep.h:2:1: error"


def test_pkg_config_sees_the_sysroot_alone(sandbox: Path) -> None:
    (sandbox / ".sysroot/usr/lib/aarch64-linux-gnu/pkgconfig").mkdir(parents=True)
    found = environment({**REQUEST, "pkg_config": True})
    root = f"{sandbox}/.sysroot"
    assert found["PKG_CONFIG_SYSROOT_DIR"] == root
    assert found["PKG_CONFIG_LIBDIR"].split(":") == [
        *(f"{root}/usr/lib/pkgconfig", f"{root}/usr/share/pkgconfig"),
        f"{root}/usr/lib/aarch64-linux-gnu/pkgconfig",
    ]
    assert not [name for name in environment(REQUEST) if name.startswith("PKG_CONFIG")]


def test_the_compilers_scripts_are_first_on_path(sandbox: Path) -> None:
    assert environment(REQUEST)["PATH"] == f"{sandbox}/.cc:/usr/bin:/bin"


def test_a_cache_holds_no_time(sandbox: Path) -> None:
    for cache, time in (("a", "1790000000000000001"), ("b", "1790000000000009999")):
        folder = sandbox / cache / "0f"
        folder.mkdir(parents=True)
        entry = f"v1 {'0f' * 32} {'ab' * 32} {1234:>20} {time:>20}\n"
        (folder / f"{'0f' * 32}-a").write_text(entry)
        (sandbox / cache / "trim.txt").write_text(time)
        normalise(sandbox / cache)
    (first,), (second,) = ((sandbox / c / "0f").iterdir() for c in "ab")
    assert first.read_bytes() == second.read_bytes()
    # Go reads the fields by their width.
    assert len(first.read_text()) == len(f"v1 {'0f' * 32} {'ab' * 32} {1:>20} {1:>20}\n")
    assert not (sandbox / "a/trim.txt").exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo out; echo err >&2; exit 2", "err\nout"),
        ("echo out; exit 2", "out"),
        ("exit 3", "it printed nothing and ended with exit code 3"),
        ("kill -KILL $$", "it was killed by signal 9; is there enough memory?"),
    ],
)
def test_a_failure_always_has_words(sandbox: Path, script: str, said: str) -> None:
    fake_go(sandbox, script)
    with pytest.raises(BuildFailed, match=re.escape(said)) as raised:
        main(REQUEST)
    assert str(raised.value) == said


def test_a_program_is_left_in_the_output(sandbox: Path) -> None:
    fake_go(sandbox, 'echo "$@" >args; while [ "$1" != -o ]; do shift; done; echo app >"$2"')
    main(REQUEST)
    assert (sandbox / "_out/app").read_text() == "app\n"
    assert (sandbox / "args").read_text() == (f"build -trimpath -o {sandbox}/_out/app -- ./cmd\n")


def test_a_cache_grows_from_the_lower_one(sandbox: Path) -> None:
    (sandbox / "lower/0f").mkdir(parents=True)
    (sandbox / "lower/0f/old-d").write_text("old")
    fake_go(sandbox, 'echo new >"$GOCACHE/0f/new-d"')
    main({**REQUEST, "make": "cache", "file": None, "lower": "lower"})
    assert sorted(os.listdir("_out/0f")) == ["new-d", "old-d"]
    assert os.listdir("lower/0f") == ["old-d"]


def test_a_copy_of_what_is_mounted_can_be_written(sandbox: Path) -> None:
    (sandbox / "lower/0f").mkdir(parents=True)
    (sandbox / "lower/0f/old-d").write_text("old")
    for name, mode in (("lower/0f/old-d", 0o444), ("lower/0f", 0o555), ("lower", 0o555)):
        (sandbox / name).chmod(mode)
    (sandbox / "mount").symlink_to("lower")
    copy_cache("mount", "copy")
    for name in ("copy", "copy/0f", "copy/0f/old-d"):
        assert (sandbox / name).stat().st_mode & 0o200
    (sandbox / "lower").chmod(0o755)
    (sandbox / "lower/0f").chmod(0o755)


@pytest.mark.parametrize(
    ("script", "compile", "vet"),
    [
        ("exit 0", "", ""),
        ('echo "# $1" >&2; exit 1', "# list", ""),
        ('[ $1 = list ] || { echo "# [app]" >&2; exit 1; }', "", "# [app]"),
    ],
)
def test_a_check_notes_what_is_wrong(sandbox: Path, script: str, compile: str, vet: str) -> None:
    fake_go(sandbox, f'echo "$1" >>asked\n{script}')
    main({**REQUEST, "make": "check", "file": None})
    assert (sandbox / "_out/compile").read_text() == compile
    assert (sandbox / "_out/vet").read_text() == vet
    # What does not compile is not vetted.
    asked = (sandbox / "asked").read_text().split()
    assert asked == (["list"] if compile else ["list", "vet"])


def test_words_of_a_result() -> None:
    def result(code: int, out: str, err: str) -> subprocess.CompletedProcess[str]:
        argv: Sequence[str] = ["go"]
        return subprocess.CompletedProcess(argv, code, out, err)

    assert words(result(1, " a \n", "\n")) == "a"
    assert words(result(-15, "", "")).startswith("it was killed by signal 15")
