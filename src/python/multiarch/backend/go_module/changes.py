"""What `--changed-since` compares with: the files that differ, and their skeletons of then.

git is read in every run, outside of any cache, as Pants' own support of git does.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.base.build_environment import get_buildroot
from pants.engine.engine_aware import EngineAwareReturnType
from pants.engine.internals.options_parsing import _Options
from pants.engine.internals.session import RunId
from pants.engine.rules import Get, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel
from pants.vcs.changed import ChangedOptions, DependentsOption
from pants.vcs.git import GitWorktreeRequest, MaybeGitWorktree

from multiarch.core.golang.heads import is_source
from multiarch.core.golang.skeleton import VERBATIM_NAMES, skeleton
from multiarch.tools.git_changes import GitDirectory


@dataclass(frozen=True)
class ChangedSince:
    """What the command line asks for; `is_asked` where dependents of changes are selected."""

    since: str
    diffspec: str

    @property
    def is_asked(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self.since or self.diffspec)


@dataclass(frozen=True)
class ChangesRequest:
    """Ask git what differs."""

    since: ChangedSince


@dataclass(frozen=True)
class Changes(EngineAwareReturnType):
    """The files that differ, relative to the repository; skeletons of what Go reads of them then.

    A file without a skeleton was not there, or Go reads nothing of it. Never remembered from one
    run to the next.
    """

    files: frozenset[str]
    skeletons: FrozenDict[str, bytes]

    def cacheable(self) -> bool:
        """Never: a commit is in no input of the rule."""
        return False


@rule(level=LogLevel.DEBUG)
async def changed_since(options: _Options) -> ChangedSince:
    found = ChangedOptions.from_options(options.options.for_scope("changed"))
    if found.dependents is DependentsOption.NONE:
        return ChangedSince("", "")
    return ChangedSince(found.since or "", found.diffspec or "")


@rule(desc="Ask git for what changed", level=LogLevel.DEBUG)
async def read_changes(request: ChangesRequest, run_id: RunId) -> Changes:
    del run_id  # With it, the rule runs anew in each run.
    worktree = (await Get(MaybeGitWorktree, GitWorktreeRequest())).git_worktree
    # Pants itself says so before, where there is no git.
    assert worktree is not None
    git = (worktree._git_binary.path, *worktree._create_git_cmdline(()))
    directory = GitDirectory(git, get_buildroot())
    asked = request.since
    base = (
        directory.base_of_range(asked.diffspec)
        if asked.diffspec
        else directory.base_of(asked.since)
    )
    files = directory.changed(base)
    texts = directory.contents(base, filter(_is_read, files))
    return Changes(
        files,
        FrozenDict({f: skeleton(posixpath.basename(f), text) for f, text in texts.items()}),
    )


def _is_read(file: str) -> bool:
    name = posixpath.basename(file)
    return name in VERBATIM_NAMES or is_source(name)


def rules() -> Iterable[object]:
    return collect_rules()
