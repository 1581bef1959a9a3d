"""Runs a function in user and mount namespaces of its own, with an emulator registered there.

Since Linux 6.7 each user namespace may have its own binfmt_misc, so that an emulator can be
registered for one build and is never registered on the host. Whatever the function starts ends
with it: also what hangs under QEMU or has left its process group.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from multiarch.core.emulation import registration
from multiarch.core.platforms import Platform
from multiarch.tools.engines.host import EngineMissing, Host, RunError, RunTimeout

_NEW_MOUNTS, _NEW_USERS, _NEW_NETWORK = 0x00020000, 0x10000000, 0x40000000
_SUBREAPER = 36
# All but one: with all of them, programs such as runc do not see that they are in a namespace.
_ALL_IDS = "0 0 4294967294\n"
_POLL_SECONDS = 0.05
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Sandbox:
    """What the function's processes get: emulators, by platform, and whether a network."""

    emulators: tuple[tuple[Platform, str], ...]
    network: bool


def call(work: Callable[[], None], sandbox: Sandbox, host: Host) -> None:
    """Call `work` in a child process of its own namespaces.

    A MultiarchError of `work` is raised here again with its text. Raises RunError when it does not
    end within `host.timeout` seconds; everything it started is then killed.
    """
    adopt()
    ready, go, told = os.pipe(), os.pipe(), os.pipe()
    in_users = bool(sandbox.emulators) or os.geteuid() != 0
    pid = os.fork()
    if pid == 0:
        _child(work, sandbox, in_users, ready[1], go[0], told[1])
    for end in (ready[1], go[0], told[1]):
        os.close(end)
    try:
        problem = os.read(ready[0], 4096).decode()
        if problem != "ok":
            raise EngineMissing(problem or "the namespaces' process died")
        if in_users:
            _map_ids(pid, host)
        os.write(go[1], b"go")
        status = _wait(pid, host.timeout)
        text = b"".join(iter(lambda: os.read(told[0], 65536), b"")).decode()
    finally:
        kill_all()
    kind, _, message = text.partition(":")
    if kind == "missing":
        raise EngineMissing(message)
    if kind != "done" or status != 0:
        raise RunError(message or f"the engine's process ended with the status {status}")


def _child(
    work: Callable[[], None], sandbox: Sandbox, in_users: bool, ready: int, go: int, told: int
) -> None:
    """The child's whole life; never returns."""
    code = 1
    try:
        flags = _NEW_MOUNTS | (_NEW_USERS if in_users else 0)
        flags |= 0 if sandbox.network else _NEW_NETWORK
        if _libc.unshare(flags) != 0:
            error = os.strerror(ctypes.get_errno())
            os.write(ready, f"this machine does not allow namespaces to be made: {error}".encode())
            os._exit(1)
        os.write(ready, b"ok")
        if os.read(go, 2) == b"go":
            if in_users:
                os.setresgid(0, 0, 0)
                os.setresuid(0, 0, 0)
            _register(sandbox.emulators)
            work()
            os.write(told, b"done:")
            code = 0
    except EngineMissing as error:
        os.write(told, f"missing:{error}".encode())
    except RunError as error:
        os.write(told, f"failed:{error}".encode())
    except BaseException:
        os.write(told, f"failed:{traceback.format_exc()}".encode())
    os._exit(code)


def _register(emulators: tuple[tuple[Platform, str], ...]) -> None:
    if not emulators:
        return
    target = b"/proc/sys/fs/binfmt_misc"
    if _libc.mount(b"binfmt_misc", target, b"binfmt_misc", 0, None) != 0:
        error = os.strerror(ctypes.get_errno())
        raise EngineMissing(
            f"{emulators[0][1]} is there, but a user namespace cannot mount binfmt_misc ({error}): "
            f"that needs Linux 6.7, and this is {os.uname().release}. An administrator can "
            "register the emulators with the flags F and P (Debian and Ubuntu: `apt-get install "
            "qemu-user-static binfmt-support`)."
        )
    for platform, emulator in emulators:
        Path("/proc/sys/fs/binfmt_misc/register").write_bytes(registration(platform, emulator))


def _map_ids(pid: int, host: Host) -> None:
    """Give the child its users: all of them for root, the subordinate ones for anyone else."""
    if os.geteuid() == 0:
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text(_ALL_IDS)
        return
    for program, file, own in (
        ("newuidmap", "/etc/subuid", os.getuid()),
        ("newgidmap", "/etc/subgid", os.getgid()),
    ):
        first, count = _subordinate(file)
        found = host.which(program)
        if found is None:
            raise EngineMissing(
                f"an ordinary user needs {program} (Debian and Ubuntu: `apt-get install uidmap`)"
            )
        argv = [found, str(pid), "0", str(own), "1", "1", str(first), str(count)]
        made = subprocess.run(argv, capture_output=True, text=True)
        if made.returncode != 0:
            raise EngineMissing(f"{program} failed: {made.stderr.strip()}")


def _subordinate(file: str) -> tuple[int, int]:
    user = pwd.getpwuid(os.getuid()).pw_name
    try:
        rows = [line.split(":") for line in Path(file).read_text().splitlines()]
    except OSError:
        rows = []
    for row in rows:
        if len(row) == 3 and row[0] in (user, str(os.getuid())):
            return int(row[1]), int(row[2])
    raise EngineMissing(
        f"{file} has no range for the user {user}, which an engine without root needs: an "
        f"administrator runs `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "
        f"{user}`."
    )


def _wait(pid: int, timeout: int) -> int:
    end = time.monotonic() + timeout
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            raise RunTimeout(timeout)
        time.sleep(_POLL_SECONDS)


def adopt() -> None:
    """Become the parent of every process below this one whose own parent ends."""
    _libc.prctl(_SUBREAPER, 1, 0, 0, 0)


def kill_all() -> None:
    """Kill every process that is still below this one, until there is none."""
    for _ in range(200):
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        if not children:
            return
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_POLL_SECONDS)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
