#!/usr/bin/env python3
"""Make the root folder of a worker of the Remote Execution API, for tests.

It holds buildbox's server and worker, `/bin/sh` with its utilities (busybox) and a Python: what a
worker needs, and no Go. The packages are Debian's, from the mirror that apt on this machine is set
up with, of suites newer than this machine: verified by apt and unpacked, never installed. Needs
Debian and apt-get; 40 MB to download.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "build-support/launcher"))

import bootstrap

# buildbox is in the first, and the Python that stays is in the second.
SUITES = ("forky", "trixie")
PYTHON = "python3.13"
PACKAGES = ("buildbox", "busybox-static", PYTHON)
MERGED = ("bin", "lib", "lib64", "sbin")


def default_root() -> Path:
    """Where the tests look for it."""
    return bootstrap.cache_root(os.environ) / "worker-root"


def mirrors() -> list[str]:
    """The addresses of Debian's own packages, as apt has them."""
    targets = ["Identifier: Packages", "Origin: Debian", "Label: Debian"]
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", *targets]
    if not (found := subprocess.run(command, check=True, capture_output=True, text=True).stdout):
        subprocess.run(["apt-get", "-qq", "update"], check=False)
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if not found:
        sys.exit("apt on this machine has no mirror of Debian: nothing to take a worker from.")
    return list(dict.fromkeys(found.split()))


def download(folder: Path) -> list[Path]:
    """Download the packages and all that they need, as if nothing were installed."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    lines = [f"deb {mirrors()[0]} {suite} main\n" for suite in SUITES]
    (folder / "sources.list").write_text("".join(lines))
    settings = {
        "APT::Sandbox::User": "root", "APT::Install-Recommends": "false",
        "Acquire::Languages": "none", "Acquire::Retries": 3,
        "Dir::Etc::sourcelist": folder / "sources.list", "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null", "Dir::State": folder,
        "Dir::State::status": folder / "status", "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
    }  # fmt: skip
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    for argv in (["update"], ["install", "--yes", "--download-only", *PACKAGES]):
        subprocess.run(
            ["apt-get", "-qq", *options, *argv], check=True, stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )  # fmt: skip
    return sorted((folder / "cache/archives").glob("*.deb"))


def unpack(packages: list[Path], root: Path, scratch: Path) -> None:
    """Unpack packages into a root with a merged /usr."""
    for name in MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in packages:
        # Beside the root first: a package may have a folder where the root has a link.
        shutil.rmtree(scratch, ignore_errors=True)
        subprocess.run(["dpkg-deb", "--extract", package, scratch], check=True)
        for name in MERGED:
            if (scratch / name).is_dir():
                shutil.copytree(
                    scratch / name, scratch / "usr" / name, symlinks=True, dirs_exist_ok=True
                )
                shutil.rmtree(scratch / name)
        shutil.copytree(scratch, root, symlinks=True, dirs_exist_ok=True)
    busybox = next(p for p in (root / "usr/bin/busybox", root / "usr/sbin/busybox") if p.exists())
    listed = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    (root / "usr/bin/sh").unlink(missing_ok=True)
    for name in listed.stdout.split():
        if not os.path.lexists(root / "usr/bin" / name):
            (root / "usr/bin" / name).symlink_to(f"/{busybox.relative_to(root)}")
    for name in ("dev", "proc", "tmp", "var/cas"):
        (root / name).mkdir(parents=True, exist_ok=True)


def main() -> int:
    """Make the root, unless it is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("root", nargs="?", type=Path, default=default_root())
    root: Path = parser.parse_args().root
    if root.exists():
        print(f"{root} is there; remove it to have another")
        return 0
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        new = Path(folder, "root")
        unpack(download(Path(folder, "apt")), new, Path(folder, "package"))
        new.rename(root)
    print(f"{root}: a worker with {', '.join(PACKAGES)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
