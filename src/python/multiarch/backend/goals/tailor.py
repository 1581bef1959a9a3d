"""`pants tailor`: writes a `go_module` beside each go.mod and a `go_cross_binary` for each main."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.tailor import PutativeTarget, PutativeTargets, PutativeTargetsRequest
from pants.engine.fs import DigestContents, PathGlobs, Paths
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import AllTargets
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import GoModules
from multiarch.backend.go_cross_binary.target_types import GoBinaryMainField, GoCrossBinaryTarget
from multiarch.backend.go_module.target_types import GoModuleTarget

_MAIN = re.compile(rb"^package[ \t]+main\b", re.M)
_IGNORED = frozenset(("vendor", "testdata"))


@dataclass(frozen=True)
class PutativeGoTargetsRequest(PutativeTargetsRequest):
    """Look for modules and programs that no target builds yet."""


def is_candidate(path: str) -> bool:
    """Whether Go itself would look at the file: not below vendor, testdata, `_x` or `.x`."""
    parts = path.split("/")
    hidden = any(part[0] in "._" for part in parts)
    return not hidden and not _IGNORED & set(parts) and not path.endswith("_test.go")


@rule(desc="Find Go modules and programs without a target", level=LogLevel.DEBUG)
async def find_putative_go_targets(
    request: PutativeGoTargetsRequest, targets: AllTargets, modules: GoModules
) -> PutativeTargets:
    found = await Get(Paths, PathGlobs, request.path_globs("go.mod"))
    directories = {posixpath.dirname(f) for f in found.files if is_candidate(f)}
    putative = [
        PutativeTarget.for_target_type(
            GoModuleTarget, path=directory, name="mod", triggering_sources=()
        )
        for directory in sorted(directories - modules.directories)
    ]
    sources = await Get(Paths, PathGlobs, request.path_globs("*.go"))
    contents = await Get(DigestContents, PathGlobs([f for f in sources.files if is_candidate(f)]))
    mains = {posixpath.dirname(f.path) for f in contents if _MAIN.search(f.content)}
    known = {
        posixpath.normpath(posixpath.join(t.address.spec_path, t[GoBinaryMainField].value or "."))
        for t in targets
        if t.has_field(GoBinaryMainField)
    }
    reachable = GoModules(modules.directories | directories)
    putative += [
        PutativeTarget.for_target_type(
            GoCrossBinaryTarget,
            path=directory,
            name=posixpath.basename(directory) or "main",
            triggering_sources=(),
        )
        for directory in sorted(mains)
        if (directory or ".") not in known and reachable.owner(directory) is not None
    ]
    return PutativeTargets(putative)


def rules() -> Iterable[object]:
    return (*collect_rules(), UnionRule(PutativeTargetsRequest, PutativeGoTargetsRequest))
