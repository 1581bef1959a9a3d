"""The layer of a step, made from the trees before and after, whatever engine told them."""

from __future__ import annotations

import pytest
from multiarch.core.oci.capabilities import (
    CAPABILITY_XATTR,
    CapabilityError,
    capability_xattr,
    without_namespace,
)
from multiarch.core.oci.changes import changes
from multiarch.core.oci.layer import Entry


def tree(*entries: Entry) -> dict[str, Entry]:
    return {entry.path: entry for entry in entries}


def made(before: dict[str, Entry], after: dict[str, Entry], *mounted: str) -> dict[str, Entry]:
    found = changes(before, after, read=lambda entry: entry.content, mounted=mounted)
    assert [e.path for e in found] == sorted((e.path for e in found), key=str.encode)
    return {entry.path: entry for entry in found}


def folder(path: str) -> Entry:
    return Entry(path, 0o755, is_directory=True)


def test_what_is_as_it_was_is_not_in_the_layer() -> None:
    before = tree(folder("a"), Entry("a/x", content=b"1"), Entry("a/l", link="x"))
    assert made(before, dict(before)) == {}
    after = {**before, "a/x": Entry("a/x", content=b"2"), "a/n": Entry("a/n")}
    assert set(made(before, after)) == {"a/x", "a/n"}


@pytest.mark.parametrize(
    "other",
    [
        Entry("x", 0o600, content=b"1"),
        Entry("x", uid=5, content=b"1"),
        Entry("x", gid=5, content=b"1"),
        Entry("x", content=b"1", xattrs=((CAPABILITY_XATTR, b"v"),)),
        Entry("x", link="y"),
        folder("x"),
    ],
)
def test_each_difference_counts(other: Entry) -> None:
    assert set(made(tree(Entry("x", content=b"1")), tree(other))) == {"x"}


def test_removals_are_whiteouts_of_the_topmost() -> None:
    before = tree(folder("a"), folder("a/b"), Entry("a/b/c"), Entry("d"))
    assert set(made(before, tree(folder("a")))) == {"a/.wh.b", ".wh.d"}
    # A directory that became a file takes what was below with it.
    assert set(made(before, tree(folder("a"), Entry("a/b"), Entry("d")))) == {"a/b"}


def test_the_first_name_of_a_file_is_the_file() -> None:
    """Engines name either one first."""
    one = tree(Entry("b", content=b"x"), Entry("a", content=b"x", hardlink="b"))
    two = tree(Entry("a", content=b"x"), Entry("b", content=b"x", hardlink="a"))
    assert made({}, one) == made({}, two)
    assert (made({}, one)["a"].hardlink, made({}, one)["b"].hardlink) == ("", "a")
    # Linked to a file that did not change: a copy of its own.
    assert made(tree(Entry("b", content=b"x")), one)["a"].hardlink == ""


def test_debris_of_engines_is_dropped() -> None:
    after = tree(
        folder("dev"), Entry("dev/console"), folder("proc"), folder("sys"), folder("run"),
        Entry("run/.containerenv"), folder("etc"), Entry("etc/resolv.conf"), Entry("etc/hosts"),
        Entry(".dockerenv"), folder("sbin"), Entry("sbin/docker-init"), Entry("mine"),
    )  # fmt: skip
    assert set(made({}, after)) == {"mine"}
    assert set(made({}, {**after, "etc/own": Entry("etc/own")})) == {"mine", "etc", "etc/own"}


def test_what_was_made_to_mount_on_goes_with_its_empty_parents() -> None:
    after = tree(
        folder("run"), folder("run/secrets"), Entry("run/secrets/token"), folder("cache"),
        folder("opt"), folder("opt/m"), Entry("opt/kept"),
    )  # fmt: skip
    found = made({}, after, "run/secrets/token", "cache", "opt/m")
    assert set(found) == {"opt", "opt/kept"}
    before = tree(folder("cache"))
    assert made(before, {**before}, "cache") == {}


def test_other_attributes_than_capabilities_are_dropped() -> None:
    after = tree(Entry("x", xattrs=(("security.selinux", b"label"), ("user.overlay.opaque", b"y"))))
    assert made({}, after)["x"].xattrs == ()


def test_capabilities_are_what_setcap_writes() -> None:
    """As `setcap cap_net_raw,cap_setuid=ep` on Linux wrote it, read back by getfattr."""
    assert capability_xattr("cap_net_raw,cap_setuid=ep").hex() == ("0100000280200000" + "00" * 12)
    assert capability_xattr("cap_bpf=p").hex() == "00000002" + "00" * 8 + "80000000" + "00" * 4
    assert capability_xattr("CAP_KILL+i").hex() == "00000002" + "00" * 4 + "20000000" + "00" * 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cap_net_bind", r"'cap_net_bind' is not a capability clause such as"),
        ("cap_net_bind_servic=ep", r"no capability .*Did you mean `cap_net_bind_service`"),
        ("", r"gives no capability"),
        ("cap_kill=e", r"gives no capability"),
        ("cap_kill=ep cap_bpf=p", r"the flag `e` is one for the whole file"),
    ],
)
def test_a_wrong_capability_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(CapabilityError, match=message):
        capability_xattr(text)


def test_a_user_namespace_leaves_no_trace() -> None:
    plain = capability_xattr("cap_kill=ep")
    inside = plain[:3] + b"\x03" + plain[4:] + (1000).to_bytes(4, "little")
    assert without_namespace(inside) == plain
    assert without_namespace(plain) == plain
