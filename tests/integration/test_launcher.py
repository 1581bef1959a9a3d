"""The real launcher, in a small checkout and a fresh cache folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import bootstrap
import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the launcher, and a pants.toml without the plugin."""
    root = tmp_path / "a checkout"
    shutil.copytree(bootstrap.HERE, root / "build-support/launcher")
    shutil.copytree(bootstrap.REQUIREMENTS, root / "3rdparty/python")
    shutil.copy(bootstrap.ROOT / "pants", root / "pants")
    (root / "pants.toml").write_text('[GLOBAL]\npants_version = "2.17.1"\n')
    return root


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The machine's environment, with a fresh cache and no setting of an outer Pants."""
    outer = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PANTS_", "_PANTS_", "PYTEST_", "PEX_", "MULTIARCH_CACHE"))
    }
    return {**outer, "MULTIARCH_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def run(checkout: Path, environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the launcher to its end, with changes to the environment."""

    def run_pants(*argv: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["./pants", *argv],
            cwd=checkout,
            env={**environ, **changes},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )

    return run_pants


@pytest.fixture
def daemons(checkout: Path) -> Iterator[None]:
    """Stop the pantsd that a test left running in its checkout."""
    yield
    for pid in checkout.glob(".pids/*/pantsd/pid"):
        os.kill(int(pid.read_text()), signal.SIGTERM)


def bare_path(folder: Path) -> str:
    """A PATH with what the shell script uses and no Python."""
    folder.mkdir()
    for name in ("cat", "cksum", "sed", "sh", "uname"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return str(folder)


def nowhere(folder: Path) -> dict[str, str]:
    """Settings under which neither pyenv nor uv has a Python."""
    return {name: str(folder) for name in ("HOME", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR")}


def wait_for(happened: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_set_up_killed_half_way_then_two_at_once_then_warm(
    checkout: Path,
    environ: dict[str, str],
    run: Callable[..., subprocess.CompletedProcess[str]],
    daemons: None,
    tmp_path: Path,
) -> None:
    cache = Path(environ["MULTIARCH_CACHE"])
    start = {
        "args": ["./pants", "--no-pantsd", "--version"],
        "cwd": checkout,
        "env": environ,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "start_new_session": True,
    }

    # Killed when pip is at work.
    with subprocess.Popen(**start) as first:
        wait_for(lambda: any(cache.glob("environments/pants-*/bin/pip")), 120)
        os.killpg(first.pid, signal.SIGKILL)
    assert not list(cache.glob("ready/*"))

    # Both of two work, and one of them did it all.
    with subprocess.Popen(**start) as one, subprocess.Popen(**start) as other:
        results = [process.communicate(timeout=600) for process in (one, other)]
    assert [out for out, _ in results] == ["2.17.1\n"] * 2, results
    told = "".join(error for _, error in results)
    assert told.count("removing what an interrupted run left") == 1
    assert told.count("installing Pants 2.17.1 on CPython 3.9") == 1
    assert told.count("waiting for another run") == 1
    assert [path.name for path in cache.glob("ready/*") if path.name.startswith("tmp")] == []

    # A warm run needs no Python on PATH, says nothing and is fast.
    done = run("--version")
    assert done.stdout == "2.17.1\n", done.stderr
    bare, times = bare_path(tmp_path / "bare"), []
    for _ in range(5):
        started = time.monotonic()
        done = run("--version", PATH=bare)
        times.append(time.monotonic() - started)
        assert (done.stdout, done.stderr) == ("2.17.1\n", "")
    assert min(times) < 0.5

    # A set-up that lost a part is not used.
    [folder] = [path for path in cache.glob("environments/pants-*") if path.is_dir()]
    (folder / "bin/python").unlink()
    done = run("--version", PATH=bare, **nowhere(tmp_path))
    assert "none that works was found" in done.stderr


def test_no_python_at_all(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = run("--version", PATH=bare_path(tmp_path / "bare"), **nowhere(tmp_path))
    assert done.returncode == 1
    assert "error: Pants 2.17.1 runs on CPython 3.9, and none that works was found" in done.stderr
    assert "uv python install 3.9" in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_of_what_pants_builds(
    checkout: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [checkout / "pants", "--version"], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"[pants] error: neither {tmp_path} nor a directory above it has a pants.toml, the file at "
        "the root of what Pants builds.\n"
    )


def test_a_python_that_will_not_do(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run("--version", MULTIARCH_PYTHON="/bin/false")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "[pants] error: MULTIARCH_PYTHON names /bin/false, which does not run;"
        " a CPython 3.9 is needed."
    )


def test_a_package_that_is_not_the_pinned_one(
    checkout: Path,
    environ: dict[str, str],
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    lock = checkout / "3rdparty/python/pants-requirements.txt"
    text = lock.read_text()
    first = text.index("sha256:") + len("sha256:")
    lock.write_text(text[:first] + "0" * 64 + text[first + 64 :])
    done = run("--version")
    assert done.returncode == 1
    assert "a package is not the one that was pinned: its sha256 differs" in done.stderr
    assert "ansicolors==1.1.8" in done.stderr
    assert "Expected sha256 " + "0" * 64 in done.stderr
    assert "Traceback" not in done.stderr
    cache = Path(environ["MULTIARCH_CACHE"])
    assert not [path for path in cache.glob("environments/*") if path.is_dir()]


def test_no_network(run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run("--version", PIP_INDEX_URL="http://127.0.0.1:1/simple", PIP_RETRIES="0")
    assert done.returncode == 1
    assert "error: the package index could not be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) < 20
