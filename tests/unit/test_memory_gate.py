"""The tool that lets big links begin as the memory of the machine allows."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from multiarch.tools.memory_gate import SHARE, machine_memory, needed

SHARES = 3
# A program that needs as many shares as its archive is long, of three, says so when it begins, and
# lives until its input ends.
PROGRAM = f"""
import sys
from multiarch.tools import memory_gate

memory_gate.machine_memory = lambda: {SHARES * SHARE * 4 // 3}
memory_gate.needed = lambda path: int(path) * memory_gate.SHARE
memory_gate.main([*sys.argv[1:], "sh", "-c", "echo begun; read line; echo ended"])
"""


class Link:
    """One that was begun, and may wait."""

    def __init__(self, folder: Path, need: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder), str(need)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def begun(self, within: float = 30) -> bool:
        """Whether it is let in within this time."""
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], within)[0])

    def end(self) -> None:
        self.process.communicate(b"\n")


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[int], Link]]:
    """Begins a link that needs some shares; kills what is left at the end."""
    links: list[Link] = []

    def begun(need: int) -> Link:
        links.append(Link(tmp_path, need))
        return links[-1]

    yield begun
    for link in links:
        link.process.kill()
        link.process.communicate()


def test_as_many_run_as_there_is_memory_for(begin: Callable[[int], Link]) -> None:
    first, second = begin(2), begin(1)
    assert first.begun()
    assert second.begun()
    third = begin(1)
    assert not third.begun(within=0.5)
    second.end()
    assert third.begun()


def test_a_small_one_does_not_pass_a_big_one_that_waits(begin: Callable[[int], Link]) -> None:
    first = begin(2)
    assert first.begun()
    big = begin(3)
    assert not big.begun(within=0.5)
    small = begin(1)
    assert not small.begun(within=0.5)
    first.end()
    assert big.begun()
    assert not small.begun(within=0.3)
    big.end()
    assert small.begun()


def test_one_that_needs_more_than_there_is_runs_alone(begin: Callable[[int], Link]) -> None:
    huge = begin(100)
    assert huge.begun()
    small = begin(1)
    assert not small.begun(within=0.5)
    huge.end()
    assert small.begun()


def test_one_that_is_killed_leaves_its_share(begin: Callable[[int], Link]) -> None:
    first, second = begin(3), begin(3)
    running, waiting = (first, second) if first.begun(within=2) else (second, first)
    assert running.begun()
    running.process.send_signal(signal.SIGKILL)
    assert waiting.begun()


def test_without_locks_the_program_runs_at_once(tmp_path: Path) -> None:
    link = Link(tmp_path / "there/is/none", 1)
    assert link.begun()
    link.end()
    assert link.process.returncode == 0


def test_what_a_link_needs_grows_with_its_archives(tmp_path: Path) -> None:
    (tmp_path / "a b.a").write_bytes(bytes(1000))
    (tmp_path / "c.a").write_bytes(bytes(3000))
    text = f"packagefile a={tmp_path}/a b.a\npackagefile x/c={tmp_path}/c.a\nmodinfo =\n"
    (tmp_path / "importcfg").write_text(text)
    assert needed(str(tmp_path / "importcfg")) == 6000


@pytest.mark.parametrize(
    ("membership", "files", "found"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "4096"}, 4096),
        ("0::/a/b\n", {"memory.max": "5000", "a/b/memory.max": "9000"}, 5000),
        # As a container sees it: the path is its host's.
        ("0::/not/here\n", {"memory.max": "7000"}, 7000),
        ("5:cpu,memory:/x\n4:cpu:/y\n", {"memory/x/memory.limit_in_bytes": "8192"}, 8192),
        ("4:cpu:/y\n", {"y/memory.max": "1", "memory/y/memory.limit_in_bytes": "1"}, None),
        ("", {}, None),
    ],
)
def test_a_cgroup_may_allow_less_than_the_machine_has(
    tmp_path: Path, membership: str, files: dict[str, str], found: int | None
) -> None:
    for path, text in files.items():
        (tmp_path / "groups" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / path).write_text(text + "\n")
    (tmp_path / "membership").write_text(membership)
    memory = machine_memory(str(tmp_path / "groups"), str(tmp_path / "membership"))
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory == (whole if found is None else found)
    assert machine_memory(str(tmp_path / "groups"), str(tmp_path / "none")) == whole
