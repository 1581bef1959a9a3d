"""Generates a binary's targets, infers what each depends on, packages and runs them."""

from __future__ import annotations

import platform as host
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.base.specs import Specs
from pants.build_graph.address import Address
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.core.goals.run import RunFieldSet, RunInSandboxBehavior, RunRequest
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.fs import AddPrefix, Digest
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    AllTargets,
    FieldSet,
    FilteredTargets,
    GeneratedTargets,
    GenerateTargetsRequest,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    Target,
)
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.c_target_types import BinaryPlatformField
from multiarch.backend.command_line import CommandLine, NamedToRun, NamedToRunField
from multiarch.backend.go_build.binaries import GoBinary, GoBinaryRequest
from multiarch.backend.go_build.compile import CompileFailure
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest, PackageGraph
from multiarch.backend.go_build.link import BuildBinaryRequest, BuiltBinary, main_package
from multiarch.backend.go_cross_binary.target_types import (
    ExcludeField,
    GoBinaryDependenciesField,
    GoBinaryPlatformField,
    GoCrossBinaryPlatformTarget,
    GoCrossBinaryTarget,
    LinkModeField,
    NamedGoCrossBinaryPlatformTarget,
    PlatformOverridesField,
    PlatformsField,
)
from multiarch.backend.go_module.changes import ChangedSince
from multiarch.backend.go_module.selection import Selection, SelectionRequest
from multiarch.backend.go_module.target_types import GoSourcesSourcesField
from multiarch.backend.platforms import PlatformMatrix, SupportToday
from multiarch.backend.summary import DeliveryRequest, NoticesRequest, Said
from multiarch.core.emulation import qemu_settings
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.cgo import PROGRAM_MODES
from multiarch.core.golang.failures import report
from multiarch.core.golang.ownership import MODULE_FILES_NAME
from multiarch.core.golang.packages import closure
from multiarch.core.platforms import Platform, PlatformError, host_platform
from multiarch.core.report import ReportCell
from multiarch.core.summary import Notice
from multiarch.core.support import Support
from multiarch.tools.engines.host import EngineMissing, Host
from multiarch.tools.launcher import launcher


class GenerateBinariesRequest(GenerateTargetsRequest):
    """Generate one target per platform of a `go_cross_binary`."""

    generate_from = GoCrossBinaryTarget


def platform_overrides(
    raw: Any, matrix: tuple[Platform, ...], *, where: str
) -> dict[Platform, dict[str, Any]]:
    """Parse the `overrides` field; raises PlatformError for a platform outside the matrix."""
    found: dict[Platform, dict[str, Any]] = {}
    for keys, fields in (raw or {}).items():
        for key in keys:
            platform = Platform.parse(key)
            if platform not in matrix:
                raise PlatformError(
                    f"{where}: `overrides` names `{key}`, which is not among the platforms: "
                    f"{', '.join(map(str, matrix))}."
                )
            if platform in found:
                raise PlatformError(f"{where}: `overrides` names `{platform}` twice.")
            found[platform] = dict(fields)
    return found


def platform_targets(
    request: GenerateTargetsRequest,
    platforms: PlatformMatrix,
    union_membership: UnionMembership,
    platform_target: type[Target],
    named_target: type[Target] | None = None,
    named: NamedToRun | None = None,
) -> GeneratedTargets:
    """Generate one target per platform of the matrix, with what `overrides` says of each.

    `named_target` is for those that `pants run` names.
    """
    generator, address = request.generator, request.template_address
    where = str(address)
    try:
        matrix = platforms.expand(
            generator[PlatformsField].value, generator[ExcludeField].value or (), where=where
        )
        overrides = platform_overrides(generator[PlatformOverridesField].value, matrix, where=where)
    except PlatformError as error:
        raise InvalidFieldException(str(error)) from error
    return GeneratedTargets(
        generator,
        [
            (
                named_target
                if named_target and named and named.has(address, str(platform))
                else platform_target
            )(
                {
                    **request.template,
                    **overrides.get(platform, {}),
                    BinaryPlatformField.alias: str(platform),
                },
                address.create_generated(str(platform)),
                union_membership,
            )
            for platform in matrix
        ],
    )


@rule(desc="Generate the targets of `go_cross_binary`", level=LogLevel.DEBUG)
async def generate_binaries(
    request: GenerateBinariesRequest,
    platforms: PlatformMatrix,
    union_membership: UnionMembership,
) -> GeneratedTargets:
    named = await Get(NamedToRun)
    return platform_targets(
        request,
        platforms,
        union_membership,
        GoCrossBinaryPlatformTarget,
        NamedGoCrossBinaryPlatformTarget,
        named,
    )


@dataclass(frozen=True)
class SourceOwners:
    """Which generated target of a `go_module` holds a directory's sources."""

    packages: dict[str, Address]
    others: dict[str, Address]
    modules: dict[str, Address]
    tests: dict[str, Address]


