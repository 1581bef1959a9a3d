"""Which engine this machine has."""

from __future__ import annotations

from multiarch.core.errors import bullets
from multiarch.tools.engines import buildah, docker_engine
from multiarch.tools.engines.host import EngineMissing, Host


def choose(name: str, host: Host, what: str) -> str:
    """The engine to use for `what`; raises EngineMissing that says what is wrong with each."""
    engines = {buildah.NAME: buildah.missing, docker_engine.NAME: docker_engine.missing}
    problems = []
    for engine in engines if name == "auto" else (name,):
        problem = engines[engine](host)
        if problem is None:
            return engine
        problems.append(problem)
    raise EngineMissing(f"no engine can execute {what} on this machine:\n{bullets(problems)}")
