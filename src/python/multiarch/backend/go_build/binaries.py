"""Every Go binary of the repository as a core value, and the module each is part of."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    AllTargets,
    AllUnexpandedTargets,
    StringField,
    Target,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.util.logging import LogLevel

from multiarch.backend.c_options import c_options
from multiarch.backend.go_cross_binary.target_types import (
    BuildTagsField,
    CgoField,
    GcflagsField,
    GoBinaryMainField,
    GoBinaryPlatformField,
    GoCrossBinaryPlatformTarget,
    LdflagsField,
    LinkModeField,
    RaceField,
    XDefsField,
)
from multiarch.backend.go_module.target_types import GoModuleTarget
from multiarch.backend.relocation import output_path
from multiarch.backend.subsystems.c_toolchain import CToolchainSubsystem
from multiarch.backend.subsystems.go_toolchain import GoToolchainSubsystem
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.cgo import CgoOptions, check, file_name
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.platforms import Platform
from multiarch.core.stamps import expand_variables


@dataclass(frozen=True)
class GoBinary:
    """One platform's binary: everything its fields say, parsed.

    `main` is the main package's directory and `module` its module's, relative to the
    repository. `settings` are without a PGO profile. `cgo` is None where no C is compiled.
    """

    address: Address
    main: str
    module: str
    settings: BuildSettings
    ldflags: tuple[str, ...]
    main_gcflags: tuple[str, ...]
    gcflags_text: str
    x_defs: tuple[tuple[str, str], ...]
    cgo: CgoOptions | None = None

    @property
    def platform(self) -> Platform:
        """The platform it runs on."""
        return self.settings.platform

    @property
    def file_name(self) -> str:
        """The file's name: `hello`, or `hello.exe` for windows, or `libhello.so`."""
        mode = self.cgo.link_mode if self.cgo else "exe"
        return file_name(self.address.target_name, self.platform, mode)

    @property
    def output_path(self) -> str:
        """Where it goes below dist/."""
        return output_path(self.address, self.platform, self.file_name)

    @property
    def pattern(self) -> str:
        """The main package as `go list`, run in the module, is asked for it."""
        return pattern(self.main, self.module)


@dataclass(frozen=True)
class GoModules:
    """The directory of every `go_module`."""

    directories: frozenset[str]

    def owner(self, directory: str) -> str | None:
        """The nearest module above a directory, or None."""
        while directory not in self.directories:
            if not directory:
                return None
            directory = posixpath.dirname(directory)
        return directory

    def locate(self, target: Target, field: type[StringField]) -> tuple[str, str]:
        """The directory of the package that a field names, and that of its module.

        Both are relative to the repository. Raises MultiarchError that names the field.
        """
        address, value = target.address, target[field].value or "."
        package = posixpath.normpath(posixpath.join(address.spec_path or ".", value))
        if package.startswith(".."):
            raise MultiarchError(f"{address}: `{field.alias}` leaves the repository: {package!r}.")
        module = self.owner("" if package == "." else package)
        if module is None:
            raise MultiarchError(
                f"{address}: `{field.alias}` is `{package}`, and neither it nor a directory above "
                'it has a `go_module`. Write `go_module(name="mod")` in the BUILD file beside '
                "go.mod."
            )
        return "" if package == "." else package, module


def pattern(package: str, module: str) -> str:
    """A package's directory as `go list`, run in the module's, is asked for it."""
    relative = posixpath.relpath(package or ".", module or ".")
    return "." if relative == "." else f"./{relative}"


@dataclass(frozen=True)
class GoBinaryRequest:
    """The value of one `go_cross_binary_platform` target."""

    address: Address


@dataclass(frozen=True)
class AllGoBinaries:
    """Every binary of the repository whose fields make sense; others raise when they are built."""

    binaries: tuple[GoBinary, ...]

    def of_module(self, module: str) -> tuple[GoBinary, ...]:
        """The binaries of one module."""
        return tuple(b for b in self.binaries if b.module == module)


@rule(level=LogLevel.DEBUG)
async def find_go_modules(targets: AllUnexpandedTargets) -> GoModules:
    return GoModules(
        frozenset(t.address.spec_path for t in targets if isinstance(t, GoModuleTarget))
    )


def parse_cgo(
    target: Target, platform: Platform, c_toolchain: CToolchainSubsystem
) -> CgoOptions | None:
    """Parse the fields about C; raises MultiarchError for what the platform does not have."""
    address, linkage = target.address, target[CgoField].value
    # Tests are always programs.
    link_mode = target.get(LinkModeField).value or "exe"
    if linkage == "off":
        for field, changed in (
            (RaceField, target[RaceField].value),
            (LinkModeField, link_mode != "exe"),
        ):
            if changed:
                raise MultiarchError(
                    f"{address}: `{field.alias}` is {target[field].value!r}, which needs a C "
                    'compiler, and `cgo` is "off". Set cgo="dynamic".'
                )
        return None
    options = c_options(target, platform, linkage or "", c_toolchain)
    found = CgoOptions(options, link_mode, bool(target[RaceField].value))
    check(found, platform, where=str(address))
    return found


def parse_binary(
    target: Target,
    modules: GoModules,
    toolchain: GoToolchainSubsystem,
    c_toolchain: CToolchainSubsystem,
) -> GoBinary:
    """Parse a target's fields; raises MultiarchError that names the target and the field."""
    address = target.address
    main, module = modules.locate(target, GoBinaryMainField)
    gcflags = tuple(target[GcflagsField].value or ())
    everywhere = bool(gcflags) and gcflags[0].startswith("all=")
    platform = Platform.parse(target[GoBinaryPlatformField].value or "")
    cgo = parse_cgo(target, platform, c_toolchain)
    tags = {*(target[BuildTagsField].value or ()), *(cgo.tags if cgo else ())}
    settings = BuildSettings(
        platform=platform,
        go_version=f"go{toolchain.version}",
        tags=tuple(sorted(tags)),
        gcflags=(gcflags[0].removeprefix("all="), *gcflags[1:]) if everywhere else (),
        experiment=toolchain.experiment,
        cgo=cgo is not None,
    )
    return GoBinary(
        address=address,
        main=main,
        module=module,
        settings=settings,
        ldflags=tuple(target[LdflagsField].value or ()),
        main_gcflags=() if everywhere else gcflags,
        gcflags_text=" ".join(gcflags),
        x_defs=expand_variables(
            (target[XDefsField].value or {}).items(), where=f"{address}: `{XDefsField.alias}`"
        ),
        cgo=cgo,
    )


@rule(level=LogLevel.DEBUG)
async def find_go_binaries(
    targets: AllTargets,
    modules: GoModules,
    toolchain: GoToolchainSubsystem,
    c_toolchain: CToolchainSubsystem,
) -> AllGoBinaries:
    found = []
    for target in targets:
        if isinstance(target, GoCrossBinaryPlatformTarget):
            try:
                found.append(parse_binary(target, modules, toolchain, c_toolchain))
            except MultiarchError:
                # It says what is wrong when it is asked for; other binaries are not its fault.
                continue
    return AllGoBinaries(tuple(found))


@rule(level=LogLevel.DEBUG)
async def go_binary(
    request: GoBinaryRequest,
    modules: GoModules,
    toolchain: GoToolchainSubsystem,
    c_toolchain: CToolchainSubsystem,
) -> GoBinary:
    wrapped = await Get(
        WrappedTarget,
        WrappedTargetRequest(request.address, description_of_origin="the Go build"),
    )
    return parse_binary(wrapped.target, modules, toolchain, c_toolchain)


def rules() -> Iterable[object]:
    return collect_rules()
