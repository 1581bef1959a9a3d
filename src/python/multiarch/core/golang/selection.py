"""Which binaries and tests a change can affect: packages read without Go, before and after.

A binary is affected when a file that its packages are made of has changed, before or after the
change: so a file that is new, deleted, or now for another platform counts. Where only Go's
toolchain knows whether a file takes part, it does. What `go list` says is compared with this by
`build-support/prove_selection.py`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from multiarch.core.golang.cgo import C_SUFFIXES
from multiarch.core.golang.constraints import TagSet, evaluate
from multiarch.core.golang.embeds import resolve
from multiarch.core.golang.heads import FileHead, is_source, parse_head
from multiarch.core.golang.requirements import (
    changed_packages,
    module_changed,
    module_path,
    replacements_changed,
    requirements_changed,
    sums_changed,
    vendoring_agrees,
    workspace_changed,
)
from multiarch.core.golang.skeleton import VERBATIM_NAMES
from multiarch.core.golang.test_packages import files_for_tests

# Stands for all packages that are not in the repository.
_ELSEWHERE = "(module cache)"
_PROFILE = "default.pgo"


@dataclass(frozen=True)
class SourceTree:
    """The sources of a module and of those beside it that it may use, at one time.

    `heads` are those of each directory's files, relative to the repository as all paths are;
    `modules` the directories of modules in the repository by their paths; `vendor` the vendored
    packages' directory, None where there is none. `texts` are go.mod, go.work, go.sum and
    vendor/modules.txt files by path.
    """

    heads: Mapping[str, tuple[FileHead, ...]]
    modules: tuple[tuple[str, str], ...]
    vendor: str | None
    texts: Mapping[str, str]

    def directory_of(self, import_path: str) -> str | None:
        """Where a package is; None for std, and for what is nowhere."""
        for path, directory in self.modules:
            if import_path == path or import_path.startswith(f"{path}/"):
                found = posixpath.join(directory, import_path[len(path) + 1 :]).rstrip("/")
                if found in self.heads:
                    return found
        if self.vendor is not None:
            found = posixpath.join(self.vendor, import_path)
            return found if found in self.heads else None
        return _ELSEWHERE if "." in import_path.partition("/")[0] else None


def parse_skeletons(
    files: Iterable[tuple[str, bytes]],
) -> tuple[dict[str, FileHead], dict[str, str]]:
    """Read skeletons or whole files: heads of sources, texts of go.mod and its kind, by path."""
    heads, texts = {}, {}
    for path, data in files:
        name = posixpath.basename(path)
        if name in VERBATIM_NAMES:
            texts[path] = data.decode(errors="replace")
        elif is_source(name):
            heads[path] = parse_head(name, data.decode(errors="replace"))
    return heads, texts


def source_tree(
    heads: Mapping[str, FileHead],
    texts: Mapping[str, str],
    modules: Sequence[str],
    *,
    modules_txt: str,
    replaced: Sequence[str] = (),
) -> SourceTree:
    """Put a module's sources of one time together.

    `modules` are the directories of the module itself and of those that a go.work uses beside it,
    `replaced` those that `replace` lines name; `modules_txt` is where vendored packages are listed,
    if they are.
    """
    is_vendored = modules_txt in texts
    # A vendored module is read where it is vendored, though it is replaced by a directory.
    elsewhere = tuple(f"{d}/" for d in replaced) if is_vendored else ()
    by_directory: dict[str, list[FileHead]] = {}
    for path, head in heads.items():
        if not path.startswith(elsewhere):
            by_directory.setdefault(posixpath.dirname(path), []).append(head)
    directories = modules if is_vendored else (*modules, *replaced)
    named = [(module_path(texts.get(posixpath.join(d, "go.mod"), "")), d) for d in directories]
    return SourceTree(
        {directory: tuple(group) for directory, group in by_directory.items()},
        # The nearest module first: one may be nested in another.
        tuple(sorted((m for m in named if m[0]), key=lambda m: len(m[0]), reverse=True)),
        posixpath.dirname(modules_txt) if is_vendored else None,
        texts,
    )


@dataclass(frozen=True)
class Built:
    """What is built: the directory of a main package or, with `tests`, of a package under test."""

    directory: str
    tags: TagSet
    tests: bool = False


@dataclass(frozen=True)
class _File:
    """A file's head, and the directories of what it imports."""

    head: FileHead
    imports: frozenset[str]


def _resolved(tree: SourceTree) -> dict[str, list[_File]]:
    """Find the imports of all files, once for all tags."""
    paths = {p for heads in tree.heads.values() for head in heads for p in head.imports}
    found = {path: tree.directory_of(path) for path in paths}

    def directories(head: FileHead) -> frozenset[str]:
        return frozenset(d for d in map(found.__getitem__, head.imports) if d is not None)

    return {d: [_File(h, directories(h)) for h in heads] for d, heads in tree.heads.items()}


