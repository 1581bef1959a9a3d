#!/usr/bin/env python3
"""Compare `./pants package ::` with the other ways to build the same programs, in one run.

    build-support/bench/run.py --go GO (--module DIR | --programs N --packages N) [--name NAME]

DIR is a Go module whose third-party packages are vendored; it is copied, never changed. Without it
a module of the given size is generated. Every main package is built for every platform by each
builder: a shell loop of `go build`, the same with all platforms at once as Kubernetes' scripts do
it, GoReleaser where `--goreleaser` names the program, and Pants. With `--ko`, ko and Pants build
images of the programs on nothing, and lists of them, and are compared with each other instead.

Each builder has a build cache of its own, its toolchain and std before the first case, and Pants a
warm daemon. In each case the sources change and then each builder builds; the same stamp is linked
in. A row says the median of the rounds: time, CPU with the daemon's and its children's, memory of
the largest process, how many programs were executed on this machine (only root is told), and the
time against Pants' (above 1, Pants is faster). After each case all programs are compared with the
first builder's, byte for byte.

`fresh machine` empties Pants' caches and stops its daemon, with a real Remote Execution cache on
the loopback device that is full; the loop's build cache is unpacked from an uncompressed archive on
this disk, whose transfer is not counted.

With --name, docs/benchmarks/NAME.md and NAME.svg are written.
"""

from __future__ import annotations

import argparse
import contextlib
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "build-support"), str(ROOT / "build-support/launcher")]

from builders import Builder, GoLoop, GoReleaser, Pants
from cache_server import CacheServer, interpreter
from generated import Size, write_module
from ko import Ko, base_server
from measure import Cost
from report import bars, median, table
from workspace import BODY, Workspace

PLATFORMS = "linux/amd64,linux/arm64,linux/arm/v7,linux/ppc64le,linux/s390x"
FRESH = "fresh machine, nothing changed"


def cases(space: Workspace) -> dict[str, Callable[[int], object]]:
    """What each case changes, given the round's number."""
    deep, main = space.deep_file(), space.main_file()
    bumped = space.bumped_module()
    found: dict[str, Callable[[int], object]] = {
        "cold, std given": space.edit_all,
        "nothing changed": lambda n: None,
        "comment, deep package": lambda n: space.append(deep, f"\n// comment {n}\n"),
        "body, deep package": lambda n: space.edit_body(deep, n),
        "new exported function": lambda n: space.append(
            deep, f"\nfunc BenchAdded{n}() int {{ return {n} }}\n"
        ),
        "one main": lambda n: space.append(main, f"\nvar benchEdited{n} = {n}\n"),
    }
    if bumped is not None:
        path, version = bumped
        found[f"bump of {path.rsplit('/', 1)[1]}"] = lambda n: space.bump(path, version, n)
    found["new stamp"] = lambda n: None
    return found


def compared(builders: Sequence[Builder], space: Workspace) -> str:
    """Compare the files of all builders with the first one's: `N of N identical`."""
    same = total = 0
    for builder in builders[1:]:
        for platform in space.platforms:
            for main in space.mains:
                total += 1
                one, other = (b.output(main, platform) for b in (builders[0], builder))
                same += filecmp.cmp(one, other, shallow=False)
    return f"{same} of {total} identical"


@contextlib.contextmanager
def shared_cache(folder: Path) -> Iterator[tuple[str, ...]]:
    """Options for Pants that share work through a real server."""
    python = interpreter()
    if python is None:
        sys.exit("bench: a python3.11 with venv is missing, for BuildGrid")
    server = CacheServer(folder, python)
    try:
        yield (
            f"--remote-store-address={server.address}", "--remote-cache-read",
            "--remote-cache-write", "--session-end-tasks-timeout=600",
            "--remote-cache-rpc-timeout-millis=20000", "--cache-content-behavior=defer",
        )  # fmt: skip
    finally:
        server.kill()


