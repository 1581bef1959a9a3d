"""What to do about the classic ways in which a package breaks on some platforms alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

_UNDEFINED = re.compile(r"undefined: (?:(?P<package>\w+)\.)?(?P<name>\w+)")
_CONSTRAINT = re.compile(r"^//go:build (.+)$", re.M)
_SYSTEM_PACKAGES = ("syscall", "unix", "windows")
# System calls that newer architectures lack, and what all have in their place, by x/sys/unix.
_SUCCESSORS = {
    "Dup2": "unix.Dup3(old, new, 0)",
    "SYS_DUP2": "unix.Dup3(old, new, 0)",
    "EpollCreate": "unix.EpollCreate1(0)",
    "InotifyInit": "unix.InotifyInit1(0)",
    "Pipe": "unix.Pipe2(fds, 0)",
    "SYS_OPEN": "unix.Openat(unix.AT_FDCWD, ...)",
    "SYS_STAT": "unix.Fstatat(unix.AT_FDCWD, ...)",
    "SYS_LSTAT": "unix.Fstatat(unix.AT_FDCWD, ..., unix.AT_SYMLINK_NOFOLLOW)",
    "SYS_UNLINK": "unix.Unlinkat(unix.AT_FDCWD, ...)",
    "SYS_RMDIR": "unix.Unlinkat(unix.AT_FDCWD, ..., unix.AT_REMOVEDIR)",
    "SYS_RENAME": "unix.Renameat(...)",
    "SYS_FORK": "unix.SYS_CLONE",
    "SYS_SELECT": "unix.Select(...)",
    "SYS_POLL": "unix.Poll(...)",
    "SYS_GETDENTS": "unix.Getdents(...)",
    "Renameat2": "unix.Renameat2(...) of a newer golang.org/x/sys",
    "Getpgrp": "unix.Getpgid(0)",
}


def remedy(message: str, ignored: Mapping[str, str]) -> str:
    """Say what to do about a compiler's message; empty where nothing better is known.

    `ignored` maps the package's files that build constraints leave out on the platform to their
    text: what is not defined may be declared there.
    """
    for match in _UNDEFINED.finditer(message):
        package, name = match.group("package"), match.group("name")
        if package in _SYSTEM_PACKAGES:
            return _system_call(package, name)
        if package is None and (found := _declared_in(name, ignored)):
            return _behind_constraint(name, found, ignored)
    if "missing function body" in message:
        return (
            "the function is written in assembly for other architectures: give it a body in Go, in "
            "a file with a build constraint for the rest."
        )
    if re.search(r"overflows|truncated|cannot use .* constant .* as u?int(?:ptr)? value", message):
        return "`int`, `uint` and `uintptr` have 32 bits there: use int64 or uint64."
    if "build constraints exclude all Go files" in message:
        return (
            "add a file for these platforms, import the package only from files for those that it "
            "has, or leave them out with `exclude`."
        )
    return ""


def _declared_in(name: str, ignored: Mapping[str, str]) -> list[str]:
    single = re.compile(rf"^(?:func|const|var|type) +(?:\([^)]*\) *)?{re.escape(name)}\b", re.M)
    grouped = re.compile(rf"^\t{re.escape(name)}\b(?:[ \t]+\S+)?[ \t]*(?:=|\n|\Z)", re.M)
    blocks = re.compile(r"^(?:const|var|type) \((.*?)^\)", re.M | re.S)
    return [
        file
        for file, text in sorted(ignored.items())
        if single.search(text) or any(grouped.search(block) for block in blocks.findall(text))
    ]


def _behind_constraint(name: str, found: list[str], ignored: Mapping[str, str]) -> str:
    places = []
    for file in found:
        constraint = _CONSTRAINT.search(ignored[file])
        base = file.rpartition("/")[2]
        why = f"//go:build {constraint.group(1)}" if constraint else f"its name, {base}"
        places.append(f"{file} ({why})")
    return (
        f"`{name}` is declared in {' and '.join(places)}, which is not built there: declare it for "
        "these platforms too, in a file with the opposite constraint, or widen the constraint."
    )


def _system_call(package: str, name: str) -> str:
    text = f"the platform has no `{package}.{name}`: "
    if name in _SUCCESSORS:
        return text + f"use {_SUCCESSORS[name]}, which every Linux platform has."
    return text + (
        "move its use into a file with a build constraint for the platforms that have it, and do "
        "without it in a file for the rest."
    )
