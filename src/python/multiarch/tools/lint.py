"""Looks at files with one of the linters that need nothing but the text.

Request: `{"rule", "files": [...]}`. Prints the findings; exits with 1 when there are some.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from multiarch.core.lint import dockerfile_traps, hard_coded_platforms
from multiarch.core.lint.findings import Finding
from multiarch.tools.process import run

LINTERS: Mapping[str, Callable[[str, str], list[Finding]]] = {
    hard_coded_platforms.RULE: hard_coded_platforms.find_hard_coded_platforms,
    dockerfile_traps.RULE: dockerfile_traps.find_dockerfile_traps,
}


def main(request: Mapping[str, Any]) -> None:
    """Look at each file and print what is found."""
    find = LINTERS[request["rule"]]
    findings = [
        finding
        for file in request["files"]
        for finding in find(file, Path(file).read_text(errors="replace"))
    ]
    for finding in findings:
        print(finding)
    if findings:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(run(main))
