"""Processes executed by a real worker of the Remote Execution API: buildbox's, in a chroot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import worker_root
from worker_server import WorkerServer, settings

from tests.integration.scratch import Repository, require, started
from tests.integration.test_remote_cache import BUILD, DEEP, MAIN, same_files

pytestmark = pytest.mark.integration

ENVIRONMENT = """
remote_environment(name="workers", platform="linux_x86_64")
__defaults__(all=dict(environment="workers"), ignore_unknown_fields=True)
"""
IMAGE_TEST = """
image_test(name="runs", image=":image", source="image-test.yaml")
"""
COMMANDS = """
schemaVersion: 2.0.0
commandTests:
  - name: says it
    command: /one
    expectedError: ["hello"]
"""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerServer]:
    """A server that knows nothing yet."""
    root = worker_root.default_root()
    if not root.exists():
        require(f"build-support/worker_root.py has not been run: {root}", found=False)
    server = WorkerServer(tmp_path_factory.mktemp("worker") / "server")
    yield server
    server.kill()


def repository(
    folder: Path, worker: WorkerServer | None = None, *, named: bool = True
) -> Repository:
    """The same repository; with a worker on a machine whose caches are empty.

    The worker is an environment that targets name, or else Pants sends everything there.
    """
    found = Repository(folder / "repository", store=folder / "caches" if worker else None)
    found.configure(platforms=["linux/amd64", "linux/arm64"])
    if worker:
        file = found.root / "pants.toml"
        text = file.read_text().replace("[GLOBAL]\n", settings(worker))
        if named:
            text += '\n[environments-preview.names]\nworkers = "//:workers"\n'
        file.write_text(text)
    found.write("BUILD", (ENVIRONMENT if worker and named else "") + BUILD + IMAGE_TEST)
    found.write("image-test.yaml", COMMANDS)
    found.write("go.mod", "module example.com/m\n\ngo 1.25\n")
    for main in ("one", "two"):
        found.write(f"cmd/{main}/main.go", MAIN)
    found.write("deep/deep.go", DEEP.format("hello"))
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this machine builds."""
    local = repository(tmp_path_factory.mktemp("local"))
    try:
        local.pants("package", "::")
    finally:
        local.stop()
    return local.root / "dist"


def own_sandboxes(folder: Path) -> list[str]:
    """The scripts of processes of the plugin that were begun on this machine."""
    ran = [file.read_text() for file in folder.glob("*/__run.sh")]
    assert ran
    return [text for text in ran if "run.sh" in text or "multiarch.tools" in text]


def test_an_environment_of_workers_builds_the_same_bytes(
    worker: WorkerServer, built: Path, tmp_path: Path
) -> None:
    remote = repository(tmp_path, worker)
    sandboxes = tmp_path / "sandboxes"
    sandboxes.mkdir()
    try:
        keep = (f"--local-execution-root-dir={sandboxes}", "--keep-sandboxes=always")
        result = remote.pants(*keep, "package", "::")
        assert "7 built, 0 cached" in result.stderr
        assert same_files(built, remote.root / "dist")
        assert not own_sandboxes(sandboxes)
        ran = [line for line in started(result) if not line.startswith("Fetch ")]
        assert len(ran) > 10
        assert worker.executed() >= len(ran)
        # Engines are where Pants runs, unless an option says that workers have them.
        require("buildah")
        here = remote.pants("test", ":runs#linux/amd64")
        assert "succeeded" in here.stderr
        elsewhere = remote.pants(
            "--multiarch-remote-engine-environment=workers",
            "--multiarch-engine-missing-engine=skip",
            "test",
            ":runs#linux/amd64",
        )
        assert "Left out: the commands of //:runs#linux/amd64" in elsewhere.stderr
    finally:
        remote.stop()


def test_without_environments_everything_goes_to_the_workers(
    worker: WorkerServer, built: Path, tmp_path: Path
) -> None:
    remote = repository(tmp_path, worker, named=False)
    sandboxes = tmp_path / "sandboxes"
    sandboxes.mkdir()
    try:
        keep = (f"--local-execution-root-dir={sandboxes}", "--keep-sandboxes=always")
        remote.pants(*keep, "package", ":one", ":list")
        assert not own_sandboxes(sandboxes)
        for part in ("one", "list"):
            assert same_files(built / part, remote.root / "dist" / part)
        wrong = remote.pants("--multiarch-remote-python=/no/python", "package", ":one", check=False)
        assert wrong.returncode == 1
        assert "[multiarch-remote].python: '/no/python' is no CPython 3.9" in wrong.stderr
    finally:
        remote.stop()
