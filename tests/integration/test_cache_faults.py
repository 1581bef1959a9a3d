"""A remote cache that fails: it dies, hangs, forgets what it names, or gives other bytes.

Machine A fills a real server. Each fault then meets a machine with empty caches, whose result must
be A's, or an error and nothing in dist.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import bootstrap
import pytest
from cache_server import CacheServer

from tests.integration.scratch import Repository, environment, started
from tests.integration.test_remote_cache import DEEP, machine, same_files
from tests.integration.test_remote_cache import server as serve

pytestmark = pytest.mark.integration

BUILD = 'go_module(name="mod")\ngo_cross_binary(name="one", main="cmd/one")\n'


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CacheServer, Repository]]:
    """A server, and machine A, which has built.

    A built other sources before; what its caches then held is in `before`.
    """
    server = serve(tmp_path_factory.mktemp("cache"))
    first = other(tmp_path_factory.mktemp("a"), server.address, str(uuid.uuid4()))
    try:
        first.pants("package", "::")
        assert first.store
        shutil.copytree(first.store, first.store.with_name("before"))
        first.write("deep/deep.go", DEEP.format(uuid.uuid4()))
        first.pants("package", "::")
        first.stop()
        yield server, first
    finally:
        server.kill()


def other(folder: Path, address: str, token: str) -> Repository:
    """A machine with empty caches, and the same module."""
    found = machine(folder, address, token)
    shutil.rmtree(found.root / "cmd/two")
    found.write("BUILD", BUILD)
    settings = found.root / "pants.toml"
    text = settings.read_text().replace("['linux/amd64', 'linux/arm64']", "['linux/amd64']")
    # What a daemon remembers is not asked of the cache again.
    settings.write_text(text.replace("[GLOBAL]\n", "[GLOBAL]\npantsd = false\n"))
    return found


def second(folder: Path, server: CacheServer, first: Repository) -> Repository:
    """Machine B, with A's sources."""
    found = other(folder, server.address, "")
    shutil.copy(first.root / "deep/deep.go", found.root / "deep/deep.go")
    return found


def with_std(machine: Repository, first: Repository) -> Repository:
    """A machine that has built other sources: only what differs is asked of the cache, or made."""
    assert first.store
    assert machine.store
    shutil.copytree(first.store.with_name("before"), machine.store)
    return machine


def test_other_bytes_are_not_used(filled: tuple[CacheServer, Repository], tmp_path: Path) -> None:
    """Who can write to the server's disk changes blobs: Pants hashes what it fetches."""
    server, first = filled
    whole = tmp_path / "whole"
    shutil.copytree(server.folder / "cas", whole)
    for file in server.blobs():
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    machine = second(tmp_path / "b", server, first)
    try:
        result = machine.pants("package", "::", check=False)
        if result.returncode == 0:
            assert same_files(first.root / "dist", machine.root / "dist")
        else:
            assert not list(machine.root.glob("dist/**/one"))
            assert "digest" in result.stderr, result.stderr
        shutil.rmtree(server.folder / "cas")
        shutil.copytree(whole, server.folder / "cas")
        machine.pants("package", "::")
        assert same_files(first.root / "dist", machine.root / "dist")
    finally:
        machine.stop()


def test_blobs_that_are_evicted_are_made_again(
    filled: tuple[CacheServer, Repository], tmp_path: Path
) -> None:
    """The results are known, and what they name is gone: the steps run here."""
    server, first = filled
    whole = tmp_path / "whole"
    shutil.copytree(server.folder / "cas", whole)
    machine = with_std(second(tmp_path / "b", server, first), first)
    try:
        machine.pants("package", "::")
        # Every result is known here; few of their blobs were fetched.
        for file in server.blobs():
            file.unlink()
        text = (machine.root / "cmd/one/main.go").read_text()
        (machine.root / "cmd/one/main.go").write_text(f"{text}\nvar added = 1\n")
        result = machine.pants("package", "::")
        assert any(line.startswith("Link ") for line in started(result))
        (machine.root / "cmd/one/main.go").write_text(text)
        machine.pants("package", "::")
        assert same_files(first.root / "dist", machine.root / "dist")
    finally:
        machine.stop()
        shutil.rmtree(server.folder / "cas")
        shutil.copytree(whole, server.folder / "cas")


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "hangs"])
def test_a_server_that_goes_away_in_the_middle(
    filled: tuple[CacheServer, Repository], tmp_path: Path, fault: signal.Signals
) -> None:
    server, first = filled
    machine = with_std(second(tmp_path / "b", server, first), first)
    # The machine is not to wait long for each of its many questions.
    settings = machine.root / "pants.toml"
    text = settings.read_text().replace("timeout_millis = 20000", "timeout_millis = 2000")
    # Nor, at the end, for what the server does not take.
    settings.write_text(text.replace("tasks_timeout = 300", "tasks_timeout = 10"))
    store = (
        f"--local-store-dir={machine.store}/store",
        f"--named-caches-dir={machine.store}/named",
    )
    run = subprocess.Popen(
        [str(bootstrap.ROOT / "pants"), "--no-dynamic-ui", *store, "-ldebug", "package", "::"],
        cwd=machine.root, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert run.stderr
        # Once it has had an answer.
        seen = []
        for line in run.stderr:
            seen.append(line)
            if "remote cache" in line or "Completed: " in line:
                break
        os.kill(server.process.pid, fault)
        _, rest = run.communicate(timeout=1200)
        if run.returncode == 0:
            assert same_files(first.root / "dist", machine.root / "dist")
        else:
            assert not list(machine.root.glob("dist/**/one")), rest
            assert "Traceback" not in rest
        if fault == signal.SIGSTOP:
            os.kill(server.process.pid, signal.SIGCONT)
        else:
            server.kill()
            server.start()
        machine.pants("package", "::")
        assert same_files(first.root / "dist", machine.root / "dist")
    finally:
        run.kill()
        machine.stop()


def test_an_edit_after_all_that_is_built_as_it_should_be(
    filled: tuple[CacheServer, Repository], tmp_path: Path
) -> None:
    """The server, after all faults, still serves one machine what another has made."""
    server, first = filled
    token = str(uuid.uuid4())
    machine = second(tmp_path / "b", server, first)
    first.write("deep/deep.go", DEEP.format(token))
    machine.write("deep/deep.go", DEEP.format(token))
    try:
        first.pants("package", "::")
        assert "0 built, 1 cached" in machine.pants("package", "::").stderr
        assert same_files(first.root / "dist", machine.root / "dist")
    finally:
        first.stop()
        machine.stop()
