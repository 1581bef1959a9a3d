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

from multiarch.tools.cgo import BuildFailed, check, environment, place, prepare, words
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
    output = prepare(request)
    if request["make"] == "check":
        check(request, output, "-test")
        return
    result = compile_tests(request, output / request["file"])
    if result.returncode != 0:
        raise BuildFailed(place(words(result), request["directory"] or "."))


if __name__ == "__main__":
    sys.exit(run(main))
