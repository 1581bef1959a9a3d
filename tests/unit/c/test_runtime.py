"""zig's linker line is read as zig prints it, and what is kept of it does not know zig's path."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from multiarch.tools.c_runtime import RuntimeFailed, copy, link_line, split

DYNAMIC = (
    "ld.lld --error-limit=0 -mllvm -float-abi=hard --entry _start -z stack-size=16777216 "
    "--strip-all -pie -dynamic-linker /lib64/ld-linux-x86-64.so.2 -o empty /c/o/1/Scrt1.o "
    "/c/o/2/crti.o /c/o/3/empty.o --as-needed /c/o/4/libm.so.6 /c/o/4/libc.so.6 "
    "/c/o/5/libcompiler_rt.a /c/o/6/crtn.o"
)


def test_the_line_of_the_program_is_found_among_others() -> None:
    text = f"ld.lld -o other x.o\n{DYNAMIC}\nld.lld -shared -o libc.so.6 y.o\nwarning: none\n"
    assert link_line(text, "empty") == shlex.split(DYNAMIC)


def test_without_such_a_line_zigs_words_are_shown() -> None:
    with pytest.raises(RuntimeFailed, match="zig did not say how it links:\nlld-link -o empty"):
        link_line("lld-link -o empty x.o", "empty")


def test_the_line_is_split_at_the_programs_object() -> None:
    flags, before, after = split(shlex.split(DYNAMIC), "empty.o")
    assert flags == ["-Wl,-dynamic-linker=/lib64/ld-linux-x86-64.so.2"]
    assert before == ["/c/o/1/Scrt1.o", "/c/o/2/crti.o"]
    assert after == [
        *("/c/o/4/libm.so.6", "/c/o/4/libc.so.6", "/c/o/5/libcompiler_rt.a", "/c/o/6/crtn.o")
    ]


def test_files_are_kept_in_their_order_and_without_the_caches_names(tmp_path: Path) -> None:
    made = []
    for n, cache in enumerate(("0123456789abcdef" * 2, "fedcba9876543210" * 2)):
        source = tmp_path / f"cache{n}"
        source.mkdir()
        # An archive's long names are those of the cache.
        (source / "libc.a").write_bytes(b"!<arch>\n" + f"//o/{cache}/printf.o/\n".encode())
        (source / "crt1.o").write_bytes(f"\x7fELF o/{cache}/".encode())
        copy([str(source / "libc.a"), str(source / "crt1.o")], tmp_path / f"out{n}")
        made.append({f.name: f.read_bytes() for f in (tmp_path / f"out{n}").iterdir()})
    assert sorted(made[0]) == ["00-libc.a", "01-crt1.o"]
    assert made[0]["00-libc.a"] == made[1]["00-libc.a"]
    assert made[0]["01-crt1.o"] != made[1]["01-crt1.o"]


def test_an_empty_folder_holds_an_archive_of_nothing(tmp_path: Path) -> None:
    copy([], tmp_path / "before")
    assert [f.read_bytes() for f in (tmp_path / "before").iterdir()] == [b"!<arch>\n"]
