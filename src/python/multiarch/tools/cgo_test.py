"""Runs one `go test -c` with cgo, or checks what tests are compiled of.

The request is that of `multiarch.tools.cgo`, with `"make": "file" | "check"`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.c.driver import ZIG_CACHE, ZIG_CACHE_BEFORE
from multiarch.tools.cgo import (
    _GO_CACHE,
    BuildFailed,
    copy_cache,
    environment,
    go,
    place,
    words,
)
from multiarch.tools.process import run


def compile_tests(request: Mapping[str, Any], file: Path) -> subprocess.CompletedProcess[str]:
    """Compile and link the tests; unlike other commands, `go test` takes `--` for its own end."""
    flags = ["-vet=off", *request["flags"], "-o", str(file.absolute())]
    return subprocess.run(
        [f"{os.getcwd()}/.goroot/bin/go", "test", "-c", *flags, *request["packages"]],
        cwd=request["directory"] or ".", env=environment(request), capture_output=True, text=True,
    )  # fmt: skip


def main(request: Mapping[str, Any]) -> None:
    """Build, or note what is wrong with the packages; raises BuildFailed."""
    directory, output = request["directory"] or ".", Path(request["output"])
    if request["lower"]:
        copy_cache(request["lower"], _GO_CACHE)
    if request["zig_cache"]:
        copy_cache(ZIG_CACHE_BEFORE, ZIG_CACHE)
    output.mkdir()
    if request["make"] == "file":
        result = compile_tests(request, output / request["file"])
        if result.returncode != 0:
            raise BuildFailed(place(words(result), directory))
        return
    compiled = go(request, "list", "-export", "-test", "-f=", *request["flags"])
    vetted = go(request, "vet", *request["flags"]) if compiled.returncode == 0 else None
    for name, outcome in (("compile", compiled), ("vet", vetted)):
        failed = outcome is not None and outcome.returncode != 0
        (output / name).write_text(place(words(outcome), directory) if outcome and failed else "")


if __name__ == "__main__":
    sys.exit(run(main))
