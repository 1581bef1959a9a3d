"""Tests whose package is instrumented for coverage, as `go test -cover` compiles them.

`go list` does not know of coverage, so the graph of its tests is changed here: the package under
test is always compiled anew, and the generated main package takes the counters. Source:
cmd/go/internal/load/test.go (TestPackagesAndErrors, recompileForTest, testmainTmpl) and
cmd/go/internal/work/exec.go (runCover, cover, writeCoverPkgInputs).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace

from multiarch.core.golang.compile import CWD, WORK, Plan
from multiarch.core.golang.packages import Package, closure
from multiarch.core.golang.test_packages import MAIN_FILE, is_variant, plain_path

# What takes the counters when a test program ends, and what every program that is instrumented
# imports for it.
_COUNTERS, _RUNTIME = "internal/coverage/cfile", "runtime/coverage"
# Where the program that instruments sources is mounted.
COVER = ".cover"
# Whether a statement ran, as `go test -cover` has it; not how often.
MODE = "set"

_CONFIG = f"{WORK}/coveragecfg"


def with_coverage(packages: Mapping[str, Package], mains: Mapping[str, str]) -> dict[str, Package]:
    """The packages of a graph with tests, as they are compiled for coverage.

    `mains` has the import path of each test's generated main package.
    """
    found = dict(packages)
    for main in mains:
        tested = main.removesuffix(".test")
        variant = f"{tested} [{main}]"
        if variant not in found and tested in found:
            _split(found, main, tested)
        package = found[main]
        found[main] = replace(package, imports=(*package.imports, _COUNTERS, _RUNTIME))
        if variant in found and found[variant].name == "main":
            package = found[variant]
            found[variant] = replace(package, imports=(*package.imports, _RUNTIME))
    return found


def _split(packages: dict[str, Package], main: str, tested: str) -> None:
    """Compile the package under test anew for its test, and what leads there from the test."""
    renamed = {tested: f"{tested} [{main}]"}
    packages[renamed[tested]] = replace(packages[tested], import_path=renamed[tested])
    for path in closure(packages, [main]):
        package = packages[path]
        if path == tested or not any(i in renamed for i in package.imports):
            continue
        if path != main and not is_variant(path):
            renamed[path] = f"{path} [{main}]"
        name = renamed.get(path, path)
        imports = tuple(renamed.get(i, i) for i in package.imports)
        packages[name] = replace(package, import_path=name, imports=imports)


def covered_main(text: str, tested: str) -> str:
    """The generated file of a test's main package, as it is with coverage."""
    testdeps = '\t"testing/internal/testdeps"\n'
    variables = (
        f'\ttestdeps.CoverMode = "{MODE}"\n\ttestdeps.Covered = ""\n'
        f'\ttestdeps.CoverSelectedPackages = []string{{"{tested}"}}\n'
        "\ttestdeps.CoverSnapshotFunc = cfile.Snapshot\n"
        "\ttestdeps.CoverProcessTestDirFunc = cfile.ProcessCoverTestDir\n"
        "\ttestdeps.CoverMarkProfileEmittedFunc = cfile.MarkProfileEmitted\n\n"
    )
    text = text.replace(testdeps, f'{testdeps}\n\t"{_COUNTERS}"\n', 1)
    return text.replace("func init() {\n", f"func init() {{\n\n{variables}", 1)


def _mode(package: Package) -> str:
    """How the package is instrumented; the empty string where it is not."""
    path, _, test = package.import_path.partition(" [")
    if package.go_files == (MAIN_FILE,):
        return "testmain"
    return MODE if test == f"{path}.test]" else ""


def is_instrumented(package: Package) -> bool:
    """Whether the compile of a package of such a graph needs the program that instruments."""
    return bool(_mode(package)) and any(not f.endswith("_test.go") for f in package.go_files)


def instrumented(plan: Plan, package: Package) -> Plan:
    """The plan of the same compile, which instruments the sources first.

    The package is as the graph has it.
    """
    if not is_instrumented(package):
        return plan
    path = plain_path(package.import_path)
    source = f"{CWD}/{package.dir}" if package.dir else CWD
    covered = {
        f"{source}/{name}": f"{WORK}/{name.removesuffix('.go')}.cover.go"
        for name in package.go_files
        if not name.endswith("_test.go")
    }
    variables = f"{WORK}/covervars.go"
    config = {
        "OutConfig": _CONFIG,
        "PkgPath": path,
        "PkgName": package.name,
        "Granularity": "perblock",
        "ModulePath": package.module.path if package.module else "",
        "Local": False,
        "EmitMetaFile": "",
    }
    command = (
        f"{CWD}/{COVER}/cover",
        *("-pkgcfg", f"{WORK}/pkgcfg.txt", "-mode", _mode(package)),
        *("-var", f"goCover_{hashlib.sha256(path.encode()).hexdigest()[:12]}_"),
        *("-outfilelist", f"{WORK}/coveroutfiles.txt", *covered),
    )
    # A compile ends with the package's files.
    count, commands = len(package.go_files), [command]
    for words in plan.commands:
        if words[0].endswith("/compile"):
            files = (f"{CWD}/{covered[f]}" if f in covered else f for f in words[-count:])
            flag = f"-coveragecfg={_CONFIG}"
            words = (words[0], flag, *words[1:-count], f"{CWD}/{variables}", *files)
        commands.append(words)
    return replace(
        plan,
        files=(
            *plan.files,
            (f"{WORK}/pkgcfg.txt", json.dumps(config) + "\n"),
            (f"{WORK}/coveroutfiles.txt", "\n".join([variables, *covered.values()]) + "\n"),
        ),
        commands=tuple(commands),
    )
