"""Checks that the tests of packages compile and are clean for vet, from the graph of `test`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.check.failures import explained
from multiarch.backend.check.vet import VetRequest, VettedPackage
from multiarch.backend.go_build.cgo import CgoCheck
from multiarch.backend.go_build.cgo_tests import CgoTestCheckRequest
from multiarch.backend.go_build.compile import CompiledPackage, CompileFailure, CompileRequest
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest
from multiarch.backend.go_build.std import Variant
from multiarch.backend.go_build.test_link import main_of_test, test_failures
from multiarch.backend.go_build.tests import GoTest
from multiarch.core.golang.check_report import (
    CheckedPlatform,
    CheckFailure,
    split_layer_errors,
)
from multiarch.core.golang.packages import closure
from multiarch.core.golang.test_packages import has_test_files, is_variant


@dataclass(frozen=True)
class CheckTestRequest(EngineAwareParameter):
    """The tests of one package on one platform."""

    test: GoTest

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.test.address)


@dataclass(frozen=True)
class CheckedTest:
    """What is wrong with what is compiled for them."""

    counts: CheckedPlatform
    failures: tuple[CheckFailure, ...]


async def _check_cgo(test: GoTest, main: str) -> dict[CompileFailure, str]:
    """Check with the Go command itself, as it builds such tests; a helper of rules."""
    checked = await Get(CgoCheck, CgoTestCheckRequest(test, main))
    tested = f"{main.removesuffix('.test')} [{main}]"
    return {
        CompileFailure(path or tested, str(test.platform), words): step
        for step, found in (
            ("compile", split_layer_errors(checked.compile)),
            ("vet", {tested: checked.vet}),
        )
        for path, words in found.items()
        if words
    }


@rule(desc="Check Go tests", level=LogLevel.DEBUG)
async def check_test(request: CheckTestRequest) -> CheckedTest:
    test = request.test
    modules = await Get(ModuleGraph, ModuleGraphRequest(test.module, tests=True))
    graph = modules.of(test.settings)
    found = dict.fromkeys(test_failures(graph, test), "compile")
    main = main_of_test(graph, test.package)
    clean = waiting = 0
    if main and not found and test.cgo is not None:
        found = await _check_cgo(test, main)
        clean = int(not found)
    elif main and not found:
        # What no test changes is checked with the binaries.
        packages = [p for p in closure(graph.packages, [main]) if is_variant(p) or p == main]
        requests = {
            p: CompileRequest(test.module, Variant(test.settings), p, tests=True) for p in packages
        }
        compiled = await MultiGet(
            Get(CompiledPackage, CompileRequest, requests[p]) for p in packages
        )
        own = [p for p in packages if has_test_files(p)]
        vetted = await MultiGet(Get(VettedPackage, VetRequest(requests[p])) for p in own)
        words = {path: one.complaint for path, one in zip(own, vetted)}
        for path, one in zip(packages, compiled):
            clean += not one.failures and not words.get(path)
            waiting += bool(one.failures) and all(f.import_path != path for f in one.failures)
            found.update(dict.fromkeys(one.failures, "compile"))
            if words.get(path):
                found[CompileFailure(path, str(test.platform), words[path])] = "vet"
    failures = await explained(test.module, graph, [main], found)
    return CheckedTest(CheckedPlatform(test.platform, clean, waiting), failures)


def rules() -> Iterable[object]:
    return collect_rules()
