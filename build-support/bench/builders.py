"""The ways to build one workspace: what each runs, and where it puts its files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from measure import Cost, daemon_pid, run, run_together
from workspace import Workspace

FLAGS = ("-trimpath", "-buildvcs=false")


class Builder(Protocol):
    """One way to build every program for every platform."""

    name: str

    def build(self, stamp: str) -> Cost:
        """Build everything, with `stamp` linked in."""

    def output(self, main: str, platform: str) -> Path:
        """Where one program for one platform is."""


@dataclass
class GoLoop:
    """A shell loop: `go build` of all programs, one platform after the other."""

    space: Workspace
    outputs: Path
    cache: Path
    name: str = "go build, a loop"
    together: bool = False

    def command(self, platform: str, stamp: str) -> list[str]:
        folder = self.outputs / platform
        folder.mkdir(parents=True, exist_ok=True)
        ldflags = f"-ldflags=-buildid= -X=main.benchStamp={stamp}"
        mains = [f"./{m}" for m in self.space.mains]
        return [self.space.go, "build", *FLAGS, ldflags, "-o", f"{folder}/", *mains]

    def build(self, stamp: str) -> Cost:
        commands = [self.command(p, stamp) for p in self.space.platforms]
        envs = [self.space.env(p, self.cache) for p in self.space.platforms]
        if self.together:
            return run_together(commands, self.space.root, envs)
        cost = Cost(0, 0, 0, executed=0)
        for command, env in zip(commands, envs):
            cost += run(command, self.space.root, env)
        return cost

    def output(self, main: str, platform: str) -> Path:
        return self.outputs / platform / Path(main).name

    def restored(self, archive: Path, stamp: str) -> Cost:
        """Build on a fresh machine: unpack a saved build cache first, as CI services do."""
        shutil.rmtree(self.cache, ignore_errors=True)
        shutil.rmtree(self.outputs, ignore_errors=True)
        self.cache.mkdir()
        unpack = ["tar", "-xf", str(archive), "-C", str(self.cache)]
        cost = run(unpack, self.space.root, os.environ)
        return cost + Cost(0, 0, 0, archive.stat().st_size, 0) + self.build(stamp)


@dataclass
class GoReleaser:
    """`goreleaser build --snapshot`, a build for each program over all platforms."""

    space: Workspace
    program: str
    outputs: Path
    cache: Path
    name: str = "GoReleaser"

    def configure(self) -> None:
        """Write its configuration, which is JSON and so YAML."""
        targets = [
            "_".join(p.split("/")).replace("arm_v", "arm_").replace("arm64_v8", "arm64")
            for p in self.space.platforms
        ]
        builds = [
            {
                "id": Path(m).name, "binary": Path(m).name, "main": f"./{m}",
                "env": ["CGO_ENABLED=0"], "flags": list(FLAGS), "targets": targets,
                "ldflags": ["-buildid= -X=main.benchStamp={{ .Env.STAMP }}"],
                "mod_timestamp": "1",
            }
            for m in self.space.mains
        ]  # fmt: skip
        settings = {
            "version": 2, "project_name": "bench", "builds": builds, "dist": str(self.outputs)
        }  # fmt: skip
        self.outputs.with_suffix(".yaml").write_text(json.dumps(settings, indent=1))

    def build(self, stamp: str) -> Cost:
        env = self.space.stamped_env(self.cache, stamp)
        config = str(self.outputs.with_suffix(".yaml"))
        return run(
            [self.program, "build", "--snapshot", "--clean", "-f", config, "--skip=validate"],
            self.space.root, env,
        )  # fmt: skip

    def output(self, main: str, platform: str) -> Path:
        name = Path(main).name
        os_, arch, *variant = platform.split("/")
        suffix = f"_{variant[0].removeprefix('v')}" if arch == "arm" and variant else ""
        found = [
            p for p in self.outputs.glob(f"{name}_{os_}_{arch}{suffix}*/{name}")
            if p.parent.name.removeprefix(f"{name}_{os_}_{arch}")[:1] in ("", "_")
        ]  # fmt: skip
        return found[0]


@dataclass
class Pants:
    """`./pants package ::` with a warm daemon."""

    space: Workspace
    work: Path
    options: tuple[str, ...] = ()
    name: str = "pants-multiarch"

    def argv(self, stamp: str) -> list[str]:
        """The command that builds everything."""
        return [
            str(self.space.plugin.parent.parent / "pants"),
            f"--local-store-dir={self.work}/store", f"--named-caches-dir={self.work}/named",
            f"--multiarch-version={stamp}", *self.options, "package", "::",
        ]  # fmt: skip

    def build(self, stamp: str) -> Cost:
        root = self.space.root
        return run(self.argv(stamp), root, os.environ, root)

    def output(self, main: str, platform: str) -> Path:
        name = Path(main).name
        return self.space.root / "dist" / name / platform / name

    def forget(self) -> None:
        """Become a machine with empty caches and no daemon."""
        pid = daemon_pid(self.space.root)
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            while os.path.exists(f"/proc/{pid}"):
                time.sleep(0.1)
        for folder in ("store", "named"):
            shutil.rmtree(self.work / folder, ignore_errors=True)
        shutil.rmtree(self.space.root / "dist", ignore_errors=True)
