"""Failures as `check` shows them: by package, with the imports that lead there and a remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pants.engine.fs import Digest, DigestContents
from pants.engine.rules import Get

from multiarch.backend.go_build.compile import CompileFailure
from multiarch.backend.go_build.graph import PackageGraph
from multiarch.backend.go_build.sources import PackageSources, PackageSourcesRequest
from multiarch.core.golang.check_report import CheckFailure, split_failure
from multiarch.core.golang.packages import import_chain
from multiarch.core.golang.remedies import remedy
from multiarch.core.platforms import Platform


async def _ignored_texts(module: str, graph: PackageGraph, path: str) -> dict[str, str]:
    """The files of a package that build constraints leave out, with their texts."""
    package = graph.packages.get(path)
    if package is None or not package.ignored_go_files:
        return {}
    base = f"{package.dir}/" if package.dir else ""
    files = tuple(f"{base}{name}" for name in package.ignored_go_files)
    sources = await Get(PackageSources, PackageSourcesRequest(module, files))
    contents = await Get(DigestContents, Digest, sources.digest)
    return {file.path: file.content.decode(errors="replace") for file in contents}


def _chain(graph: PackageGraph, mains: Iterable[str], path: str) -> tuple[str, ...]:
    """How a program comes to a third-party package."""
    if path not in graph.packages or graph.packages[path].kind != "third-party":
        return ()
    chains = (import_chain(graph.packages, main, path) for main in mains)
    return next((chain for chain in chains if chain), ())


async def explained(
    module: str, graph: PackageGraph, mains: Iterable[str], found: Mapping[CompileFailure, str]
) -> tuple[CheckFailure, ...]:
    """Tell failures, each with its step, apart by package, and explain them; a helper of rules."""
    failures = []
    for failure, step in found.items():
        for path, message in split_failure(failure.import_path, failure.message).items():
            ignored = await _ignored_texts(module, graph, path)
            failures.append(
                CheckFailure(
                    step,
                    path,
                    Platform.parse(failure.platform),
                    message,
                    _chain(graph, mains, path),
                    remedy(message, ignored) if step == "compile" else "",
                )
            )
    return tuple(failures)
