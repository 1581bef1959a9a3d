"""What go.mod and go.work say of other directories of the repository."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

_BLOCK = re.compile(r"^(\w+)\s*\(\s*$")


def directives(text: str) -> Iterator[tuple[str, str]]:
    """Yield each directive of a go.mod or go.work file as (verb, rest), blocks unfolded.

    Source: https://go.dev/ref/mod#go-mod-file.
    """
    verb = ""
    for raw in text.splitlines():
        line = raw.split("//")[0].strip() if "://" not in raw else raw.strip()
        if not line:
            continue
        block = _BLOCK.match(line)
        if block:
            verb = block.group(1)
        elif line == ")":
            verb = ""
        elif verb:
            yield verb, line
        else:
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def _is_local(path: str) -> bool:
    return path.startswith(("./", "../", "/")) or path in (".", "..")


def local_directories(text: str, directory: str) -> tuple[str, ...]:
    """List the directories that `replace` and `use` lines name, relative to the repository.

    `directory` is where the file is. A path outside the repository starts with `..`.
    """
    found = []
    for verb, rest in directives(text):
        target = ""
        if verb == "replace" and "=>" in rest:
            target = _first(rest.split("=>", 1)[1]).strip('"`')
        elif verb == "use":
            target = rest.strip('"`')
            target = target if _is_local(target) else f"./{target}"
        if _is_local(target):
            found.append(posixpath.normpath(posixpath.join(directory, target)))
    return tuple("" if path == "." else path for path in found)


def requires_modules(text: str) -> bool:
    """Whether a go.mod requires any module that no local `replace` provides."""
    replaced = {
        _first(rest)
        for verb, rest in directives(text)
        if verb == "replace" and "=>" in rest and _is_local(_first(rest.split("=>", 1)[1]))
    }
    return any(
        verb == "require" and _first(rest) not in replaced for verb, rest in directives(text)
    )


def _first(text: str) -> str:
    """The first word; Go itself says what is wrong with a line that has none."""
    return (text.split() or [""])[0]
