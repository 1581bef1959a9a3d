"""Platform matrices that the files of other build tools hold: GoReleaser's, and lists in scripts.

Source: GoReleaser's documentation, "Builds" (its defaults are in `_DEFAULTS`); Kubernetes'
hack/lib/golang.sh for lists in shell.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from multiarch.core.go_ports import PORTS
from multiarch.core.platforms import Platform, PlatformError

GORELEASER_FILES = (".goreleaser.yaml", ".goreleaser.yml", "goreleaser.yaml", "goreleaser.yml")

_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "goos": ("darwin", "linux", "windows"),
    "goarch": ("386", "amd64", "arm64"),
    "goarm": ("6",),
    "goamd64": ("v1",),
}
# How the list of a build's architectures is called, and what GoReleaser writes before a variant.
_VARIANT_KEYS: Mapping[str, tuple[str, str]] = {"arm": ("goarm", "v"), "amd64": ("goamd64", "")}

_TOKEN = r"[a-z0-9]+/[a-z0-9]+(?:/v[0-9]+)?"
_SHELL_LIST = re.compile(
    rf"^[ \t]*(?:readonly |declare -r |export )?((?=\w*PLATFORMS)\w+)[ \t]*[:?]?=[ \t]*"
    rf"[(\"']?((?:[\s,]|\\\n|#[^\n]*\n|{_TOKEN}\b)+)",
    re.M,
)


@dataclass(frozen=True)
class FoundMatrix:
    """The platforms of a program whose main package is in the directory `main`; "" is any."""

    file: str
    main: str
    platforms: tuple[Platform, ...]


def _names(build: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = build.get(key)
    if value is None:
        return _DEFAULTS.get(key, ())
    values = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(_text(v) for v in values))


def _text(value: Any, default: str = "") -> str:
    """A value of the file as text; a list or a table, however large, is none."""
    return str(value) if isinstance(value, (str, int, float)) else default


def _parsed(texts: Iterable[str]) -> tuple[Platform, ...]:
    """Read those that Go has; GoReleaser leaves the others out as well."""
    found: dict[Platform, None] = {}
    for text in texts:
        try:
            found[Platform.parse(text)] = None
        except PlatformError:
            continue
    return tuple(found)


def _target(text: str) -> str:
    """`linux_arm_6` as `linux/arm/v6`.

    >>> _target("linux_arm_6"), _target("linux_amd64_v1")
    ('linux/arm/v6', 'linux/amd64/v1')
    """
    parts = text.split("_")
    if len(parts) == 3 and parts[1] == "arm":
        parts[2] = f"v{parts[2]}"
    return "/".join(parts)


def _product(build: Mapping[str, Any]) -> list[str]:
    ignored = [
        {key: _text(value) for key, value in entry.items()}
        for entry in build.get("ignore") or ()
        if isinstance(entry, dict)
    ]
    found = []
    # However long its lists are: what Go does not have is left out.
    systems, arches = ({port[n] for port in PORTS} for n in (0, 1))
    for os in (os for os in _names(build, "goos") if os in systems):
        for arch in (arch for arch in _names(build, "goarch") if arch in arches):
            key, prefix = _VARIANT_KEYS.get(arch, ("", ""))
            for variant in _names(build, key) if key else ("",):
                values = {"goos": os, "goarch": arch, key: variant}
                if not any(all(values.get(k) == v for k, v in e.items()) for e in ignored):
                    found.append(f"{os}/{arch}/{prefix}{variant}" if key else f"{os}/{arch}")
    return found


def goreleaser_matrices(document: Any, file: str) -> tuple[FoundMatrix, ...]:
    """The matrix of each build of a GoReleaser file; `main` is relative to the file's directory."""
    builds = document.get("builds") if isinstance(document, dict) else None
    found = []
    for build in builds if isinstance(builds, list) else ():
        if not isinstance(build, dict) or build.get("builder", "go") != "go":
            continue
        targets = build.get("targets")
        texts = map(_target, map(_text, targets)) if isinstance(targets, list) else _product(build)
        main = posixpath.join(_text(build.get("dir")), _text(build.get("main"), "."))
        main = posixpath.dirname(main) if main.endswith(".go") else main
        main = posixpath.normpath(posixpath.join(posixpath.dirname(file), main))
        found.append(FoundMatrix(file, "" if main == "." else main, _parsed(texts)))
    return tuple(matrix for matrix in found if matrix.platforms)


def script_matrix(text: str, file: str) -> FoundMatrix | None:
    """The list of platforms that a shell script or Makefile assigns to a name with PLATFORMS.

    Of several, one for servers is taken, else the first.
    """
    found = []
    for match in _SHELL_LIST.finditer(text):
        name, body = match.groups()
        plain = re.sub(r"#[^\n]*", "", body)
        platforms = _parsed(re.findall(_TOKEN, plain))
        if platforms:
            found.append((name, platforms))
    found.sort(key=lambda one: "SERVER" not in one[0])
    return FoundMatrix(file, "", found[0][1]) if found else None


def matrix_for(main: str, matrices: Iterable[FoundMatrix]) -> FoundMatrix | None:
    """The matrix of a main package: its own, else the first that is for any."""
    known = list(matrices)
    own = (m for m in known if m.main == main)
    return next(own, next((m for m in known if not m.main), None))
