"""What a GCC of the host is told apart by."""

from __future__ import annotations

import subprocess
from pathlib import Path

from multiarch.core.c.gcc import ASK_GCC

COMPILER = """#!/bin/sh
here=$(dirname "$0")
case $1 in
--version) echo "gcc 12" ;;
-dumpmachine) echo s390x-linux-gnu ;;
-print-prog-name=*) echo "$here/${1#*=}" ;;
-print-file-name=*) if [ -e "$here/${1#*=}" ]; then echo "$here/${1#*=}"; else echo "${1#*=}"; fi ;;
esac
"""


def write(file: Path, text: str) -> None:
    """Write a program."""
    file.write_text(text)
    file.chmod(0o755)


def asked(program: Path) -> str:
    """What is part of the key."""
    argv = ["/bin/sh", "-c", ASK_GCC, str(program)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def test_another_part_of_a_gcc_is_another_compiler(tmp_path: Path) -> None:
    compiler = tmp_path / "gcc"
    write(compiler, COMPILER)
    for part in ("as", "ld"):
        write(tmp_path / part, f"#!/bin/sh\necho GNU {part} 2.40\necho more\n")
    (tmp_path / "libc.a").write_text("one")
    before = asked(compiler)
    assert before.splitlines()[:4] == ["gcc 12", "s390x-linux-gnu", "GNU as 2.40", "GNU ld 2.40"]
    assert "libc.a " in before
    assert "libgcc.a" not in before
    assert str(tmp_path) not in before
    (tmp_path / "unrelated").write_text("x")
    assert asked(compiler) == before
    (tmp_path / "libc.a").write_text("two")
    rebuilt = asked(compiler)
    assert rebuilt != before
    write(tmp_path / "ld", "#!/bin/sh\necho GNU ld 2.44\n")
    assert asked(compiler) not in (before, rebuilt)


def test_what_is_no_compiler_says_nothing(tmp_path: Path) -> None:
    argv = ["/bin/sh", "-c", ASK_GCC, str(tmp_path / "missing")]
    assert subprocess.run(argv, capture_output=True).returncode != 0
