"""What tests of several files work on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.registry import Proxy, Registry


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry; each test has repositories of its own."""
    found = Registry(tmp_path_factory.mktemp("registry"))
    yield found
    found.stop()


@pytest.fixture
def proxy(registry: Registry) -> Iterator[Proxy]:
    """A proxy in front of it."""
    found = Proxy(registry)
    yield found
    found.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits before another try."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
