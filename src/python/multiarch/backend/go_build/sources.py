"""The files of packages, from this repository or from the module cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.fs import (
    AddPrefix,
    Digest,
    DigestSubset,
    GlobMatchErrorBehavior,
    MergeDigests,
    PathGlobs,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.go_module.files import MOD_CACHE, ModuleInputs, ModuleInputsRequest


@dataclass(frozen=True)
class PackageSourcesRequest:
    """The files of packages; a rule of its own, so that an edit reaches only its own package."""

    module: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class PackageSources:
    """Those files at their own paths."""

    digest: Digest


@rule(level=LogLevel.DEBUG)
async def package_sources(request: PackageSourcesRequest) -> PackageSources:
    own = tuple(f for f in request.files if not f.startswith(f"{MOD_CACHE}/"))
    cached = tuple(f for f in request.files if f.startswith(f"{MOD_CACHE}/"))
    digest = EMPTY_DIGEST
    if own:
        digest = await Get(
            Digest,
            PathGlobs(
                own,
                glob_match_error_behavior=GlobMatchErrorBehavior.error,
                description_of_origin="`go list`",
            ),
        )
    if cached:
        inputs = await Get(ModuleInputs, ModuleInputsRequest(request.module))
        assert inputs.mod_cache is not None
        cache = await Get(Digest, AddPrefix(inputs.mod_cache, MOD_CACHE))
        found = await Get(Digest, DigestSubset(cache, PathGlobs(_escape(cached))))
        digest = await Get(Digest, MergeDigests((digest, found)))
    return PackageSources(digest)


def _escape(files: tuple[str, ...]) -> list[str]:
    """Module cache paths hold `!` for capital letters, which a leading position would negate."""
    return [f.replace("[", "[[]") for f in files]


def rules() -> Iterable[object]:
    return collect_rules()