class _Packages:
    """The packages of a tree as some tags have them, and which changed files they are made of."""

    def __init__(self, files: Mapping[str, Sequence[_File]], tags: TagSet) -> None:
        self.tags = tags
        self.used = {d: [f for f in of if takes_part(f.head, tags)] for d, of in files.items()}
        self.importers: dict[str, set[str]] = {}
        for directory, used in self.used.items():
            for imported in (i for f in used if not f.head.is_test for i in f.imports):
                self.importers.setdefault(imported, set()).add(directory)

    def made_of(self, files: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """The directories of packages that one of the files is part of, and whether for tests."""
        for file in files:
            directory, name = posixpath.split(file)
            heads = (f.head for f in self.used.get(directory, ()))
            yield from ((directory, h.is_test) for h in heads if h.name == name)
            if self.tags.cgo and name.endswith(C_SUFFIXES):
                # `#include` may name any directory of the module.
                yield from (
                    (d, False) for d, of in self.used.items() if any(f.head.uses_c for f in of)
                )
            yield from self._embedders(file)

    def _embedders(self, file: str) -> Iterator[tuple[str, bool]]:
        directory = file
        while directory:
            directory = posixpath.dirname(directory)
            below = file[len(directory) + 1 :] if directory else file
            for head in (f.head for f in self.used.get(directory, ()) if f.head.embeds):
                if any(resolve(head.embeds, (below,)).values()):
                    yield directory, head.is_test

    def with_importers(self, directories: Iterable[str]) -> set[str]:
        """Some packages and all that import them, however indirectly."""
        found, todo = set(directories), list(directories)
        while todo:
            new = self.importers.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    def tests_import(self, directory: str, reached: Collection[str]) -> bool:
        """Whether the tests of a package import one of some packages."""
        tests = (f for f in self.used.get(directory, ()) if f.head.is_test)
        return any(not f.imports.isdisjoint(reached) for f in tests)


def takes_part(head: FileHead, tags: TagSet) -> bool:
    """Whether a file takes part in a build with some tags, or may do so."""
    if head.package == "documentation" or (head.uses_c and not tags.cgo):
        return False
    return evaluate(head.constraint, tags) is not False


@dataclass(frozen=True)
class _Requirements:
    """What changed of versions: everything, or packages by their directories."""

    everything: bool
    directories: frozenset[str]


def _changed_requirements(old: SourceTree, new: SourceTree, module: str) -> _Requirements:
    def pair(path: str) -> tuple[str, str]:
        return old.texts.get(path, ""), new.texts.get(path, "")

    paths = {*old.texts, *new.texts}
    directories: set[str] = set()
    everything = old.vendor != new.vendor or old.modules != new.modules
    elsewhere = False
    vendor = new.vendor or old.vendor
    for path in paths:
        before, after = pair(path)
        name = posixpath.basename(path)
        if before == after:
            continue
        if name == "go.work":
            everything = everything or workspace_changed(before, after)
        elif name == "go.mod":
            if module_changed(before, after):
                own = posixpath.dirname(path)
                everything = everything or own == module
                directories |= _below(own, old, new)
            elsewhere = elsewhere or requirements_changed(before, after)
            # Another directory may stand for a module: which one it was, the new state cannot say.
            everything = everything or (vendor is None and replacements_changed(before, after))
            everything = everything or (vendor is not None and _disagrees(path, vendor, old, new))
        elif name == "modules.txt" and vendor is not None:
            directories |= {posixpath.join(vendor, p) for p in changed_packages(before, after)}
        elif name in ("go.sum", "go.work.sum"):
            elsewhere = elsewhere or sums_changed(before, after)
    if elsewhere and vendor is None:
        directories.add(_ELSEWHERE)
    return _Requirements(everything, frozenset(directories))


def _disagrees(go_mod: str, vendor: str, old: SourceTree, new: SourceTree) -> bool:
    """Whether Go refuses vendored packages for what a go.mod says now: then nothing builds."""
    modules_txt = posixpath.join(vendor, "modules.txt")
    text = new.texts.get(modules_txt, "")
    if not vendoring_agrees(new.texts.get(go_mod, ""), text):
        return True
    replaced = replacements_changed(old.texts.get(go_mod, ""), new.texts.get(go_mod, ""))
    return replaced and old.texts.get(modules_txt, "") == text


def _below(directory: str, *trees: SourceTree) -> set[str]:
    prefix = f"{directory}/" if directory else ""
    return {d for tree in trees for d in tree.heads if d == directory or d.startswith(prefix)}


def affected(
    old: SourceTree, new: SourceTree, module: str, changed: Collection[str], built: Iterable[Built]
) -> frozenset[Built]:
    """Find what a change of a module's sources can affect of what is built of it.

    `module` is the module's directory and `changed` the paths of the files that differ.
    """
    wanted = frozenset(built)
    requirements = _changed_requirements(old, new, module)
    if requirements.everything:
        return wanted
    by_tags: dict[TagSet, list[Built]] = {}
    for one in wanted:
        by_tags.setdefault(one.tags, []).append(one)
    found: set[Built] = set()
    states = (_resolved(old), _resolved(new))
    for tags, group in by_tags.items():
        for files in states:
            packages = _Packages(files, tags)
            parts = set(packages.made_of(changed))
            reached = packages.with_importers(
                {*requirements.directories, *(d for d, is_test in parts if not is_test)}
            )
            tested = {directory for directory, is_test in parts if is_test}
            found.update(b for b in group if _is_affected(b, packages, reached, tested, changed))
    return frozenset(found)


def _is_affected(
    built: Built, packages: _Packages, reached: set[str], tested: set[str], changed: Collection[str]
) -> bool:
    directory = built.directory
    if directory in reached or posixpath.join(directory, _PROFILE) in changed:
        return True
    if not built.tests:
        return False
    return (
        directory in tested
        or packages.tests_import(directory, reached)
        or bool(files_for_tests(changed, directory))
    )
