"""Publications: what goes where, in which order, and what is left to do."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from multiarch.core.oci.descriptor import OCI, Descriptor, OciError, digest_of
from multiarch.core.oci.names import DEFAULT_IMAGE_NAMES
from multiarch.core.oci.publication import (
    Actions,
    Naming,
    Node,
    Plan,
    Tag,
    TagMove,
    Transfer,
    merged,
    missing_placements,
    nearby_places,
    plan,
    present_blobs,
    tag_moves,
    transfers,
    wanted_blobs,
    with_attached,
)
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform

HELLO = Reference("r.example.com", "team/hello")
OTHER = Reference("r.example.com", "team/other")
FAR = Reference("far.example.com", "team/hello")


def descriptor(text: str, media_type: str = OCI.layer) -> Descriptor:
    return Descriptor.of(media_type, text.encode())


def image(
    platform: str, *blobs: str, os_version: str = "", near: tuple[Reference, ...] = ()
) -> Node:
    found = replace(
        descriptor(f"manifest {platform} {os_version}", OCI.manifest),
        platform=Platform.parse(platform),
        os_version=os_version,
    )
    return Node(found, tuple(map(descriptor, blobs)), (), near)


def index(*images: Node, name: str = "index") -> Node:
    return Node(descriptor(name, OCI.index), (), images)


AMD64, ARM64 = image("linux/amd64", "shared", "amd64"), image("linux/arm64", "shared", "arm64")
LIST = index(AMD64, ARM64)


def naming(
    *tags: str, template: str = DEFAULT_IMAGE_NAMES, movable: tuple[str, ...] = ()
) -> Naming:
    return Naming(HELLO, tags or ("v1",), template, movable)


def places(found: Plan) -> list[tuple[str, str]]:
    """The plan's placements by readable names."""
    names = {n.descriptor.digest: n.what for n in (AMD64, ARM64, LIST)}
    return [(p.repository.repository, names[p.node.descriptor.digest]) for p in found.placements]


def tags(found: Plan) -> list[str]:
    return [tag.name.partition("/")[2] for tag in found.tags]


def test_images_come_before_the_list_and_its_tags_last() -> None:
    found = plan(LIST, naming("v1", "latest"), where="x")
    assert places(found) == [
        ("team/hello", "image linux/amd64"),
        ("team/hello-amd64", "image linux/amd64"),
        ("team/hello", "image linux/arm64"),
        ("team/hello-arm64", "image linux/arm64"),
        ("team/hello", "index"),
    ]
    assert tags(found) == [
        "team/hello-amd64:v1", "team/hello-amd64:latest", "team/hello-arm64:v1",
        "team/hello-arm64:latest", "team/hello:v1", "team/hello:latest",
    ]  # fmt: skip
    assert [tag.reference.digest for tag in found.tags[-2:]] == [LIST.descriptor.digest] * 2


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{repository}:{tag}-{arch}", ["team/hello:v1-amd64", "team/hello:v1-arm64"]),
        ("", []),
    ],
)
def test_other_names(template: str, expected: list[str]) -> None:
    found = plan(LIST, naming(template=template), where="x")
    assert {repository for repository, _ in places(found)} == {"team/hello"}
    assert tags(found) == [*expected, "team/hello:v1"]


def test_an_image_alone_is_where_its_name_is() -> None:
    found = plan(AMD64, naming(), where="x")
    assert places(found) == [("team/hello-amd64", "image linux/amd64")]
    assert tags(found) == ["team/hello-amd64:v1"]
    nameless = plan(AMD64, naming(template=""), where="x")
    assert places(nameless) == [("team/hello", "image linux/amd64")]
    assert nameless.tags == ()


def test_a_list_of_lists() -> None:
    outer = index(LIST, image("linux/s390x"), name="outer")
    heights = [p.node.height for p in plan(outer, naming(template=""), where="x").placements]
    assert heights == [0, 0, 0, 1, 2]


def test_variants_and_versions_of_windows_have_names_of_their_own() -> None:
    images = (
        *map(image, ("linux/arm/v6", "linux/arm/v7", "linux/amd64", "linux/amd64/v3")),
        image("windows/amd64", os_version="10.0.17763.1"),
        image("windows/amd64", os_version="10.0.20348.1"),
    )
    found = plan(index(*images), naming(), where="x")
    assert len(set(tags(found))) == 7
    assert "team/hello-windows-amd64-10.0.20348.1:v1" in tags(found)


