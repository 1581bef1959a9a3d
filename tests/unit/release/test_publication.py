"""Nothing that is published is overwritten, sums come last, and markers only move forward."""

from __future__ import annotations

import re

import pytest
from multiarch.core.release.layout import ReleaseError
from multiarch.core.release.publication import (
    MarkerMove,
    Stored,
    UploadPlan,
    marker_files,
    marker_moves,
    plan,
)
from multiarch.core.version import Version

LOCAL = {name: Stored(3, "aa") for name in ("SHA256SUMS", "bin/x", "SHA512SUMS", "release.yaml")}


def test_what_is_missing_is_sent_and_the_sums_last() -> None:
    found = plan(LOCAL, {}, where="there")
    assert found == UploadPlan(("bin/x", "release.yaml", "SHA512SUMS", "SHA256SUMS"), ())
    found = plan(LOCAL, {"bin/x": 3}, where="there")
    assert found == UploadPlan(("release.yaml", "SHA512SUMS", "SHA256SUMS"), ("bin/x",))


def test_another_size_or_file_there_is_an_error_with_all_of_them() -> None:
    said = (
        "there: nothing was sent, because other files are there, and a published release is never "
        "overwritten:\n"
        "  * `bin/x` has 4 bytes there, and the release has 3\n"
        "  * `bin/y` has 1 bytes there, and the release has no such file\n"
        "Publish under another version"
    )
    with pytest.raises(ReleaseError, match=re.escape(said)):
        plan(LOCAL, {"bin/y": 1, "bin/x": 4, "release.yaml": 3}, where="there")


def test_many_conflicts_are_counted() -> None:
    there = {f"f{n:02}": 1 for n in range(12)}
    with pytest.raises(ReleaseError, match=r"`f09` .*\n  \* \.\.\. and 2 more\n"):
        plan(LOCAL, there, where="there")


def test_a_pre_release_moves_no_stable_marker() -> None:
    stable = ("stable-1.36.txt", "stable-1.txt", "stable.txt")
    latest = ("latest-1.36.txt", "latest-1.txt", "latest.txt")
    both = ("stable", "latest")
    assert marker_files(Version.parse("v1.36.0"), both) == (*stable, *latest)
    assert marker_files(Version.parse("v1.36.0-rc.0"), both) == latest
    assert marker_files(Version.parse("v1.36.0-dirty"), both) == latest
    assert marker_files(Version.parse("v1.36.0"), ()) == ()


def test_markers_move_forward_only() -> None:
    current = {"stable.txt": "v1.36.1\n", "stable-1.txt": "v1.35.9", "stable-1.36.txt": ""}
    assert marker_moves(Version.parse("v1.36.0"), ("stable",), current) == (
        MarkerMove("stable-1.36.txt", "", True),
        MarkerMove("stable-1.txt", "v1.35.9", True),
        MarkerMove("stable.txt", "v1.36.1", False),
    )
    # The version itself is there already.
    same = marker_moves(Version.parse("v1.36.0"), ("stable",), {"stable.txt": "v1.36.0"})
    assert same[-1] == MarkerMove("stable.txt", "v1.36.0", False)


def test_a_marker_that_holds_no_version_is_not_moved() -> None:
    said = "the marker stable.txt holds 'newest', which is no version"
    with pytest.raises(ReleaseError, match=re.escape(said)):
        marker_moves(Version.parse("v1.36.0"), ("stable",), {"stable.txt": "newest"})