def measure_fresh(loop: GoLoop, pants: Pants, work: Path, stamp: str) -> dict[str, list[Cost]]:
    """Both on a machine with empty caches, given what another machine left."""
    archive = work / "gocache.tar"
    subprocess.run(["tar", "-cf", archive, "-C", loop.cache, "."], check=True)
    restored = loop.restored(archive, stamp)
    with shared_cache(work / "shared") as options:
        sharing = replace(pants, options=options)
        pants.forget()
        sharing.build(stamp)
        pants.forget()
        return {f"{loop.name}, restored cache": [restored], pants.name: [sharing.build(stamp)]}


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--go", required=True, help="the `go` program of the same version")
    parser.add_argument("--module", type=Path, help="a vendored Go module")
    parser.add_argument("--programs", type=int, default=20, help="of a generated module")
    parser.add_argument("--packages", type=int, default=200, help="of a generated module")
    parser.add_argument("--platforms", default=PLATFORMS, help=f"default: {PLATFORMS}")
    parser.add_argument("--goreleaser", help="a `goreleaser` program")
    parser.add_argument("--ko", help="a `ko` program: compare images with it")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of a case; default: 3")
    parser.add_argument("--name", help="write docs/benchmarks/NAME.md and .svg")
    parser.add_argument("--title", default="", help="a sentence on what was built")
    parser.add_argument("--no-fresh", action="store_true", help="leave out the fresh machine")
    return parser.parse_args()


def main() -> int:
    """Run all cases and print the table."""
    options = arguments()
    with tempfile.TemporaryDirectory(prefix="multiarch-bench-") as name:
        work = Path(name)
        space = Workspace(
            work / "module", options.go, tuple(options.platforms.split(",")),
            ROOT / "src/python", work / "list-cache", images=bool(options.ko),
        )  # fmt: skip
        module = options.module and options.module.resolve()
        if module is None:
            write_module(space.root, Size(options.programs, options.packages))
        space.fill(module or space.root)
        results = measured(space, work, options)
    head = (
        f"{options.title or options.name or 'bench'}: {len(space.mains)} "
        f"{'images and their lists' if options.ko else 'programs'} for "
        f"{len(space.platforms)} platforms ({', '.join(space.platforms)}); Go "
        f"{subprocess.check_output([options.go, 'env', 'GOVERSION'], text=True).strip()[2:]}, "
        f"{os.cpu_count()} cores; medians of {options.rounds}."
    )
    made = table(results, Pants.name)
    print(f"\n{head}\n\n{made}")
    if options.name:
        folder = ROOT / "docs/benchmarks"
        folder.mkdir(exist_ok=True)
        (folder / f"{options.name}.svg").write_text(bars(results))
        (folder / f"{options.name}.md").write_text(f"{head}\n\n![]({options.name}.svg)\n\n{made}")
    return 0


@contextlib.contextmanager
def builders_of(
    space: Workspace, work: Path, options: argparse.Namespace
) -> Iterator[list[Builder]]:
    """What is compared, Pants last; each has its outputs and its cache below `work`."""
    pants = Pants(space, work)
    if options.ko:
        with base_server(space.platforms) as base:
            ko = Ko(space, options.ko, work / "ko", work / "ko-cache", base)
            ko.configure()
            yield [ko, pants]
        return
    loop = GoLoop(space, work / "loop", work / "loop-cache")
    together = GoLoop(
        space, work / "parallel", work / "parallel-cache", "go build, platforms at once", True
    )
    builders: list[Builder] = [loop, together]
    if options.goreleaser:
        releaser = GoReleaser(space, options.goreleaser, work / "releaser", work / "releaser-cache")
        releaser.configure()
        builders.append(releaser)
    yield [*builders, pants]


def measured(
    space: Workspace, work: Path, options: argparse.Namespace
) -> dict[str, dict[str, list[Cost]]]:
    """Run the cases; prints each as it is done."""
    results: dict[str, dict[str, list[Cost]]] = {}
    space.append(space.deep_file(), BODY)
    with builders_of(space, work, options) as builders:
        for builder in builders:
            print(f"priming: {builder.name}", flush=True)
            builder.build("v0")
        number = 0
        for case, change in cases(space).items():
            results[case] = {builder.name: [] for builder in builders}
            for _ in range(options.rounds):
                number += 1
                change(number)
                stamp = f"v{number}" if case == "new stamp" else "v0"
                for builder in builders:
                    results[case][builder.name].append(builder.build(stamp))
            say(case, results[case], compared(builders, space))
        loop, pants = builders[0], builders[-1]
        assert isinstance(pants, Pants)
        if isinstance(loop, GoLoop) and not options.no_fresh:
            results[FRESH] = measure_fresh(loop, pants, work, "v0")
            say(FRESH, results[FRESH], compared([loop, pants], space))
        pants.forget()
    shutil.rmtree(work / "shared", ignore_errors=True)
    return results


def say(case: str, costs: Mapping[str, Sequence[Cost]], same: str) -> None:
    """Print one case."""
    said = ", ".join(f"{builder} {median(found).wall:.2f} s" for builder, found in costs.items())
    print(f"{case}: {said}; {same}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
