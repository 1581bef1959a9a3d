#!/usr/bin/env python3
"""Print what the linters of platforms find in repositories, so that one can count false alarms.

    build-support/prove_lint.py CLONE...

Reads every file that git has of each clone, hidden folders included, and runs nothing of it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src/python"))

from multiarch.core.lint.dockerfile_traps import find_dockerfile_traps
from multiarch.core.lint.findings import Finding
from multiarch.core.lint.hard_coded_platforms import find_hard_coded_platforms, language


def findings(clone: Path) -> tuple[int, list[Finding]]:
    """How many files have a language that the linters read, and what they find."""
    listed = subprocess.run(
        ["git", "-C", clone, "ls-files", "-z"], check=True, capture_output=True, text=True
    ).stdout
    count, found = 0, []
    for name in filter(None, listed.split("\0")):
        file = clone / name
        kind = language(name)
        if not kind or file.is_symlink() or not file.is_file():
            continue
        count += 1
        text = file.read_text(errors="replace")
        found += find_hard_coded_platforms(name, text)
        if kind == "dockerfile":
            found += find_dockerfile_traps(name, text)
    return count, found


def main() -> int:
    """Print the findings of each clone and their number."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clones", nargs="+", metavar="CLONE", type=Path)
    for clone in parser.parse_args().clones:
        count, found = findings(clone)
        for finding in found:
            print(f"{clone.name}/{finding}")
        print(f"{clone.name}: {len(found)} findings in {count} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
