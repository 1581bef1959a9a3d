"""Runs our own Python tools inside sandboxes, with nothing of the host in their keys.

The interpreter is Pants' own. Its path differs from host to host, so it is not part of a
process: a process of this Pants run notes it in a named cache, and each tool reads it from
there. No result depends on it: the tools' outputs are the same on every CPython from 3.9 on.
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

from pants.backend.python.util_rules.pex import Pex, PexLayout, PexRequest
from pants.backend.python.util_rules.pex_environment import PythonExecutable
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
from pants.engine.process import (
    FallibleProcessResult,
    Process,
    ProcessCacheScope,
    ProcessResult,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.pins import WHEELS
from multiarch.core.errors import MultiarchError

_CACHE = FrozenDict({"multiarch_python": ".python"})
# Fixed, so that no host's PATH reaches a key; only /bin/sh's own utilities are used from it.
SHELL_PATH = "/usr/local/bin:/usr/bin:/bin"
# How long a remote cache may think before Pants does the work itself as well. Pants' own default is
# to start at once: a machine whose cache has everything would unpack Go and begin to compile std.
CACHE_ANSWER_MILLIS = 10_000
_RUN = 'exec "$(cat .python/interpreter)" -ISB .tools/run.py'
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
    """One pinned wheel of the package index, unpacked for Pants' own interpreter."""

    name: str
    version: str
    sums: tuple[str, ...] = ()


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
class Interpreter:
    """Says that the interpreter's path has been noted in the named cache."""


@dataclass(frozen=True)
class ToolProcess:
    """A run of one of `multiarch.tools` with a JSON request.

    `immutable` maps sandbox paths to digests that are mounted as links, once per host;
    `wheels` names pinned wheels to put on the tool's path, `caches` further named caches and where
    they are mounted.
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
    level: LogLevel = field(default=LogLevel.INFO, compare=False)


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


def note_process(
    what: str, text: str, *, caches: FrozenDict[str, str], folder: str, name: str
) -> Process:
    """A process of this Pants run that notes something of the host in a named cache.

    Whoever reads the file `name` of the cache mounted at `folder` has it in no key.
    """
    script = f'printf %s "$0" >{folder}/tmp.$$ && mv -f {folder}/tmp.$$ {folder}/{name}'
    return Process(
        ("/bin/sh", "-c", script, text),
        description=f"Note {what}",
        env={"PATH": SHELL_PATH},
        append_only_caches=caches,
        cache_scope=ProcessCacheScope.PER_SESSION,
        level=LogLevel.DEBUG,
    )


@rule(desc="Note the Python interpreter for sandboxed tools", level=LogLevel.DEBUG)
async def note_interpreter() -> Interpreter:
    process = note_process(
        "the Python interpreter for sandboxed tools",
        sys.executable,
        caches=_CACHE,
        folder=".python",
        name="interpreter",
    )
    await Get(ProcessResult, Process, process)
    return Interpreter()


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
    pex = await Get(
        Pex,
        PexRequest(
            output_filename="wheel.pex",
            internal_only=True,
            layout=PexLayout.LOOSE,
            python=PythonExecutable(sys.executable, fingerprint=sys.version),
            additional_inputs=inputs,
            additional_args=("-r", "requirements.txt", "--intransitive"),
            description=f"Fetch {request.name} {request.version} from the package index",
        ),
    )
    found = await Get(Snapshot, DigestSubset(pex.digest, PathGlobs(["wheel.pex/.deps/*/**"])))
    root = "/".join(found.files[0].split("/")[:3])
    # What pex itself notes beside a wheel's files would collide with another wheel's.
    kept = await Get(
        Digest, DigestSubset(found.digest, PathGlobs([f"{root}/**", f"!{root}/.layout.json"]))
    )
    return Wheel(await Get(Digest, RemovePrefix(kept, root)))


@rule(level=LogLevel.DEBUG)
async def tool_process(request: ToolProcess, interpreter: Interpreter) -> Process:
    del interpreter
    sources = await Get(ToolSources, ToolSourcesRequest(request.module))
    written = await Get(
        Digest, CreateDigest([FileContent("request.json", request.request.encode())])
    )
    inputs = await Get(Digest, MergeDigests((request.input_digest, written)))
    immutable = {**request.immutable, ".tools": sources.digest}
    if request.wheels:
        wheels = await MultiGet(
            Get(Wheel, WheelRequest(name, next(iter(WHEELS[name])))) for name in request.wheels
        )
        immutable[".wheels"] = await Get(Digest, MergeDigests(wheel.digest for wheel in wheels))
    script = f"{_RUN} {sources.digest.fingerprint} {request.module} request.json"
    # Pants fills in its share of the cores; it is not part of the key.
    share = ("{pants_concurrency}",) if request.concurrency else ()
    return Process(
        ("/bin/sh", "-c", script + (' "$0"' if share else ""), *share),
        description=request.description,
        input_digest=inputs,
        immutable_input_digests=immutable,
        output_files=request.output_files,
        output_directories=request.output_directories,
        env={"PATH": SHELL_PATH, **request.env},
        append_only_caches={**_CACHE, **request.caches},
        concurrency_available=request.concurrency,
        cache_scope=request.cache_scope,
        remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
        level=request.level,
    )


def rules() -> Iterable[object]:
    return collect_rules()
