"""Paths of a layer's members, as other tools write them."""

from __future__ import annotations

import io
import tarfile

import pytest
from multiarch.core.oci.layer import path_of
from multiarch.tools.image_files import Tree, layer_tree


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
    assert path_of(name) == path
    assert path_of("./") == ""


def applied(*layers: tuple[str, ...]) -> list[str]:
    """The paths of a tree after layers; a name that ends in a slash is a directory."""
    tree = Tree({})
    for layer in layers:
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w") as archive:
            for name in layer:
                member = tarfile.TarInfo(name)
                member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
                archive.addfile(member)
        tree = layer_tree(tree, written.getvalue(), "it")
    return sorted(tree.entries)


@pytest.mark.parametrize(
    ("second", "left"),
    [
        ((".wh.a",), ["b"]),
        (("a/.wh.one",), ["a", "a/c", "a/c/two", "b"]),
        (("a/.wh.c",), ["a", "a/one", "b"]),
        # An opaque directory keeps itself, and loses what is in it, at the root too.
        (("a/.wh..wh..opq",), ["a", "b"]),
        ((".wh..wh..opq",), []),
        ((".wh..wh..opq", "new"), ["new"]),
        # A whiteout hides what is below, never what its own layer has, in whichever order.
        (("a/new", "a/.wh..wh..opq"), ["a", "a/new", "b"]),
        (("b", ".wh.b"), ["a", "a/c", "a/c/two", "a/one", "b"]),
        # A file in a directory's place.
        (("a",), ["a", "b"]),
    ],
)
def test_a_layer_hides_what_its_whiteouts_name(second: tuple[str, ...], left: list[str]) -> None:
    first = ("a/", "a/one", "a/c/", "a/c/two", "b")
    assert applied(first, second) == left
