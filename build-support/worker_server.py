"""A real server of the Remote Execution API with one worker, for tests and proofs: buildbox's.

The worker lives in the root that `worker_root.py` makes: it has busybox and a Python of another
version than Pants', and nothing else: no Go, no engine, no emulator.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import worker_root
import worker_runner
from cache_server import clean_environment, free_port, wait_until_it_listens

_RUNNER = "/usr/bin/buildbox-run-output-paths"
# Its own namespaces: what is mounted is gone with the process.
_START = """
set -e
mount --make-rprivate /
mount --rbind /dev "$0/dev"
mount -t proc proc "$0/proc"
mount -t tmpfs tmpfs "$0/tmp"
mount --bind "$1" "$0/var/cas"
exec chroot "$0" /usr/bin/buildbox-casd --bind "127.0.0.1:$2" --buildbox-run "$3" --jobs 2 \
    --cache-failures=false --log-level info /var/cas
"""


class WorkerServer:
    """A server that knows nothing yet; its `address` is on the loopback device, `log` what it says.

    Everything it keeps is in `folder`, which is made. Needs root, or user namespaces.
    """

    def __init__(self, folder: Path) -> None:
        root = worker_root.default_root()
        shutil.copy(worker_runner.__file__, f"{root}{_RUNNER}")
        os.chmod(f"{root}{_RUNNER}", 0o755)
        (folder / "cas").mkdir(parents=True)
        port = free_port()
        self.address = f"grpc://127.0.0.1:{port}"
        self.log = folder / "log"
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        if os.getuid() != 0:
            command += ["--user", "--map-root-user"]
        with open(self.log, "wb") as log:
            self._server = subprocess.Popen(
                [*command, "sh", "-c", _START, root, folder / "cas", str(port), _RUNNER],
                env=clean_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            wait_until_it_listens(self._server, port, self.log, seconds=60)
        except RuntimeError:
            self.kill()
            raise

    def executed(self) -> int:
        """How many actions the worker has executed."""
        return self.log.read_text(errors="replace").count("Runner exited with code 0")

    def kill(self) -> None:
        """Stop it: `unshare` blocks SIGTERM while it waits, and its child dies with it."""
        self._server.kill()
        self._server.wait()


def settings(server: WorkerServer) -> str:
    """What stands in pants.toml in place of the line `[GLOBAL]`, so that all goes to the worker."""
    return (
        f'[multiarch-remote]\npython = "/usr/bin/{worker_root.PYTHON}"\n\n'
        "[GLOBAL]\nremote_execution = true\nsession_end_tasks_timeout = 300\n"
        f'remote_store_address = "{server.address}"\n'
        f'remote_execution_address = "{server.address}"\n'
    )
