#!/usr/bin/env python3
"""Show on a real repository what machines that share a cache still do themselves.

    build-support/prove_cache.py --go GO [--platforms P,P] CLONE

CLONE is a vendored Go module, which is copied. A real Remote Execution cache (BuildGrid) is started
on the loopback device. Machine A builds every program for every platform; machine B, in another
directory and with empty caches, builds the same, and then again after the body of one function
changed. Prints how many compiles and links each did; exits with 1 unless B did none at first, wrote
the same bytes, and then compiled one package for each platform.
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / f"build-support/{folder}") for folder in ("bench", "launcher")]

from builders import Pants
from run import PLATFORMS, shared_cache
from workspace import BODY, Workspace


@dataclass
class Machine:
    """One machine: a checkout in a directory of its own, and caches of its own."""

    name: str
    pants: Pants

    def build(self, what: str) -> Counter[str]:
        """Build everything; prints and returns how often each kind of work was begun."""
        made = subprocess.run(
            self.pants.argv("v0"), cwd=self.pants.space.root, capture_output=True, text=True
        )
        if made.returncode != 0:
            sys.exit(made.stderr)
        began = [
            line.split("[INFO] Starting: ", 1)[1]
            for line in made.stderr.splitlines()
            if "[INFO] Starting: " in line
        ]
        found = Counter(kind for line in began for kind in ("Compile", "Link") if kind in line[:8])
        summary = next(
            line for line in made.stderr.splitlines() if " built, " in line and "outputs" in line
        )
        print(f"{self.name}, {what}: {found['Compile']} compiles, {found['Link']} links; {summary}")
        return found


def same_files(one: Path, other: Path) -> bool:
    """Whether two trees have the same files; prints how many are, and which are not."""
    names = [
        {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()} for root in (one, other)
    ]
    every = names[0] | names[1]
    equal = filecmp.cmpfiles(one, other, names[0] & names[1], shallow=False)[0]
    for name in sorted(every.difference(equal)):
        print(f"not equal: {name}")
    print(f"{len(equal)} of {len(every)} files are equal", flush=True)
    return len(equal) == len(every)


def main() -> int:
    """Build on both machines and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--go", required=True, help="the `go` program of the same version")
    parser.add_argument("--platforms", default=PLATFORMS, help=f"default: {PLATFORMS}")
    parser.add_argument("clone", type=Path, metavar="CLONE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="multiarch-cache-") as name:
        work = Path(name)
        platforms = tuple(options.platforms.split(","))
        first = Workspace(
            work / "a/module", options.go, platforms, ROOT / "src/python", work / "list"
        )
        first.fill(options.clone.resolve())
        first.append(first.deep_file(), BODY)
        second = replace(first, root=work / "another/b/module", mains=[])
        # The copy has no history and no built files.
        second.fill(first.root)
        with shared_cache(work / "shared") as sharing:
            a, b = (
                Machine(title, Pants(space, work / title, sharing))
                for title, space in (("A", first), ("B", second))
            )
            try:
                return compared(a, b, len(platforms))
            finally:
                a.pants.forget()
                b.pants.forget()


def compared(a: Machine, b: Machine, platforms: int) -> int:
    """The exit status: 1 when B did what A had done, or not just what the edit touched."""
    filled = a.build("empty cache")
    fetched = b.build("full cache")
    same = same_files(a.pants.space.root / "dist", b.pants.space.root / "dist")
    b.pants.space.edit_body(b.pants.space.deep_file(), 1)
    edited = b.build("one body edited")
    right = filled["Compile"] and not fetched and same and edited["Compile"] == platforms
    print("as it should be" if right else "NOT as it should be")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
