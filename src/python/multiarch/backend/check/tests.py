"""Checks that the tests of packages compile and are clean for vet, from the graph of `test`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.check import CheckRequest, CheckResult, CheckResults
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import FieldSet
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.check.vet import VetRequest, VettedPackage
from multiarch.backend.go_build.binaries import AllGoBinaries
from multiarch.backend.go_build.cgo import CgoCheck
from multiarch.backend.go_build.cgo_tests import CgoTestCheckRequest
from multiarch.backend.go_build.compile import CompiledPackage, CompileFailure, CompileRequest
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest, config_id
from multiarch.backend.go_build.std import Variant
from multiarch.backend.go_build.test_link import main_of_test, test_failures
from multiarch.backend.go_build.tests import GoTest, GoTestRequest
from multiarch.backend.go_cross_binary.rules import deactivated
from multiarch.backend.go_cross_test.target_types import GoTestPlatformField
from multiarch.backend.platforms import SupportToday
from multiarch.backend.summary import NoticesRequest, Said
from multiarch.core.golang.check_report import (
    CheckedPlatform,
    CheckFailure,
    of_test_files,
    render_check,
)
from multiarch.core.golang.packages import closure
from multiarch.core.golang.test_packages import has_test_files, is_variant
from multiarch.core.platforms import Platform
from multiarch.core.report import ReportCell
from multiarch.core.summary import Notice


@dataclass(frozen=True)
class GoTestCheckFieldSet(FieldSet):
    """Tests are checked, platform by platform."""

    __test__ = False
    required_fields = (GoTestPlatformField,)

    platform: GoTestPlatformField
    environment: EnvironmentField


class GoTestCheckRequest(CheckRequest):
    """Compile and vet the packages of tests."""

    field_set_type = GoTestCheckFieldSet
    tool_name = "multiarch-go-tests"


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


async def _is_vetted_with_binaries(test: GoTest, binaries: AllGoBinaries, tested: str) -> bool:
    """Whether `check` of a binary speaks of the package's other files; a helper of rules."""
    of_module = binaries.of_module(test.module)
    if all(config_id(b.settings) != config_id(test.settings) for b in of_module):
        return False
    modules = await Get(ModuleGraph, ModuleGraphRequest(test.module))
    return tested in modules.of(test.settings).packages


async def _check_cgo(test: GoTest, main: str, *, elsewhere: bool) -> CheckedTest:
    """Check with the Go command itself, as it builds such tests; a helper of rules."""
    checked = await Get(CgoCheck, CgoTestCheckRequest(test, main))
    vetted = of_test_files(checked.vet) if elsewhere else checked.vet
    failures = tuple(
        CheckFailure(step, main, test.platform, words)
        for step, words in (("compile", checked.compile), ("vet", vetted))
        if words
    )
    count = len(failures)
    return CheckedTest(CheckedPlatform(test.platform, 1 - bool(count), min(count, 1), 0), failures)


@rule(desc="Check Go tests", level=LogLevel.DEBUG)
async def check_test(request: CheckTestRequest, binaries: AllGoBinaries) -> CheckedTest:
    test = request.test
    modules = await Get(ModuleGraph, ModuleGraphRequest(test.module, tests=True))
    graph = modules.of(test.settings)
    found = dict.fromkeys(test_failures(graph, test), "compile")
    main = main_of_test(graph, test)
    clean = waiting = 0
    elsewhere = await _is_vetted_with_binaries(test, binaries, main.removesuffix(".test"))
    if main and not found and test.cgo is not None:
        return await _check_cgo(test, main, elsewhere=elsewhere)
    if main and not found:
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
        words = {
            path: of_test_files(one.complaint) if elsewhere else one.complaint
            for path, one in zip(own, vetted)
        }
        for path, one in zip(packages, compiled):
            clean += not one.failures and not words.get(path)
            waiting += bool(one.failures) and all(f.import_path != path for f in one.failures)
            found.update(dict.fromkeys(one.failures, "compile"))
            if words.get(path):
                found[CompileFailure(path, str(test.platform), words[path])] = "vet"
    failures = tuple(
        CheckFailure(step, f.import_path, test.platform, f.message) for f, step in found.items()
    )
    failed = len({f.import_path for f in failures})
    return CheckedTest(CheckedPlatform(test.platform, clean, failed, waiting), failures)


@rule(desc="Check Go tests on every platform", level=LogLevel.DEBUG)
async def check_go_tests(request: GoTestCheckRequest, today: SupportToday) -> CheckResults:
    support = today.support
    skipped: list[Notice] = []
    wanted = []
    for field_set in request.field_sets:
        platform = Platform.parse(field_set.platform.value or "")
        notices = deactivated(support, field_set.address, platform)
        skipped += notices
        if not notices:
            wanted.append(field_set.address)
    if not wanted:
        await Get(Said, NoticesRequest(request.tool_name, tuple(skipped)))
        return CheckResults([], checker_name=request.tool_name)
    tests = await MultiGet(Get(GoTest, GoTestRequest(a)) for a in wanted)
    checked = await MultiGet(Get(CheckedTest, CheckTestRequest(test)) for test in tests)
    cells = tuple(
        ReportCell(
            "check",
            str(test.address.maybe_convert_to_target_generator()),
            str(test.platform),
            "failed" if one.failures else "passed",
            log="\n\n".join(f"{f.import_path}:\n{f.message}" for f in one.failures),
        )
        for test, one in zip(tests, checked)
    )
    await Get(Said, NoticesRequest(request.tool_name, tuple(skipped), cells))
    failures = [f for one in checked for f in one.failures]
    text = render_check(failures, [one.counts for one in checked], support)
    fatal = any(support.fails_on(f.platform) for f in failures)
    return CheckResults(
        [CheckResult(exit_code=int(fatal), stdout=text, stderr="")], checker_name=request.tool_name
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(CheckRequest, GoTestCheckRequest))
