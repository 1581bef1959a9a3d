"""Finds out what `vet` must know of the packages that a module's own packages are built on.

Such as which functions format like Printf and which never return. Request: `{"settings",
"packages": [...], "exports": {import path: path}, "vet", "concurrency", "output"}`. Below the
output it leaves `IMPORTPATH.vetx` for every package.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.core.golang.packages import Package, closure, package_from_json
from multiarch.core.golang.vet import vet_command, vet_config
from multiarch.tools.golist import settings_of
from multiarch.tools.process import relative, run


class VetFailed(MultiarchError):
    """Carries vet's own words."""


def find_facts(package: Package, request: Mapping[str, Any]) -> None:
    """Run vet on one package for its facts alone; raises VetFailed."""
    settings, output = settings_of(request["settings"]), request["output"]
    stem = f"{output}/{package.import_path}"
    Path(stem).parent.mkdir(parents=True, exist_ok=True)
    known = {i: f"{output}/{i}.vetx" for i in package.imports}
    config = Path("_work", f"{package.import_path}.cfg")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        vet_config(
            package,
            settings,
            exports=request["exports"],
            facts=known,
            standard=(),
            output=f"{stem}.vetx",
            facts_only=True,
        )
    )
    argv = vet_command(request["vet"], str(config), package)
    result = subprocess.run(argv, env=settings.env, capture_output=True, text=True)
    if result.returncode != 0:
        said = relative(result.stdout + result.stderr).strip()
        raise VetFailed(f"vet cannot read {package.import_path}:\n{said}")


def main(request: Mapping[str, Any]) -> None:
    """Go through all packages, dependencies first, several at once."""
    packages = {p.import_path: p for p in map(package_from_json, request["packages"])}
    waiting = {
        p: {i for i in packages[p].imports if i in packages} for p in closure(packages, packages)
    }
    Path(request["output"]).mkdir(parents=True, exist_ok=True)
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max(1, int(request.get("concurrency", 1)))) as pool:
        while waiting or running:
            for path in [p for p, missing in waiting.items() if not missing]:
                del waiting[path]
                running[pool.submit(find_facts, packages[path], request)] = path
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                path = running.pop(future)
                future.result()
                for missing in waiting.values():
                    missing.discard(path)


if __name__ == "__main__":
    sys.exit(run(main))
