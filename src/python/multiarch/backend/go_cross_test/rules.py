"""Generates the tests of a package, one per platform, runs them in `test`, and packages them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.base.specs import Specs
from pants.build_graph.address import Address
from pants.core.goals.package import BuiltPackage, PackageFieldSet
from pants.core.goals.test import (
    TestExtraEnv,
    TestFieldSet,
    TestRequest,
    TestResult,
    TestSubsystem,
)
from pants.core.target_types import FileSourceField, ResourceSourceField
from pants.core.util_rules.environments import EnvironmentField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.environment import ChosenLocalEnvironmentName, EnvironmentName
from pants.engine.fs import (
    EMPTY_FILE_DIGEST,
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    FileContent,
    FileDigest,
    MergeDigests,
    PathGlobs,
    Snapshot,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.internals.session import RunId
from pants.engine.process import FallibleProcessResult, ProcessCacheScope
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    DependenciesRequest,
    FieldSet,
    FilteredTargets,
    GeneratedTargets,
    GenerateTargetsRequest,
    InferDependenciesRequest,
    InferredDependencies,
    SourcesField,
    Target,
    Targets,
)
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.command_line import CommandLine
from multiarch.backend.go_build.compile import CompileFailure
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest
from multiarch.backend.go_build.link import BuiltBinary
from multiarch.backend.go_build.test_link import BuildTestRequest, BuiltTest, main_of_test
from multiarch.backend.go_build.tests import GoTest, GoTestRequest
from multiarch.backend.go_cross_binary.rules import (
    SourceOwners,
    deactivated,
    failed,
    not_packaged,
    owners_of,
    packaged_binary,
    platform_targets,
)
from multiarch.backend.go_cross_test import coverage
from multiarch.backend.go_cross_test.coverage import PROFILE, GoCrossCoverageData
from multiarch.backend.go_cross_test.target_types import (
    GoCrossTestPlatformTarget,
    GoCrossTestTarget,
    GoTestBinaryField,
    GoTestDependenciesField,
    GoTestExtraEnvVarsField,
    GoTestPlatformField,
    GoTestSourcesField,
    GoTestTimeoutField,
)
from multiarch.backend.go_module.changes import ChangedSince
from multiarch.backend.go_module.files import ModuleFiles, ModuleFilesRequest
from multiarch.backend.go_module.selection import Selection, SelectionRequest
from multiarch.backend.image.runs import EngineHost, EngineHostRequest, run_with_engine
from multiarch.backend.platforms import PlatformMatrix, SupportToday
from multiarch.backend.sandbox import SHELL_PATH, ToolProcess, request_json
from multiarch.backend.subsystems.multiarch_go_test import MultiarchGoTestSubsystem
from multiarch.backend.summary import NoticesRequest, Said, tested_cell
from multiarch.core.golang.check_report import split_failure
from multiarch.core.golang.failures import shared_report
from multiarch.core.golang.test_output import binary_flags
from multiarch.core.golang.test_packages import files_for_tests
from multiarch.core.platforms import Platform
from multiarch.core.summary import Notice
from multiarch.core.support import Support
from multiarch.tools.engines.host import MISSING_EXIT_CODE

# Seconds; what `go test` has.
_DEFAULT_TIMEOUT = 600
_RESULTS = "results.xml"


class GenerateTestsRequest(GenerateTargetsRequest):
    """Generate one target per platform of a `go_cross_test`."""

    generate_from = GoCrossTestTarget


@rule(desc="Generate the targets of `go_cross_test`", level=LogLevel.DEBUG)
async def generate_tests(
    request: GenerateTestsRequest,
    platforms: PlatformMatrix,
    union_membership: UnionMembership,
) -> GeneratedTargets:
    return platform_targets(request, platforms, union_membership, GoCrossTestPlatformTarget)


@dataclass(frozen=True)
class TestDependenciesFieldSet(FieldSet):
    """Tests have their dependencies inferred."""

    __test__ = False
    required_fields = (GoTestDependenciesField, GoTestPlatformField)

    dependencies: GoTestDependenciesField


class InferTestDependencies(InferDependenciesRequest):
    """Infer the flat closure of a package's tests on their platform, and its test files."""

    infer_from = TestDependenciesFieldSet


