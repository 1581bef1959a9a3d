"""What runs on this machine, and what on workers."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest
from multiarch.backend import sandbox
from multiarch.backend.sandbox import (
    ToolProcess,
    binary_wheel_platform,
    run_tool,
    wheel_platform,
)
from multiarch.core.errors import MultiarchError
from pants.backend.python.util_rules import pex_cli, pex_requirements
from pants.core.util_rules.environments import RemoteEnvironmentTarget
from pants.engine.environment import EnvironmentName
from pants.engine.platform import Platform
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import QueryRule, rule
from pants.testutil.rule_runner import RuleRunner


@dataclass(frozen=True)
class Ran:
    """A type of its own, as rules have it: a process has one source of its result."""

    result: FallibleProcessResult


@rule
async def run(tool: ToolProcess) -> Ran:
    return Ran(await run_tool(tool))


@pytest.fixture
def workers() -> RuleRunner:
    """Rules in an environment of workers, with no server: the engine runs what it sends there."""
    runner = RuleRunner(
        rules=[
            *sandbox.rules(),
            *pex_cli.rules(),
            *pex_requirements.rules(),
            run,
            QueryRule(Ran, [ToolProcess]),
            QueryRule(Process, [ToolProcess]),
        ],
        target_types=[RemoteEnvironmentTarget],
        inherent_environment=EnvironmentName("workers"),
    )
    runner.write_files({"BUILD": "remote_environment(name='workers', platform='linux_arm64')"})
    runner.set_options(
        [
            "--environments-preview-names={'workers': '//:workers'}",
            f"--multiarch-remote-python={sys.executable}",
        ],
        env_inherit={"PATH", "HOME"},
    )
    return runner


def tool(*, local: bool) -> ToolProcess:
    return ToolProcess(
        "multiarch.tools.skeletons",
        '{"source": "none", "output": "out"}',
        "Read nothing",
        output_directories=("out",),
        local=local,
    )


def test_a_local_tool_runs_here_in_an_environment_of_workers(workers: RuleRunner) -> None:
    process = workers.request(Process, [tool(local=True)])
    assert ".python" in process.append_only_caches.values()
    assert workers.request(Ran, [tool(local=True)]).result.exit_code == 0


def test_another_tool_takes_the_python_that_workers_have(workers: RuleRunner) -> None:
    process = workers.request(Process, [tool(local=False)])
    assert process.argv[-1] == sys.executable
    assert not process.append_only_caches


def test_wheels_are_those_of_the_workers() -> None:
    assert wheel_platform(Platform.linux_arm64, "313") == "linux_aarch64-cp-313-cp313"
    assert binary_wheel_platform(Platform.create_for_localhost()) == ""
    other = {Platform.linux_arm64, Platform.linux_x86_64} - {Platform.create_for_localhost()}
    assert all(binary_wheel_platform(host).startswith("linux_") for host in other)
    with pytest.raises(MultiarchError, match="executed remotely on `macos_arm64`"):
        wheel_platform(Platform.macos_arm64)
