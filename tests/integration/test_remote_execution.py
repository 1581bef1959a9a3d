"""Processes executed by a real worker of the Remote Execution API: buildbox's, in a chroot.

The worker has busybox and a Python of another version than Pants', and nothing else: no Go, no
engine, no emulator.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import worker_root
import worker_runner

from tests.integration.scratch import Repository, environment, require, started
from tests.integration.test_remote_cache import BUILD, DEEP, MAIN, same_files

pytestmark = pytest.mark.integration

RUNNER = "/usr/bin/buildbox-run-output-paths"
# Its own namespaces: what is mounted is gone with the process.
START = """
set -e
mount --make-rprivate /
mount --rbind /dev "$0/dev"
mount -t proc proc "$0/proc"
mount -t tmpfs tmpfs "$0/tmp"
mount --bind "$1" "$0/var/cas"
exec chroot "$0" /usr/bin/buildbox-casd --bind "127.0.0.1:$2" --buildbox-run "$3" --jobs 2 \
    --cache-failures=false --log-level info /var/cas
"""
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


@dataclass(frozen=True)
class Worker:
    """A server with one worker; `log` is what it says."""

    address: str
    log: Path

    def executed(self) -> int:
        """How many actions the worker has executed."""
        return self.log.read_text(errors="replace").count("Runner exited with code 0")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A server that knows nothing yet."""
    root = worker_root.default_root()
    if not root.exists():
        require(f"build-support/worker_root.py has not been run: {root}", found=False)
    shutil.copy(worker_runner.__file__, f"{root}{RUNNER}")
    os.chmod(f"{root}{RUNNER}", 0o755)
    folder = tmp_path_factory.mktemp("worker")
    (folder / "cas").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if os.getuid() != 0:
        command += ["--user", "--map-root-user"]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(
            [*command, "sh", "-c", START, root, folder / "cas", str(port), RUNNER],
            env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        for _ in range(300):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)
        yield Worker(f"grpc://127.0.0.1:{port}", folder / "log")
    finally:
        # `unshare` blocks SIGTERM while it waits; its child dies with it.
        server.kill()
        server.wait()


def repository(folder: Path, worker: Worker | None = None, *, named: bool = True) -> Repository:
    """The same repository; with a worker on a machine whose caches are empty.

    The worker is an environment that targets name, or else Pants sends everything there.
    """
    found = Repository(folder / "repository", store=folder / "caches" if worker else None)
    found.configure(platforms=["linux/amd64", "linux/arm64"])
    if worker:
        settings = found.root / "pants.toml"
        text = settings.read_text().replace(
            "[GLOBAL]\n",
            f'[multiarch-remote]\npython = "/usr/bin/{worker_root.PYTHON}"\n\n'
            "[GLOBAL]\nremote_execution = true\nsession_end_tasks_timeout = 300\n"
            f'remote_store_address = "{worker.address}"\n'
            f'remote_execution_address = "{worker.address}"\n',
        )
        if named:
            text += '\n[environments-preview.names]\nworkers = "//:workers"\n'
        settings.write_text(text)
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
    worker: Worker, built: Path, tmp_path: Path
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
    worker: Worker, built: Path, tmp_path: Path
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