def test_one_name_for_two_images_is_an_error() -> None:
    said = (
        r"^x: one name cannot stand for two images; `image_names` tells them apart by `\{arch\}`:\n"
        r"  \* r.example.com/team/hello-all:v1 would be sha256:\w+ and sha256:\w+$"
    )
    with pytest.raises(OciError, match=said):
        plan(LIST, naming(template="{repository}-all:{tag}"), where="x")
    lists = (LIST, index(AMD64, name="other"))
    plans = [plan(one, naming(template=""), where="x") for one in lists]
    with pytest.raises(OciError, match=r"team/hello:v1 would be"):
        merged(plans, where="x")


def test_two_plans_are_one() -> None:
    one, two = plan(LIST, naming(), where="x"), plan(AMD64, naming(), where="x")
    both = merged([two, one], where="x")
    assert sorted(places(both)) == sorted(places(one))
    assert [p.node.height for p in both.placements] == [0, 0, 0, 0, 1]
    assert set(both.tags) == set(one.tags)


def attestation(text: str, subject: Node) -> Node:
    made = descriptor(text, OCI.manifest)
    return Node(made, (descriptor(f"{text} blob"),), (), (), subject.descriptor.digest, "a/b")


def test_what_is_attached_comes_after_its_subject_wherever_that_is() -> None:
    bill, provenance = attestation("bill", AMD64), attestation("provenance", LIST)
    other = attestation("other", image("linux/s390x", "one"))
    found = with_attached(plan(LIST, naming(), where="x"), [provenance, bill, other])
    assert [(p.repository.repository, p.node.what) for p in found.placements[4:]] == [
        ("team/hello", "index"),
        ("team/hello", f"a/b about {LIST.descriptor.digest} as"),
        ("team/hello", f"a/b about {AMD64.descriptor.digest} as"),
        ("team/hello-amd64", f"a/b about {AMD64.descriptor.digest} as"),
    ]
    assert found.tags == plan(LIST, naming(), where="x").tags
    # An image alone, too.
    alone = with_attached(plan(AMD64, naming(), where="x"), [bill])
    assert [p.attached for p in alone.placements] == [False, True]
    (line,) = Actions((), alone.placements[1:], ()).lines(sign=False)
    assert line.startswith(f"put a/b about {AMD64.descriptor.digest} as r.example.com/team/hello-")


def test_a_blob_is_sent_once_and_mounted_elsewhere() -> None:
    found = plan(LIST, naming(), where="x")
    absent = wanted_blobs(found.placements)
    moved = transfers(absent, ())
    sent = [t for t in moved if t.source is None]
    mounted = [t for t in moved if t.source is not None]
    assert sorted(t.blob.digest for t in sent) == sorted(
        descriptor(text).digest for text in ("shared", "amd64", "arm64")
    )
    assert {t.repository for t in sent} == {HELLO}
    # In hello-amd64 and hello-arm64, two blobs each, after they were sent.
    assert len(mounted) == 4
    assert all(t.source == HELLO and t.waits for t in mounted)
    assert moved == (*sent, *mounted)


def test_a_blob_that_is_nearby_is_mounted() -> None:
    near = (OTHER, FAR)
    node = image("linux/amd64", "one", "two", near=near)
    found = plan(node, naming(template=""), where="x")
    absent = wanted_blobs(found.placements)
    # Another registry is not near.
    assert nearby_places(absent, found.placements) == (
        (OTHER, descriptor("one")), (OTHER, descriptor("two"))
    )  # fmt: skip
    moved = transfers(absent, {(OTHER.name, descriptor("one").digest)})
    assert moved == (
        Transfer(descriptor("one"), HELLO, OTHER, waits=False),
        Transfer(descriptor("two"), HELLO),
    )


def test_a_blob_that_was_pushed_before_is_nearby() -> None:
    found = plan(image("linux/amd64", "one", "two"), naming(template=""), where="x")
    absent = wanted_blobs(found.placements)
    seen = {(HELLO.registry, descriptor("one").digest): OTHER, ("f", descriptor("two").digest): FAR}
    assert nearby_places(absent, found.placements, seen) == ((OTHER, descriptor("one")),)


