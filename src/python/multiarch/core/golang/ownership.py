"""Which of a module's generated targets owns which file."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

# What Go's build reads beside .go files (`go help packages`, `go help buildmode`).
_SOURCE_SUFFIXES = (
    *(".s", ".S", ".sx", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".m"),
    *(".f", ".F", ".for", ".f90", ".swig", ".swigcxx", ".syso", ".pgo"),
)
_MODULE_FILES = ("go.mod", "go.sum", "go.work", "go.work.sum", "vendor/modules.txt")
MODULE_FILES_NAME = "go.mod"


def _is_test(path: str) -> bool:
    return path.endswith("_test.go") or "testdata" in path.split("/")[:-1]


def owners(files: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Give every file of a module to one generated name; paths are relative to the module.

    `go.mod` owns the module's own files, `DIR` a package's sources, `DIR+tests` its tests and
    testdata, and `DIR+files` what else is there or below in directories without Go files. The
    module's root directory is `.`.
    """
    names = sorted(files)
    packages = {posixpath.dirname(f) for f in names if f.endswith(".go") and not _is_test(f)}
    owned: dict[str, list[str]] = {}
    for name in names:
        owned.setdefault(_owner(name, packages), []).append(name)
    return {owner: tuple(found) for owner, found in sorted(owned.items())}


def _owner(name: str, packages: set[str]) -> str:
    if name in _MODULE_FILES:
        return MODULE_FILES_NAME
    directory = posixpath.dirname(name)
    if not _is_test(name) and name.endswith((".go", *_SOURCE_SUFFIXES)) and directory in packages:
        return directory or "."
    while directory and directory not in packages:
        directory = posixpath.dirname(directory)
    return f"{directory or '.'}+{'tests' if _is_test(name) else 'files'}"
