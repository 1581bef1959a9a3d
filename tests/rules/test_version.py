"""What the tree is called: by git, a file, the environment or an option, and who depends on it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from multiarch.backend import version
from multiarch.backend.sandbox import read_environment
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.backend.version import SourceVersionRequest, Stamps, StampsRequest
from multiarch.core.version import SourceVersion
from pants.core.util_rules import system_binaries
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.rules import QueryRule
from pants.testutil.rule_runner import RuleRunner
from pants.util.frozendict import FrozenDict
from pants.vcs import git


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> RuleRunner:
    """An engine in a git checkout of its own, with one commit and no tag."""
    found = RuleRunner(
        rules=[
            *version.rules(),
            read_environment,
            *git.rules(),
            *system_binaries.rules(),
            *MultiarchSubsystem.rules(),
            QueryRule(SourceVersion, (SourceVersionRequest,)),
            QueryRule(Stamps, (StampsRequest,)),
        ],
    )
    monkeypatch.chdir(found.build_root)
    run(found, "init", "-q")
    found.write_files({".gitignore": "/*\n!/file\n", "file": "one"})
    commit(found, "one")
    return found


def run(runner: RuleRunner, *argv: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    done = subprocess.run(
        ["git", *identity, *argv], cwd=runner.build_root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(runner: RuleRunner, content: str) -> str:
    Path(runner.build_root, "file").write_text(content)
    run(runner, "add", "-f", ".gitignore", "file")
    run(runner, "commit", "-qm", content, "--date=2024-01-02T03:04:05Z")
    return run(runner, "rev-parse", "HEAD")


def ask(runner: RuleRunner, *options: str) -> SourceVersion:
    """What the tree is called, in a run of its own."""
    runner.set_options(options, env_inherit={"PATH"})
    return runner.request(SourceVersion, [SourceVersionRequest()])


def error(runner: RuleRunner, *options: str) -> str:
    with pytest.raises(ExecutionError, match="Engine traceback") as raised:
        ask(runner, *options)
    return str(raised.value)


GIT = "--multiarch-version-source=git"


def test_git_is_read_anew_in_each_run(runner: RuleRunner) -> None:
    run(runner, "tag", "v1.36.0-alpha.1")
    first = run(runner, "rev-parse", "HEAD")
    found = ask(runner, GIT)
    assert (found.version, found.revision, found.tree_state) == ("v1.36.0-alpha.1", first, "clean")
    assert found.seconds == int(run(runner, "show", "-s", "--format=%ct"))
    second = commit(runner, "two")
    assert ask(runner, GIT).version == f"v1.36.0-alpha.1.1+{second[:14]}"
    Path(runner.build_root, "file").write_text("three")
    found = ask(runner, GIT)
    assert (found.version, found.is_dirty) == (f"v1.36.0-alpha.1.1+{second[:14]}-dirty", True)


def test_without_a_tag_git_says_so_and_what_to_do(runner: RuleRunner) -> None:
    said = error(runner, GIT)
    assert '[multiarch].version_source is "git", and `git describe --tags --match=v*' in said
    assert "No names found, cannot describe anything." in said
    assert "git fetch --tags --unshallow" in said


def test_without_git_only_the_source_git_is_an_error(runner: RuleRunner) -> None:
    Path(runner.build_root, ".git").rename(Path(runner.build_root, "nothing"))
    assert ask(runner, "--multiarch-version=3.2.1") == SourceVersion("3.2.1")
    assert "and there is no git, or no git checkout here." in error(runner, GIT)


def test_a_file_and_the_environment_state_a_version(runner: RuleRunner) -> None:
    runner.write_files({"VERSION": "KUBE_GIT_VERSION='v1.2.3'\nSOURCE_DATE_EPOCH=5\n"})
    file = "--multiarch-version-source=file"
    assert ask(runner, file) == SourceVersion("v1.2.3", seconds=5)
    options = ("--multiarch-revision=abc", "--multiarch-source-date-epoch=7")
    assert ask(runner, file, *options) == SourceVersion("v1.2.3", "abc", seconds=7)
    assert "[multiarch].version_file" in error(runner, file, "--multiarch-version-file=missing")
    runner.set_options(
        ["--multiarch-version-source=environment"], env={"KUBE_GIT_VERSION": "v4.5.6"}
    )
    found = runner.request(SourceVersion, [SourceVersionRequest()])
    assert found == SourceVersion("v4.5.6")
    said = error(runner, "--multiarch-version-source=environment")
    assert re.search("the environment states no version: there is no KUBE_GIT_VERSION", said)


def test_only_the_stamps_that_are_named_are_asked_for(runner: RuleRunner) -> None:
    # git would be an error here: nobody asks it.
    runner.set_options([GIT], env_inherit={"PATH"})
    assert runner.request(Stamps, [StampsRequest(())]).values == FrozenDict()
    run(runner, "tag", "v1.0.0")
    runner.set_options([GIT], env_inherit={"PATH"})
    found = runner.request(Stamps, [StampsRequest(("gitMajor",))])
    assert found.values == FrozenDict({"gitMajor": "1"})
