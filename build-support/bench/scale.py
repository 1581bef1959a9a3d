#!/usr/bin/env python3
"""How builds grow with a repository: a generated module with more and more programs.

    build-support/bench/scale.py --go GO [--programs 10,50,150,300] [--packages 300] [--name NAME]

The module's packages are all there from the start; programs are added. At each size everything is
built for five platforms, then a run in which nothing changed, one after the body of the deepest
package changed and one after a program changed are measured, with the daemon's memory. With --name,
docs/benchmarks/NAME.md and NAME.svg are written.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from builders import Pants
from generated import Size, write_module
from measure import Cost, daemon_memory
from report import curves
from run import PLATFORMS, ROOT
from workspace import BODY, Workspace

CASES = ("the new programs", "nothing changed", "body, deep package", "one main")


def measured(pants: Pants, space: Workspace, number: int) -> list[Cost]:
    """What each case costs at the size that the module has now."""
    costs = [pants.build("v0"), pants.build("v0")]
    space.edit_body(space.root / "base/base.go", number)
    costs.append(pants.build("v0"))
    space.append(space.main_file(), f"\nvar benchEdited{number} = {number}\n")
    costs.append(pants.build("v0"))
    return costs


def main() -> int:
    """Measure each size, print the table, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--go", required=True, help="the `go` program of the same version")
    parser.add_argument("--programs", default="10,50,150,300", help="default: 10,50,150,300")
    parser.add_argument("--packages", type=int, default=300, help="default: 300")
    parser.add_argument("--platforms", default=PLATFORMS, help=f"default: {PLATFORMS}")
    parser.add_argument("--name", help="write docs/benchmarks/NAME.md and .svg")
    options = parser.parse_args()
    sizes = [int(size) for size in options.programs.split(",")]
    platforms = tuple(options.platforms.split(","))
    lines = [
        f"| programs x {len(platforms)} | {' | '.join(f'{c}, s' for c in CASES)} | daemon, MB |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    times: dict[str, list[tuple[int, float]]] = {case: [] for case in CASES[1:]}
    with tempfile.TemporaryDirectory(prefix="multiarch-bench-") as name:
        work = Path(name)
        space = Workspace(
            work / "module", options.go, platforms, ROOT / "src/python", work / "list-cache"
        )
        pants = Pants(space, work)
        for number, size in enumerate(sizes, 1):
            base = space.root / "base/base.go"
            kept = base.read_text() if base.exists() else None
            write_module(space.root, Size(size, options.packages))
            if kept is None:
                space.append(base, BODY)
                space.fill(space.root)
            else:
                base.write_text(kept)
                space.find_mains()
            costs = measured(pants, space, number)
            for case, cost in zip(CASES[1:], costs[1:]):
                times[case].append((size * len(platforms), cost.wall))
            held = daemon_memory(space.root) / 1e6
            walls = " | ".join(f"{c.wall:.2f} ({c.cpu:.1f} CPU)" for c in costs)
            lines.append(f"| {size * len(platforms)} | {walls} | {held:.0f} |")
            print(lines[-1], flush=True)
        pants.forget()
    head = (
        f"A generated module of {options.packages} packages, with more and more programs, for "
        f"{len(platforms)} platforms; {os.cpu_count()} cores; each measured once."
    )
    made = "\n".join(lines) + "\n"
    print(f"\n{head}\n\n{made}")
    if options.name:
        folder = ROOT / "docs/benchmarks"
        folder.mkdir(exist_ok=True)
        drawn = curves("Seconds over binaries", "s", times)
        (folder / f"{options.name}.svg").write_text(drawn)
        (folder / f"{options.name}.md").write_text(f"{head}\n\n![]({options.name}.svg)\n\n{made}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
