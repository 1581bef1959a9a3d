"""`pants platforms`: the platforms of this repository, and what this machine can do with them."""

from __future__ import annotations

import platform as platform_module
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

import yaml
from pants.engine.console import Console
from pants.engine.env_vars import EnvironmentVars, EnvironmentVarsRequest
from pants.engine.goal import Goal, GoalSubsystem, LineOriented
from pants.engine.rules import Get, collect_rules, goal_rule
from pants.engine.target import AllTargets
from pants.option.option_types import EnumOption

from multiarch.backend.c_target_types import BinaryPlatformField
from multiarch.backend.go_cross_test.target_types import GoTestPlatformField
from multiarch.backend.image.target_types import ImagePlatformField
from multiarch.backend.platforms import PlatformMatrix
from multiarch.backend.sandbox import SHELL_PATH
from multiarch.backend.subsystems.c_toolchain import CToolchainSubsystem
from multiarch.backend.subsystems.multiarch_engine import MultiarchEngineSubsystem
from multiarch.core.c.gcc import gcc_program
from multiarch.core.c.options import CError, parse_libc
from multiarch.core.c.zig import zig_target
from multiarch.core.emulation import is_native
from multiarch.core.go_ports import PORTS
from multiarch.core.platform_report import PlatformRow, as_data, as_html, as_json, as_text
from multiarch.core.platforms import Platform, host_platform
from multiarch.core.support import Support
from multiarch.tools.engines import buildah, docker_engine
from multiarch.tools.engines.host import EngineMissing, Host, emulator


class ReportFormat(Enum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    HTML = "html"


class PlatformsSubsystem(LineOriented, GoalSubsystem):
    """`pants platforms`."""

    name = "platforms"
    help = (
        "Show each platform of the repository: Go's support, what compiles its C, how this machine "
        "runs its programs, what executes RUN, its support level and targets; and what is missing "
        "and how to get it."
    )

    format = EnumOption(default=ReportFormat.TEXT, help="How to write the report.")


class Platforms(Goal):
    """The goal."""

    subsystem_cls = PlatformsSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


def how_run(host: Host, platform: Platform) -> tuple[str, str]:
    """How the machine runs the platform's programs, and what to do where it cannot."""
    here = host.platform
    if is_native(here, platform) or (platform.os == here.os and platform.arch == here.arch):
        return "natively", ""
    if here.os != "linux" or platform.os != "linux":
        return "no", ""
    try:
        found = emulator(host, platform)
    except EngineMissing as error:
        return "no", str(error)
    return (found.rpartition("/")[2] if found else "by binfmt_misc"), ""


def what_executes(host: Host, engines: Sequence[str]) -> tuple[str, str]:
    """The first engine for RUN, and what to do where there is none; Docker is not called."""
    problems = []
    for engine in engines:
        if engine == docker_engine.NAME:
            if host.environment.get("DOCKER_HOST") or host.which("docker"):
                return "docker, if it answers", ""
            problems.append("no Docker: neither DOCKER_HOST is set nor `docker` in PATH")
        else:
            problem = buildah.missing(host)
            if problem is None:
                return buildah.NAME, ""
            problems.append(problem)
    return "no", f"for RUN: {'; '.join(problems)}"


def what_compiles(platform: Platform, toolchain: CToolchainSubsystem) -> tuple[str, str]:
    """What compiles the platform's C by default, and what to do where it is not there."""
    if not PORTS[platform.os, platform.arch].cgo:
        return "no", ""
    where = "[c-toolchain]"
    try:
        if toolchain.compiler(platform) == "gcc":
            named = toolchain.of(toolchain.gcc_programs, "gcc_programs", platform, "")
            program = named or gcc_program(platform, where=where)
            if shutil.which(program, path=SHELL_PATH):
                return program, ""
            return "no", f"for C: no {program} in {SHELL_PATH}; install it, or use zig"
        libc = toolchain.of(toolchain.libc, "libc", platform, "")
        zig_target(platform, parse_libc(libc, platform, static=False, where=where), where=where)
    except CError:
        return "no", ""
    return f"zig {toolchain.zig_version}", ""


def support_text(support: Support, platform: Platform) -> str:
    """The support level, or the deactivation."""
    found = support.deactivation(platform)
    if found is not None:
        return f"deactivated until {found.until} ({found.issue})"
    return support.level(platform).value


def platform_row(
    platform: Platform,
    host: Host,
    engine: tuple[str, str],
    compiler: tuple[str, str],
    support: Support,
    counts: Sequence[int],
) -> PlatformRow:
    """Everything that is to be said of one platform."""
    port = PORTS[platform.os, platform.arch]
    runs, missing = how_run(host, platform)
    executes, no_engine = engine
    if platform.os != "linux" or runs == "no":
        executes = "no"
    return PlatformRow(
        platform=str(platform),
        port="first class" if port.first_class else "other",
        cgo=port.cgo,
        compiler=compiler[0],
        runs=runs,
        engine=executes,
        support=support_text(support, platform),
        binaries=counts[0],
        images=counts[1],
        tests=counts[2],
        missing=missing or (no_engine if platform.os == "linux" else "") or compiler[1],
    )


@goal_rule
async def show_platforms(
    console: Console,
    subsystem: PlatformsSubsystem,
    targets: AllTargets,
    matrix: PlatformMatrix,
    c_toolchain: CToolchainSubsystem,
    engines: MultiarchEngineSubsystem,
) -> Platforms:
    environment = await Get(EnvironmentVars, EnvironmentVarsRequest(("PATH", "DOCKER_HOST")))
    host = Host(environment, {}, timeout=0, network=False)
    kinds = (BinaryPlatformField, ImagePlatformField, GoTestPlatformField)
    counts = {kind: Counter[Platform]() for kind in kinds}
    for target in targets:
        for kind, found in counts.items():
            if target.has_field(kind):
                found[Platform.parse(target[kind].value or "")] += 1
    names = dict.fromkeys((*matrix.default_platforms, *(f"@{name}" for name, _ in matrix.sets)))
    # One by one: a default platform may be in a set as well.
    configured = {p for n in names for p in matrix.expand((n,), (), where="[multiarch]")}
    engine = what_executes(host, engines.tried())
    rows = [
        platform_row(
            p,
            host,
            engine,
            what_compiles(p, c_toolchain),
            matrix.support,
            tuple(counts[kind][p] for kind in kinds),
        )
        for p in sorted(configured.union(*counts.values()))
    ]
    here = str(host_platform(platform_module.system(), platform_module.machine()))
    with subsystem.line_oriented(console) as print_line:
        if subsystem.format is ReportFormat.JSON:
            print_line(as_json(here, rows))
        elif subsystem.format is ReportFormat.HTML:
            print_line(as_html(here, rows))
        elif subsystem.format is ReportFormat.YAML:
            print_line(yaml.safe_dump(as_data(here, rows), sort_keys=False).rstrip())
        else:
            print_line(as_text(here, rows))
    return Platforms(exit_code=0)


def rules() -> Iterable[object]:
    return collect_rules()
