"""`--changed-since` selects what a change can affect, per platform, without asking Go."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.scratch import Repository, started

pytestmark = pytest.mark.integration

LINUX, ARM, WINDOWS = "linux/amd64", "linux/arm64", "windows/amd64"
VENDORED = """\
# v.test/a v1.0.0
## explicit; go 1.25
v.test/a
# v.test/unused v1.0.0
## explicit
# m.test/nested v0.0.0 => ./nested
## explicit; go 1.25
m.test/nested
# m.test/nested => ./nested
"""
FILES = {
    ".gitignore": "/dist/\n/.pants.d/\n/.pids/\n",
    "go.mod": (
        "module m.test\n\ngo 1.25\n\nrequire v.test/a v1.0.0\nrequire v.test/unused v1.0.0\n"
        "require m.test/nested v0.0.0\nreplace m.test/nested => ./nested\n"
    ),
    "vendor/modules.txt": VENDORED,
    "vendor/v.test/a/a.go": "package a\n\nfunc A() {}\n",
    "vendor/m.test/nested/n.go": "package nested\n",
    "nested/go.mod": "module m.test/nested\n\ngo 1.25\n",
    "nested/n.go": "package nested\n",
    "nested/own/main.go": 'package main\n\nimport _ "m.test/nested"\n\nfunc main() {}\n',
    "nested/BUILD": 'go_module(name="mod")\ngo_cross_binary(name="own", main="own")\n',
    "base/base.go": "package base\n\nfunc Base() {}\n",
    "base/base_windows.go": "package base\n",
    "base/base_arm64.go": "package base\n",
    "base/base_test.go": 'package base\n\nimport "testing"\n\nfunc TestBase(*testing.T) {}\n',
    "assets/assets.go": (
        'package assets\n\nimport _ "embed"\n\n//go:embed page.html\nvar Page string\n'
    ),
    "assets/page.html": "<p>",
    "assets/notes.txt": "Nobody embeds this.\n",
    "cmd/one/main.go": 'package main\n\nimport "m.test/base"\n\nfunc main() { base.Base() }\n',
    "cmd/two/main.go": (
        'package main\n\nimport (\n\t"m.test/assets"\n\t_ "m.test/nested"\n\n\t"v.test/a"\n)\n\n'
        "func main() { a.A(); println(assets.Page) }\n"
    ),
    "cmd/one/Dockerfile": "FROM scratch\nCOPY bin/one /one\n",
    "cmd/one/image_test.yaml": 'schemaVersion: "2.0.0"\n',
    "BUILD": 'go_module(name="mod")\n',
    "base/BUILD": "go_cross_test(name='test')\n",
    "cmd/one/BUILD": """\
go_cross_binary(name="one")
multiarch_image(name="image", binaries=[":one"], platforms=["linux/amd64", "linux/arm64"])
manifest_list(name="list", images=[":image"], repository="registry.test/one", tags=["v1"])
image_test(name="image_test", image=":image", source="image_test.yaml")
release_archive(name="archive", members=[":one"])
""",
    "cmd/two/BUILD": "go_cross_binary(name='two')\n",
    "whole/BUILD": "target(name='depends', dependencies=['cmd/two:two'])\n",
}


class Checkout:
    """A scratch repository with git, in which files are changed and what follows is asked for."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def git(self, *argv: str) -> str:
        return subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.test", *argv],
            cwd=self.repository.root, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def selected(self, *options: str, since: str = "HEAD") -> set[str]:
        """What is selected, less the sources themselves; no Go process may run for it."""
        result = self.repository.pants(
            *(options or (f"--changed-since={since}",)), "--changed-dependents=transitive", "list"
        )
        assert not [line for line in started(result) if "List " in line], result.stderr
        return {line for line in result.stdout.split() if ":mod" not in line}

    def after(self, edits: dict[str, str | None]) -> set[str]:
        """What some edits select; None deletes a file. They are undone."""
        for path, text in edits.items():
            if text is None:
                (self.repository.root / path).unlink()
            else:
                self.repository.write(path, text)
        try:
            return self.selected()
        finally:
            self.git("reset", "-q", "--hard")
            self.git("clean", "-qfd")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    repository = Repository(tmp_path_factory.mktemp("selection"))
    repository.configure(platforms=(LINUX, ARM, WINDOWS))
    for path, text in FILES.items():
        repository.write(path, text)
    found = Checkout(repository)
    found.git("init", "-q")
    found.git("add", "-A")
    found.git("commit", "-qm", "start")
    yield found
    repository.stop()


def one(*platforms: str) -> set[str]:
    """The program, and what is made of it."""
    found = {"cmd/one:archive"}
    for platform in platforms:
        found.add(f"cmd/one#{platform}")
        if platform != WINDOWS:
            found |= {f"cmd/one:image#{platform}", f"cmd/one:image_test#{platform}", "cmd/one:list"}
    return found


