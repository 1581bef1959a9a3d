"""Executes one RUN of an image in a process that knows the host's engines, and whose key does not.

What the host has (PATH, DOCKER_HOST, the files of secrets) is noted in a named cache by a process
of this Pants run; the process that executes a RUN reads it there. So the same image and command
are one cached result on every machine, and no secret's path or content is in a key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import Digest, DigestSubset, PathGlobs, RemovePrefix
from pants.engine.process import ProcessResultMetadata
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.sandbox import (
    HostNote,
    LocalEnvironmentVars,
    Noted,
    ToolProcess,
    request_json,
    run_tool,
)
from multiarch.backend.subsystems.multiarch_engine import MultiarchEngineSubsystem
from multiarch.core.errors import MultiarchError
from multiarch.tools.engines.host import MISSING_EXIT_CODE

ENGINE_CACHE = FrozenDict({"multiarch_engine": ".engine"})
_PASSED = (
    *("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CERT_PATH"),
    *("DOCKER_TLS_VERIFY", "SSL_CERT_FILE"),
)
# The Docker SDK and what it needs.
DOCKER_WHEELS = ("docker", "requests", "urllib3", "idna", "certifi", "charset-normalizer")


@dataclass(frozen=True)
class EngineHostRequest:
    """Note what the host has."""


@dataclass(frozen=True)
class EngineHost:
    """Says that what the host has was noted; `missing_is_error` as the options have it."""

    missing_is_error: bool


@dataclass(frozen=True)
class ExecuteRunRequest:
    """One RUN that `multiarch.tools.assemble` waits for; `output` is all that the tool wrote.

    `where` is its file and line, `text` the instruction: for people, not for the key.
    """

    address: str
    output: Digest
    id: str
    platform: str
    where: str
    text: str


@dataclass(frozen=True)
class ExecutedRun:
    """The layer at `layer.tar`, or why no engine here could make it."""

    digest: Digest
    missing: str
    run: ProcessResultMetadata


@rule(desc="Note what the host has for engines", level=LogLevel.DEBUG)
async def note_host(
    _: EngineHostRequest, local: LocalEnvironmentVars, options: MultiarchEngineSubsystem
) -> EngineHost:
    note = {
        "environment": {name: local.variables[name] for name in _PASSED if name in local.variables},
        "secrets": dict(options.secrets),
        "timeout": options.run_timeout,
        "network": options.run_network,
    }
    what, text = "what the host has for engines", json.dumps(note, sort_keys=True)
    await Get(Noted, HostNote(what, text, ENGINE_CACHE, ".engine", "host.json"))
    return EngineHost(options.is_error(local.variables))


@rule(desc="Execute RUN", level=LogLevel.DEBUG)
async def execute_run(request: ExecuteRunRequest, options: MultiarchEngineSubsystem) -> ExecutedRun:
    folder = f"pending/{request.id}"
    host, found = await MultiGet(
        Get(EngineHost, EngineHostRequest()),
        Get(Digest, DigestSubset(request.output, PathGlobs([f"{folder}/**"]))),
    )
    value = {
        "image": "image.tar",
        "run": "run.json",
        "host": ".engine/host.json",
        "engine": options.engine.value,
        "output": "layer.tar",
    }
    tool = ToolProcess(
        "multiarch.tools.run_step",
        request_json(value),
        f"{request.text} for {request.platform} in {request.address}",
        input_digest=await Get(Digest, RemovePrefix(found, folder)),
        output_files=("layer.tar",),
        wheels=DOCKER_WHEELS,
        caches=ENGINE_CACHE,
        local=True,
    )
    result = await run_tool(tool)
    where = f"{request.where}: {request.text!r} for `{request.platform}`"
    problem = result.stderr.decode(errors="replace").strip()
    if result.exit_code == MISSING_EXIT_CODE:
        text = f"{request.address}: {where}: {problem}"
        if host.missing_is_error:
            raise MultiarchError(
                f'{text}\nWith `[multiarch-engine] missing_engine = "skip"` everything else is '
                "built."
            )
        return ExecutedRun(result.output_digest, text, result.metadata)
    if result.exit_code != 0:
        raise MultiarchError(f"{request.address}: {where} failed: {problem}")
    return ExecutedRun(result.output_digest, "", result.metadata)


def rules() -> Iterable[object]:
    return collect_rules()
