"""Which engine this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, TypeVar

from multiarch.core.errors import bullets
from multiarch.tools.engines import buildah, docker_engine
from multiarch.tools.engines.host import EngineMissing, Host

_T = TypeVar("_T")


def with_first(names: Sequence[str], host: Host, what: str, use: Callable[[str], _T]) -> _T:
    """What `use` returns of the first engine of `names` that can do `what`.

    That an engine lacks something, say namespaces or an emulator, may show only when it is used:
    the next one is tried then. Raises EngineMissing that says what is wrong with each.
    """
    engines = {buildah.NAME: buildah.missing, docker_engine.NAME: docker_engine.missing}
    problems = []
    for engine in names:
        problem = engines[engine](host)
        if problem is None:
            try:
                return use(engine)
            except EngineMissing as error:
                problem = f"{engine}: {error}"
        problems.append(problem)
    raise EngineMissing(f"no engine can execute {what} on this machine:\n{bullets(problems)}")
