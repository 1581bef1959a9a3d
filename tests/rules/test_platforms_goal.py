"""`pants platforms` tells the truth on a bare machine, on a full one, and of each support level."""

from __future__ import annotations

import json

import pytest
import yaml
from multiarch.backend import register
from multiarch.backend.goals.platforms import Platforms, how_run, what_executes
from multiarch.core.platforms import Platform
from multiarch.tools.engines import host as host_module
from multiarch.tools.engines.host import Host
from pants.core import register as core
from pants.engine.internals.scheduler import ExecutionError
from pants.testutil.rule_runner import RuleRunner

BARE = Host({"PATH": "/nonexistent"}, {}, timeout=0, network=False)
S390X = Platform.parse("linux/s390x")


@pytest.fixture(autouse=True)
def nothing_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine's binfmt_misc holds."""
    monkeypatch.setattr(host_module, "registered", lambda platform: False)


def test_a_bare_machine_has_no_emulator_and_no_engine() -> None:
    runs, missing = how_run(BARE, S390X)
    assert runs == "no"
    assert "no qemu-s390x-static or qemu-s390x in PATH" in missing
    assert "apt-get install qemu-user-static" in missing
    engine, without = what_executes(BARE, ["docker", "buildah"])
    assert engine == "no"
    assert without.startswith("for RUN: no Docker: ")
    assert "buildah" in without


def test_its_own_platform_runs_natively() -> None:
    assert how_run(BARE, BARE.platform) == ("natively", "")


def test_a_system_that_nothing_emulates() -> None:
    foreign = "windows/amd64" if BARE.platform.os != "windows" else "linux/amd64"
    assert how_run(BARE, Platform.parse(foreign)) == ("no", "")


def test_a_registered_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    if BARE.platform.os != "linux":
        pytest.skip("binfmt_misc is a part of Linux")
    monkeypatch.setattr(host_module, "registered", lambda platform: True)
    assert how_run(BARE, S390X) == ("by binfmt_misc", "")


def test_a_docker_engine_is_named_but_not_asked() -> None:
    host = Host({"PATH": "/nonexistent", "DOCKER_HOST": "unix:///x"}, {}, timeout=0, network=False)
    assert what_executes(host, ["buildah", "docker"]) == ("docker, if it answers", "")
    engine, without = what_executes(host, ["buildah"])
    assert engine == "no"
    assert "Docker" not in without


def test_the_goal_reports_levels_and_targets() -> None:
    runner = RuleRunner(
        rules=[*core.rules(), *register.rules()],
        target_types=[*core.target_types(), *register.target_types()],
    )
    runner.write_files(
        {
            "BUILD": 'go_module(name="mod")\n'
            'go_cross_binary(name="a", platforms=["linux/s390x", "linux/amd64"])\n'
            'multiarch_image(name="i", binaries=[":a"], instructions=["FROM scratch"])\n'
            'c_cross_binary(name="c", sources=["c.c"], platforms=["linux/amd64", "js/wasm"])\n'
            'go_cross_test(name="t", platforms=["linux/amd64", "linux/ppc64le"])\n',
            "c.c": "",
            "go.mod": "module example.test/a\n\ngo 1.25\n",
        }
    )
    entry = '{"linux/arm": {"issue": "https://example.com/7", "until": "2999-01-31"}}'
    result = runner.run_goal_rule(
        Platforms,
        args=["--format=json"],
        global_args=[
            '--multiarch-default-platforms=["linux/amd64", "linux/arm"]',
            '--multiarch-sets={"one": ["linux/amd64"]}',
            '--multiarch-support={"linux/s390x": "experimental"}',
            f"--multiarch-deactivated={entry}",
            '--c-toolchain-compilers={"linux/arm": "gcc"}',
            '--c-toolchain-gcc-programs={"linux/arm": "no-such-gcc"}',
        ],
        env_inherit={"PATH"},
    )
    rows = {row["platform"]: row for row in json.loads(result.stdout)["platforms"]}
    assert sorted(rows) == [
        *("js/wasm", "linux/amd64", "linux/arm/v7", "linux/ppc64le", "linux/s390x"),
    ]
    assert (rows["linux/s390x"]["binaries"], rows["linux/s390x"]["images"]) == (1, 1)
    assert rows["linux/s390x"]["support"] == "experimental"
    assert rows["linux/arm/v7"]["support"] == "deactivated until 2999-01-31 (https://example.com/7)"
    assert rows["linux/arm/v7"]["binaries"] == 0
    assert rows["linux/amd64"]["support"] == "supported"
    assert [rows["linux/amd64"][kind] for kind in ("binaries", "images", "tests")] == [2, 1, 1]
    assert rows["linux/ppc64le"]["tests"] == 1
    assert rows["linux/ppc64le"]["compiler"].startswith("zig ")
    assert rows["js/wasm"]["compiler"] == "no"
    assert rows["linux/arm/v7"]["compiler"] == "no"
    assert "no no-such-gcc in /" in rows["linux/arm/v7"]["missing"]


def test_the_goal_says_what_a_bare_machine_lacks() -> None:
    runner = RuleRunner(
        rules=[*core.rules(), *register.rules()],
        target_types=[*core.target_types(), *register.target_types()],
    )
    runner.write_files({"BUILD": ""})
    foreign = "linux/s390x" if BARE.platform.arch != "s390x" else "linux/arm64"
    result = runner.run_goal_rule(
        Platforms,
        args=["--format=yaml"],
        global_args=[f'--multiarch-default-platforms=["{foreign}", "{BARE.platform}"]'],
        env={"PATH": "/nonexistent"},
    )
    report = yaml.safe_load(result.stdout)
    assert report["host"] == str(BARE.platform)
    rows = {row["platform"]: row for row in report["platforms"]}
    assert (rows[foreign]["runs"], rows[foreign]["engine"]) == ("no", "no")
    assert "apt-get install qemu-user-static" in rows[foreign]["missing"]
    own = rows[str(BARE.platform)]
    assert (own["runs"], own["engine"]) == ("natively", "no")
    assert "apt-get install buildah" in own["missing"]


@pytest.mark.parametrize("order", ["[]", "['docker', 'buildah', 'docker']", "['podman']"])
def test_an_order_of_engines_that_cannot_be_is_an_error(order: str) -> None:
    runner = RuleRunner(
        rules=[*core.rules(), *register.rules()],
        target_types=[*core.target_types(), *register.target_types()],
    )
    runner.write_files({"BUILD": 'go_module(name="mod")\n', "go.mod": "module a.test\n"})
    with pytest.raises(ExecutionError) as failed:
        runner.run_goal_rule(Platforms, global_args=[f"--multiarch-engine-order={order}"])
    assert "the option `[multiarch-engine].order` is [" in str(failed.value)
    assert "name one engine or both, each once: `buildah`, `docker`." in str(failed.value)
