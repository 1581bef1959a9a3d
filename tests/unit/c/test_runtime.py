"""zig's linker line is read as zig prints it, and what is kept of it does not know zig's path."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from multiarch.tools import c_runtime
from multiarch.tools.c_runtime import RuntimeFailed, copy, link_line, split

DYNAMIC = (
    "ld.lld --error-limit=0 -mllvm -float-abi=hard --entry _start -z stack-size=16777216 "
    "--strip-all -pie -dynamic-linker /lib64/ld-linux-x86-64.so.2 -o empty /c/o/1/Scrt1.o "
    "/c/o/2/crti.o /c/o/3/empty.o --as-needed /c/o/4/libm.so.6 /c/o/4/libc.so.6 "
    "/c/o/5/libcompiler_rt.a /c/o/6/crtn.o"
)
WINDOWS = (
    "lld-link -lldmingw -MACHINE:X64 -BREPRO -OUT:empty -IMPLIB:./empty.lib /c/o/1/empty.obj "
    "-ALTERNATENAME:__image_base__=__ImageBase /c/o/2/crt2.obj /c/o/3/libmingw32.lib "
    "/c/o/4/kernel32.lib"
)
DARWIN = "zig ld -dynamic -e _main -o empty /c/o/1/empty.o -lSystem /c/o/2/libcompiler_rt.a"


def test_the_line_of_the_program_is_found_among_others() -> None:
    text = f"ld.lld -o other x.o\n{DYNAMIC}\nld.lld -shared -o libc.so.6 y.o\nwarning: none\n"
    assert link_line(text, "empty") == shlex.split(DYNAMIC)


def test_without_such_a_line_zigs_words_are_shown() -> None:
    with pytest.raises(RuntimeFailed, match="zig did not say how it links:\nwasm-ld -o empty"):
        link_line("wasm-ld -o empty x.o", "empty")


def test_the_line_is_split_at_the_programs_object() -> None:
    flags, before, after = split(shlex.split(DYNAMIC))
    assert flags == ["-Wl,-dynamic-linker=/lib64/ld-linux-x86-64.so.2"]
    assert before == ["/c/o/1/Scrt1.o", "/c/o/2/crti.o"]
    assert after == [
        *("/c/o/4/libm.so.6", "/c/o/4/libc.so.6", "/c/o/5/libcompiler_rt.a", "/c/o/6/crtn.o")
    ]


def test_the_lines_of_windows_and_darwin_are_read_too() -> None:
    flags, before, after = split(link_line(f"{WINDOWS}\nlld-link -OUT:other x.obj\n", "empty"))
    assert (flags, before) == ([], [])
    assert after == ["/c/o/2/crt2.obj", "/c/o/3/libmingw32.lib", "/c/o/4/kernel32.lib"]
    assert split(link_line(f"{DARWIN}\n", "empty")) == ([], [], ["/c/o/2/libcompiler_rt.a"])


@pytest.mark.parametrize(
    ("line", "kind", "flags", "names"),
    [
        (DYNAMIC, [], "-Wl,-dynamic-linker=/lib64/ld-linux-x86-64.so.2", ["00-libc.a"]),
        (WINDOWS, [], "-s -Wl,-e,mainCRTStartup", ["00-image_base.s.o", "01-libc.a"]),
        (WINDOWS, ["-shared"], "-s", ["00-image_base.s.o", "01-libc.a"]),
        (DARWIN, [], "-s -lSystem", ["00-libc.a"]),
    ],
)
def test_each_system_gets_what_zigs_own_line_says_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    kind: list[str],
    flags: str,
    names: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "libc.a").write_bytes(b"made")
    own = {"ld.lld": "/c/empty.o", "lld-link": "/c/empty.obj", "zig": "/c/empty.o"}

    def zig(request: object, driver: str, *argv: str) -> str:
        Path(argv[argv.index("-o") + 1]).write_bytes(b"object")
        words = line.split()
        head = [w for w in words if "/c/o/" not in w]
        return " ".join((*head, own[words[0]], f"{tmp_path}/libc.a"))

    monkeypatch.setattr(c_runtime, "zig", zig)
    c_runtime.main({"flags": [], "kind": kind, "cxx": False, "output": "out"})
    assert (tmp_path / "out/flags").read_text() == f"{flags}\n"
    assert sorted(f.name for f in (tmp_path / "out/after").iterdir()) == names


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
