"""A release's paths are those that scripts read, and no two files have one."""

from __future__ import annotations

import re

import pytest
from multiarch.core.platforms import Platform
from multiarch.core.release.layout import (
    ReleaseError,
    archive_path,
    binary_path,
    check_unique,
    image_name,
    image_path,
    parse_sums,
    sbom_path,
    side_files,
    sums_text,
)

V6, V7 = Platform.parse("linux/arm/v6"), Platform.parse("linux/arm")
WINDOWS = Platform.parse("windows/amd64")
ONE, TWO = "1" * 64, "2" * 64


def test_paths_are_those_of_kubernetes_and_variants_do_not_collide() -> None:
    assert binary_path(Platform.parse("linux/amd64"), "kubectl") == "bin/linux/amd64/kubectl"
    assert binary_path(V6, "kubectl") == "bin/linux/arm/v6/kubectl"
    assert binary_path(V7, "kubectl") == "bin/linux/arm/v7/kubectl"
    assert archive_path("kubernetes-client", V6) == "kubernetes-client-linux-arm-v6.tar.gz"
    assert archive_path("kubernetes-client", WINDOWS) == "kubernetes-client-windows-amd64.zip"
    assert image_path(V7, "pause") == "images/linux/arm/v7/pause.tar"
    assert side_files("a/b") == ("a/b.sha256", "a/b.sha512")
    assert sbom_path("bin/x") == "sbom/bin/x.spdx.json"


def test_an_image_that_is_only_called_image_has_its_directory_s_name() -> None:
    assert image_name("images/server", "image") == "server"
    assert image_name("images/server", "list") == "server"
    assert image_name("images", "pause") == "pause"
    assert image_name("", "image") == "image"


def test_two_members_of_one_path_are_an_error_with_both() -> None:
    said = (
        "//:release: two members would be one file of the release:\n"
        "  * `bin/linux/amd64/x` comes from both a:x and b:x\n"
        "  * `SHA256SUMS` comes from both the release itself and //:files\n"
        "Rename one of the targets, or leave one out."
    )
    paths = [("bin/linux/amd64/x", "a:x"), ("bin/linux/amd64/x", "b:x"), ("SHA256SUMS", "//:files")]
    with pytest.raises(ReleaseError, match=re.escape(said)):
        check_unique(paths, where="//:release")
    check_unique(paths[:1], where="//:release")


def test_sums_are_written_as_sha256sum_reads_them() -> None:
    sums = {"b": TWO, "a": ONE, "B": ONE}
    text = sums_text(sums)
    assert text == f"{ONE}  B\n{ONE}  a\n{TWO}  b\n"
    assert parse_sums(text, where="SHA256SUMS") == sums


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "not a line of sums: ''"),
        (f"{ONE} a", "not a line of sums"),
        ("xyz  a", "not a line of sums: 'xyz  a'"),
        (f"{ONE}  ../a", "`../a` leaves the release"),
        (f"{ONE}  /etc/passwd", "`/etc/passwd` leaves the release"),
        (f"{ONE}  b", "`b` stands twice"),
    ],
)
def test_a_line_that_is_none_is_named(line: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape(f"SHA256SUMS:2: {said}")):
        parse_sums(f"{ONE}  b\n{line}\n", where="SHA256SUMS")