@rule(desc="Infer what Go tests depend on", level=LogLevel.DEBUG)
async def infer_test_dependencies(
    request: InferTestDependencies, owners: SourceOwners
) -> InferredDependencies:
    test = await Get(GoTest, GoTestRequest(request.field_set.address))
    since = await Get(ChangedSince)
    if since.is_asked:
        selection = await Get(Selection, SelectionRequest(test.module, since))
        return selection.dependencies_of(test.address)
    modules = await Get(ModuleGraph, ModuleGraphRequest(test.module, tests=True))
    graph = modules.of(test.settings)
    main = main_of_test(graph, test.package)
    found = owners_of(graph, test.module, [main] if main else [], owners)
    if test.package in owners.tests:
        found.add(owners.tests[test.package])
    return InferredDependencies(sorted(found))


@dataclass(frozen=True)
class GoTestFieldSet(TestFieldSet):
    """What `test` needs of a platform's tests."""

    __test__ = False
    required_fields = (GoTestPlatformField,)

    sources: GoTestSourcesField
    platform: GoTestPlatformField
    environment: EnvironmentField
    timeout: GoTestTimeoutField
    extra_env_vars: GoTestExtraEnvVarsField
    dependencies: GoTestDependenciesField


class GoCrossTestRequest(TestRequest):
    """Run the tests of one platform."""

    tool_subsystem = MultiarchGoTestSubsystem  # type: ignore[assignment]
    field_set_type = GoTestFieldSet


@dataclass(frozen=True)
class TestFilesRequest:
    """The files that tests find on disk, beside what their dependencies name."""

    __test__ = False

    module: str
    package: str
    dependencies: GoTestDependenciesField


@dataclass(frozen=True)
class TestFiles:
    """Those files at their own paths."""

    __test__ = False

    digest: Digest


@rule(level=LogLevel.DEBUG)
async def find_test_files(request: TestFilesRequest) -> TestFiles:
    module, named = await MultiGet(
        Get(ModuleFiles, ModuleFilesRequest(request.module)),
        Get(Targets, DependenciesRequest(request.dependencies)),
    )
    own, further = await MultiGet(
        Get(Digest, PathGlobs(files_for_tests(module.local, request.package))),
        Get(
            SourceFiles,
            SourceFilesRequest(
                [target.get(SourcesField) for target in named],
                for_sources_types=(FileSourceField, ResourceSourceField),
                enable_codegen=True,
            ),
        ),
    )
    return TestFiles(await Get(Digest, MergeDigests((own, further.snapshot.digest))))


def _shown(
    field_set: GoTestFieldSet,
    options: TestSubsystem,
    text: str,
    *,
    is_failed: bool,
    run: FallibleProcessResult | None = None,
    reports: Snapshot | None = None,
    covered: GoCrossCoverageData | None = None,
) -> TestResult:
    """What `test` shows of one platform's tests."""
    data = text.encode()
    return TestResult(
        exit_code=int(is_failed),
        stdout=text,
        stdout_digest=FileDigest(hashlib.sha256(data).hexdigest(), len(data)),
        stderr="",
        stderr_digest=EMPTY_FILE_DIGEST,
        addresses=(field_set.address,),
        output_setting=options.output,
        result_metadata=run.metadata if run else None,
        xml_results=reports,
        coverage_data=covered,
    )


@dataclass(frozen=True)
class RunTestRequest:
    """A test binary to run."""

    test: GoTest
    binary: Digest
    field_set: GoTestFieldSet


@dataclass(frozen=True)
class RanTest:
    """What came of it."""

    result: FallibleProcessResult


