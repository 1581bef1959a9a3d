"""Asks `go list` for the packages of a module's tests, once for all their platforms and tags.

The request and the answer are those of `multiarch.tools.golist`; the answer also has each test's
generated main file, as `TestMain`. The test files in the sandbox are whole, because the functions
in them decide what is generated.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.test_packages import MAIN_FILE, is_variant, plain_path
from multiarch.tools.golist import (
    _sums,
    _trim_module,
    list_packages,
    mark_cgo,
    settings_of,
    trim_package,
)
from multiarch.tools.process import run

_EMBEDS = ("TestEmbedPatterns", "XTestEmbedPatterns")


@dataclass(frozen=True)
class _TestSettings(BuildSettings):
    """Settings under which `go list` lists tests too, and what they embed.

    The flags are in the environment because the other tool's bytes are in the keys of all of std.
    """

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, "GOFLAGS": f"-test -json={','.join(_EMBEDS)}"}


def _take_main(package: dict[str, Any]) -> dict[str, Any]:
    """Read the generated file, which `go list` leaves in its cache."""
    files = package.get("GoFiles") or []
    if len(files) == 1 and os.path.isabs(files[0]):
        package["TestMain"] = Path(files[0]).read_text()
        package["GoFiles"] = [MAIN_FILE]
    return package


def give_embeds(packages: list[dict[str, Any]]) -> None:
    """Give the packages of tests what their test files embed: `go list` says it of `p` alone."""
    said = {p["ImportPath"]: [p.pop(name, None) or [] for name in _EMBEDS] for p in packages}
    for package in packages:
        path, _, test = package["ImportPath"].partition(" [")
        tested = test[: -len(".test]")]
        if not tested or tested not in said:
            continue
        inside, outside = said[tested]
        if path == tested and inside:
            package["EmbedPatterns"] = [*(package.get("EmbedPatterns") or []), *inside]
        elif path == f"{tested}_test" and outside:
            package["EmbedPatterns"] = outside


def give_marks(packages: list[dict[str, Any]]) -> None:
    """Tell of packages that tests compile anew that they cannot do without cgo, as `p` cannot.

    Files of tests use no cgo, so they hide it.
    """
    marked = {p["ImportPath"]: p["CgoFiles"] for p in packages if p.get("CgoFiles")}
    for package in packages:
        path = plain_path(package["ImportPath"])
        if path in marked:
            package["CgoFiles"] = marked[path]


def main(request: Mapping[str, Any]) -> None:
    """Ask for each config, several at once, and write the shared table."""
    directory, goroot = request["module_dir"], request["goroot"]
    mod_cache = ".modcache" if request["mod_cache"] else ""
    sums = _sums(directory)

    def ask(config: Mapping[str, Any]) -> list[dict[str, Any]]:
        plain = settings_of(config)
        settings = _TestSettings(**{f.name: getattr(plain, f.name) for f in fields(plain)})
        found = list_packages(settings, goroot, directory, request["patterns"], mod_cache=mod_cache)
        found = [trim_package(_take_main(p), directory, mod_cache) for p in found]
        give_embeds(found)
        if not config.get("cgo"):
            mark_cgo([p for p in found if not is_variant(p["ImportPath"])], plain, request)
            give_marks(found)
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
