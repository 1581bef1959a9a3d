#!/usr/bin/env python3
"""Show that workers of a cluster build the same bytes as this machine: the examples, all of them.

    build-support/worker_root.py
    build-support/prove_remote.py [TARGET ...]

Two copies of the examples in directories of their own. One is built here, with this machine's
caches; the other with empty caches by a real server of the Remote Execution API, buildbox's, whose
worker has a shell and a Python and nothing else. Prints how many files are equal, how many
processes the worker has run, and what was begun here all the same. Exits with 1 unless all files
are equal. Takes a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from prove_cache import ROOT, same_files
from worker_root import default_root
from worker_server import WorkerServer, settings


def copy(root: Path, server: WorkerServer | None) -> None:
    """Write the examples, with this repository's plugin and settings."""
    shutil.copytree(ROOT / "examples", root / "examples")
    text = (ROOT / "pants.toml").read_text().replace("%(buildroot)s", str(ROOT))
    (root / "pants.toml").write_text(
        text.replace("[GLOBAL]\n", settings(server)) if server else text
    )


def package(root: Path, targets: list[str], *options: str) -> None:
    """Build targets, and print what the summary says."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith("PANTS_")}
    command = [str(ROOT / "pants"), "--no-dynamic-ui", "--no-pantsd", *options, "package", *targets]
    done = subprocess.run(
        command, cwd=root, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(done.stderr)
    summary = next(
        line for line in done.stderr.splitlines() if " built, " in line and "outputs" in line
    )
    print(f"{root.name}: {summary}", flush=True)


def began_here(sandboxes: Path) -> Counter[str]:
    """What kind of process had a sandbox on this machine, and how often."""
    texts = [file.read_text() for file in sandboxes.glob("*/__run.sh")]
    kinds = ("multiarch.tools.", "run.sh", "pex")
    return Counter(next((k for k in kinds if k in text), "other") for text in texts)


def main() -> int:
    """Build twice and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="default: all of them")
    targets = parser.parse_args().targets or ["::"]
    if not default_root().exists():
        sys.exit("there is no root of a worker: run build-support/worker_root.py first.")
    with tempfile.TemporaryDirectory(prefix="multiarch-remote-") as name:
        work = Path(name)
        here, there, sandboxes = (work / part for part in ("here", "there", "sandboxes"))
        sandboxes.mkdir()
        server = WorkerServer(work / "server")
        try:
            copy(here, None)
            copy(there, server)
            package(here, targets)
            package(
                there,
                targets,
                *(f"--local-store-dir={work}/store", f"--named-caches-dir={work}/named"),
                *(f"--local-execution-root-dir={sandboxes}", "--keep-sandboxes=always"),
            )
            same = same_files(here / "dist", there / "dist")
            print(
                f"the worker ran {server.executed()} processes; here: {dict(began_here(sandboxes))}"
            )
            return 0 if same else 1
        finally:
            server.kill()


if __name__ == "__main__":
    sys.exit(main())
