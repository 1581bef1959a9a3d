"""Every Go test of the repository as a core value, and the module each is part of."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import AllTargets, Target, WrappedTarget, WrappedTargetRequest
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import GoModules, parse_cgo, pattern
from multiarch.backend.go_cross_binary.target_types import BuildTagsField
from multiarch.backend.go_cross_test.target_types import (
    GoCrossTestPlatformTarget,
    GoTestBinaryField,
    GoTestPackageField,
    GoTestPlatformField,
)
from multiarch.backend.relocation import output_path
from multiarch.backend.subsystems.c_toolchain import CToolchainSubsystem
from multiarch.backend.subsystems.go_toolchain import GoToolchainSubsystem
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.cgo import CgoOptions
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.platforms import Platform


@dataclass(frozen=True)
class GoTest:
    """The tests of one package on one platform: everything the fields say, parsed.

    `package` is the package's directory and `module` its module's, relative to the repository.
    `cgo` is None where no C is compiled.
    """

    address: Address
    package: str
    module: str
    settings: BuildSettings
    binary: str
    cgo: CgoOptions | None = None

    @property
    def platform(self) -> Platform:
        """The platform that the tests run on."""
        return self.settings.platform

    @property
    def file_name(self) -> str:
        """The compiled tests' file, as `go test -c` names it: `web.test`."""
        name = self.binary or f"{posixpath.basename(self.package) or 'main'}.test"
        return name + self.platform.executable_suffix

    @property
    def output_path(self) -> str:
        """Where it goes below dist/."""
        return output_path(self.address, self.platform, self.file_name)

    @property
    def pattern(self) -> str:
        """The package as `go list`, run in the module, is asked for it."""
        return pattern(self.package, self.module)


@dataclass(frozen=True)
class GoTestRequest:
    """The value of one `go_cross_test_platform` target."""

    address: Address


@dataclass(frozen=True)
class AllGoTests:
    """Every test of the repository whose fields make sense; others raise when they are run."""

    tests: tuple[GoTest, ...]

    def of_module(self, module: str) -> tuple[GoTest, ...]:
        """The tests of one module."""
        return tuple(t for t in self.tests if t.module == module)


def parse_test(
    target: Target,
    modules: GoModules,
    toolchain: GoToolchainSubsystem,
    c_toolchain: CToolchainSubsystem,
) -> GoTest:
    """Parse a target's fields; raises MultiarchError that names the target and the field."""
    address = target.address
    package, module = modules.locate(target, GoTestPackageField)
    binary = target[GoTestBinaryField].value or ""
    if "/" in binary:
        raise MultiarchError(
            f"{address}: `binary` is {binary!r}, which has a slash; it takes the name of a file, "
            'such as "e2e.test".'
        )
    platform = Platform.parse(target[GoTestPlatformField].value or "")
    cgo = parse_cgo(target, platform, c_toolchain)
    tags = {*(target[BuildTagsField].value or ()), *(cgo.tags if cgo else ())}
    settings = BuildSettings(
        platform=platform,
        go_version=f"go{toolchain.version}",
        tags=tuple(sorted(tags)),
        experiment=toolchain.experiment,
        cgo=cgo is not None,
    )
    return GoTest(address, package, module, settings, binary, cgo)


@rule(level=LogLevel.DEBUG)
async def find_go_tests(
    targets: AllTargets,
    modules: GoModules,
    toolchain: GoToolchainSubsystem,
    c_toolchain: CToolchainSubsystem,
) -> AllGoTests:
    found = []
    for target in targets:
        if isinstance(target, GoCrossTestPlatformTarget):
            try:
                found.append(parse_test(target, modules, toolchain, c_toolchain))
            except MultiarchError:
                # It says what is wrong when it is asked for; other tests are not its fault.
                continue
    return AllGoTests(tuple(found))


@rule(level=LogLevel.DEBUG)
async def go_test(
    request: GoTestRequest,
    modules: GoModules,
    toolchain: GoToolchainSubsystem,
    c_toolchain: CToolchainSubsystem,
) -> GoTest:
    wrapped = await Get(
        WrappedTarget,
        WrappedTargetRequest(request.address, description_of_origin="the Go tests"),
    )
    return parse_test(wrapped.target, modules, toolchain, c_toolchain)


def rules() -> Iterable[object]:
    return collect_rules()
