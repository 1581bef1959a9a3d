"""Paths of a layer's members, as other tools write them."""

from __future__ import annotations

import io
import tarfile

import pytest
from multiarch.core.oci.layer import paths_of


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("etc/passwd", "etc/passwd"),
        ("./etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        (".profile", ".profile"),
        ("./.profile", ".profile"),
        (".wh.gone", ".wh.gone"),
        ("./.wh..wh..opq", ".wh..wh..opq"),
        ("../outside", "outside"),
    ],
)
def test_a_member_is_known_by_its_path_from_the_root(name: str, path: str) -> None:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("./"))
        archive.addfile(tarfile.TarInfo(name))
    with tarfile.open(fileobj=io.BytesIO(written.getvalue())) as archive:
        assert path in paths_of(archive)
        assert "" not in paths_of(archive)
