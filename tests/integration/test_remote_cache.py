"""Machines share work through a real server of the Remote Execution API."""

from __future__ import annotations

import filecmp
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from cache_server import CacheServer, interpreter

from tests.integration.scratch import Repository, require, started

pytestmark = pytest.mark.integration

BUILD = """
go_module(name="mod")
go_cross_binary(name="one", main="cmd/one")
go_cross_binary(name="two", main="cmd/two")
multiarch_image(name="image", instructions=["FROM scratch", "COPY bin/one /one"], binaries=[":one"])
manifest_list(name="list", images=[":image"], tags=["1"])
"""
MAIN = """package main

import "example.com/m/deep"

func main() { println(deep.Say()) }
"""
DEEP = 'package deep\n\n//go:noinline\nfunc Say() string {{ return "{}" }}\n'


def server(folder: Path) -> CacheServer:
    """A server that runs, on a CPython that BuildGrid has."""
    python = interpreter()
    if python is None:
        require("python3.11 with venv, for BuildGrid", found=False)
    assert python is not None
    return CacheServer(folder, python)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an empty cache."""
    made = server(tmp_path_factory.mktemp("cache"))
    try:
        yield made.address
    finally:
        made.kill()


def machine(folder: Path, address: str, token: str) -> Repository:
    """The same repository on a machine of its own: nothing in its caches, another directory."""
    found = Repository(folder / "repository", store=folder / "caches")
    found.configure(platforms=["linux/amd64", "linux/arm64"])
    settings = found.root / "pants.toml"
    settings.write_text(
        settings.read_text().replace(
            "[GLOBAL]\n",
            "[GLOBAL]\nremote_cache_read = true\nremote_cache_write = true\n"
            # Pants stops waiting for what it still writes after 3 seconds by default.
            "session_end_tasks_timeout = 300\nremote_cache_rpc_timeout_millis = 20000\n"
            f'cache_content_behavior = "defer"\nremote_store_address = "{address}"\n',
        )
    )
    found.write("BUILD", BUILD)
    found.write("go.mod", "module example.com/m\n\ngo 1.25\n")
    for main in ("one", "two"):
        found.write(f"cmd/{main}/main.go", MAIN)
    found.write("deep/deep.go", DEEP.format(token))
    return found


def same_files(one: Path, other: Path) -> bool:
    """Whether two trees have the same files with the same bytes."""
    names = [
        sorted(str(p.relative_to(r)) for p in r.rglob("*") if p.is_file()) for r in (one, other)
    ]
    return names[0] == names[1] and not filecmp.cmpfiles(one, other, names[0], shallow=False)[1]


def test_a_second_machine_builds_nothing_and_an_edit_only_what_it_touches(
    address: str, tmp_path: Path
) -> None:
    token = str(uuid.uuid4())
    first = machine(tmp_path / "first", address, token)
    second = machine(tmp_path / "another/second", address, token)
    try:
        built = first.pants("package", "::").stderr
        assert "7 built, 0 cached" in built
        assert "remote cache" not in built
        sandboxes = tmp_path / "sandboxes"
        sandboxes.mkdir()
        keep = (f"--local-execution-root-dir={sandboxes}", "--keep-sandboxes=always")
        result = second.pants(*keep, "package", "::")
        assert "0 built, 7 cached" in result.stderr
        assert same_files(first.root / "dist", second.root / "dist")
        # What was begun here has left its sandbox: nothing was compiled, linked, put together or
        # unpacked but the wheels, by Pants itself, and the host's own notes.
        ran = [file.read_text() for file in sandboxes.glob("*/__run.sh")]
        assert ran
        own = [text for text in ran if "run.sh" in text or "multiarch.tools" in text]
        assert not own, [*own, result.stderr]
        second.write("deep/deep.go", DEEP.format(f"{token} edited"))
        edited = started(second.pants("package", "::"))
        compiled = sorted(line for line in edited if line.startswith("Compile "))
        assert compiled == [
            f"Compile example.com/m/deep for linux/{arch}" for arch in ("amd64", "arm64")
        ]
        assert len([line for line in edited if line.startswith("Link ")]) == 4
    finally:
        first.stop()
        second.stop()


def test_a_cache_that_is_gone_stops_nothing(address: str, tmp_path: Path) -> None:
    """The server of the option does not answer: Pants says so, and builds by itself."""
    alone = machine(tmp_path / "alone", "grpc://127.0.0.1:9", str(uuid.uuid4()))
    alone.store = None
    try:
        result = alone.pants("package", ":one")
        assert "2 built, 0 cached" in result.stderr
        assert "Failed to read from remote cache" in result.stderr
    finally:
        alone.stop()
