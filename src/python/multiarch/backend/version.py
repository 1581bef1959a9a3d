"""What this tree is called, and the stamps made of it: asked for only by who uses one.

git is read in every run, outside of any cache, as Pants' own support of git does. Only the values
that were asked for reach a rule, and so a key: a commit changes no target that names no stamp.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from pants.engine.engine_aware import EngineAwareReturnType
from pants.engine.environment import ChosenLocalEnvironmentName, EnvironmentName
from pants.engine.fs import DigestContents, GlobMatchErrorBehavior, PathGlobs
from pants.engine.internals.session import RunId
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel
from pants.vcs.git import GitWorktree, GitWorktreeRequest, MaybeGitWorktree

from multiarch.backend.sandbox import LocalEnvironmentVars
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem, VersionSource
from multiarch.core.stamps import stamp_names
from multiarch.core.version import (
    SourceVersion,
    VersionError,
    described_version,
    parse_seconds,
    parse_variables,
    stated_version,
)

_WHERE = "[multiarch].version_source"


@dataclass(frozen=True)
class SourceVersionRequest:
    """Ask what the tree is called."""


@dataclass(frozen=True)
class StampsRequest:
    """The values of some stamps; names that are not known are left out."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Stamps:
    """The values by name, and the names of all stamps that there are."""

    values: FrozenDict[str, str]


@dataclass(frozen=True)
class GitStateRequest:
    """Ask git what the tree is called."""


@dataclass(frozen=True)
class GitState(EngineAwareReturnType):
    """What git says; never remembered from one run to the next."""

    version: SourceVersion

    def cacheable(self) -> bool:
        """Never: a commit is in no input of the rule."""
        return False


def _git(worktree: GitWorktree, *argv: str) -> subprocess.CompletedProcess[str]:
    # Pants' own way to call git, less its error, which does not keep what git printed.
    command = [worktree._git_binary.path, *worktree._create_git_cmdline(argv)]
    return subprocess.run(
        command, cwd=worktree.worktree, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )


def read_git(worktree: GitWorktree) -> SourceVersion:
    """Describe the checkout as Kubernetes' scripts do; raises VersionError with git's own words."""

    def ask(*argv: str) -> str:
        done = _git(worktree, *argv)
        if done.returncode != 0:
            said = " ".join(done.stderr.split())
            raise VersionError(
                f'{_WHERE} is "git", and `git {" ".join(argv)}` failed: {said} The version is made '
                "of the nearest tag `vX.Y.Z` below the commit: set one, and fetch tags and history "
                "where the checkout is shallow (`git fetch --tags --unshallow`)."
            )
        return done.stdout.strip()

    commit = ask("rev-parse", "HEAD^{commit}")
    dirty = bool(ask("status", "--porcelain"))
    described = ask("describe", "--tags", "--match=v*", "--abbrev=14", "HEAD")
    seconds = ask("show", "--no-patch", "--format=%ct", "HEAD")
    return SourceVersion(
        described_version(described, dirty=dirty),
        commit,
        "dirty" if dirty else "clean",
        parse_seconds(seconds, where="git"),
    )


@rule(desc="Ask git for the version", level=LogLevel.DEBUG)
async def git_state(_: GitStateRequest, run_id: RunId) -> GitState:
    del run_id  # With it, the rule runs anew in each run.
    local = await Get(ChosenLocalEnvironmentName)
    found = await Get(
        MaybeGitWorktree,
        {GitWorktreeRequest(): GitWorktreeRequest, local.val: EnvironmentName},
    )
    if found.git_worktree is None:
        raise VersionError(
            f'{_WHERE} is "git", and there is no git, or no git checkout here. Install git, or use '
            'another source: "option", "file" or "environment".'
        )
    return GitState(read_git(found.git_worktree))


@rule(level=LogLevel.DEBUG)
async def source_version(_: SourceVersionRequest, multiarch: MultiarchSubsystem) -> SourceVersion:
    source = multiarch.version_source
    if source is VersionSource.GIT:
        found = (await Get(GitState, GitStateRequest())).version
    elif source is VersionSource.FILE:
        path = multiarch.version_file
        contents = await Get(
            DigestContents,
            PathGlobs(
                [path],
                glob_match_error_behavior=GlobMatchErrorBehavior.error,
                description_of_origin="[multiarch].version_file",
            ),
        )
        text = contents[0].content.decode(errors="replace")
        found = stated_version(parse_variables(text), where=path)
    elif source is VersionSource.ENVIRONMENT:
        local = await Get(LocalEnvironmentVars)
        found = stated_version(local.variables, where="the environment")
    else:
        found = SourceVersion(multiarch.version)
    given = multiarch.source_date_epoch
    return SourceVersion(
        found.version,
        multiarch.revision or found.revision,
        found.tree_state,
        parse_seconds(given, where="[multiarch]") if given else found.seconds,
    )


@rule(level=LogLevel.DEBUG)
async def stamps(request: StampsRequest) -> Stamps:
    if not request.names:
        return Stamps(FrozenDict())
    version = await Get(SourceVersion, SourceVersionRequest())
    values = version.stamps
    unknown = [name for name in request.names if name not in values]
    # All of them only for an error, which lists what there is.
    return Stamps(FrozenDict(values if unknown else {n: values[n] for n in request.names}))


async def stamps_in(texts: Iterable[str]) -> FrozenDict[str, str]:
    """The stamps that some texts name, and nothing else; a helper of rules."""
    found = await Get(Stamps, StampsRequest(stamp_names(texts)))
    return found.values


def rules() -> Iterable[object]:
    return collect_rules()
