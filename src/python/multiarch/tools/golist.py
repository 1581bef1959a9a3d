"""Asks `go list` for the package graph of one module, once for all its platforms and tags.

Request: `{"module_dir", "patterns", "configs": [{"id", "platform", "tags", "experiment",
"go_version"}], "mod_cache": bool, "goroot", "output"}`. The output is a JSON file: a table of
packages, and for each config the indexes of its packages; no path of this machine is in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.core.golang.packages import LIST_FIELDS
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.platforms import Platform
from multiarch.tools.process import relative, run


class ListFailed(MultiarchError):
    """Carries what `go list` said when it gave no graph at all."""


def settings_of(config: Mapping[str, Any]) -> BuildSettings:
    """Read the build settings that a rule wrote into a request."""
    return BuildSettings(
        platform=Platform.parse(config["platform"]),
        go_version=config["go_version"],
        tags=tuple(config["tags"]),
        gcflags=tuple(config.get("gcflags", ())),
        experiment=config.get("experiment", ""),
        pgo=config.get("pgo"),
        cgo=config.get("cgo", False),
    )


def list_packages(
    settings: BuildSettings,
    goroot: str,
    directory: str,
    patterns: list[str],
    *,
    mod_cache: str,
    cgo: bool = False,
) -> list[dict[str, Any]]:
    """Run `go list -e -deps -json` and return its objects; raises ListFailed with its words."""
    cwd = os.getcwd()
    env = {
        **settings.env,
        "CGO_ENABLED": "1" if cgo or settings.cgo else "0",
        "GOROOT": f"{cwd}/{goroot}",
        "GOCACHE": f"{cwd}/.gocache",
        "GOPATH": f"{cwd}/.gopath",
        "GOMODCACHE": f"{cwd}/{mod_cache}" if mod_cache else f"{cwd}/.gopath/mod",
        # The index is for repeated use of one cache; here it would be written and thrown away.
        "GODEBUG": "goindex=0",
        "HOME": f"{cwd}/.home",
        "PATH": "",
        "PWD": os.path.normpath(f"{cwd}/{directory}"),
    }
    tags = [f"-tags={','.join(settings.tags)}"] if settings.tags else []
    argv = [f"{cwd}/{goroot}/bin/go", "list", "-e", "-deps", f"-json={LIST_FIELDS}", *tags]
    # With profiles, `go list` would name packages once per main; profiles are for the compile.
    argv.append("-pgo=off")
    result = subprocess.run(
        [*argv, "--", *patterns], env=env, cwd=directory or ".", capture_output=True, text=True
    )
    if result.returncode != 0:
        raise ListFailed(relative(result.stderr.strip()))
    decoder, text, at, found = json.JSONDecoder(), result.stdout, 0, []
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        found.append(value)
        while at < len(text) and text[at].isspace():
            at += 1
    return found


def _sums(directory: str) -> dict[tuple[str, str], str]:
    """Read the module sums (not those of go.mod files) of every go.sum in the sandbox."""
    sums = {}
    for root, directories, names in os.walk("."):
        directories[:] = [d for d in directories if d != "vendor" and not d.startswith(".")]
        for name in ("go.sum", "go.work.sum"):
            if name in names:
                for line in Path(root, name).read_text().splitlines():
                    fields = line.split()
                    if len(fields) == 3 and not fields[1].endswith("/go.mod"):
                        sums[fields[0], fields[1]] = fields[2]
    del directory
    return sums


def trim_package(package: dict[str, Any], directory: str, mod_cache: str) -> dict[str, Any]:
    """Make one object of `go list` relative to the sandbox and say of which kind it is."""
    cwd = os.getcwd()
    where = package.get("Dir", "")
    place = os.path.relpath(where, cwd) if where else ""
    package["Dir"] = "" if place == "." else place
    parts = place.split("/")
    outside = "vendor" in parts or bool(mod_cache and parts[0] == mod_cache)
    package["Kind"] = (
        "std" if package.pop("Standard", False) else "third-party" if outside else "local"
    )
    if error := package.get("Error"):
        error["Err"] = relative(error["Err"])
        if position := error.get("Pos", ""):
            full = position if position.startswith("/") else os.path.join(cwd, directory, position)
            error["Pos"] = os.path.relpath(full, cwd)
        error["ImportStack"] = list(error.get("ImportStack") or [])
    return package


def _trim_module(
    module: dict[str, Any], sums: Mapping[tuple[str, str], str], vendored: bool
) -> dict[str, Any]:
    trimmed: dict[str, Any] = {"Path": module["Path"], "Version": module.get("Version", "")}
    if module.get("GoVersion"):
        trimmed["GoVersion"] = module["GoVersion"]
    if module.get("Replace"):
        trimmed["Replace"] = _trim_module(module["Replace"], sums, vendored)
    elif not vendored:
        trimmed["Sum"] = sums.get((trimmed["Path"], trimmed["Version"]), "")
    return trimmed


def mark_cgo(
    packages: list[dict[str, Any]], settings: BuildSettings, request: Mapping[str, Any]
) -> None:
    """Tell a package that has only cgo files from one that is not for this platform.

    With cgo off, Go calls both excluded by build constraints; asked again with cgo on, it names
    the cgo files.
    """
    empty = {
        p["ImportPath"]: p
        for p in packages
        if p["Kind"] != "std" and not p.get("GoFiles") and p.get("IgnoredGoFiles")
    }
    if not empty:
        return
    mod_cache = ".modcache" if request["mod_cache"] else ""
    found = list_packages(
        settings, request["goroot"], request["module_dir"], sorted(empty), mod_cache=mod_cache,
        cgo=True,
    )  # fmt: skip
    for package in found:
        if package.get("CgoFiles") and package["ImportPath"] in empty:
            marked = empty[package["ImportPath"]]
            marked["CgoFiles"] = package["CgoFiles"]
            marked["Imports"] = package.get("Imports", [])
            marked.pop("Error", None)


def main(request: Mapping[str, Any]) -> None:
    """Ask for each config, several at once, and write the shared table."""
    directory, goroot = request["module_dir"], request["goroot"]
    mod_cache = ".modcache" if request["mod_cache"] else ""
    sums = _sums(directory)

    def ask(config: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = list_packages(
            settings_of(config), goroot, directory, request["patterns"], mod_cache=mod_cache
        )
        found = [trim_package(p, directory, mod_cache) for p in found]
        if not config.get("cgo"):
            mark_cgo(found, settings_of(config), request)
        vendored = any(p["Kind"] == "third-party" and "vendor" in p["Dir"] for p in found)
        for package in found:
            if package.get("Module"):
                package["Module"] = _trim_module(package["Module"], sums, vendored)
        return found

    table: dict[str, int] = {}
    configs = {}
    with ThreadPoolExecutor(request.get("concurrency", 2)) as pool:
        for config, found in zip(request["configs"], pool.map(ask, request["configs"])):
            rows = [json.dumps(package, sort_keys=True) for package in found]
            configs[config["id"]] = [table.setdefault(row, len(table)) for row in rows]
    packages = ",\n".join(table)
    Path(request["output"]).write_text(
        f'{{"configs": {json.dumps(configs)},\n"packages": [\n{packages}\n]}}\n'
    )


if __name__ == "__main__":
    sys.exit(run(main))