def test_what_another_image_brings_is_not_looked_for() -> None:
    node = image("linux/amd64", "one", near=(HELLO, OTHER))
    absent = [(HELLO, descriptor("one"))]
    found = plan(node, naming(template=""), where="x")
    assert nearby_places(absent, found.placements) == ((OTHER, descriptor("one")),)


def test_a_manifest_that_is_there_has_its_blobs() -> None:
    found = plan(LIST, naming(), where="x")
    there = {(HELLO.name, AMD64.descriptor.digest)}
    missing = missing_placements(found, there)
    assert len(missing) == len(found.placements) - 1
    present = present_blobs(found.placements, missing)
    assert present == {(HELLO.name, descriptor(text).digest) for text in ("shared", "amd64")}
    moved = transfers([(OTHER, descriptor("amd64"))], present)
    assert moved == (Transfer(descriptor("amd64"), OTHER, HELLO, waits=False),)


def test_each_registry_gets_its_own_copy() -> None:
    absent = [(HELLO, descriptor("one")), (FAR, descriptor("one"))]
    assert [t.source for t in transfers(absent, ())] == [None, None]


def tag(text: str, content: str, *, movable: bool = False) -> Tag:
    return Tag(replace(HELLO, tag=text, digest=digest_of(content.encode())), movable)


def test_a_tag_that_is_right_is_not_set() -> None:
    known = {f"{HELLO.name}:v1": digest_of(b"a")}
    assert tag_moves([tag("v1", "a"), tag("v2", "a")], known) == (TagMove(tag("v2", "a")),)


def test_tags_do_not_move_unless_allowed() -> None:
    known = {f"{HELLO.name}:{name}": digest_of(b"old") for name in ("v1", "v2", "latest")}
    wanted = [tag("v1", "new"), tag("v2", "new"), tag("latest", "new", movable=True)]
    lines = "".join(
        f"  * {HELLO.name}:{name} is {digest_of(b'old')}, and would become {digest_of(b'new')}\n"
        for name in ("v1", "v2")
    )
    said = (
        f"a tag that was published does not move:\n{lines}Publish under another version, or name "
        "the tag in `[multiarch-publish] movable_tags`. No tag was moved."
    )
    with pytest.raises(OciError, match=f"^{re.escape(said)}$"):
        tag_moves(wanted, known)
    assert tag_moves(wanted[2:], known) == (TagMove(wanted[2], digest_of(b"old")),)


@pytest.mark.parametrize(
    ("pattern", "movable"), [("latest", False), ("v1", True), ("v*", True), ("V1", False)]
)
def test_movable_tags_are_patterns_of_the_targets_tag(pattern: str, movable: bool) -> None:
    found = plan(LIST, naming(template="{repository}:{tag}-{arch}", movable=(pattern,)), where="x")
    assert [tag.movable for tag in found.tags] == [movable] * 3


def test_what_would_happen_in_words() -> None:
    one = descriptor("one")
    found = plan(LIST, naming(template=""), where="x")
    digest = LIST.descriptor.digest
    moves = (TagMove(found.tags[0], "sha256:old"),)
    actions = Actions((Transfer(one, HELLO), Transfer(one, OTHER, HELLO)), found.placements, moves)
    assert actions.lines(sign=True) == (
        f"send {one.digest} (3 bytes) to r.example.com/team/hello",
        f"mount {one.digest} (3 bytes) from r.example.com/team/hello to r.example.com/team/other",
        f"put image linux/amd64 r.example.com/team/hello@{AMD64.descriptor.digest}",
        f"put image linux/arm64 r.example.com/team/hello@{ARM64.descriptor.digest}",
        f"put index r.example.com/team/hello@{digest}",
        f"sign r.example.com/team/hello@{digest}",
        f"tag r.example.com/team/hello:v1 as {digest} (instead of sha256:old)",
    )
    assert len(actions.lines(sign=False)) == 6


def test_each_digest_is_signed_once() -> None:
    found = plan(LIST, naming("v1", "v2"), where="x")
    actions = Actions((), (), tuple(map(TagMove, found.tags)))
    assert [str(reference) for reference in actions.to_sign] == [
        f"r.example.com/team/hello-amd64@{AMD64.descriptor.digest}",
        f"r.example.com/team/hello-arm64@{ARM64.descriptor.digest}",
        f"r.example.com/team/hello@{LIST.descriptor.digest}",
    ]
