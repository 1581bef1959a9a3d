"""Asks git which files differ from an earlier commit, and what they said then."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from multiarch.core.errors import MultiarchError


class GitFailed(MultiarchError):
    """Carries git's own words."""


@dataclass(frozen=True)
class GitDirectory:
    """A directory of a checkout: all paths are relative to it. `git` is the command's beginning."""

    git: tuple[str, ...]
    path: str

    def _ask(self, *argv: str, data: bytes = b"") -> bytes:
        done = subprocess.run([*self.git, *argv], cwd=self.path, input=data, capture_output=True)
        if done.returncode != 0:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise GitFailed(
                f"--changed-since: `git {' '.join(argv)}` failed: {said} Name a commit that this "
                "checkout has, and fetch the history where it is shallow (`git fetch --unshallow`)."
            )
        return done.stdout

    def _names(self, *argv: str) -> list[str]:
        return [
            name.decode(errors="surrogateescape") for name in self._ask(*argv).split(b"\0") if name
        ]

    def base_of(self, commit: str) -> str:
        """The commit that `--changed-since=COMMIT` compares with: where the histories part."""
        return self._ask("merge-base", commit, "HEAD").decode().strip()

    def base_of_range(self, diffspec: str) -> str:
        """The commit that `--changed-diffspec` compares with: its left end, or the parent."""
        found = self._ask("rev-parse", "--revs-only", diffspec).decode().split()
        left = [revision[1:] for revision in found if revision.startswith("^")]
        return left[0] if left else self._ask("rev-parse", f"{diffspec}^").decode().strip()

    def changed(self, base: str) -> frozenset[str]:
        """The files that differ from a commit now, also those that git does not know yet.

        A file that moved counts at both places.
        """
        return frozenset(
            (
                *self._names("diff", "--name-only", "--no-renames", "--relative", "-z", base),
                *self._names("ls-files", "--others", "--exclude-standard", "-z"),
            )
        )

    def contents(self, base: str, files: Iterable[str]) -> Mapping[str, bytes]:
        """What files said at a commit; those that were not there are left out."""
        wanted = sorted(files)
        if not wanted:
            return {}
        # One name in a line: a file whose name has a line break is none that Go reads.
        names = [name for name in wanted if "\n" not in name]
        asked = "".join(f"{base}:./{name}\n" for name in names)
        answer = self._ask("cat-file", "--batch", data=asked.encode("utf-8", "surrogateescape"))
        return dict(_batch(names, answer))


def _batch(names: Sequence[str], answer: bytes) -> Iterable[tuple[str, bytes]]:
    at = 0
    for name in names:
        end = answer.index(b"\n", at)
        words = answer[at:end].rsplit(b" ", 2)
        at = end + 1
        if words[-1].isdigit() and words[-2:-1] != [b"missing"]:
            size = int(words[-1])
            if words[1] == b"blob":
                yield name, answer[at : at + size]
            at += size + 1
