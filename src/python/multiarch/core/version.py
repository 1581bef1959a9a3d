"""Versions: what a tree is called, from git, a file or the environment, and which one is newer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import total_ordering

from multiarch.core.errors import MultiarchError

# Semantic versioning 2.0.0, with Go's `v` in front or without.
_VERSION = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?\Z"
)
# What `git describe --abbrev=14` appends behind a tag: commits since, and the commit.
_SINCE_TAG = re.compile(r"(?P<tag>.+)-(?P<commits>\d+)-g(?P<commit>[0-9a-f]{14,})\Z")
_LINE = re.compile(r"""(?:export\s+)?([A-Za-z_]\w*)=(["']?)(.*)\2\s*\Z""")

# The names that Kubernetes' scripts hand a version on by, in a file or in the environment.
VARIABLES = (
    "KUBE_GIT_VERSION",
    "KUBE_GIT_COMMIT",
    "KUBE_GIT_TREE_STATE",
    "SOURCE_DATE_EPOCH",
)


class VersionError(MultiarchError):
    """Says why a text is no version, or a source does not name one."""


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A semantic version; ordered by precedence, which leaves build metadata out (semver 11)."""

    text: str
    release: tuple[int, int, int]
    prerelease: tuple[str, ...] = ()
    build: str = ""

    @classmethod
    def parse(cls, text: str, *, where: str = "") -> Version:
        """Read `[v]X.Y.Z[-PRE][+BUILD]`; raises VersionError with what is allowed.

        >>> Version.parse("v1.36.0-rc.0") < Version.parse("v1.36.0")
        True
        """
        match = _VERSION.match(text)
        if match is None:
            raise VersionError(
                f"{f'{where}: ' if where else ''}{text!r} is not a version; expected "
                "`X.Y.Z`, `X.Y.Z-rc.0` or `X.Y.Z+BUILD`, with a `v` in front or without."
            )
        major, minor, patch, prerelease, build = match.groups()
        numbers = (int(major), int(minor), int(patch))
        parts = tuple(prerelease.split(".")) if prerelease else ()
        return cls(text, numbers, parts, build or "")

    @property
    def is_stable(self) -> bool:
        """Whether it is a release: no pre-release, and no commits or changes since its tag."""
        return not self.prerelease and not self.build

    @property
    def _precedence(self) -> tuple[object, ...]:
        parts = tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in self.prerelease)
        return (self.release, not self.prerelease, parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._precedence == other._precedence

    def __lt__(self, other: Version) -> bool:
        return self._precedence < other._precedence

    def __hash__(self) -> int:
        return hash(self._precedence)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class SourceVersion:
    """What a tree is called: version, commit, whether it is `clean`, and its time.

    `tree_state` is `clean`, `dirty`, `archive`, or empty where nothing is known of it; `seconds`
    since 1970 are the commit's.
    """

    version: str
    revision: str = ""
    tree_state: str = ""
    seconds: int = 0

    @property
    def is_dirty(self) -> bool:
        """Whether the tree has changes that no commit has."""
        return self.tree_state == "dirty"

    @property
    def stamps(self) -> dict[str, str]:
        """What may stand in braces in a stamped value; the names of Kubernetes' variables too."""
        match = _VERSION.match(self.version)
        major, minor = match.group(1, 2) if match else ("", "")
        # Kubernetes: a `+` says that it is not the release itself.
        more = "+" if match and (match.group(4) or match.group(5)) else ""
        built = datetime.fromtimestamp(self.seconds, timezone.utc)
        return {
            "version": self.version,
            "revision": self.revision,
            "gitVersion": self.version,
            "gitCommit": self.revision,
            "gitTreeState": self.tree_state,
            "gitMajor": major,
            "gitMinor": minor + more,
            "buildDate": built.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def described_version(described: str, *, dirty: bool) -> str:
    """The version that `git describe --tags --match='v*' --abbrev=14` stands for.

    Raises VersionError when the tag is no version.

    >>> described_version("v1.36.0-alpha.1-12-g0123456789abcd", dirty=True)
    'v1.36.0-alpha.1.12+0123456789abcd-dirty'
    >>> described_version("v1.36.0-3-g0123456789abcd", dirty=False)
    'v1.36.0-3+0123456789abcd'
    """
    since = _SINCE_TAG.match(described)
    tag = since.group("tag") if since else described
    parsed = Version.parse(tag, where="git describe")
    text = tag
    if since:
        joint = "." if parsed.prerelease else "-"
        text = f"{tag}{joint}{since.group('commits')}+{since.group('commit')}"
    return text + ("-dirty" if dirty else "")


def parse_variables(text: str) -> dict[str, str]:
    """Read a version file: lines `KUBE_GIT_VERSION='v1.36.0'`, or the version alone."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) == 1 and "=" not in lines[0]:
        return {VARIABLES[0]: lines[0]}
    found = (_LINE.match(line) for line in lines)
    return {match.group(1): match.group(3) for match in found if match}


def stated_version(variables: Mapping[str, str], *, where: str) -> SourceVersion:
    """The version that a file or the environment states; raises VersionError for what is wrong."""
    version, commit, state, seconds = (variables.get(name, "") for name in VARIABLES)
    if not version:
        raise VersionError(
            f"{where} states no version: there is no {VARIABLES[0]}. It takes "
            f"{', '.join(VARIABLES)}; all but the first may be missing."
        )
    Version.parse(version, where=f"{where}: {VARIABLES[0]}")
    states = ("", "clean", "dirty", "archive")
    if state not in states:
        raise VersionError(
            f"{where}: {VARIABLES[2]} is {state!r}; it is one of {', '.join(filter(None, states))}."
        )
    return SourceVersion(version, commit, state, parse_seconds(seconds or "0", where=where))


def parse_seconds(text: str, *, where: str) -> int:
    """Read seconds since 1970; raises VersionError for anything else."""
    if not re.fullmatch(r"\d{1,12}", text):
        raise VersionError(f"{where}: SOURCE_DATE_EPOCH is {text!r}; it is seconds since 1970.")
    return int(text)
