"""Checks every package of the binaries asked for, on every platform, from `package`'s own graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.core.goals.check import CheckRequest, CheckResult, CheckResults
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import FieldSet
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.check import tests, vet
from multiarch.backend.check.failures import explained
from multiarch.backend.check.tests import CheckedTest, CheckTestRequest
from multiarch.backend.check.vet import VetRequest, VettedPackage
from multiarch.backend.go_build.binaries import GoBinary, GoBinaryRequest
from multiarch.backend.go_build.cgo import CgoCheck, CgoCheckRequest
from multiarch.backend.go_build.compile import CompileFailure, CompileRequest
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest, PackageGraph
from multiarch.backend.go_build.link import (
    Profile,
    ProfileRequest,
    list_failures,
    main_package,
)
from multiarch.backend.go_build.std import PGO_FILE, Variant
from multiarch.backend.go_build.tests import GoTest, GoTestRequest
from multiarch.backend.go_cross_binary.rules import deactivated
from multiarch.backend.go_cross_binary.target_types import GoPlatformField
from multiarch.backend.go_cross_test.target_types import GoTestPlatformField
from multiarch.backend.platforms import SupportToday
from multiarch.backend.summary import NoticesRequest, Said
from multiarch.core.golang.cgo import CgoOptions
from multiarch.core.golang.check_report import (
    CheckedPlatform,
    CheckFailure,
    render_check,
    split_layer_errors,
    split_vet,
)
from multiarch.core.golang.packages import closure
from multiarch.core.platforms import Platform
from multiarch.core.report import ReportCell
from multiarch.core.summary import Notice


@dataclass(frozen=True)
class GoCheckFieldSet(FieldSet):
    """Binaries and tests are checked, platform by platform."""

    required_fields = (GoPlatformField,)

    platform: GoPlatformField
    environment: EnvironmentField


class GoCheckRequest(CheckRequest):
    """Compile and vet the packages of binaries and tests: one report says each failure once."""

    field_set_type = GoCheckFieldSet
    tool_name = "multiarch-go"


@dataclass(frozen=True)
class CheckVariantRequest(EngineAwareParameter):
    """All binaries of a module that share one variant, and how C is compiled for them."""

    module: str
    variant: Variant
    binaries: tuple[GoBinary, ...]
    cgo: CgoOptions | None = None

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return f"{self.module or '.'} ({self.variant.settings.platform})"


@dataclass(frozen=True)
class CheckedVariant:
    """What is wrong with their packages."""

    counts: CheckedPlatform
    failures: tuple[CheckFailure, ...]


async def _check_cgo(
    request: CheckVariantRequest,
    options: CgoOptions,
    graph: PackageGraph,
    mains: Iterable[str],
    found: dict[CompileFailure, str],
) -> CheckedVariant:
    """Check with the Go command itself, as packages with C are built by it."""
    settings = request.variant.settings
    needed = closure(graph.packages, [*mains, "runtime"])
    own = tuple(p for p in needed if graph.packages[p].kind == "local")
    if own:
        checked = await Get(
            CgoCheck, CgoCheckRequest(request.module, settings, options, own, needed)
        )
        directories = {graph.packages[p].dir: p for p in own}
        for step, messages in (
            ("compile", split_layer_errors(checked.compile)),
            ("vet", split_vet(checked.vet, directories)),
        ):
            for path, message in messages.items():
                what = path or "a package with cgo"
                found[CompileFailure(what, str(settings.platform), message)] = step
    failures = await explained(request.module, graph, mains, found)
    failed = {f.import_path for f in failures}
    # Where something does not compile, nothing is vetted.
    compiles = "compile" not in found.values()
    clean = sum(1 for p in own if p not in failed) if compiles else 0
    waiting = 0 if compiles else sum(1 for p in own if p not in failed)
    counts = CheckedPlatform(settings.platform, clean, waiting)
    return CheckedVariant(counts, failures)


@rule(desc="Check Go packages", level=LogLevel.DEBUG)
async def check_variant(request: CheckVariantRequest) -> CheckedVariant:
    module, variant = request.module, request.variant
    platform = variant.settings.platform
    modules = await Get(ModuleGraph, ModuleGraphRequest(module))
    graph = modules.of(variant.settings)
    found: dict[CompileFailure, str] = {}
    mains: dict[str, tuple[str, ...]] = {}
    for binary in request.binaries:
        broken = list_failures(graph, binary)
        found.update(dict.fromkeys(broken, "compile"))
        main = main_package(graph, binary)
        if main is not None and not broken:
            mains[main.import_path] = binary.main_gcflags
    if request.cgo is not None:
        return await _check_cgo(request, request.cgo, graph, mains, found)
    needed = closure(graph.packages, mains)
    own = [p for p in needed if p not in graph.std_groups and p not in graph.layered]
    unreached = 0
    vetted = await MultiGet(
        Get(VettedPackage, VetRequest(CompileRequest(module, variant, p, mains.get(p, ()))))
        for p in own
    )
    for path, one in zip(own, vetted):
        if one.complaint and not one.failures:
            found[CompileFailure(path, str(platform), one.complaint)] = "vet"
        unreached += bool(one.failures) and all(f.import_path != path for f in one.failures)
        found.update(dict.fromkeys(one.failures, "compile"))
    failures = await explained(module, graph, mains, found)
    clean = sum(1 for one in vetted if not one.failures and not one.complaint)
    return CheckedVariant(CheckedPlatform(platform, clean, unreached), failures)


@dataclass(frozen=True)
class CheckBinariesRequest:
    """Binaries to check, each package of theirs once."""

    binaries: tuple[GoBinary, ...]


@dataclass(frozen=True)
class CheckedBinaries:
    """What is wrong with their packages: module by module, on each platform."""

    of_modules: tuple[tuple[str, CheckedVariant], ...]


@rule(level=LogLevel.DEBUG)
async def check_binaries(request: CheckBinariesRequest) -> CheckedBinaries:
    profiles = await MultiGet(Get(Profile, ProfileRequest(b.main)) for b in request.binaries)
    groups: dict[tuple[str, Variant, CgoOptions | None], list[GoBinary]] = {}
    for binary, profile in zip(request.binaries, profiles):
        settings = replace(binary.settings, pgo=PGO_FILE if profile.digest else None)
        key = (binary.module, Variant(settings, profile.digest), binary.cgo)
        groups.setdefault(key, []).append(binary)
    checked = await MultiGet(
        Get(CheckedVariant, CheckVariantRequest(module, variant, tuple(members), cgo))
        for (module, variant, cgo), members in groups.items()
    )
    return CheckedBinaries(tuple(zip((module for module, *_ in groups), checked)))


def _cell(what: str, counts: CheckedPlatform, failures: Iterable[CheckFailure]) -> ReportCell:
    """What the page about the run says of a module or a test on one platform."""
    log = "\n\n".join(f"{f.import_path}:\n{f.message}" for f in failures)
    state = "failed" if log else "passed"
    return ReportCell("check", what, str(counts.platform), state, log=log)


@rule(desc="Check Go on every platform", level=LogLevel.DEBUG)
async def check_go(request: GoCheckRequest, today: SupportToday) -> CheckResults:
    support = today.support
    skipped: list[Notice] = []
    wanted = []
    for field_set in request.field_sets:
        platform = Platform.parse(field_set.platform.value or "")
        notices = deactivated(support, field_set.address, platform)
        skipped += notices
        if not notices:
            wanted.append(field_set)
    if not wanted:
        await Get(Said, NoticesRequest(request.tool_name, tuple(skipped)))
        return CheckResults([], checker_name=request.tool_name)
    are_tests = [isinstance(field_set.platform, GoTestPlatformField) for field_set in wanted]
    binaries = await MultiGet(
        Get(GoBinary, GoBinaryRequest(f.address))
        for f, is_test in zip(wanted, are_tests)
        if not is_test
    )
    all_tests = await MultiGet(
        Get(GoTest, GoTestRequest(f.address)) for f, is_test in zip(wanted, are_tests) if is_test
    )
    of_binaries = await Get(CheckedBinaries, CheckBinariesRequest(binaries))
    of_tests = await MultiGet(Get(CheckedTest, CheckTestRequest(test)) for test in all_tests)
    checked = [(module or ".", one.counts, one.failures) for module, one in of_binaries.of_modules]
    checked += [
        (str(test.address.maybe_convert_to_target_generator()), one.counts, one.failures)
        for test, one in zip(all_tests, of_tests)
    ]
    cells = tuple(_cell(*one) for one in checked)
    await Get(Said, NoticesRequest(request.tool_name, tuple(skipped), cells))
    failures = [f for *_, found in checked for f in found]
    text = render_check(failures, [counts for _, counts, _ in checked], support)
    fatal = any(support.fails_on(f.platform) for f in failures)
    return CheckResults(
        [CheckResult(exit_code=int(fatal), stdout=text, stderr="")], checker_name=request.tool_name
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *tests.rules(),
        *vet.rules(),
        UnionRule(CheckRequest, GoCheckRequest),
    )
