"""Test binaries: what `go test -c` makes, from the compile graph of binaries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.go_build.cgo import CgoBuild
from multiarch.backend.go_build.cgo_tests import CgoTestBuildRequest
from multiarch.backend.go_build.compile import CompileFailure
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest, PackageGraph
from multiarch.backend.go_build.link import (
    BuiltBinary,
    LinkProgramRequest,
    failed_binary,
    finished_binary,
    linked_program,
    verified_binary,
)
from multiarch.backend.go_build.std import Variant
from multiarch.backend.go_build.tests import GoTest
from multiarch.core.golang.packages import ListError, problems
from multiarch.core.golang.test_packages import X_DEFS, is_left_out, package_under_test


@dataclass(frozen=True)
class BuildTestRequest(EngineAwareParameter):
    """The tests of a package on one platform, to compile, link and verify.

    With `coverage`, they measure which statements of the package they run.
    """

    test: GoTest
    coverage: bool = False

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.test.address)


@dataclass(frozen=True)
class BuiltTest:
    """The verified test binary; None where the package has no tests on that platform."""

    binary: BuiltBinary | None


def main_of_test(graph: PackageGraph, package: str) -> str:
    """The import path of the main package generated for a directory's tests; "" without tests."""
    tested = package_under_test(graph.packages, package)
    main = f"{tested.import_path}.test" if tested else ""
    return main if main in graph.test_mains else ""


def problems_of_test(
    graph: PackageGraph, package: str, *, cgo: bool = False, sysroot: bool = False
) -> tuple[ListError, ...]:
    """What `go list` found wrong with what the tests in a directory need, if there are any."""
    tested = package_under_test(graph.packages, package)
    main = main_of_test(graph, package)
    if tested is None or (not main and is_left_out(tested)):
        return ()
    if not main:
        return tested.errors
    return problems(graph.packages, main, cgo=cgo, sysroot=sysroot)


def test_failures(graph: PackageGraph, test: GoTest) -> tuple[CompileFailure, ...]:
    """What `go list` found wrong with a test's closure, as failures to report."""
    platform = str(test.platform)
    tested = package_under_test(graph.packages, test.package)
    if tested is None:
        message = (
            f"{test.address}: `package` is the directory `{test.package or '.'}`: there is no Go "
            "package, or build constraints exclude all its files. Name the directory of a package, "
            "relative to the BUILD file."
        )
        return (CompileFailure(str(test.address), platform, message),)
    sysroot = test.cgo is not None and bool(test.cgo.c.sysroot)
    found = problems_of_test(graph, test.package, cgo=test.cgo is not None, sysroot=sysroot)
    root = main_of_test(graph, test.package) or tested.import_path
    return tuple(CompileFailure(root, platform, f"{e}{_advice(test, e)}") for e in found)


def _advice(test: GoTest, error: ListError) -> str:
    """What to write where only cgo is missing."""
    if 'uses cgo, and `cgo` is "off"' not in error.message:
        return ""
    generator = test.address.maybe_convert_to_target_generator()
    return f'\nWrite cgo="static" or cgo="dynamic" in {generator}, or leave the platform out.'


@rule(desc="Build Go tests", level=LogLevel.DEBUG)
async def build_test(request: BuildTestRequest) -> BuiltTest:
    test = request.test
    modules = await Get(
        ModuleGraph, ModuleGraphRequest(test.module, tests=True, coverage=request.coverage)
    )
    graph = modules.of(test.settings)
    if failures := test_failures(graph, test):
        return BuiltTest(BuiltBinary(test, EMPTY_DIGEST, failures=failures))
    main = main_of_test(graph, test.package)
    if not main:
        return BuiltTest(None)
    if test.cgo is not None:
        built = await Get(CgoBuild, CgoTestBuildRequest(test, main, request.coverage))
        if built.message:
            return BuiltTest(failed_binary(test, built.message))
        options = {"cgo": test.cgo.c.linkage, "kind": test.cgo.link_mode}
        metadata = built.result.metadata
        return BuiltTest(await verified_binary(test, built.digest, metadata, **options))
    linked = await linked_program(
        LinkProgramRequest(
            module=test.module,
            variant=Variant(test.settings),
            main=main,
            file=test.file_name,
            what=str(test.address),
            x_defs=X_DEFS,
            tests=True,
            coverage=request.coverage,
        ),
    )
    return BuiltTest(await finished_binary(test, linked))


def rules() -> Iterable[object]:
    return collect_rules()
