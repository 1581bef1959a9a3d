"""A real server of the Remote Execution API's cache, for tests and benchmarks: BuildGrid."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "launcher"))

import bootstrap

REQUIREMENTS = bootstrap.ROOT / "3rdparty/python/buildgrid-requirements.txt"
# Pants sends 128 requests of each kind at a time; what the server has no thread for, it refuses.
SETTINGS = """
thread-pool-size: 300
server:
  - !channel
    address: 127.0.0.1:{port}
    insecure-mode: true
authorization:
  method: none
monitoring:
  enabled: false
instances:
  - name: ''
    storages:
      - !disk-storage &data
        path: {folder}/cas
    caches:
      - !lru-action-cache &cache
        storage: *data
        max-cached-refs: 100000
        cache-failed-actions: false
        allow-updates: true
    services:
      - !action-cache
        cache: *cache
      - !cas
        storage: *data
      - !bytestream
        storage: *data
"""


def clean_environment() -> dict[str, str]:
    """The environment without what a Pants that runs us has set for its own Python."""
    return {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "PEX"))}


def interpreter() -> bootstrap.Interpreter | None:
    """A CPython that BuildGrid runs on."""
    for folder in os.environ["PATH"].split(os.pathsep):
        executable = shutil.which("python3.11", path=folder)
        if executable is None:
            continue
        # A shim of pyenv is there for a version that is not chosen, and then does not run.
        probe = [executable, "-c", "import ensurepip, venv"]
        if not subprocess.run(probe, env=clean_environment(), capture_output=True).returncode:
            return bootstrap.Interpreter(executable, (3, 11, 0))
    return None


def free_port() -> int:
    """A port of the loopback device that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_until_it_listens(
    process: subprocess.Popen[bytes], port: int, log: Path, *, seconds: int
) -> None:
    """Wait for a server on loopback; raises RuntimeError with its log when it ends or is late."""
    for _ in range(5 * seconds):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"a server does not listen:\n{log.read_text(errors='replace')}")


class CacheServer:
    """A server on a folder and a free port, which can be killed, stopped and started again."""

    def __init__(self, folder: Path, python: bootstrap.Interpreter) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        made = bootstrap.environment("buildgrid", "BuildGrid", [REQUIREMENTS], python)
        self.program = made / "bin/bgd"
        self.address = f"grpc://127.0.0.1:{self.port}"
        (folder / "server.yml").write_text(SETTINGS.format(port=self.port, folder=folder))
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "server", "start", self.folder / "server.yml"],
                env=clean_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        wait_until_it_listens(self.process, self.port, self.folder / "log", seconds=120)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def blobs(self) -> list[Path]:
        """The files of its blobs."""
        return [f for f in (self.folder / "cas").rglob("*") if f.is_file() and f.stat().st_size]
