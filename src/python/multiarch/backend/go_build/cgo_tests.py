"""Tests with C code: one `go test -c` per package and platform, on the cache of std of programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest, DigestContents, DigestSubset, PathGlobs, RemovePrefix
from pants.engine.process import FallibleProcessResult
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.go_build.cgo import (
    CgoBuild,
    CgoCheck,
    _env,
    _mounts,
    _request,
    _sources,
)
from multiarch.backend.go_build.graph import ModuleGraph, ModuleGraphRequest
from multiarch.backend.go_build.tests import GoTest
from multiarch.backend.sandbox import ToolProcess, run_tool, said
from multiarch.core.c.program import advice_for
from multiarch.core.errors import MultiarchError
from multiarch.core.golang.cgo import CgoOptions, build_flags, link_flags
from multiarch.core.golang.packages import closure
from multiarch.core.golang.test_packages import plain_path


@dataclass(frozen=True)
class CgoTestProcessRequest(EngineAwareParameter):
    """What the Go command is to make of a test with C code: "file" or "check".

    `main` is the import path of the generated main package.
    """

    test: GoTest
    main: str
    make: str
    coverage: bool = False

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.test.address)


@dataclass(frozen=True)
class CgoTestProcess:
    """How that ended."""

    result: FallibleProcessResult


@dataclass(frozen=True)
class CgoTestBuildRequest(EngineAwareParameter):
    """A test with C code to compile and link, for coverage if asked."""

    test: GoTest
    main: str
    coverage: bool

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.test.address)


@dataclass(frozen=True)
class CgoTestCheckRequest(EngineAwareParameter):
    """A test with C code to compile and vet."""

    test: GoTest
    main: str

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.test.address)


def cgo_of(test: GoTest) -> CgoOptions:
    """The options of a test that has C."""
    assert test.cgo is not None
    return test.cgo


@rule(desc="Compile Go tests with cgo", level=LogLevel.DEBUG)
async def run_go_command(request: CgoTestProcessRequest) -> CgoTestProcess:
    test, settings, options = request.test, request.test.settings, cgo_of(request.test)
    is_check = request.make == "check"
    modules = await Get(ModuleGraph, ModuleGraphRequest(test.module, tests=True))
    graph = modules.of(settings)
    # The cache of std is that of programs: what only tests need is compiled by each. And
    # `go test` wants to know its vet even where it does not run it.
    tested = closure(graph.packages, [request.main.removesuffix(".test"), "runtime"])
    mounts, compiler = await _mounts(
        test.module, settings, options, graph, tested, vet=True, cover=request.coverage
    )
    needed = closure(graph.packages, [request.main, "runtime"])
    packages = [graph.packages[p] for p in needed if plain_path(p) != request.main]
    flags = [*build_flags(options, settings), *(("-cover",) if request.coverage else ())]
    if not is_check:
        where = str(test.address)
        flags.append(f"-ldflags={link_flags(options, settings.platform, (), (), where=where)}")
    tool = ToolProcess(
        "multiarch.tools.cgo_test",
        _request(
            request.make,
            _env(options, settings, compiler),
            flags,
            [test.pattern],
            mounts,
            directory=test.module,
            file="" if is_check else test.file_name,
        ),
        f"{'Check' if is_check else 'Build'} {test.address} with cgo",
        input_digest=await _sources(test.module, packages),
        immutable=FrozenDict(mounts),
        output_directories=("_out",),
        local=options.c.compiler == "gcc",
    )
    return CgoTestProcess(await run_tool(tool))


@rule(level=LogLevel.DEBUG)
async def build_test_with_cgo(request: CgoTestBuildRequest) -> CgoBuild:
    test, options = request.test, cgo_of(request.test)
    ran = await Get(
        CgoTestProcess, CgoTestProcessRequest(test, request.main, "file", request.coverage)
    )
    result = ran.result
    if result.exit_code != 0:
        words = said(result)
        words += advice_for(words, options.c, test.platform)
        return CgoBuild(result, result.output_digest, words)
    digest = await Get(Digest, RemovePrefix(result.output_digest, "_out"))
    return CgoBuild(result, await Get(Digest, DigestSubset(digest, PathGlobs([test.file_name]))))


@rule(level=LogLevel.DEBUG)
async def check_test_with_cgo(request: CgoTestCheckRequest) -> CgoCheck:
    test, options = request.test, cgo_of(request.test)
    ran = await Get(CgoTestProcess, CgoTestProcessRequest(test, request.main, "check"))
    if ran.result.exit_code != 0:
        raise MultiarchError(f"{test.address}: the tests cannot be checked:\n{said(ran.result)}")
    contents = await Get(DigestContents, Digest, ran.result.output_digest)
    texts = {file.path: file.content.decode() for file in contents}
    words = texts["_out/compile"]
    words += advice_for(words, options.c, test.platform)
    return CgoCheck(words, texts["_out/vet"])


def rules() -> Iterable[object]:
    return collect_rules()
