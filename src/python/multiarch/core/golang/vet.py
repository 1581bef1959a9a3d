"""The configuration that `vet` takes for one package, as `go vet` gives it.

Source: cmd/go/internal/work/exec.go (buildVetConfig, Builder.vet).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from multiarch.core.golang.packages import Package
from multiarch.core.golang.settings import BuildSettings


def vet_config(
    package: Package,
    settings: BuildSettings,
    *,
    exports: Mapping[str, str],
    facts: Mapping[str, str],
    standard: Iterable[str],
    output: str,
    facts_only: bool,
) -> str:
    """Write the configuration: JSON, with paths relative to the sandbox.

    `exports` and `facts` map an import's path to its export data and to what vet found out about
    it; an import without facts is analysed as if nothing was known. `facts_only` reports nothing.
    """
    names = {i: i for i in (*package.imports, "unsafe")} | dict(package.import_map)
    module = package.module
    version = settings.go_version
    if module is not None:
        version = f"go{module.go_version or '1.16'}"
    config = {
        "ID": package.import_path,
        "Compiler": "gc",
        "Dir": package.dir,
        "ImportPath": package.import_path,
        "GoFiles": _paths(package, package.go_files),
        "NonGoFiles": _paths(package, (*package.s_files, *package.h_files)),
        "IgnoredFiles": [] if facts_only else _paths(package, package.ignored_go_files),
        "ModulePath": "" if module is None else module.path,
        "ModuleVersion": "" if module is None else module.version,
        "ImportMap": names,
        "PackageFile": {i: exports[i] for i in package.imports},
        "Standard": dict.fromkeys(standard, True),
        "PackageVetx": {i: facts[i] for i in package.imports if i in facts},
        "VetxOnly": facts_only,
        "VetxOutput": output,
        "GoVersion": version,
    }
    return json.dumps(config, indent=1, sort_keys=True)


def _paths(package: Package, names: Iterable[str]) -> list[str]:
    return [f"{package.dir}/{name}" if package.dir else name for name in names]


def vet_command(vet: str, config: str, package: Package) -> tuple[str, ...]:
    """The command for one package; std is full of `unsafe` that vet does not like."""
    flags = ("-unsafeptr=false",) if package.kind == "std" else ()
    return (vet, *flags, config)
