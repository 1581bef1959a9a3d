"""Images on a developer's machine: `run`, `load-image` and tests in a Docker engine, for real."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from multiarch.backend.image.assembly import build_platform
from multiarch.core.platforms import Platform
from multiarch.tools.engines.host import registered

from tests.integration.scratch import Repository, debian, require, require_docker

pytestmark = pytest.mark.integration

HERE = str(build_platform())
FOREIGN = "linux/arm/v6"
BUILD = f"""
image_base(name="debian", sources=["debian.tar"])
multiarch_image(name="sh", bases=[":debian"], platforms=["{HERE}", "{FOREIGN}"],
                instructions=["FROM debian", 'ENTRYPOINT ["/bin/sh", "-c"]', 'CMD ["exit 9"]'])
image_test(name="test", image=":sh#{FOREIGN}", source="t.yaml")
"""
# An older CPU than QEMU's default: what a v6 image must not need is not there.
TESTS = r"""
schemaVersion: "2.0.0"
commandTests:
  - name: the machine
    setup: [["sh", "-c", "uname -m >/machine"]]
    command: cat
    args: [/machine]
    envVars: [{key: X, value: "$PATH:/x"}]
    expectedOutput: ['^armv6l\n$']
  - name: a container of its own, with an environment and two outputs
    command: sh
    args: ["-c", "test ! -e /machine; env; echo problem >&2; exit 3"]
    envVars: [{key: X, value: "$PATH:/x"}]
    exitCode: 3
    expectedOutput: ['(?m)^X=/\S*bin:/x$']
    excludedOutput: [problem]
    expectedError: ['^problem\n$']
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """One image on Debian, for this machine's platform and for an older ARM."""
    require_docker()
    found = Repository(tmp_path_factory.mktemp("local"))
    found.configure(version="1.2+x")
    found.write("img/BUILD", BUILD)
    found.write("img/t.yaml", TESTS)
    shutil.copyfile(debian(), found.root / "img/debian.tar")
    yield found
    found.stop()


def test_run_takes_the_hosts_platform_and_passes_arguments_and_exit_code(
    repository: Repository,
) -> None:
    result = repository.pants("run", "img:sh", "--", "uname -m; exit 5", check=False)
    assert result.returncode == 5, result.stderr
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout
    assert result.stdout == machine
    assert repository.pants("run", "img:sh", check=False).returncode == 9


def test_a_foreign_platform_runs_when_it_is_named(repository: Repository) -> None:
    argv = ("run", f"img:sh#{FOREIGN}", "--", "uname -m; exit 6")
    result = repository.pants(*argv, check=False)
    assert (result.returncode, result.stdout) == (6, "armv6l\n"), result.stderr


def test_load_image_gives_docker_the_images_that_were_built(repository: Repository) -> None:
    printed = repository.pants("load-image", "img:sh").stdout.splitlines()
    repository.pants("package", "img:sh")
    wanted = {}
    for platform in (HERE, FOREIGN):
        with tarfile.open(repository.root / f"dist/img/sh/{platform}/sh.tar") as archive:
            stream = archive.extractfile("manifest.json")
            assert stream
            config = json.load(stream)[0]["Config"].rpartition("/")[2]
        name = f"img/sh:1.2_x-{platform.replace('/', '-')}"
        wanted[name] = f"docker: {name}  {platform}  sha256:{config}"
        found = json.loads(
            subprocess.run(
                ["docker", "image", "inspect", name], capture_output=True, check=True
            ).stdout
        )[0]
        assert found["Id"] == f"sha256:{config}"
        parts = [found["Os"], found["Architecture"], found.get("Variant", "")]
        assert "/".join(filter(None, parts)) == platform
        subprocess.run(["docker", "rmi", name], capture_output=True, check=True)
    assert sorted(printed) == sorted(wanted.values())


# For machines that give root less than podman and crun expect; runc comes with Docker.
PODMAN = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""


def test_podman_runs_and_loads_images_too(repository: Repository, tmp_path: Path) -> None:
    """Where no Docker engine answers, podman is the one that is taken."""
    require("podman")
    (tmp_path / "containers.conf").write_text(PODMAN)
    env = {
        "DOCKER_HOST": "unix:///nonexistent.sock",
        "CONTAINERS_CONF": str(tmp_path / "containers.conf"),
    }
    result = repository.pants("run", "img:sh", "--", "uname -m; exit 6", env=env, check=False)
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout
    assert (result.returncode, result.stdout) == (6, machine), result.stderr
    # podman finds a variant's image too: only the kernel may refuse it.
    foreign = repository.pants("run", f"img:sh#{FOREIGN}", "--", "true", env=env, check=False)
    if not registered(Platform.parse(FOREIGN)):
        assert "exec format error" in foreign.stderr.lower()
        assert f"The image is for `{FOREIGN}`, and no emulator is registered" in foreign.stderr
    assert "Trying to pull" not in foreign.stderr
    name = f"img/sh:1.2_x-{FOREIGN.replace('/', '-')}"
    loaded = repository.pants("load-image", f"img:sh#{FOREIGN}", env=env).stdout
    config = loaded.split("sha256:")[1].strip()
    assert loaded == f"podman: localhost/{name}  {FOREIGN}  sha256:{config}\n"
    listed = subprocess.run(
        ["podman", "image", "inspect", "--format", "{{.Id}} {{.Architecture}}", name],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert listed == [config, "arm"]
    subprocess.run(["podman", "rmi", name], capture_output=True, check=True)


def test_an_engine_that_is_missing_is_named(repository: Repository) -> None:
    result = repository.pants("load-image", "--engine=kind", "img:sh", check=False)
    if shutil.which("kind"):
        pytest.skip("kind is here")
    assert result.returncode == 1
    assert "no engine can load images on this machine:\n  * kind is not in PATH" in result.stderr


@pytest.mark.parametrize("engine", ["buildah", "docker"])
def test_commands_of_an_image_test_run_on_its_platform(repository: Repository, engine: str) -> None:
    def images() -> set[bytes]:
        listed = ["docker", "images", "-aq", "--no-trunc"]
        return set(subprocess.run(listed, capture_output=True, check=True).stdout.split())

    before = images()
    argv = (f"--multiarch-engine-engine={engine}", "--test-output=all", "test", "img:test")
    result = repository.pants(*argv, "--test-force")
    assert f"img/t.yaml on {FOREIGN}: 2 passed\n" in result.stderr
    # Another test that uses the engine at the same time removes its images, too, when it ends.
    more = images() - before
    for _ in range(240):
        if not more & images():
            break
        time.sleep(0.5)
    assert not more & images()


def test_a_command_that_hangs_in_docker_is_stopped(repository: Repository) -> None:
    repository.write(
        "hang/BUILD",
        'image_test(name="t", image="img:sh#linux/arm/v6", source="t.yaml", timeout=5)',
    )
    repository.write(
        "hang/t.yaml",
        'schemaVersion: "2.0.0"\ncommandTests: [{name: s, command: sleep, args: ["4244"]}]\n',
    )
    result = repository.pants("--multiarch-engine-engine=docker", "test", "hang:t", check=False)
    assert result.returncode == 1
    assert "the command did not end within 5 s (`timeout`) and was stopped" in result.stderr
    assert subprocess.run(["pgrep", "-f", "sleep 4244"], capture_output=True).stdout == b""
