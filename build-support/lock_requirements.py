#!/usr/bin/env python3
"""Pin the requirements files below 3rdparty/python anew: every package by version and sha256.

Usage: build-support/lock_requirements.py [FILE ...]

A requirements file says in its own head what it is for:

    # requires: NAME==VERSION    a package that somebody asked for; without a version, the newest
    # agrees with: FILE          another requirements file, whose versions are taken over
    # python: X.Y                another CPython than 3.9; `pythonX.Y` must be in PATH

pip's resolver chooses the versions, for that CPython on this machine. The hashes are those of all
files of that version which it may install on Linux or macOS, x86_64 or arm64. Both come
from the package index that pip is set up to use; its address is not written down.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "launcher"))

import bootstrap

WHEEL = re.compile(
    r"^[^-]+-[^-]+(?:-\d[^-]*)?"
    r"-(?:[^-]*py3[^-]*-none|(?P<cpython>cp3\d+)-(?:cp3\d+|none)|cp3(?P<abi3>\d+)-abi3)"
    r"-(?:any|(?:manylinux|macosx)[^-]*(?:x86_64|aarch64|arm64|universal2))\.whl$"
)


def header(text: str) -> list[str]:
    """The comment lines that a requirements file starts with."""
    lines = text.splitlines()
    ends = [n for n, line in enumerate(lines) if not line.startswith("#")]
    return lines[: ends[0]] if ends else lines


def values(head: Sequence[str], word: str) -> list[str]:
    """What the head's `# WORD: VALUE` lines say."""
    prefix = f"# {word}: "
    return [line[len(prefix) :].strip() for line in head if line.startswith(prefix)]


def pins(text: str) -> list[str]:
    """The NAME==VERSION of each entry of a requirements file."""
    return re.findall(r"^([A-Za-z0-9][\w.-]*==[^\s\\]+)", text, re.MULTILINE)


def installable(filename: str, minor: int) -> bool:
    """Whether a supported machine may install a file of the index for CPython 3.MINOR."""
    if filename.endswith(".tar.gz"):
        return True
    found = WHEEL.match(filename)
    if found is None:
        return False
    if found["cpython"]:
        return found["cpython"] == f"cp3{minor}"
    return found["abi3"] is None or int(found["abi3"]) <= minor


def resolve(python: str, wanted: Sequence[str], constraints: Sequence[str]) -> dict[str, str]:
    """Let pip choose the version of each package that `wanted` needs."""
    with tempfile.TemporaryDirectory() as scratch:
        limits = Path(scratch, "constraints.txt")
        limits.write_text("".join(f"{line}\n" for line in constraints))
        report = Path(scratch, "report.json")
        pip = [python, "-I", "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*pip, "-c", str(limits), "--report", str(report), *wanted], check=True)
        found = json.loads(report.read_text())["install"]
    names = ((item["metadata"]["name"], item["metadata"]["version"]) for item in found)
    return {re.sub(r"[-_]+", "-", name): version for name, version in names}


def index_address(python: str) -> str:
    """The package index that this pip is set up to use."""
    code = (
        "from pip._internal.commands import create_command as c;"
        "print(c('download').parser.get_default_values().index_url)"
    )
    done = subprocess.run([python, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip().rstrip("/")


def hashes(index: str, name: str, version: str, minor: int) -> Iterator[str]:
    """The sha256 of each file of one version, in the order of the files' names."""
    normal = re.sub(r"[-_.]+", "-", name).lower()
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"{index}/{normal}/", headers=accept)
    with urllib.request.urlopen(request) as response:
        files = json.load(response)["files"]
    stem = re.sub(r"[-_.]+", "-", f"{normal}-{version}").lower()
    for file in sorted(files, key=lambda file: str(file["filename"])):
        base = re.sub(r"[-_.]+", "-", file["filename"]).lower()
        own = base.startswith(stem + "-") and not file.get("yanked")
        if own and installable(file["filename"], minor):
            yield file["hashes"]["sha256"]


def interpreter(head: Sequence[str]) -> tuple[str, int]:
    """The CPython that a requirements file is for, and its minor version."""
    for version in values(head, "python"):
        found = shutil.which(f"python{version}")
        if found is None:
            raise bootstrap.BootstrapError(f"there is no python{version} in PATH")
        return found, int(version.split(".")[1])
    return bootstrap.find_python(os.environ).executable, bootstrap.PYTHON[1]


def lock(path: Path, scratch: str) -> str:
    """Make a requirements file's new text from its head."""
    head = header(path.read_text())
    executable, minor = interpreter(head)
    python = str(Path(scratch, f"3.{minor}", "bin", "python"))
    if not Path(python).exists():
        subprocess.run([executable, "-m", "venv", str(Path(python).parent.parent)], check=True)
    constraints = [pin for name in values(head, "agrees with") for pin in pins(read(path, name))]
    versions = resolve(python, values(head, "requires"), constraints)
    index = index_address(python)
    lines = [*head]
    for name in sorted(versions, key=str.lower):
        found = sorted(set(hashes(index, name, versions[name], minor)))
        if not found:
            raise bootstrap.BootstrapError(f"no file to install of {name} {versions[name]}")
        entry = [f"{name}=={versions[name]}", *(f"    --hash=sha256:{value}" for value in found)]
        lines.append(" \\\n".join(entry))
    return "\n".join(lines) + "\n"


def read(path: Path, name: str) -> str:
    """The text of another requirements file in the same folder."""
    return (path.parent / name).read_text()


def main() -> int:
    """Pin the files named on the command line, or all of them."""
    everything = sorted(bootstrap.REQUIREMENTS.glob("*-requirements.txt"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, default=everything, metavar="FILE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for path in options.files:
            print(f"pinning {path} ...", flush=True)
            path.write_text(lock(path, scratch))
    return 0


if __name__ == "__main__":
    sys.exit(bootstrap.guarded(main))
