"""Compiles many packages in one process: a group of std, or a module's third-party packages.

Request: `{"settings", "std": {"patterns"} | null, "packages": [...], "lower": [directory of
export data...], "exports": {import path: path}, "goroot", "concurrency", "output"}`.
Below the output it leaves
`export/IMPORTPATH.x` and `archive/IMPORTPATH.a` for every package that no lower layer has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.core.golang.compile import CWD, Outputs, Plan, compile_plan
from multiarch.core.golang.packages import Package, closure, package_from_json
from multiarch.core.golang.settings import BuildSettings
from multiarch.tools.golist import list_packages, settings_of, trim_package
from multiarch.tools.process import relative, run


class CompileFailed(MultiarchError):
    """Carries the compiler's own words."""


def append_member(archive: Path, member: Path) -> None:
    """Append an object to an archive as `go tool pack r` does (cmd/go, packInternal)."""
    data = member.read_bytes()
    name = member.name.encode()[:16].ljust(16)
    header = name + f"{0:<12d}{0:<6d}{0:<6d}{0o644:<8o}{len(data):<10d}`\n".encode()
    with archive.open("ab") as file:
        file.write(header + data + (b"\0" if len(data) % 2 else b""))


def execute(plan: Plan, env: Mapping[str, str]) -> None:
    """Run one compile plan in the current directory."""
    cwd = os.getcwd()
    for path, content in plan.files:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content.replace(CWD, cwd))
    for source, target in plan.copies:
        shutil.copyfile(source, target)
    for command in plan.commands:
        argv = [argument.replace(CWD, cwd) for argument in command]
        result = subprocess.run(argv, env=env, capture_output=True, text=True)
        if result.returncode != 0:
            raise CompileFailed(relative(result.stdout + result.stderr).strip())
    for member in plan.archive_members:
        append_member(Path(plan.archive), Path(member))


class Layer:
    """The packages of one layer and where their outputs are."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.settings: BuildSettings = settings_of(request["settings"])
        self.output: str = request["output"]
        self.lower: list[str] = request["lower"]
        self.exports: dict[str, str] = dict(request.get("exports", {}))
        self.concurrency: int = max(1, int(request.get("concurrency", 1)))
        self.packages = {p.import_path: p for p in self._packages(request)}

    def _packages(self, request: Mapping[str, Any]) -> list[Package]:
        if request["std"] is None:
            return [package_from_json(p) for p in request["packages"]]
        found = list_packages(
            self.settings, request["goroot"], request["goroot"] + "/src",
            request["std"]["patterns"], mod_cache="",
        )  # fmt: skip
        packages = [package_from_json(trim_package(p, "", "")) for p in found]
        return [p for p in packages if p.import_path != "unsafe" and not self._lower(p.import_path)]

    def _lower(self, import_path: str) -> str:
        for layer in self.lower:
            path = f"{layer}/{import_path}.x"
            if os.path.exists(path):
                return path
        return ""

    def export(self, import_path: str) -> str:
        """Where the export data of an import is: in this layer, given, or in a lower layer."""
        if import_path in self.packages:
            return f"{self.output}/export/{import_path}.x"
        return self.exports.get(import_path) or self._lower(import_path)

    def compile(self, package: Package) -> None:
        """Compile one package of the layer."""
        outputs = Outputs(
            f"{self.output}/export/{package.import_path}.x",
            f"{self.output}/archive/{package.import_path}.a",
        )
        for path in (outputs.export, outputs.archive):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        plan = compile_plan(
            package,
            self.settings,
            {i: self.export(i) for i in package.imports},
            outputs,
            work=f"_work/{package.import_path}",
            concurrency=min(4, self.concurrency),
        )
        execute(plan, self.settings.env)

    def build(self) -> None:
        """Compile everything, dependencies first, several at once; raises at the end, with all."""
        order = closure(self.packages, self.packages)
        waiting = {p: {i for i in self.packages[p].imports if i in self.packages} for p in order}
        failures: dict[str, str] = {}
        running: dict[Future[None], str] = {}
        with ThreadPoolExecutor(self.concurrency) as pool:
            while waiting or running:
                for path in [p for p, missing in waiting.items() if not missing]:
                    del waiting[path]
                    running[pool.submit(self.compile, self.packages[path])] = path
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    path = running.pop(future)
                    error = future.exception()
                    if isinstance(error, CompileFailed):
                        failures[path] = str(error)
                        continue
                    future.result()
                    for missing in waiting.values():
                        missing.discard(path)
        if failures:
            raise CompileFailed("\n".join(f"# {p}\n{failures[p]}" for p in sorted(failures)))


def main(request: Mapping[str, Any]) -> None:
    """Build one layer."""
    layer = Layer(request)
    for name in ("export", "archive"):
        Path(layer.output, name).mkdir(parents=True, exist_ok=True)
    layer.build()


if __name__ == "__main__":
    sys.exit(run(main))