@rule(desc="Run Go tests", level=LogLevel.DEBUG)
async def run_test(
    request: RunTestRequest,
    options: TestSubsystem,
    subsystem: MultiarchGoTestSubsystem,
) -> RanTest:
    test, field_set = request.test, request.field_set
    # The variables are those of the machine that Pants runs on, wherever the test runs.
    local = (await Get(ChosenLocalEnvironmentName)).val
    own_names = EnvironmentVarsRequest(field_set.extra_env_vars.sorted())
    own, extra, files, binary, host = await MultiGet(
        Get(EnvironmentVars, {own_names: EnvironmentVarsRequest, local: EnvironmentName}),
        Get(TestExtraEnv, EnvironmentName, local),
        Get(TestFiles, TestFilesRequest(test.module, test.package, field_set.dependencies)),
        Get(Digest, AddPrefix(request.binary, ".test")),
        Get(EngineHost, EngineHostRequest()),
    )
    timeout = field_set.timeout.calculate_from_global_options(options) or _DEFAULT_TIMEOUT
    value = {
        "binary": f".test/{test.file_name}",
        "directory": test.package or ".",
        "platform": str(test.platform),
        "arguments": binary_flags(subsystem.args),
        "timeout": timeout,
        "environment": {"PATH": SHELL_PATH, **extra.env, **own},
        "host": ".engine/host.json",
        "title": str(test.address),
        "results": _RESULTS,
        "profile": PROFILE if options.use_coverage else None,
    }
    scope = ProcessCacheScope.PER_SESSION if options.force else ProcessCacheScope.SUCCESSFUL
    tool = ToolProcess(
        "multiarch.tools.go_test",
        request_json(value),
        f"Run Go tests {test.address}",
        input_digest=await Get(Digest, MergeDigests((binary, files.digest))),
        output_files=(_RESULTS, PROFILE),
        cache_scope=scope,
    )
    return RanTest(await run_with_engine(tool, host))


@dataclass(frozen=True)
class RequestedTests:
    """The tests that the command line names; asked for only when something fails."""

    __test__ = False

    addresses: tuple[Address, ...]


@rule(level=LogLevel.DEBUG)
async def requested_tests(command_line: CommandLine) -> RequestedTests:
    targets = await Get(FilteredTargets, Specs, command_line.specs)
    return RequestedTests(tuple(t.address for t in targets if t.has_field(GoTestPlatformField)))


@dataclass(frozen=True)
class TestFailuresRequest:
    """Tests of one run, of which some do not build."""

    __test__ = False

    addresses: tuple[Address, ...]
    coverage: bool


@dataclass(frozen=True)
class TestFailures:
    """Of each test that does not build: its address, and what fails where with which message."""

    __test__ = False

    rows: FrozenDict[str, tuple[tuple[str, str, str], ...]]


def _rows(failures: Iterable[CompileFailure]) -> tuple[tuple[str, str, str], ...]:
    """Failures by package: what several tests compile anew fails in all of them."""
    return tuple(
        (path, failure.platform, message)
        for failure in failures
        for path, message in split_failure(failure.import_path, failure.message).items()
    )


@rule(level=LogLevel.DEBUG)
async def find_test_failures(request: TestFailuresRequest) -> TestFailures:
    tests = await MultiGet(Get(GoTest, GoTestRequest(a)) for a in request.addresses)
    built = await MultiGet(
        Get(BuiltTest, BuildTestRequest(test, request.coverage)) for test in tests
    )
    return TestFailures(
        FrozenDict(
            {
                str(test.address): _rows(one.binary.failures)
                for test, one in zip(tests, built)
                if one.binary is not None and one.binary.failures
            }
        )
    )


async def _not_run(built: BuiltBinary, options: TestSubsystem, support: Support) -> str:
    """Say why a test is not run, and what fails for others, too, only once; a helper of rules."""
    binary = built.binary
    failures: dict[str, tuple[tuple[str, str, str], ...]] = {}
    # Of other shards, and of experimental platforms, nothing can be seen here.
    if not options.shard and support.fails_on(binary.platform):
        requested = await Get(RequestedTests)
        tests = await MultiGet(Get(GoTest, GoTestRequest(a)) for a in requested.addresses)
        shown = tuple(
            test.address
            for test in tests
            if support.fails_on(test.platform) and support.deactivation(test.platform) is None
        )
        found = await Get(TestFailures, TestFailuresRequest(shown, options.use_coverage))
        failures = dict(found.rows)
    failures.setdefault(str(binary.address), _rows(built.failures))
    return f"Go packages do not build:\n{shared_report(failures, str(binary.address))}\n"


async def _renamed(report: bytes, name: str) -> Snapshot:
    """Give a report the name under which `test` collects it; a helper of rules."""
    return await Get(Snapshot, CreateDigest([FileContent(name, report)]))


