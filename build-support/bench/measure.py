"""What one build costs: time, CPU, memory, programs executed and bytes over the loopback device."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of CPU, the largest process's memory and what was moved, in bytes.

    Children of a daemon count as its CPU; its own memory counts as a process's. `executed` counts
    the programs that were started on the whole machine, None where the kernel does not tell.
    """

    wall: float
    cpu: float
    peak: int
    moved: int = 0
    executed: int | None = None

    def __add__(self, other: Cost) -> Cost:
        known = self.executed is not None and other.executed is not None
        return Cost(
            self.wall + other.wall,
            self.cpu + other.cpu,
            max(self.peak, other.peak),
            self.moved + other.moved,
            (self.executed or 0) + (other.executed or 0) if known else None,
        )


class Executions:
    """Counts the programs that are executed, by the kernel's process events connector.

    Only root is told. See Linux's `include/uapi/linux/cn_proc.h`.
    """

    _PROCESS_EVENTS = _LISTEN = 1
    _EXEC = 2
    _HEADERS = struct.calcsize("=IHHII") + struct.calcsize("=IIIIHH")

    def __init__(self) -> None:
        self.count: int | None = 0
        self._end = threading.Event()
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 11)
        try:
            self._socket.bind((0, self._PROCESS_EVENTS))
            operation = struct.pack("=I", self._LISTEN)
            body = struct.pack(
                "=IIIIHH", self._PROCESS_EVENTS, self._PROCESS_EVENTS, 0, 0, len(operation), 0
            )
            length = struct.calcsize("=IHHII") + len(body) + len(operation)
            head = struct.pack("=IHHII", length, 3, 0, 0, os.getpid())
            self._socket.send(head + body + operation)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        except OSError:
            self.count = None
        self._socket.settimeout(0.05)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while self.count is not None:
            try:
                event = self._socket.recv(4096)
            except socket.timeout:
                if self._end.is_set():
                    return
            except OSError:
                # Events were lost.
                self.count = None
            else:
                self.count += struct.unpack_from("=I", event, self._HEADERS)[0] == self._EXEC

    def stop(self) -> int | None:
        """End counting: how many programs were executed since the start."""
        self._end.set()
        self._thread.join()
        self._socket.close()
        return self.count


def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str], daemon: Path | None = None) -> Cost:
    """Run one command to its end; one that fails ends the benchmark with its words.

    `daemon` is the root of a repository whose pantsd does the command's work.
    """
    return run_together([argv], cwd, [env], daemon)


def run_together(
    commands: Sequence[Sequence[str]],
    cwd: Path,
    envs: Sequence[Mapping[str, str]],
    daemon: Path | None = None,
) -> Cost:
    """Run several commands at the same time."""
    before, moved = daemon_cpu(daemon), loopback()
    executions = Executions()
    start = time.monotonic()
    with tempfile.TemporaryFile() as log:
        processes = [
            subprocess.Popen(
                argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            for argv, env in zip(commands, envs)
        ]
        cpu, peak, failed = 0.0, 0, False
        for process in processes:
            # `wait` says nothing of what a process used.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            failed = failed or process.returncode != 0
            cpu += usage.ru_utime + usage.ru_stime
            peak = max(peak, usage.ru_maxrss * 1024)
        if failed:
            log.seek(0)
            sys.exit(f"{commands[0]} failed:\n{log.read().decode()}")
    wall = time.monotonic() - start
    executed = executions.stop()
    after = daemon_cpu(daemon)
    # A daemon that was started by the command had used nothing before it.
    used = after[1] - (before[1] if before[0] == after[0] else 0)
    return Cost(wall, cpu + used, max(peak, daemon_memory(daemon)), loopback() - moved, executed)


def daemon_pid(root: Path | None) -> int | None:
    """The process of the pantsd that serves a repository, if one does."""
    for file in root.glob(".pids/*/pantsd/pid") if root is not None else ():
        try:
            pid = int(file.read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            continue
        return pid
    return None


def daemon_cpu(root: Path | None) -> tuple[int | None, float]:
    """The daemon, and the CPU seconds that it and the processes it ran have used."""
    pid = daemon_pid(root)
    if pid is None:
        return None, 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return pid, sum(map(int, fields[11:15])) / TICKS


def daemon_memory(root: Path | None) -> int:
    """What the daemon holds now, in bytes, without the files that it maps."""
    pid = daemon_pid(root)
    if pid is None:
        return 0
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def loopback() -> int:
    """The bytes that the loopback device has received."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counters = line.strip().partition(":")
        if name == "lo":
            return int(counters.split()[0])
    return 0
