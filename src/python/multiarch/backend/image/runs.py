"""Executes one RUN of an image in a process that knows the host's engines, and whose key does not.

What the host has (PATH, DOCKER_HOST, the files of secrets) is noted in a named cache by a process
of this Pants run; the process that executes a RUN reads it there. So the same image and command
are one cached result on every machine, and no secret's path or content is in a key.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.core.util_rules.environments import (
    EnvironmentNameRequest,
    EnvironmentTarget,
    RemotePlatformField,
)
from pants.engine.environment import EnvironmentName
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import FallibleProcessResult, Process, ProcessResultMetadata
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.sandbox import (
    SHELL_PATH,
    HostNote,
    LocalEnvironmentVars,
    Noted,
    ToolProcess,
    request_json,
    run_tool,
)
from multiarch.backend.subsystems.multiarch_engine import MultiarchEngineSubsystem
from multiarch.backend.subsystems.multiarch_remote import MultiarchRemoteSubsystem
from multiarch.core.errors import MultiarchError
from multiarch.tools.engines.host import MISSING_EXIT_CODE

_NOTE = ".engine/host.json"
_CACHE = FrozenDict({"multiarch_engine": ".engine"})
# An engine is often where only root looks.
_WORKERS_PATH = f"{SHELL_PATH}:/usr/local/sbin:/usr/sbin:/sbin"
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
    """Where engines and emulators are: on this machine, of which a note was made, or on workers.

    For workers, `environment` is their environment, and `note` what stands in for the note.
    `missing_is_error` as the options have it.
    """

    missing_is_error: bool
    environment: EnvironmentName | None = None
    note: Digest = EMPTY_DIGEST


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
    """The layer at `layer.tar`, or why no engine here could make it, or how the command failed."""

    digest: Digest
    missing: str
    run: ProcessResultMetadata
    failed: str = ""


async def _workers_with_engines(name: str) -> EnvironmentName | None:
    """The environment of that name, unless it falls back to this machine."""
    if not name:
        return None
    origin = "the option `[multiarch-remote].engine_environment`"
    found = await Get(EnvironmentName, EnvironmentNameRequest(name, description_of_origin=origin))
    target = await Get(EnvironmentTarget, EnvironmentName, found)
    if target.val is None or not target.val.has_field(RemotePlatformField):
        return None
    return found


@rule(desc="Note what the host has for engines", level=LogLevel.DEBUG)
async def note_host(
    _: EngineHostRequest,
    local: LocalEnvironmentVars,
    options: MultiarchEngineSubsystem,
    remote: MultiarchRemoteSubsystem,
) -> EngineHost:
    is_error = options.is_error(local.variables)
    limits = {"timeout": options.run_timeout, "network": options.run_network}
    environment = await _workers_with_engines(remote.engine_environment)
    if environment is not None:
        note = {"environment": {"PATH": _WORKERS_PATH}, "secrets": {}, **limits}
        file = FileContent(_NOTE, json.dumps(note, sort_keys=True).encode())
        return EngineHost(is_error, environment, await Get(Digest, CreateDigest([file])))
    passed = {name: local.variables[name] for name in _PASSED if name in local.variables}
    note = {"environment": passed, "secrets": dict(options.secrets), **limits}
    what, text = "what the host has for engines", json.dumps(note, sort_keys=True)
    folder, name = _NOTE.split("/")
    await Get(Noted, HostNote(what, text, _CACHE, folder, name))
    return EngineHost(is_error)


async def run_with_engine(tool: ToolProcess, host: EngineHost) -> FallibleProcessResult:
    """Run a tool that reads `.engine/host.json` where engines are; a helper of rules."""
    if host.environment is None:
        return await run_tool(replace(tool, caches=_CACHE, local=True))
    inputs = await Get(Digest, MergeDigests((tool.input_digest, host.note)))
    process = await Get(
        Process,
        {replace(tool, input_digest=inputs): ToolProcess, host.environment: EnvironmentName},
    )
    return await Get(FallibleProcessResult, {process: Process, host.environment: EnvironmentName})


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
        "engines": options.tried(),
        "output": "layer.tar",
    }
    tool = ToolProcess(
        "multiarch.tools.run_step",
        request_json(value),
        f"{request.text} for {request.platform} in {request.address}",
        input_digest=await Get(Digest, RemovePrefix(found, folder)),
        output_files=("layer.tar",),
        wheels=DOCKER_WHEELS,
    )
    result = await run_with_engine(tool, host)
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
        text = f"{request.address}: {where} failed: {problem}"
        return ExecutedRun(result.output_digest, "", result.metadata, text)
    return ExecutedRun(result.output_digest, "", result.metadata)


def rules() -> Iterable[object]:
    return collect_rules()
