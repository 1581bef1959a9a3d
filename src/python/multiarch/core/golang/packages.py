"""The package graph: what `go list` says of each package, for one platform and set of tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# The fields asked of `go list -json=...`.
LIST_FIELDS = (
    "Dir,ImportPath,Name,Module,Standard,DefaultGODEBUG,GoFiles,CgoFiles,IgnoredGoFiles,"
    "CFiles,CXXFiles,CgoPkgConfig,MFiles,FFiles,SFiles,HFiles,SysoFiles,SwigFiles,SwigCXXFiles,"
    "EmbedPatterns,EmbedFiles,Imports,ImportMap,Error,Incomplete"
)


@dataclass(frozen=True)
class Module:
    """A module as build info states it; `version` is empty for a module of this repository."""

    path: str
    version: str = ""
    sum: str = ""
    go_version: str = ""
    replace: Module | None = None


@dataclass(frozen=True)
class ListError:
    """One error of `go list`: its message, the position it names and the chain of imports."""

    message: str
    position: str = ""
    chain: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.position}: " if self.position else ""
        return f"{place}{self.message}"


@dataclass(frozen=True)
class Package:
    """One package for one platform. `dir` is relative to the sandbox; files are relative to it.

    `kind` is "std", "local" (source in this repository) or "third-party" (vendored, or from
    the module cache).
    """

    import_path: str
    name: str
    dir: str
    kind: str
    module: Module | None = None
    go_files: tuple[str, ...] = ()
    s_files: tuple[str, ...] = ()
    h_files: tuple[str, ...] = ()
    syso_files: tuple[str, ...] = ()
    c_files: tuple[str, ...] = ()
    cgo_files: tuple[str, ...] = ()
    pkg_config: tuple[str, ...] = ()
    ignored_go_files: tuple[str, ...] = ()
    embed_patterns: tuple[str, ...] = ()
    embed_files: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    import_map: tuple[tuple[str, str], ...] = ()
    default_godebug: str = ""
    errors: tuple[ListError, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The files that its compile reads, relative to the sandbox."""
        names = (*self.go_files, *self.s_files, *self.h_files, *self.syso_files, *self.embed_files)
        return tuple(map(self.path_of, names))

    def path_of(self, name: str) -> str:
        """One of its files, relative to the sandbox."""
        return f"{self.dir}/{name}" if self.dir else name


def package_from_json(data: Mapping[str, Any]) -> Package:
    """Read one package of the graph file that `multiarch.tools.golist` writes."""

    def names(key: str) -> tuple[str, ...]:
        return tuple(data.get(key) or ())

    return Package(
        import_path=data["ImportPath"],
        name=data.get("Name", ""),
        dir=data.get("Dir", ""),
        kind=data["Kind"],
        module=_module_from_json(data.get("Module")),
        go_files=names("GoFiles"),
        s_files=names("SFiles"),
        h_files=names("HFiles"),
        syso_files=names("SysoFiles"),
        c_files=tuple(
            name
            for key in ("CFiles", "CXXFiles", "MFiles", "FFiles", "SwigFiles", "SwigCXXFiles")
            for name in names(key)
        ),
        cgo_files=names("CgoFiles"),
        pkg_config=names("CgoPkgConfig"),
        ignored_go_files=names("IgnoredGoFiles"),
        embed_patterns=names("EmbedPatterns"),
        embed_files=names("EmbedFiles"),
        imports=tuple(i for i in names("Imports") if i not in ("C", "unsafe")),
        import_map=tuple(sorted((data.get("ImportMap") or {}).items())),
        default_godebug=data.get("DefaultGODEBUG", ""),
        errors=_errors_from_json(data.get("Error")),
    )


def package_to_json(package: Package) -> dict[str, Any]:
    """Write what a compile needs to know of a package, for `package_from_json` to read back."""

    def module(value: Module | None) -> dict[str, Any] | None:
        if value is None:
            return None
        return {
            "Path": value.path,
            "Version": value.version,
            "GoVersion": value.go_version,
        }

    return {
        "ImportPath": package.import_path,
        "Name": package.name,
        "Dir": package.dir,
        "Kind": package.kind,
        "Module": module(package.module),
        "GoFiles": package.go_files,
        "SFiles": package.s_files,
        "HFiles": package.h_files,
        "SysoFiles": package.syso_files,
        "EmbedPatterns": package.embed_patterns,
        "EmbedFiles": package.embed_files,
        "Imports": package.imports,
        "ImportMap": dict(package.import_map),
    }


