"""Runs our own Python tools inside sandboxes, with nothing of the host in their keys.

The interpreter is Pants' own. Its path differs from host to host, so it is not part of a
process: a process of this Pants run notes it in a named cache, and each tool reads it from
there. No result depends on it: the tools' outputs are the same on every CPython from 3.9 on.
A worker of a cluster has no such notes: there, an option names the interpreter.
"""

from __future__ import annotations

import ast
import json
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.backend.python.util_rules.pex_requirements import (
    ResolvePexConfig,
    ResolvePexConfigRequest,
)
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.environment import ChosenLocalEnvironmentName, EnvironmentName
from pants.engine.fs import (
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
    Snapshot,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.platform import Platform as HostPlatform
from pants.engine.process import (
    FallibleProcessResult,
    Process,
    ProcessCacheScope,
    ProcessExecutionEnvironment,
    ProcessResult,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.pins import WHEELS
from multiarch.backend.subsystems.multiarch_remote import MultiarchRemoteSubsystem
from multiarch.core.errors import MultiarchError

# Where `Interpreter` is noted, as the file `interpreter`, for processes on this machine.
PYTHON_CACHE = FrozenDict({"multiarch_python": ".python"})
# Fixed, so that no host's PATH reaches a key; only /bin/sh's own utilities are used from it.
SHELL_PATH = "/usr/local/bin:/usr/bin:/bin"
# How long a remote cache may think before Pants does the work itself as well. Pants' own default is
# to start at once: a machine whose cache has everything would unpack Go and begin to compile std.
CACHE_ANSWER_MILLIS = 10_000
_RUN = 'exec "$(cat .python/interpreter)" -ISB .tools/run.py'
# How many cores a worker has, up to what the tool can use: nothing of Pants' knows.
_CORES = """\
cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
[ "$cores" -le {most} ] || cores={most}
"""
_ASK_PYTHON = "import sys; print(*sys.version_info[:2], sys.implementation.name)"
# Bytecode is kept in the named cache, under the digest of its sources: without it, half of a small
# tool's time is spent on compiling them. If it cannot be written, the sources are used.
_RUNNER = """\
import os
import sys

cache = f".python/{sys.implementation.cache_tag}-{sys.argv[1]}"
if not os.path.isdir(cache):
    import py_compile
    import shutil

    new = f"{cache}.{os.getpid()}"
    try:
        for folder, _, names in os.walk(".tools"):
            for name in names:
                source = os.path.join(folder, name)
                py_compile.compile(
                    source, new + source[len(".tools") :] + "c", source[len(".tools/") :],
                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
                )
        os.rename(new, cache)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
sys.path[:0] = [cache, ".tools", ".wheels"]
sys.argv[:] = sys.argv[2:]
# Not by runpy, whose own imports take as long as a small tool's.
__import__(sys.argv[0])
from multiarch.tools.process import run
sys.exit(run(sys.modules[sys.argv[0]].main))
"""


@dataclass(frozen=True)
class WheelRequest:
    """One pinned wheel of the package index, unpacked.

    It is the one for `platform` as Pex names platforms, by default for Pants' own interpreter.
    """

    name: str
    version: str
    sums: tuple[str, ...] = ()
    platform: str = ""


@dataclass(frozen=True)
class Wheel:
    """The wheel's files at the root of the digest."""

    digest: Digest


@dataclass(frozen=True)
class ToolSourcesRequest:
    """The sources that one of `multiarch.tools` needs, found by its imports."""

    module: str


@dataclass(frozen=True)
class ToolSources:
    """Those sources, ready to be mounted as `.tools`."""

    digest: Digest


@dataclass(frozen=True)
class InterpreterRequest:
    """The Python for tools that are `local`, or for those that run wherever processes do."""

    local: bool


@dataclass(frozen=True)
class Interpreter:
    """The Python for tools: `path` on a worker, or empty where it was noted in the named cache.

    `platform` is Pex's name for it, as in `WheelRequest`.
    """

    path: str = ""
    platform: str = ""


@dataclass(frozen=True)
class ToolProcess:
    """A run of one of `multiarch.tools` with a JSON request.

    `immutable` maps sandbox paths to digests that are mounted as links, once per host;
    `wheels` names pinned wheels to put on the tool's path, `caches` further named caches and where
    they are mounted. A `local` tool runs on the machine that Pants runs on, whatever executes the
    others: it reads what was noted of that machine, or uses its programs, network or credentials.
    """

    module: str
    request: str
    description: str
    input_digest: Digest = EMPTY_DIGEST
    immutable: FrozenDict[str, Digest] = FrozenDict()
    output_files: tuple[str, ...] = ()
    output_directories: tuple[str, ...] = ()
    env: FrozenDict[str, str] = FrozenDict()
    wheels: tuple[str, ...] = ()
    caches: FrozenDict[str, str] = FrozenDict()
    concurrency: int = 0
    cache_scope: ProcessCacheScope = ProcessCacheScope.SUCCESSFUL
    local: bool = False
    level: LogLevel = field(default=LogLevel.INFO, compare=False)


@dataclass(frozen=True)
class HostNote:
    """Something of this machine that a named cache is to say, and no key.

    Whoever reads the file `name` of the cache mounted at `folder` gets `text`.
    """

    what: str
    text: str
    caches: FrozenDict[str, str]
    folder: str
    name: str


@dataclass(frozen=True)
class Noted:
    """Says that the note was made in this run."""


@dataclass(frozen=True)
class LocalEnvironmentVars:
    """The environment in which Pants was called, also for what is executed elsewhere."""

    variables: CompleteEnvironmentVars


def this_machine() -> ProcessExecutionEnvironment:
    """Where a process runs that no remote execution may take."""
    return ProcessExecutionEnvironment(
        environment_name=None,
        platform=HostPlatform.create_for_localhost().value,
        docker_image=None,
        remote_execution=False,
        remote_execution_extra_platform_properties=[],
    )


def request_json(value: Mapping[str, Any]) -> str:
    """Write a tool's request so that equal requests have equal keys."""
    return json.dumps(value, sort_keys=True, indent=1)


def said(result: FallibleProcessResult) -> str:
    """What a process that failed printed, or else how it ended: a killed one leaves no words."""
    texts = (part.decode(errors="replace").strip() for part in (result.stderr, result.stdout))
    return "\n".join(filter(None, texts)) or f"exit code {result.exit_code}"


def tool_modules(module: str) -> dict[str, bytes]:
    """Collect a tool's module and every module of ours that it imports: path to source."""
    found: dict[str, bytes] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        if name in found or not name.startswith("multiarch"):
            continue
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            continue
        package, _, stem = name.rpartition(".")
        is_package = spec.submodule_search_locations is not None
        data = pkgutil.get_data(name if is_package else package, _file(stem, is_package)) or b""
        found[name] = data
        todo += _imports(data) + ([package] if package else [])
    return {
        name.replace(".", "/") + ("/__init__.py" if _is_package(name) else ".py"): data
        for name, data in found.items()
    }


def _file(stem: str, is_package: bool) -> str:
    return "__init__.py" if is_package else f"{stem}.py"


def _is_package(name: str) -> bool:
    spec = find_spec(name)
    return spec is not None and spec.submodule_search_locations is not None


def _imports(source: bytes) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if name.startswith("multiarch") and _exists(name)]


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@rule(level=LogLevel.DEBUG)
async def note(request: HostNote) -> Noted:
    folder, name = request.folder, request.name
    script = f'printf %s "$0" >{folder}/tmp.$$ && mv -f {folder}/tmp.$$ {folder}/{name}'
    process = Process(
        ("/bin/sh", "-c", script, request.text),
        description=f"Note {request.what}",
        env={"PATH": SHELL_PATH},
        append_only_caches=request.caches,
        cache_scope=ProcessCacheScope.PER_SESSION,
        level=LogLevel.DEBUG,
    )
    await Get(ProcessResult, {process: Process, this_machine(): ProcessExecutionEnvironment})
    return Noted()


@rule(level=LogLevel.DEBUG)
async def read_environment() -> LocalEnvironmentVars:
    local = await Get(ChosenLocalEnvironmentName)
    return LocalEnvironmentVars(await Get(CompleteEnvironmentVars, EnvironmentName, local.val))


def wheel_platform(host: HostPlatform, version: str = "39") -> str:
    """Pex's name for a CPython on a platform that processes run on."""
    machine = {"linux_arm64": "aarch64", "linux_x86_64": "x86_64"}.get(host.value)
    if machine is None:
        raise MultiarchError(
            f"processes cannot be executed remotely on `{host.value}`: workers are `linux_x86_64` "
            "or `linux_arm64`."
        )
    return f"linux_{machine}-cp-{version}-cp{version}"


def binary_wheel_platform(host: HostPlatform) -> str:
    """The platform of a wheel that holds programs and not Python code, for `WheelRequest`."""
    return "" if host is HostPlatform.create_for_localhost() else wheel_platform(host)


@rule(desc="Find the Python interpreter for sandboxed tools", level=LogLevel.DEBUG)
async def find_interpreter(
    request: InterpreterRequest,
    execution: ProcessExecutionEnvironment,
    host: HostPlatform,
    options: MultiarchRemoteSubsystem,
) -> Interpreter:
    if request.local or not execution.remote_execution:
        what = "the Python interpreter for sandboxed tools"
        await Get(Noted, HostNote(what, sys.executable, PYTHON_CACHE, ".python", "interpreter"))
        return Interpreter()
    result = await Get(
        FallibleProcessResult,
        Process(
            ("/bin/sh", "-c", 'exec "$0" -ISc "$1"', options.python, _ASK_PYTHON),
            description=f"Ask the workers' {options.python} for its version",
            env={"PATH": SHELL_PATH},
            # What workers have may change behind our back.
            cache_scope=ProcessCacheScope.PER_RESTART_SUCCESSFUL,
            level=LogLevel.DEBUG,
        ),
    )
    found = result.stdout.decode(errors="replace").split()
    if result.exit_code != 0 or found[2:] != ["cpython"] or (int(found[0]), int(found[1])) < (3, 9):
        words = said(result) if result.exit_code else f"it is {' '.join(found)}"
        raise MultiarchError(
            f"[multiarch-remote].python: {options.python!r} is no CPython 3.9 or newer on the "
            f"workers: {words}\nName the one that they have; nothing else needs to be there but "
            "/bin/sh and its utilities."
        )
    return Interpreter(options.python, wheel_platform(host, found[0] + found[1]))


@rule(level=LogLevel.DEBUG)
async def collect_tool_sources(request: ToolSourcesRequest) -> ToolSources:
    files = [FileContent(path, data) for path, data in tool_modules(request.module).items()]
    files.append(FileContent("run.py", _RUNNER.encode()))
    return ToolSources(await Get(Digest, CreateDigest(files)))


@rule(desc="Fetch a pinned wheel", level=LogLevel.DEBUG)
async def fetch_wheel(request: WheelRequest) -> Wheel:
    sums = request.sums or WHEELS.get(request.name, {}).get(request.version, ())
    if not sums:
        raise MultiarchError(f"no sha256 is known for the wheel {request.name}=={request.version}.")
    lines = [f"{request.name}=={request.version}", *(f"--hash=sha256:{s}" for s in sums)]
    inputs = await Get(
        Digest,
        CreateDigest([FileContent("requirements.txt", " \\\n  ".join(lines).encode() + b"\n")]),
    )
    config, local = await MultiGet(
        Get(ResolvePexConfig, ResolvePexConfigRequest(None)),
        Get(ChosenLocalEnvironmentName),
    )
    choice = ("--platform", request.platform) if request.platform else ("--python", sys.executable)
    command = PexCliProcess(
        subcommand=(),
        extra_args=(
            *("--output-file", "wheel.pex", "--layout", "loose", "--no-emit-warnings"),
            *choice,
            *config.pex_args(),
            *("--resolver-version", "pip-2020-resolver", "-r", "requirements.txt"),
            "--intransitive",
        ),
        additional_input_digest=inputs,
        description=f"Fetch {request.name} {request.version} from the package index",
        output_directories=("wheel.pex",),
    )
    # The package index is asked by the machine that Pants runs on, for whomever.
    process = await Get(Process, {command: PexCliProcess, local.val: EnvironmentName})
    pex = await Get(ProcessResult, {process: Process, this_machine(): ProcessExecutionEnvironment})
    found = await Get(
        Snapshot, DigestSubset(pex.output_digest, PathGlobs(["wheel.pex/.deps/*/**"]))
    )
    root = "/".join(found.files[0].split("/")[:3])
    # What pex itself notes beside a wheel's files would collide with another wheel's.
    kept = await Get(
        Digest, DigestSubset(found.digest, PathGlobs([f"{root}/**", f"!{root}/.layout.json"]))
    )
    return Wheel(await Get(Digest, RemovePrefix(kept, root)))


@rule(level=LogLevel.DEBUG)
async def tool_process(request: ToolProcess) -> Process:
    interpreter = await Get(Interpreter, InterpreterRequest(request.local))
    sources = await Get(ToolSources, ToolSourcesRequest(request.module))
    written = await Get(
        Digest, CreateDigest([FileContent("request.json", request.request.encode())])
    )
    inputs = await Get(Digest, MergeDigests((request.input_digest, written)))
    immutable = {**request.immutable, ".tools": sources.digest}
    if request.wheels:
        wheels = await MultiGet(
            Get(
                Wheel,
                WheelRequest(name, next(iter(WHEELS[name])), platform=interpreter.platform),
            )
            for name in request.wheels
        )
        immutable[".wheels"] = await Get(Digest, MergeDigests(wheel.digest for wheel in wheels))
    arguments = f"{sources.digest.fingerprint} {request.module} request.json"
    if interpreter.path:
        return _worker_process(request, interpreter.path, arguments, inputs, immutable)
    # Pants fills in its share of the cores; it is not part of the key.
    share = ("{pants_concurrency}",) if request.concurrency else ()
    return Process(
        ("/bin/sh", "-c", f"{_RUN} {arguments}" + (' "$0"' if share else ""), *share),
        description=request.description,
        input_digest=inputs,
        immutable_input_digests=immutable,
        output_files=request.output_files,
        output_directories=request.output_directories,
        env={"PATH": SHELL_PATH, **request.env},
        append_only_caches={**PYTHON_CACHE, **request.caches},
        concurrency_available=request.concurrency,
        cache_scope=request.cache_scope,
        remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
        level=request.level,
    )


def _worker_process(
    request: ToolProcess,
    python: str,
    arguments: str,
    inputs: Digest,
    immutable: Mapping[str, Digest],
) -> Process:
    script = f'exec "$0" -ISB .tools/run.py {arguments}'
    if request.concurrency:
        script = f'{_CORES.format(most=request.concurrency)}{script} "$cores"'
    return Process(
        ("/bin/sh", "-c", script, python),
        description=request.description,
        input_digest=inputs,
        immutable_input_digests=immutable,
        output_files=request.output_files,
        output_directories=request.output_directories,
        env={"PATH": SHELL_PATH, **request.env},
        cache_scope=request.cache_scope,
        level=request.level,
    )


async def run_tool(tool: ToolProcess) -> FallibleProcessResult:
    """Run a tool where it has to run; a helper of rules."""
    process = await Get(Process, ToolProcess, tool)
    return await run_process(process, local=tool.local)


async def run_process(process: Process, *, local: bool) -> FallibleProcessResult:
    """Run a process, if need be on this machine; a helper of rules."""
    if local:
        return await Get(
            FallibleProcessResult, {process: Process, this_machine(): ProcessExecutionEnvironment}
        )
    return await Get(FallibleProcessResult, Process, process)


def rules() -> Iterable[object]:
    return collect_rules()
