#!/usr/bin/env python3
"""Feed the readers of hostile input with what no honest tool writes.

    build-support/fuzz.py                             every target, for 60 CPU-seconds each
    build-support/fuzz.py layouts locks --seconds 10  only these, for 10
    build-support/fuzz.py layouts --seed 7            other inputs; the same seed, the same inputs
    build-support/fuzz.py layouts --only 7:123        one input again, with the whole traceback
    build-support/fuzz.py --list                      each target, and what it demands

An input is a valid one of our own writers, changed at random. Whatever it is, a reader may raise
its documented error alone; it takes at most 10 CPU-seconds and 1 GiB of memory, writes nothing
outside of its folder, and what it accepts has the digest that it says. Each finding is printed
once with the number of its input. Exits with 1 when there is one.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "build-support/launcher"), str(ROOT / "build-support"), str(ROOT)]

import bootstrap

_SECONDS_EACH = 10
_MEMORY = 1 << 30
# What a target may unpack, far below the memory that it may have: bombs are found at their bound.
_UNPACKED = 16 << 20


class TooSlow(BaseException):
    """An input took more than its time; no reader can take this for an error of its own."""


def too_slow(*_: Any) -> None:
    """End an input."""
    raise TooSlow


def fuzz_one(target: Any, seed: str, folder: Path) -> None:
    """Run one input in a folder of its own; raises what is a finding."""
    from fuzzing.target import Wrong

    value = target.make(Random(seed))
    around, inside = folder, folder / "inside"
    inside.mkdir()
    signal.setitimer(signal.ITIMER_PROF, _SECONDS_EACH)
    try:
        target.run(value, inside)
    except target.allowed:
        pass
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if os.listdir(around) != ["inside"] or os.path.exists("/etc/fuzzed"):
        raise Wrong(f"written outside of its folder: {os.listdir(around)}")


def place(error: BaseException) -> str:
    """Where an error comes from: the last line of ours, by which findings are told apart."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "/multiarch/" in f.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def fuzz(target: Any, seconds: float, seed: str, only: str) -> int:
    """Fuzz one target in this process; returns how many findings there are."""
    from multiarch.tools import archives

    archives._SMALL, archives._RATIO = _UNPACKED, 1  # type: ignore[attr-defined]
    signal.signal(signal.SIGPROF, too_slow)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
    found: dict[str, str] = {}
    started, number = time.process_time(), 0
    while time.process_time() - started < seconds:
        name = only or f"{seed}:{number}"
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            fuzz_one(target, name, folder)
        except (Exception, TooSlow) as error:
            key = f"{type(error).__name__} at {place(error)}"
            if only:
                traceback.print_exc()
            if key not in found:
                found[key] = name
                text = " ".join(str(error).split())[:200]
                print(f"{target.name}: {name}: {key}: {text}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        number += 1
        if only:
            break
    spent = time.process_time() - started
    print(f"{target.name}: {number} inputs in {spent:.0f} CPU-seconds, {len(found)} findings")
    return len(found)


def main() -> int:
    """Fuzz each target in a process of its own, so that one that dies stops no other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=float, default=60, help="CPU-seconds for each target")
    parser.add_argument("--seed", default="0", help="which inputs")
    parser.add_argument("--only", default="", help="one input, as a finding names it: SEED:NUMBER")
    parser.add_argument("--list", action="store_true", help="name the targets")
    options = parser.parse_args()
    interpreter = bootstrap.find_python(os.environ)
    python = bootstrap.environment(
        "tests",
        "what the tests import",
        [bootstrap.REQUIREMENTS / "tests-requirements.txt"],
        interpreter,
    ).joinpath("bin/python")
    if Path(sys.prefix) != python.parent.parent:
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src/python")}
        return subprocess.run([python, __file__, *sys.argv[1:]], env=env).returncode
    from fuzzing import images, texts

    targets = {target.name: target for target in (*images.TARGETS, *texts.TARGETS)}
    for name in options.targets:
        if name not in targets:
            parser.error(f"no target is called {name!r}; there are {', '.join(targets)}")
    if options.list:
        print("\n".join(f"{target.name}: {target.oracle}." for target in targets.values()))
        return 0
    if len(options.targets) == 1:
        target = targets[options.targets[0]]
        return 1 if fuzz(target, options.seconds, options.seed, options.only) else 0
    failed = []
    for name in options.targets or targets:
        argv = [sys.executable, __file__, name, f"--seconds={options.seconds}"]
        if subprocess.run([*argv, f"--seed={options.seed}"]).returncode:
            failed.append(name)
    if failed:
        print(f"fuzz: findings in {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(bootstrap.guarded(main))
