"""Which engine is used: the first of the given ones that can do it, or what is wrong with each."""

from __future__ import annotations

import pytest
from multiarch.tools.engines import buildah, docker_engine
from multiarch.tools.engines.choice import with_first
from multiarch.tools.engines.host import EngineMissing, Host

HOST = Host({"PATH": "/nonexistent"}, {}, timeout=0, network=False)


@pytest.fixture(autouse=True)
def both_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has."""
    monkeypatch.setattr(buildah, "missing", lambda host: None)
    monkeypatch.setattr(docker_engine, "missing", lambda host: None)


@pytest.mark.parametrize("order", [["buildah", "docker"], ["docker", "buildah"], ["docker"]])
def test_the_first_of_the_order_is_used(order: list[str]) -> None:
    used: list[str] = []
    with_first(order, HOST, "RUN", used.append)
    assert used == order[:1]


def test_the_next_is_tried_where_one_finds_out_that_it_cannot() -> None:
    def use(engine: str) -> str:
        if engine == "docker":
            raise EngineMissing("no emulator")
        return engine

    assert with_first(["docker", "buildah"], HOST, "RUN", use) == "buildah"
    with pytest.raises(EngineMissing, match="no engine can execute RUN") as said:
        with_first(["docker"], HOST, "RUN", use)
    assert "docker: no emulator" in str(said.value)
    assert "buildah" not in str(said.value)
