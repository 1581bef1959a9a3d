#!/usr/bin/env python3
"""Check the repository: format, lint, strict types, generated files, unit tests.

    build-support/check.py               everything; exits with 1 when something is wrong
    build-support/check.py --fix         the same, and first put right what can be: format,
                                         imports, generated files
    build-support/check.py types tests   only these

The tools are pinned by version and hash in 3rdparty/python and kept outside the checkout, beside
what `./pants` uses. The first run installs them. Nothing but a Python is needed to start with.

A file that a script makes is made by build-support/generate_*.py: without arguments the script
writes it; with --check it exits with 0 when it is current, with 1 when it is not, and with 2 when
this machine lacks what it is made from, which is said but is no failure.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Callable, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent / "launcher"))

import bootstrap

ROOT = bootstrap.ROOT


class Tools(NamedTuple):
    """Where the pinned tools are, and whether they may change files."""

    check: Path
    tests: Path
    fix: bool


def install(fix: bool) -> Tools:
    """Find or make the two environments: the tools' own, and that which the tests run in."""
    interpreter = bootstrap.find_python(os.environ)
    pinned = bootstrap.REQUIREMENTS
    return Tools(
        bootstrap.environment(
            "check", "mypy and ruff", [pinned / "check-requirements.txt"], interpreter
        ),
        bootstrap.environment(
            "tests", "what the tests import", [pinned / "tests-requirements.txt"], interpreter
        ),
        fix,
    )


def environment() -> dict[str, str]:
    """The environment in which a tool finds the plugin."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "src/python")}


def run(*argv: object) -> int:
    """Run one program in the repository's root and return its exit code."""
    return subprocess.run([str(part) for part in argv], cwd=ROOT, env=environment()).returncode


def check_format(tools: Tools) -> bool:
    """The code is laid out as `ruff format` does it."""
    ruff = tools.check / "bin/ruff"
    return run(ruff, "format", "--quiet", *([] if tools.fix else ["--diff"]), ".") == 0


def check_lint(tools: Tools) -> bool:
    """`ruff check` has nothing to say, with the rules of pyproject.toml."""
    ruff = tools.check / "bin/ruff"
    return run(ruff, "check", "--quiet", *(["--fix"] if tools.fix else []), ".") == 0


def check_types(tools: Tools) -> bool:
    """`mypy --strict` has nothing to say on the plugin."""
    python = tools.tests / "bin/python"
    return run(tools.check / "bin/mypy", "--python-executable", python, "src/python") == 0


def check_generated(tools: Tools) -> bool:
    """Each generated file is what its script makes now."""
    current = True
    for script in sorted((ROOT / "build-support").glob("generate_*.py")):
        argv = [tools.tests / "bin/python", script, *([] if tools.fix else ["--check"])]
        done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True)
        name = script.relative_to(ROOT)
        if done.returncode == 2:
            print(f"{name}: not checked, this machine lacks what it is made from")
        elif done.returncode:
            print(f"{name}: its file is out of date; run {name}\n{done.stdout}{done.stderr}")
            current = False
    return current


def check_tests(tools: Tools) -> bool:
    """The unit tests pass."""
    return run(tools.tests / "bin/python", "-m", "pytest", "-q", "tests/unit") == 0


STEPS: Mapping[str, Callable[[Tools], bool]] = {
    "format": check_format,
    "lint": check_lint,
    "types": check_types,
    "generated": check_generated,
    "tests": check_tests,
}


def main() -> int:
    """Run the steps asked for, all of them even when one fails, and say how each went."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fix", action="store_true", help="put right what can be")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=", ".join(STEPS))
    options = parser.parse_args()
    for step in options.steps:
        if step not in STEPS:
            parser.error(f"no step is called {step!r}; there are {', '.join(STEPS)}")
    tools = install(options.fix)
    failed = []
    for step in options.steps or STEPS:
        print(f"== {step}", flush=True)
        started = time.monotonic()
        if not STEPS[step](tools):
            failed.append(step)
        verdict = "failed" if step in failed else "ok"
        print(f"== {step}: {verdict}, {time.monotonic() - started:.1f} s", flush=True)
    if failed:
        print(f"check: {', '.join(failed)} failed; check.py --fix puts format and imports right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(bootstrap.guarded(main))