@rule(level=LogLevel.DEBUG)
async def map_source_owners(targets: AllTargets) -> SourceOwners:
    packages, others, modules, tests = {}, {}, {}, {}
    for target in targets:
        if target.has_field(GoSourcesSourcesField):
            name = target.address.generated_name or ""
            base = target.address.spec_path
            plain, _, kind = name.partition("+")
            directory = posixpath.normpath(posixpath.join(base or ".", plain))
            directory = "" if directory == "." else directory
            if name == MODULE_FILES_NAME:
                modules[base] = target.address
            elif kind == "files":
                others[directory] = target.address
            elif kind == "tests":
                tests[directory] = target.address
            elif not kind:
                packages[directory] = target.address
    return SourceOwners(packages, others, modules, tests)


def owners_of(
    graph: PackageGraph, module: str, roots: Iterable[str], owners: SourceOwners
) -> set[Address]:
    """The targets that hold the sources of some packages and of all that they import."""
    found: set[Address] = set()
    if module in owners.modules:
        found.add(owners.modules[module])
    for path in closure(graph.packages, roots):
        package = graph.packages[path]
        if package.kind == "std":
            continue
        if package.dir in owners.packages:
            found.add(owners.packages[package.dir])
        for file in package.embed_files:
            directory = posixpath.dirname(posixpath.join(package.dir, file))
            while directory and directory not in owners.others:
                directory = posixpath.dirname(directory)
            if directory in owners.others:
                found.add(owners.others[directory])
    return found


@dataclass(frozen=True)
class BinaryDependenciesFieldSet(FieldSet):
    """Binaries have their dependencies inferred."""

    required_fields = (GoBinaryDependenciesField, GoBinaryPlatformField)

    dependencies: GoBinaryDependenciesField


class InferBinaryDependencies(InferDependenciesRequest):
    """Infer the flat closure of a binary on its platform."""

    infer_from = BinaryDependenciesFieldSet


@rule(desc="Infer what a Go binary depends on", level=LogLevel.DEBUG)
async def infer_binary_dependencies(
    request: InferBinaryDependencies, owners: SourceOwners
) -> InferredDependencies:
    binary = await Get(GoBinary, GoBinaryRequest(request.field_set.address))
    since = await Get(ChangedSince)
    if since.is_asked:
        selection = await Get(Selection, SelectionRequest(binary.module, since))
        return selection.dependencies_of(binary.address)
    modules = await Get(ModuleGraph, ModuleGraphRequest(binary.module))
    graph = modules.of(binary.settings)
    main = main_package(graph, binary)
    if main is None:
        return InferredDependencies([])
    found = owners_of(graph, binary.module, [main.import_path], owners)
    return InferredDependencies(sorted(found))


@dataclass(frozen=True)
class PackageBinaryFieldSet(PackageFieldSet):
    """What `package` needs of a platform's binary."""

    required_fields = (GoBinaryPlatformField,)

    platform: GoBinaryPlatformField
    environment: EnvironmentField


@dataclass(frozen=True)
class RunBinaryFieldSet(RunFieldSet):
    """What `run` needs of a platform's binary: `run :hello` takes the host's platform."""

    required_fields = (GoBinaryPlatformField,)
    run_in_sandbox_behavior = RunInSandboxBehavior.NOT_SUPPORTED

    platform: GoBinaryPlatformField

    @classmethod
    def opt_out(cls, target: Target) -> bool:
        """Leave out libraries, and what is for another kind of machine, unless it is named."""
        if target[LinkModeField].value not in PROGRAM_MODES:
            return True
        wanted = Platform.parse(target[GoBinaryPlatformField].value or "")
        here = host_platform(host.system(), host.machine())
        is_foreign = (wanted.os, wanted.arch) != (here.os, here.arch)
        return is_foreign and not target.has_field(NamedToRunField)


class GoBuildFailed(MultiarchError):
    """Carries the report of everything that did not compile."""


def failed(failures: Iterable[CompileFailure]) -> GoBuildFailed:
    """Make the one error that shows each failure once, with its platforms."""
    rows = [(f.import_path, f.platform, f.message) for f in failures]
    return GoBuildFailed("Go packages do not build:\n" + report(rows))


@dataclass(frozen=True)
class FailureReportRequest:
    """All failures of the binaries of one module that this run is to package."""

    module: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class FailureReport:
    """Each failure once, with its platforms; and all those binaries, also those that were built."""

    failures: tuple[CompileFailure, ...]
    binaries: tuple[BuiltBinary, ...]


@dataclass(frozen=True)
class RequestedBinaries:
    """The binaries that the command line names; asked for only when something fails."""

    addresses: tuple[Address, ...]


@rule(level=LogLevel.DEBUG)
async def requested_binaries(command_line: CommandLine) -> RequestedBinaries:
    targets = await Get(FilteredTargets, Specs, command_line.specs)
    return RequestedBinaries(
        tuple(t.address for t in targets if t.has_field(GoBinaryPlatformField))
    )


@rule(level=LogLevel.DEBUG)
async def report_failures(request: FailureReportRequest) -> FailureReport:
    binaries = await MultiGet(Get(GoBinary, GoBinaryRequest(a)) for a in request.addresses)
    built = await MultiGet(
        Get(BuiltBinary, BuildBinaryRequest(b)) for b in binaries if b.module == request.module
    )
    return FailureReport(tuple(dict.fromkeys(f for b in built for f in b.failures)), built)