def _module_from_json(data: Mapping[str, Any] | None) -> Module | None:
    if not data:
        return None
    return Module(
        path=data["Path"],
        version=data.get("Version", ""),
        sum=data.get("Sum", ""),
        go_version=data.get("GoVersion", ""),
        replace=_module_from_json(data.get("Replace")),
    )


def _errors_from_json(data: Mapping[str, Any] | None) -> tuple[ListError, ...]:
    if not data:
        return ()
    chain = tuple(data.get("ImportStack") or ())
    return (ListError(data["Err"].strip(), data.get("Pos", ""), chain),)


def closure(packages: Mapping[str, Package], roots: Iterable[str]) -> tuple[str, ...]:
    """List the roots and all they import, dependencies first; unknown imports are left out."""
    order: dict[str, None] = {}
    entered: set[str] = set()
    for root in roots:
        todo = [(root, False)]
        while todo:
            path, done = todo.pop()
            if done:
                order[path] = None
            elif path not in entered and path in packages:
                entered.add(path)
                todo.append((path, True))
                todo.extend((i, False) for i in reversed(packages[path].imports))
    return tuple(order)


def import_chain(packages: Mapping[str, Package], root: str, target: str) -> tuple[str, ...]:
    """Find a shortest chain of imports from `root` to `target`, both included."""
    before: dict[str, str] = {root: ""}
    layer = [root]
    while layer and target not in before:
        edges = [(i, path) for path in layer if path in packages for i in packages[path].imports]
        layer = [imported for imported, _ in dict(edges).items() if imported not in before]
        for imported, path in reversed(edges):
            before.setdefault(imported, path)
    chain = [target] if target in before else []
    while chain and chain[-1] != root:
        chain.append(before[chain[-1]])
    return tuple(reversed(chain))


def third_party(packages: Mapping[str, Package]) -> frozenset[str]:
    """The third-party packages that import, however indirectly, none of this repository's."""
    layer: set[str] = set()
    for path in closure(packages, packages):
        package = packages[path]
        if package.kind == "third-party" and all(
            i in layer or i not in packages or packages[i].kind == "std" for i in package.imports
        ):
            layer.add(path)
    return frozenset(layer)


def problems(
    packages: Mapping[str, Package], main: str, *, cgo: bool = False, sysroot: bool = False
) -> tuple[ListError, ...]:
    """List what keeps a binary from being built: errors of `go list`, and packages that use cgo.

    `main` is the import path of the binary's main package. The closure is searched,
    dependencies first; a package that needs cgo names the chain of imports that leads to it,
    unless `cgo` says that the binary has it. Then a package that asks pkg-config needs a
    `sysroot`.
    """
    found: list[ListError] = []
    for path in closure(packages, [main]):
        package = packages[path]
        found.extend(package.errors)
        if package.kind == "std" or package.errors:
            continue
        if cgo and package.cgo_files:
            if package.pkg_config and not sysroot:
                found.append(_pkg_config(package))
            continue
        if package.cgo_files or (package.c_files and not package.go_files):
            chain = import_chain(packages, main, path)
            file = (*package.cgo_files, *package.c_files)[0]
            found.append(
                ListError(
                    f'{path} uses cgo, and `cgo` is "off"; it is imported by\n    '
                    + "\n    -> ".join(chain),
                    package.path_of(file),
                    chain,
                )
            )
        elif not package.go_files:
            found.append(_nothing_to_build(packages, main, package))
    return tuple(dict.fromkeys(found))


def _pkg_config(package: Package) -> ListError:
    names = " ".join(package.pkg_config)
    return ListError(
        f"{package.import_path} asks `pkg-config` for {names}, which would answer for the machine "
        "that builds. Give the platform a sysroot that has their .pc files, headers and libraries "
        "([c-toolchain].sysroots), or write the flags themselves (`#cgo LDFLAGS: -lNAME`).",
        package.path_of(package.cgo_files[0]),
    )


def _nothing_to_build(packages: Mapping[str, Package], main: str, package: Package) -> ListError:
    chain = import_chain(packages, main, package.import_path)
    ignored = ", ".join(package.ignored_go_files)
    reason = f"build constraints exclude all Go files ({ignored})" if ignored else "no Go files"
    return ListError(f"{package.import_path}: {reason}", package.dir, chain)
