"""Writes the skeleton of every source file below a directory (`multiarch.core.golang.skeleton`).

Request: `{"source": directory, "output": directory}`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.golang.skeleton import skeleton
from multiarch.tools.process import run


def main(request: Mapping[str, Any]) -> None:
    """Mirror the source below the output, with each file replaced by its skeleton."""
    source, output = request["source"], Path(request["output"])
    for directory, _, names in os.walk(source):
        target = output / os.path.relpath(directory, source)
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            data = skeleton(name, Path(directory, name).read_bytes())
            (target / name).write_bytes(data)


if __name__ == "__main__":
    sys.exit(run(main))