def deactivated(support: Support, address: Address, platform: Platform) -> tuple[Notice, ...]:
    """The notice that a target of a deactivated platform is skipped; empty for other platforms."""
    found = support.deactivation(platform)
    target = str(address.maybe_convert_to_target_generator())
    return () if found is None else (Notice("deactivated", target, str(platform), str(found)),)


def level_note(support: Support, platform: Platform) -> str:
    """What the summary says beside an output of an experimental platform."""
    return "experimental" if support.is_experimental(platform) else ""


def experimental_failure(built: BuiltBinary) -> tuple[Notice, ...]:
    """What is said of a binary that may fail, and did."""
    return tuple(
        Notice("experimental", f.import_path, f.platform, f.message) for f in built.failures
    )


async def not_packaged(built: BuiltBinary) -> BuiltPackage:
    """Say at the end of the run that an experimental platform failed; a helper of rules."""
    await Get(Said, NoticesRequest(str(built.binary.address), experimental_failure(built)))
    return BuiltPackage(EMPTY_DIGEST, ())


def not_built(built: BuiltBinary, support: Support) -> NoticesRequest:
    """What a run that fails says of a binary that failed, in place of what an earlier one said."""
    binary = built.binary
    if support.is_experimental(binary.platform):
        return NoticesRequest(str(binary.address), experimental_failure(built))
    cell = ReportCell(
        "binary",
        str(binary.address.maybe_convert_to_target_generator()),
        str(binary.platform),
        "failed",
        log="\n\n".join(f"{f.import_path}:\n{f.message}" for f in built.failures),
    )
    return NoticesRequest(str(binary.address), (), (cell,))


def delivery(built: BuiltBinary, support: Support) -> DeliveryRequest:
    """A binary's row of the summary."""
    binary = built.binary
    return DeliveryRequest(
        binary.address,
        "binary",
        str(binary.address.maybe_convert_to_target_generator()),
        str(binary.platform),
        built.size,
        built.sha256,
        built.link,
        "; ".join(filter(None, (level_note(support, binary.platform), built.linkage))),
    )


async def packaged_binary(built: BuiltBinary, support: Support) -> BuiltPackage:
    """Put a binary at its place below dist/, with its row of the summary; a helper of rules."""
    binary = built.binary
    digest, _ = await MultiGet(
        Get(Digest, AddPrefix(built.digest, posixpath.dirname(binary.output_path))),
        Get(Said, DeliveryRequest, delivery(built, support)),
    )
    return BuiltPackage(digest, (BuiltPackageArtifact(binary.output_path),))


@rule(level=LogLevel.DEBUG)
async def package_binary(field_set: PackageBinaryFieldSet, today: SupportToday) -> BuiltPackage:
    support = today.support
    platform = Platform.parse(field_set.platform.value or "")
    if skipped := deactivated(support, field_set.address, platform):
        await Get(Said, NoticesRequest(str(field_set.address), skipped))
        return BuiltPackage(EMPTY_DIGEST, ())
    binary = await Get(GoBinary, GoBinaryRequest(field_set.address))
    built = await Get(BuiltBinary, BuildBinaryRequest(binary))
    if built.failures and support.is_experimental(platform):
        return await not_packaged(built)
    if built.failures:
        # The first failing binary speaks for all that were asked for, so that one report shows
        # every failure once with all its platforms.
        requested = await Get(RequestedBinaries)
        found = await Get(FailureReport, FailureReportRequest(binary.module, requested.addresses))
        # Pants stops their own rules when this one raises.
        await MultiGet(
            Get(Said, NoticesRequest, not_built(b, support))
            if b.failures
            else Get(Said, DeliveryRequest, delivery(b, support))
            for b in found.binaries
            if support.deactivation(b.binary.platform) is None
        )
        fatal = [f for f in found.failures if support.fails_on(Platform.parse(f.platform))]
        raise failed(fatal or built.failures)
    return await packaged_binary(built, support)


@rule(level=LogLevel.DEBUG)
async def run_binary(field_set: RunBinaryFieldSet) -> RunRequest:
    binary, environment = await MultiGet(
        Get(GoBinary, GoBinaryRequest(field_set.address)),
        Get(EnvironmentVars, EnvironmentVarsRequest(("PATH",))),
    )
    try:
        before = launcher(Host(environment, {}, timeout=0, network=False), binary.platform)
    except EngineMissing as error:
        raise MultiarchError(f"{binary.address} cannot run here: {error}") from error
    built = await Get(BuiltBinary, BuildBinaryRequest(binary))
    if built.failures:
        raise failed(built.failures)
    return RunRequest(
        digest=built.digest,
        args=(*before, posixpath.join("{chroot}", binary.file_name)),
        extra_env=qemu_settings(binary.platform),
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *RunBinaryFieldSet.rules(),
        UnionRule(GenerateTargetsRequest, GenerateBinariesRequest),
        UnionRule(InferDependenciesRequest, InferBinaryDependencies),
        UnionRule(PackageFieldSet, PackageBinaryFieldSet),
    )
