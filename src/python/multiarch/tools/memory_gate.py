"""Lets big links begin as the memory of the machine allows, and not as many as it has cores.

    memory_gate.py FOLDER IMPORTCFG PROGRAM [ARGUMENT ...]

The link of a program of a thousand packages holds about one and a half times the size of its
archives. Each such link on the machine takes its share of the budget, as locks on bytes of a file
in the named cache FOLDER, and becomes PROGRAM, which keeps them until it ends, however it ends.
They are served in the order of their coming; one that needs more than there is runs alone. Where
there are no such locks the program runs at once.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

# What a byte of the file stands for.
SHARE = 64 << 20
# The daemon, compilers and everything else of the machine have the rest.
_BUDGET = 0.75
# Measured on containerd: 1.4 times the archives, with the compiler's data for importers in them.
_PER_INPUT = 1.5
_CGROUPS = "/sys/fs/cgroup"
_PAUSE = 0.05


def _limits(membership: Iterable[str], cgroups: str) -> Iterator[str]:
    """The files that may limit the memory of a process in these cgroups, and in those above."""
    for line in membership:
        _, controllers, path = line.rstrip("\n").split(":", 2)
        if not controllers:
            root, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = f"{cgroups}/memory", "memory.limit_in_bytes"
        else:
            continue
        path = path.rstrip("/")
        while path:
            yield f"{root}{path}/{name}"
            path = path.rpartition("/")[0]
        # A container may not see the path that its host gave it, but its own root.
        yield f"{root}/{name}"


def machine_memory(cgroups: str = _CGROUPS, membership: str = "/proc/self/cgroup") -> int:
    """The bytes that processes here may use: the machine's, or less where a cgroup says so."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    with suppress(OSError), open(membership, errors="surrogateescape") as cgroup:
        for limit in _limits(cgroup, cgroups):
            with suppress(OSError), open(limit, encoding="ascii") as file:
                text = file.read().strip()
                found += [int(text)] if text.isdigit() else []
    return min(found)


def needed(importcfg: str) -> int:
    """The bytes that the link of these archives is expected to hold."""
    total = 0
    with open(importcfg, encoding="utf-8") as file:
        for line in file:
            directive, _, rest = line.rstrip("\n").partition(" ")
            if directive == "packagefile":
                total += os.path.getsize(rest.partition("=")[2])
    return int(total * _PER_INPUT)


def take(folder: str, need: int, memory: int) -> int:
    """Wait for a share of the memory; returns the open file that holds it. Raises OSError."""
    shares = max(1, int(memory * _BUDGET) // SHARE)
    wanted = min(shares, -(-need // SHARE))
    file = os.open(os.path.join(folder, "shares"), os.O_RDWR | os.O_CREAT, 0o666)
    # Whoever waits for shares holds the first byte: later ones wait behind it, whatever they need.
    fcntl.lockf(file, fcntl.LOCK_EX, 1, 0)
    free = set(range(1, shares + 1))
    while wanted:
        for share in sorted(free):
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, share)
            except BlockingIOError:
                continue
            free.discard(share)
            wanted -= 1
            if not wanted:
                break
        else:
            time.sleep(_PAUSE)
    fcntl.lockf(file, fcntl.LOCK_UN, 1, 0)
    # The program inherits it, and with it the locks.
    os.set_inheritable(file, True)
    return file


def main(argv: Sequence[str]) -> None:
    """Wait, and become the program."""
    folder, importcfg, *command = argv
    with suppress(OSError):
        take(folder, needed(importcfg), machine_memory())
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
