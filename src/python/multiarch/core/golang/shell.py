"""A plan as a POSIX shell script, for the processes that are too small to start Python for."""

from __future__ import annotations

import shlex

from multiarch.core.golang.compile import CWD, Plan

# Appends an object to an archive in the format of `go tool pack r` (cmd/go, packInternal).
_APPEND = r"""
append() {
    size=$(wc -c <"$2")
    name=${2##*/}
    printf '%-16.16s%-12d%-6d%-6d%-8o%-10d`\n' "$name" 0 0 0 420 "$size" >>"$1"
    cat "$2" >>"$1"
    if [ $((size % 2)) -eq 1 ]; then printf '\0' >>"$1"; fi
}
"""


def _quote(argument: str) -> str:
    parts = [shlex.quote(part) if part else "" for part in argument.split(CWD)]
    return '"$PWD"'.join(parts) or "''"


def script(plan: Plan) -> str:
    """Render the plan's copies, commands and archive members; its files are inputs already."""
    lines = ["set -eu"]
    lines += [f"cp {shlex.quote(a)} {shlex.quote(b)}" for a, b in plan.copies]
    lines += [" ".join(map(_quote, command)) for command in plan.commands]
    if plan.archive_members:
        lines.insert(1, _APPEND.strip())
        archive = shlex.quote(plan.archive)
        lines += [f"append {archive} {shlex.quote(m)}" for m in plan.archive_members]
    return "\n".join(lines) + "\n"
