"""What a dynamic executable needs beside it to start. Source: ld.so(8); gABI, chapter 5."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable

from multiarch.core.executables.executable import Executable

# glibc's and musl's own, and Debian's and Red Hat's further ones.
_DIRECTORIES = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/lib32", "/libx32")


def missing_files(
    executable: Executable,
    path: str,
    exists: Callable[[str], bool],
    directories: Iterable[str] = (),
) -> tuple[str, ...]:
    """Name the interpreter and the libraries of an ELF file that are not in its file system.

    `path` is where it stands, for `$ORIGIN`. `exists` is asked for absolute paths; `directories`
    are further ones that hold libraries. Only what the file itself names is looked for.
    """
    if executable.format != "ELF":
        return ()
    interpreter = executable.interpreter
    found = [interpreter] if interpreter and not exists(interpreter) else []
    origin = posixpath.dirname(path)
    own = [
        part.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)
        for text in executable.runpath
        for part in text.split(":")
        if part
    ]
    places = [*own, *directories, *_DIRECTORIES]
    for name in executable.needed:
        candidates = [name] if "/" in name else [posixpath.join(p, name) for p in places]
        # musl's loader is its C library too.
        is_loader = (
            interpreter and posixpath.basename(interpreter) == name and interpreter not in found
        )
        if not is_loader and not any(map(exists, candidates)):
            found.append(name)
    return tuple(found)