@rule(desc="Test Go", level=LogLevel.DEBUG)
async def test_go(
    batch: GoCrossTestRequest.Batch[GoTestFieldSet, Any],
    options: TestSubsystem,
    today: SupportToday,
    run_id: RunId,
) -> TestResult:
    field_set, support = batch.single_element, today.support
    address, platform = field_set.address, Platform.parse(field_set.platform.value or "")
    nothing = TestResult.no_tests_found(address, options.output)
    # What `package` says of the same target is said by the target itself.
    subject = f"the tests {address}"
    if skipped := deactivated(support, address, platform):
        await Get(Said, NoticesRequest(subject, skipped))
        return nothing
    test = await Get(GoTest, GoTestRequest(address))
    built = (await Get(BuiltTest, BuildTestRequest(test, options.use_coverage))).binary
    if built is None:
        return nothing
    result = reports = covered = None
    text, is_failed = "", True
    if built.failures:
        text = await _not_run(built, options, support)
    else:
        ran = await Get(RanTest, RunTestRequest(test, built.digest, field_set))
        result = ran.result
        text, is_failed = result.stdout.decode(errors="replace"), result.exit_code != 0
        problem = result.stderr.decode(errors="replace").strip()
        if result.exit_code == MISSING_EXIT_CODE:
            host = await Get(EngineHost, EngineHostRequest())
            if not host.missing_is_error:
                left_out = Notice("left out", str(address), str(platform), f"{address}: {problem}")
                await Get(Said, NoticesRequest(subject, (left_out,)))
                return nothing
        text += f"{problem}\n" if problem else ""
        contents = await Get(DigestContents, Digest, result.output_digest)
        files = {file.path: file.content for file in contents}
        if options.report and _RESULTS in files:
            reports = await _renamed(files[_RESULTS], f"{address.path_safe_spec}.xml")
        if PROFILE in files:
            covered = GoCrossCoverageData(platform, files[PROFILE].decode())
    run = result.metadata if result else None
    cell = tested_cell(address, platform, run, run_id, failure=text if is_failed else "")
    excused = is_failed and support.is_experimental(platform)
    notice = Notice("experimental", str(address), str(platform), text.strip())
    await Get(Said, NoticesRequest(subject, (notice,) if excused else (), (cell,)))
    if excused:
        return nothing
    return _shown(
        field_set,
        options,
        text,
        is_failed=is_failed,
        run=result,
        reports=reports,
        covered=covered,
    )


@dataclass(frozen=True)
class PackageTestFieldSet(PackageFieldSet):
    """What `package` needs of a platform's tests, where they are to be packaged."""

    __test__ = False
    required_fields = (GoTestPlatformField, GoTestBinaryField)

    platform: GoTestPlatformField
    environment: EnvironmentField

    @classmethod
    def opt_out(cls, target: Target) -> bool:
        """Leave out tests that are only run."""
        return not target[GoTestBinaryField].value


@rule(level=LogLevel.DEBUG)
async def package_test(field_set: PackageTestFieldSet, today: SupportToday) -> BuiltPackage:
    support, platform = today.support, Platform.parse(field_set.platform.value or "")
    if skipped := deactivated(support, field_set.address, platform):
        await Get(Said, NoticesRequest(str(field_set.address), skipped))
        return BuiltPackage(EMPTY_DIGEST, ())
    test = await Get(GoTest, GoTestRequest(field_set.address))
    built = (await Get(BuiltTest, BuildTestRequest(test))).binary
    if built is None:
        reason = f"{field_set.address}: the package has no tests on {platform}"
        notice = Notice("left out", str(field_set.address), str(platform), reason)
        await Get(Said, NoticesRequest(str(field_set.address), (notice,)))
        return BuiltPackage(EMPTY_DIGEST, ())
    if built.failures and support.is_experimental(platform):
        return await not_packaged(built)
    if built.failures:
        raise failed(built.failures)
    return await packaged_binary(built, support)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *coverage.rules(),
        *GoCrossTestRequest.rules(),
        UnionRule(GenerateTargetsRequest, GenerateTestsRequest),
        UnionRule(InferDependenciesRequest, InferTestDependencies),
        UnionRule(PackageFieldSet, PackageTestFieldSet),
    )
