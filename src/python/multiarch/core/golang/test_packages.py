"""Packages as tests compile them: `p [p.test]`, `p_test [p.test]`, and the generated `p.test`.

`go list -test` decorates the import path of a package that is compiled anew for a test. The
compiler and the linker know nothing of that: to them, it is a package of its plain path.
Source: cmd/go/internal/load/test.go (TestPackagesAndErrors, recompileForTest).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace

from multiarch.core.golang.compile import CWD, WORK, trimpath
from multiarch.core.golang.packages import Package, closure
from multiarch.core.golang.settings import BuildSettings

# The generated main package: one file, which is no source of the repository.
MAIN_FILE = "_testmain.go"
# Tells `testing.Testing` that it is in a test (cmd/go, load/test.go).
X_DEFS = (("testing.testBinary", "1"),)


def plain_path(import_path: str) -> str:
    """Take the decoration off.

    >>> plain_path("example.com/p [example.com/p.test]")
    'example.com/p'
    """
    return import_path.partition(" [")[0]


def is_variant(import_path: str) -> bool:
    """Whether a package is compiled anew for a test."""
    return import_path.endswith("]")


def has_test_files(import_path: str) -> bool:
    """Whether a package has a test's own files: it is the one under test, or the external test.

    >>> has_test_files("p_test [p.test]"), has_test_files("imports_p [p.test]")
    (True, False)
    """
    path, _, test = import_path.partition(" [")
    tested = test.removesuffix(".test]")
    return bool(tested) and path in (tested, f"{tested}_test")


def file_stem(import_path: str) -> str:
    """A path for a package's outputs, without the characters of patterns.

    >>> file_stem("example.com/p [example.com/p.test]")
    'example.com/p+example.com/p.test'
    """
    return import_path.replace(" [", "+").replace("]", "")


def generated_main(package: Package) -> Package:
    """The generated main package, whose file is written into the scratch directory."""
    return replace(package, dir=WORK, go_files=(MAIN_FILE,), embed_patterns=(), embed_files=())


def as_compiled(package: Package) -> Package:
    """The package as the compiler is to see it; one that no test changes stays as it is."""
    if not is_variant(package.import_path) and not any(map(is_variant, package.imports)):
        return package
    # A program under test is a library to its test (cmd/go, ForceLibrary).
    library = is_variant(package.import_path) and package.name == "main"
    return replace(
        package,
        import_path=plain_path(package.import_path),
        name="library" if library else package.name,
        imports=tuple(map(plain_path, package.imports)),
        import_map=tuple((raw, plain_path(final)) for raw, final in package.import_map),
    )


def trim_flags(package: Package) -> tuple[str, ...]:
    """What the compiler gets after its other flags: -trimpath again, whose last value counts.

    The external test package is shown under the path of the package it tests, the generated main
    package's file without a directory.
    """
    path = plain_path(package.import_path)
    if package.dir == WORK:
        return ("-trimpath", f"{CWD}/{WORK}=>")
    tested = package.import_path.partition(" [")[2].removesuffix(".test]")
    if tested and path == f"{tested}_test":
        return ("-trimpath", trimpath(replace(package, import_path=tested), WORK))
    return ()


def build_info_subject(
    packages: Mapping[str, Package], main: str, settings: BuildSettings
) -> tuple[str, tuple[str, ...]]:
    """What a test binary's build info speaks of: its path, and the packages whose modules it names.

    `main` is the import path of the generated main package. Before 1.27, Go writes build info
    before it knows what the tests import: it names no module, or repeats the build info of the
    program under test, where no directive of a test changes its GODEBUG. Source:
    cmd/go/internal/load/test.go, TestPackagesAndErrors.
    """
    if settings.minor >= 27:
        return main, closure(packages, [main])
    tested = main.removesuffix(".test")
    program = packages.get(tested)
    if (
        program is None
        or program.name != "main"
        or program.default_godebug != packages[main].default_godebug
    ):
        return main, ()
    return tested, closure(packages, [tested])


def package_under_test(packages: Mapping[str, Package], directory: str) -> Package | None:
    """The package of a directory, as it is without tests."""
    for package in packages.values():
        external = package.name.endswith("_test") and package.import_path.endswith("_test")
        plain = not is_variant(package.import_path) and not external
        if plain and package.dir == directory and package.kind != "std":
            return package
    return None


def is_left_out(package: Package) -> bool:
    """Whether build constraints leave the whole package out, so that there is nothing to test."""
    constraints = all(e.message.startswith("build constraints exclude all") for e in package.errors)
    files = (*package.go_files, *package.cgo_files)
    return bool(package.ignored_go_files) and not files and constraints


def files_for_tests(files: Iterable[str], directory: str) -> tuple[str, ...]:
    """What the tests of a package find on disk: its other files, and `testdata` below it."""
    prefix = f"{directory}/" if directory else ""
    found = []
    for file in files:
        if file.startswith(prefix):
            below = posixpath.dirname(file[len(prefix) :])
            is_data = "testdata" in below.split("/")
            if is_data or (not below and not file.endswith(".go")):
                found.append(file)
    return tuple(found)