def tests(*platforms: str) -> set[str]:
    return {f"base:test#{platform}" for platform in platforms}


# The second program with all its platforms and, as another target names it, as a whole.
TWO = {
    "cmd/two:two",
    "whole:depends",
    *(f"cmd/two#{platform}" for platform in (LINUX, ARM, WINDOWS)),
}
BODY = FILES["base/base.go"].replace("{}", "{ println() }")
BUMPED = {
    "go.mod": FILES["go.mod"].replace("v.test/a v1.0.0", "v.test/a v1.1.0"),
    "vendor/modules.txt": VENDORED.replace("a v1.0.0", "a v1.1.0"),
}
UNUSED = {
    "go.mod": FILES["go.mod"].replace("unused v1.0.0", "unused v1.1.0"),
    "vendor/modules.txt": VENDORED.replace("unused v1.0.0", "unused v1.1.0"),
}


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        pytest.param(
            {"base/base.go": BODY}, one(LINUX, ARM, WINDOWS) | tests(LINUX, ARM, WINDOWS), id="body"
        ),
        pytest.param(
            {"base/base_windows.go": "package base\n\nconst X = 1\n"},
            one(WINDOWS) | tests(WINDOWS),
            id="platform file",
        ),
        pytest.param(
            {"base/base_arm64.go": None}, one(ARM) | tests(ARM), id="platform file deleted"
        ),
        pytest.param(
            {"base/base_arm64.go": None, "base/moved_windows.go": "package base\n"},
            one(ARM, WINDOWS) | tests(ARM, WINDOWS),
            id="moved to another platform",
        ),
        pytest.param(
            {"base/base_test.go": "package base\n"}, tests(LINUX, ARM, WINDOWS), id="test file"
        ),
        pytest.param({"assets/page.html": "<b>"}, TWO, id="embedded file"),
        pytest.param({"assets/notes.txt": "Still."}, set(), id="file that nobody uses"),
        pytest.param({"base/base_plan9.go": "package base\n"}, set(), id="platform nobody has"),
        pytest.param({"vendor/v.test/a/a.go": "package a\n\nfunc A() { println() }\n"}, TWO,
                     id="vendored package"),
        pytest.param(
            {"nested/n.go": "package nested\n\nconst X = 1\n"},
            {f"nested:own#{platform}" for platform in (LINUX, ARM, WINDOWS)},
            id="nested module",
        ),
        pytest.param(
            {"vendor/m.test/nested/n.go": "package nested\n\nconst X = 1\n"},
            TWO,
            id="vendored nested module",
        ),
        pytest.param(BUMPED, TWO, id="version in go.mod"),
        pytest.param(UNUSED, set(), id="version that nobody uses"),
        pytest.param(
            {"cmd/one/Dockerfile": "FROM scratch\nCOPY bin/one /renamed\n"},
            one(LINUX, ARM) - {f"cmd/one#{LINUX}", f"cmd/one#{ARM}", "cmd/one:archive"},
            id="Dockerfile",
        ),
    ],
)  # fmt: skip
def test_a_change_selects_what_it_can_affect(
    checkout: Checkout, edits: dict[str, str | None], expected: set[str]
) -> None:
    assert checkout.after(edits) == expected


def test_commits_of_a_branch_and_a_range(checkout: Checkout) -> None:
    checkout.git("checkout", "-qb", "branch")
    checkout.repository.write("base/base_windows.go", "package base\n\nconst Y = 1\n")
    checkout.git("commit", "-qam", "for windows")
    expected = one(WINDOWS) | tests(WINDOWS)
    assert checkout.selected(since="HEAD~1") == expected
    assert checkout.selected("--changed-diffspec=HEAD~1..HEAD") == expected
    assert checkout.selected("--changed-diffspec=HEAD") == expected
    # What the other branch did meanwhile is no change of this one.
    checkout.git("checkout", "-q", "-")
    checkout.repository.write("cmd/two/more.go", "package main\n")
    checkout.git("add", "-A")
    checkout.git("commit", "-qm", "of the other branch")
    other = checkout.git("rev-parse", "HEAD").strip()
    checkout.git("checkout", "-q", "branch")
    assert checkout.selected(since=other) == expected


def test_other_runs_have_the_dependencies_of_go_list(checkout: Checkout) -> None:
    printed = checkout.repository.pants("dependencies", f"cmd/one#{LINUX}").stdout.split()
    assert printed == ["//:mod#base", "//:mod#cmd/one", "//:mod#go.mod"]
    printed = checkout.repository.pants("dependents", f"cmd/one#{LINUX}").stdout.split()
    assert set(printed) == {"cmd/one:archive", f"cmd/one:image#{LINUX}", "cmd/one:one"}
