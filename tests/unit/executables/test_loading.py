"""What a dynamic file needs where it starts, and what of it is not there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.loading import missing_files

from tests.unit.executables.samples import Elf, MachO

GLIBC = ("/lib64/ld-linux-x86-64.so.2", ("libm.so.6", "libc.so.6"))
DEBIAN = {
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/x86_64-linux-gnu/libm.so.6",
}
TRIPLE = ("/lib/x86_64-linux-gnu",)


def elf(interpreter: str | None, needed: tuple[str, ...] | None) -> Executable:
    found = inspect(Elf(interpreter=interpreter, needed=needed).bytes())
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("gone", "missing"),
    [
        ((), ()),
        (("/lib64/ld-linux-x86-64.so.2",), ("/lib64/ld-linux-x86-64.so.2",)),
        (("/lib/x86_64-linux-gnu/libm.so.6",), ("libm.so.6",)),
        (
            tuple(DEBIAN),
            ("/lib64/ld-linux-x86-64.so.2", "libm.so.6", "libc.so.6"),
        ),
    ],
)
def test_each_missing_file_is_named(gone: tuple[str, ...], missing: tuple[str, ...]) -> None:
    there = DEBIAN - set(gone)
    assert missing_files(elf(*GLIBC), "/bin/app", there.__contains__, TRIPLE) == missing


def test_a_library_in_a_folder_that_no_loader_looks_into_is_missing() -> None:
    there = {GLIBC[0], "/opt/libm.so.6", "/usr/lib/libc.so.6"}
    assert missing_files(elf(*GLIBC), "/bin/app", there.__contains__) == ("libm.so.6",)
    assert missing_files(elf(*GLIBC), "/bin/app", there.__contains__, ("/opt",)) == ()


def test_musls_loader_is_its_library_too() -> None:
    musl = elf("/lib/ld-musl-x86_64.so.1", ("libc.so",))
    there = {"/lib/ld-musl-x86_64.so.1", "/lib/libc.so"}
    assert missing_files(musl, "/app", there.__contains__) == ()
    named = elf("/lib/ld-musl-x86_64.so.1", ("ld-musl-x86_64.so.1",))
    assert missing_files(named, "/app", {"/lib/ld-musl-x86_64.so.1"}.__contains__) == ()
    # Where the loader is missing, it is named as a library, too.
    assert missing_files(named, "/app", set[str]().__contains__) == (
        *("/lib/ld-musl-x86_64.so.1", "ld-musl-x86_64.so.1"),
    )


@pytest.mark.parametrize("runpath", ["$ORIGIN/../lib", "/opt/app/lib", "/x:${ORIGIN}/../lib"])
def test_a_files_own_folders_are_looked_into(runpath: str) -> None:
    app = replace(elf(None, ("libown.so",)), runpath=(runpath,))
    there = {"/opt/app/bin/../lib/libown.so", "/opt/app/lib/libown.so"}
    assert missing_files(app, "/opt/app/bin/app", there.__contains__) == ()
    assert missing_files(app, "/usr/bin/app", {"/lib/other"}.__contains__) == ("libown.so",)


def test_a_library_by_its_path() -> None:
    app = elf(None, ("/opt/libown.so",))
    assert missing_files(app, "/app", {"/opt/libown.so"}.__contains__) == ()
    assert missing_files(app, "/app", {"/lib/libown.so"}.__contains__) == ("/opt/libown.so",)


def test_a_static_file_and_one_for_another_system_need_nothing() -> None:
    nothing = set[str]().__contains__
    assert missing_files(elf(None, None), "/app", nothing) == ()
    macho = inspect(MachO().bytes())
    assert macho is not None
    assert missing_files(macho, "/app", nothing) == ()
