"""Archives of object files: the forms of GNU and of Apple, and what each member is for."""

from __future__ import annotations

import struct

import pytest
from multiarch.core.executables.archives import members, read_object
from multiarch.core.executables.reader import ExecutableError

from tests.unit.executables.samples import Elf, MachO, Section, arm_attributes, go_blob, go_text


def member(name: str, data: bytes) -> bytes:
    """One member of an archive."""
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'644':<8}{len(data):<10}`\n"
    return head.encode() + data + b"\n" * (len(data) % 2)


def archive(*parts: bytes) -> bytes:
    """An archive of these members."""
    return b"!<arch>\n" + b"".join(parts)


def test_the_members_of_a_gnu_archive() -> None:
    names = b"a_name_of_many_letters.o/\nanother_name_of_many.o/\n"
    data = archive(
        member("/", b"symbols"), member("//", names), member("go.o/", b"odd"),
        member("/0", b"first"), member("/26", b"second"),
    )  # fmt: skip
    assert list(members(data)) == [
        ("go.o", b"odd"),
        ("a_name_of_many_letters.o", b"first"),
        ("another_name_of_many.o", b"second"),
    ]


def test_the_members_of_an_apple_archive() -> None:
    data = archive(
        member("#1/20", b"__.SYMDEF SORTED\0\0\0\0" + b"symbols"),
        member("#1/8", b"go.o\0\0\0\0" + b"first"), member("x.o", b"second"),
    )  # fmt: skip
    assert list(members(data)) == [("go.o", b"first"), ("x.o", b"second")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x7fELF", "expected an archive of object files, found another file"),
        (archive(member("a.o/", b"12345"))[:-4], r"cut short or damaged: its member a\.o/ should"),
        (archive(b"x" * 60), "the archive is damaged: at 8 is no header of a member"),
    ],
)
def test_what_is_no_archive(data: bytes, said: str) -> None:
    with pytest.raises(ExecutableError, match=said):
        list(members(data))


GO = go_blob(go_text(GOOS="any"))
V7 = Section(".ARM.attributes", arm_attributes(6, 10), type=0x70000003)


def coff(machine: int, go: bytes, optional: int = 0, flags: int = 0) -> bytes:
    """An object file for Windows, with one section of data; `optional` bytes are a header more."""
    header = struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, optional, flags) + bytes(optional)
    writable = 0xC0300040
    at = len(header) + 40
    row = struct.pack("<8sIIIIIIHHI", b".data", 0, 0, len(go), at, 0, 0, 0, 0, writable)
    return header + row + go


@pytest.mark.parametrize(
    ("data", "format", "arch"),
    [
        (Elf(type=1, go=GO).bytes(), "ELF", "amd64"),
        (Elf(machine=0xB7, type=1, go=GO).bytes(), "ELF", "arm64"),
        (MachO(type=1, go=GO).bytes(), "Mach-O", "arm64"),
        (coff(0x8664, GO), "PE", "amd64"),
        (coff(0x14C, GO), "PE", "386"),
        # As Go's linker writes the one of an archive.
        (coff(0x8664, GO, optional=240, flags=0x20), "PE", "amd64"),
    ],
)
def test_the_headers_of_an_object_file(data: bytes, format: str, arch: str) -> None:
    found = read_object(data)
    assert found is not None
    assert (found.format, found.arch) == (format, arch)
    assert found.bits == (32 if arch == "386" else 64)
    assert found.build_info is not None
    assert found.build_info.setting("GOOS") == "any"


def test_an_object_file_says_what_arm_it_needs() -> None:
    found = read_object(Elf(machine=0x28, bits=32, type=1, sections=(V7,)).bytes())
    assert found is not None
    assert found.arm_arch == 7


@pytest.mark.parametrize(
    "data",
    [
        *(Elf().bytes(), MachO().bytes(), coff(0x8664, GO, optional=240, flags=0x22)),
        *(b"", b"text", b"text" * 10),
    ],
)
def test_what_is_no_object_file(data: bytes) -> None:
    assert read_object(data) is None
