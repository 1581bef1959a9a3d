"""The module that is built: a copy with targets, and the edits that are made to it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

MAINS = '{{if and (eq .Name "main") .GoFiles}}{{.Dir}}{{end}}'
DEPENDENCIES = "{{.ImportPath}} {{if .Module}}{{.Module.Path}}{{end}} {{.Dir}}"
GO_ENV = {"GOENV": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "", "GOPROXY": "off"}
# What a body edit changes, there from the start. It is called, so that each program changes.
BODY = '\n//go:noinline\nfunc benchBody() string { return "a0" }\n\nvar _ = benchBody()\n'
SETTINGS = """[GLOBAL]
pants_version = "2.17.1"
backend_packages = ["multiarch.backend"]
pythonpath = ["{plugin}"]

[go-toolchain]
source = "package-index"
version = "{version}"

[multiarch]
default_platforms = [{matrix}]
"""
TARGET = """go_cross_binary(
    name="{name}", main="{main}", x_defs={{"main.benchStamp": "{{version}}"}}
)"""


IMAGE = """multiarch_image(
    name="{name}-image", binaries=[":{name}"],
    instructions=["FROM scratch", "COPY bin/{name} /ko-app/", 'ENTRYPOINT ["/ko-app/{name}"]'],
)
manifest_list(name="{name}-list", images=[":{name}-image"])"""


@dataclass(frozen=True)
class Workspace:
    """A copy of a vendored module, its programs and the platforms they are built for."""

    root: Path
    go: str
    platforms: tuple[str, ...]
    plugin: Path
    cache: Path
    mains: list[str] = field(default_factory=list)
    images: bool = False

    def fill(self, module: Path) -> None:
        """Copy the module and write its targets: each main package that every platform has."""
        if self.root != module:
            ignored = shutil.ignore_patterns(".git", "dist", "BUILD", ".pants.d", ".pids")
            shutil.copytree(module, self.root, ignore=ignored)
        # GoReleaser wants a repository with a commit.
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "bench"]):
            subprocess.run([*git, *command], cwd=self.root, check=True)
        self.find_mains()

    def find_mains(self) -> None:
        """Find the mains that every platform can build, and write their targets."""
        found = [set(self.list(p, "-f", MAINS, "./...")) for p in self.platforms]
        self.mains[:] = sorted(
            os.path.relpath(folder, self.root) for folder in set.intersection(*found)
        )
        self.write_targets()

    def write_targets(self) -> None:
        """Write pants.toml and BUILD."""
        version = self.output("env", "GOVERSION")[0].removeprefix("go")
        matrix = ", ".join(f'"{p}"' for p in self.platforms)
        (self.root / "pants.toml").write_text(
            SETTINGS.format(plugin=self.plugin, version=version, matrix=matrix)
        )
        templates = [TARGET, IMAGE] if self.images else [TARGET]
        targets = [t.format(name=Path(m).name, main=m) for t in templates for m in self.mains]
        (self.root / "BUILD").write_text("\n".join(['go_module(name="mod")', *targets, ""]))

    def env(self, platform: str, cache: Path | None = None) -> dict[str, str]:
        """The environment of a `go` for one platform."""
        os_, arch, *variant = platform.split("/")
        env = {**os.environ, **GO_ENV, "GOOS": os_, "GOARCH": arch, "CGO_ENABLED": "0"}
        env["GOCACHE"] = str(cache or self.cache)
        env["GOMODCACHE"] = str(self.cache.with_name("modules"))
        if variant and arch == "arm":
            env["GOARM"] = variant[0].removeprefix("v")
        return env

    def stamped_env(self, cache: Path, stamp: str) -> dict[str, str]:
        """The environment of a tool that starts `go` for each platform itself, with STAMP in it."""
        env = self.env(self.platforms[0], cache)
        for name in ("GOOS", "GOARCH", "GOARM"):
            env.pop(name, None)
        return {**env, "STAMP": stamp, "PATH": f"{Path(self.go).parent}:{env['PATH']}"}

    def output(self, *arguments: str, platform: str | None = None) -> list[str]:
        """The lines that a `go` prints in the module."""
        return subprocess.run(
            [self.go, *arguments], cwd=self.root, env=self.env(platform or self.platforms[0]),
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip

    def list(self, platform: str, *arguments: str) -> list[str]:
        """The lines of `go list` for a platform, without empty ones."""
        return [line for line in self.output("list", *arguments, platform=platform) if line]

    def dependencies(self) -> list[list[tuple[str, str, str]]]:
        """For each main: import path, module and directory of each package that it is made of."""
        lines = [
            self.list(self.platforms[0], "-deps", "-f", DEPENDENCIES, f"./{main}")
            for main in self.mains
        ]
        return [[tuple(one.split(" ", 2)) for one in found] for found in lines]  # type: ignore[misc]

    def deep_file(self) -> Path:
        """A file of the module's own package that most mains import."""
        own = self.output("list", "-m")[0]
        counts = Counter(
            directory
            for found in self.dependencies()
            for _, module, directory in found
            if module == own and os.path.relpath(directory, self.root) not in self.mains
        )
        best = max(sorted(counts), key=counts.__getitem__)
        return Path(best, self.output("list", "-f", '{{join .GoFiles "\\n"}}', best)[0])

    def main_file(self) -> Path:
        """A file of the first main package."""
        names = self.output("list", "-f", '{{join .GoFiles "\\n"}}', f"./{self.mains[0]}")
        return self.root / self.mains[0] / names[0]

    def bumped_module(self) -> tuple[str, str] | None:
        """Path and version of a vendored module that some main uses, with a plain version."""
        used = {module for found in self.dependencies() for _, module, _ in found}
        vendored = self.root / "vendor/modules.txt"
        text = vendored.read_text() if vendored.exists() else ""
        for path, version in re.findall(r"^# (\S+) (v[0-9.]+)\n## explicit", text, re.M):
            if path in used:
                return path, version
        return None

    def bump(self, path: str, version: str, number: int) -> None:
        """Change a module's version in go.mod and vendor/modules.txt."""
        pattern = re.compile(rf"{re.escape(path)} {re.escape(version)}(-bench\.\d+)?\b")
        for file in (self.root / "go.mod", self.root / "vendor/modules.txt"):
            file.write_text(pattern.sub(f"{path} {version}-bench.{number}", file.read_text()))

    def edit_body(self, file: Path, number: int) -> None:
        """Change what the function that `BODY` declares returns."""
        file.write_text(re.sub('return "a[0-9]*"', f'return "a{number}"', file.read_text()))

    def append(self, file: Path, text: str) -> None:
        """Append declarations to one file."""
        with file.open("a") as stream:
            stream.write(text)

    def edit_all(self, number: int) -> None:
        """Give every Go file a declaration that it did not have: each archive is another one."""
        for index, file in enumerate(sorted(self.root.rglob("*.go"))):
            self.append(file, f"\nvar benchCold{number}x{index} = {number}\n")
