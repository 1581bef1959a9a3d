"""Runs one `go build` with cgo, fills Go's build cache with std for such builds, or checks.

Request: `{"make": "file" | "cache" | "check", "env", "flags": [...], "packages": [...],
"directory", "lower": path | null, "file": its name | null, "mod_cache": bool, "pkg_config": bool,
"output"}`. The output is a folder: with the file, and the header of a library;
or a build cache, which a later request names as `lower`; or with the files `compile` and `vet`,
which hold what Go complains of.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.c.driver import FOLDER, ZIG_CACHE
from multiarch.core.errors import MultiarchError
from multiarch.tools.process import relative, run

_GO_CACHE = ".gocache"
_POSITION = re.compile(r"^(\s*)(?:\./)?((?:[\w.+-]+/)*[\w.+-]+\.\w+)(?=:\d+)", re.M)
_FROM = re.compile(r"(In file included from )(?:\./)?((?:[\w.+-]+/)*[\w.+-]+\.\w+)(?=:\d+)")


class BuildFailed(MultiarchError):
    """Carries what `go build` and the C compiler said."""


def place(text: str, directory: str) -> str:
    """Make the positions in a message relative to the repository, where `go build` ran below it."""
    text = relative(text)

    def full(match: re.Match[str]) -> str:
        path = os.path.normpath(os.path.join(directory, match.group(2)))
        if not os.path.exists(path):
            # The C compiler is started in the package's own directory.
            found = sorted(map(str, Path(directory).rglob(match.group(2))))
            path = found[0] if len(found) == 1 else match.group(2)
        return match.group(1) + path

    return _FROM.sub(full, _POSITION.sub(full, text))


def environment(request: Mapping[str, Any]) -> dict[str, str]:
    """The request's environment, with the sandbox's own paths."""
    cwd = os.getcwd()
    found: dict[str, str] = {
        **request["env"],
        "GOCACHE": f"{cwd}/{_GO_CACHE}",
        "GOMODCACHE": f"{cwd}/.modcache" if request["mod_cache"] else f"{cwd}/.gopath/mod",
        "GOPATH": f"{cwd}/.gopath",
        "GOROOT": f"{cwd}/.goroot",
        "HOME": f"{cwd}/.home",
        "PATH": f"{cwd}/{FOLDER}:{request['env']['PATH']}",
        "TMPDIR": f"{cwd}/.tmp",
        "ZIG_GLOBAL_CACHE_DIR": f"{cwd}/{ZIG_CACHE}",
        "ZIG_LOCAL_CACHE_DIR": f"{cwd}/{ZIG_CACHE}",
    }
    if request["pkg_config"]:
        root = f"{cwd}/.sysroot"
        folders = [f"{root}/usr/lib/pkgconfig", f"{root}/usr/share/pkgconfig"]
        folders += sorted(map(str, Path(root, "usr/lib").glob("*/pkgconfig")))
        found["PKG_CONFIG_SYSROOT_DIR"] = root
        found["PKG_CONFIG_LIBDIR"] = ":".join(folders)
    for name in (".home", ".tmp"):
        os.makedirs(name, exist_ok=True)
    return found


def normalise(cache: Path) -> None:
    """Take times out of a build cache: equal builds then leave equal caches."""
    for name in ("README", "testexpire.txt", "trim.txt"):
        (cache / name).unlink(missing_ok=True)
    for entry in cache.glob("*/*-a"):
        # cmd/go/internal/cache, putIndexEntry: "v1 ACTION OUTPUT SIZE TIME", all of fixed width.
        words = entry.read_text().split()
        entry.write_text(f"{' '.join(words[:3])} {words[3]:>20} {1:>20}\n")


def copy_cache(source: str, target: str) -> None:
    """Copy a cache, so that all of it can be written: what is mounted is read-only, folders too."""
    for folder, _, names in os.walk(source):
        made = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(made)
        for name in names:
            shutil.copyfile(os.path.join(folder, name), os.path.join(made, name))


def words(result: subprocess.CompletedProcess[str]) -> str:
    """What a failed command printed, or how it ended where it printed nothing."""
    said = "\n".join(text.strip() for text in (result.stderr, result.stdout) if text.strip())
    if said:
        return said
    if result.returncode < 0:
        return f"it was killed by signal {-result.returncode}; is there enough memory?"
    return f"it printed nothing and ended with exit code {result.returncode}"


def go(request: Mapping[str, Any], *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the Go command on the request's packages, in its directory."""
    return subprocess.run(
        [f"{os.getcwd()}/.goroot/bin/go", *argv, "--", *request["packages"]],
        cwd=request["directory"] or ".", env=environment(request), capture_output=True, text=True,
    )  # fmt: skip


def prepare(request: Mapping[str, Any]) -> Path:
    """Copy the lower cache, if there is one, and make the output's folder."""
    if request["lower"]:
        copy_cache(request["lower"], _GO_CACHE)
    output = Path(request["output"])
    output.mkdir()
    return output


def check(request: Mapping[str, Any], output: Path, *more: str) -> None:
    """Compile and vet packages, and note what is wrong with them; links nothing.

    `more` are further flags of `go list`.
    """
    directory, flags = request["directory"] or ".", request["flags"]
    compiled = go(request, "list", "-export", "-f=", *more, *flags)
    vetted = go(request, "vet", *flags) if compiled.returncode == 0 else None
    for name, result in (("compile", compiled), ("vet", vetted)):
        failed = result is not None and result.returncode != 0
        (output / name).write_text(place(words(result), directory) if result and failed else "")


def main(request: Mapping[str, Any]) -> None:
    """Build, and leave what is asked for; raises BuildFailed."""
    directory, output = request["directory"] or ".", prepare(request)
    if request["make"] == "check":
        check(request, output)
        return
    target = ["-o", str(output.absolute() / request["file"])] if request["file"] else []
    result = go(request, "build", *request["flags"], *target)
    if result.returncode != 0:
        raise BuildFailed(place(words(result), directory))
    if request["make"] == "cache":
        output.rmdir()
        os.rename(_GO_CACHE, output)
        normalise(output)


if __name__ == "__main__":
    sys.exit(run(main))
