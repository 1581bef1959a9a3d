"""ELF files: machine, linkage, and what is no executable."""

from __future__ import annotations

from dataclasses import replace

import pytest
from multiarch.core.executables.executable import Executable
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError

from tests.unit.executables.samples import TEXT, Elf, Section, arm_attributes, go_blob, go_text


def read(elf: Elf) -> Executable:
    executable = inspect(elf.bytes())
    assert executable is not None
    return executable


@pytest.mark.parametrize(
    ("machine", "bits", "big", "arch"),
    [
        (0x03, 32, False, "386"),
        (0x3E, 64, False, "amd64"),
        (0x3E, 32, False, "x32"),
        (0x28, 32, False, "arm"),
        (0xB7, 64, False, "arm64"),
        (0xB7, 64, True, "arm64be"),
        (0x08, 32, True, "mips"),
        (0x08, 32, False, "mipsle"),
        (0x08, 64, True, "mips64"),
        (0x08, 64, False, "mips64le"),
        (0x15, 64, True, "ppc64"),
        (0x15, 64, False, "ppc64le"),
        (0x16, 64, True, "s390x"),
        (0xF3, 64, False, "riscv64"),
        (0x102, 64, False, "loong64"),
        (0xF7, 64, False, "ELF machine 247"),
    ],
)
def test_machine_class_and_byte_order_name_the_architecture(
    machine: int, bits: int, big: bool, arch: str
) -> None:
    executable = read(Elf(machine=machine, bits=bits, big=big))
    assert executable.arch == arch
    assert (executable.bits, executable.endian) == (bits, "big" if big else "little")
    assert executable.is_static


def test_a_static_file_has_no_interpreter_and_needs_no_library() -> None:
    assert read(Elf()) == Executable("ELF", "amd64", 64, "little", 0x3E)
    # A static position-independent executable has a dynamic section that names no library.
    pie = read(Elf(type=3, needed=()))
    assert pie.dynamic
    assert pie.is_static


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("ends", [True, False])
def test_interpreter_and_needed_libraries_are_read(bits: int, ends: bool) -> None:
    names = ("libresolv.so.2", "libc.so.6")
    elf = Elf(
        0x03, bits=bits, interpreter="/lib/ld-linux.so.2", needed=names, ends_dynamic=ends
    )  # fmt: skip
    executable = read(elf)
    assert executable.interpreter == "/lib/ld-linux.so.2"
    assert executable.needed == names
    assert executable.dynamic
    assert not executable.is_static


@pytest.mark.parametrize(
    ("abi", "interpreter", "os"),
    [
        (0, None, ""),
        (0, "/opt/loader", ""),
        (3, None, "linux"),
        (9, None, "freebsd"),
        (12, "/usr/libexec/ld.so", "openbsd"),
        (0, "/lib64/ld-linux-x86-64.so.2", "linux"),
        (0, "/lib/ld-musl-x86_64.so.1", "linux"),
        (0, "/lib64/ld64.so.2", "linux"),
        (0, "/usr/libexec/ld-elf.so.2", "dragonfly"),
        (0, "/libexec/ld-elf.so.1", "freebsd"),
        (0, "/usr/libexec/ld.elf_so", "netbsd"),
        (0, "/lib/amd64/ld.so.1", "solaris"),
        (0, "/system/bin/linker64", "android"),
    ],
)
def test_abi_byte_and_interpreter_name_the_system(
    abi: int, interpreter: str | None, os: str
) -> None:
    assert read(Elf(abi=abi, interpreter=interpreter)).os == os


def test_go_build_info_is_found_in_its_section() -> None:
    executable = read(Elf(0xB7, go=go_blob(go_text(GOOS="linux", GOARCH="arm64"))))
    assert executable.is_go
    assert executable.build_info is not None
    assert executable.build_info.setting("GOARCH") == "arm64"


def test_arm_attributes_and_mips_flags_are_read_for_their_machines() -> None:
    attributes = Section(".ARM.attributes", arm_attributes(6, 10), 0x70000003, 0)
    arm = Elf(0x28, bits=32, flags=0x05000400, sections=(TEXT, attributes))
    assert read(arm).arm_arch == 7
    assert read(arm).flags == 0x05000400
    assert read(replace(arm, machine=0x03)).arm_arch is None

    for number, found in ((0, None), (1, "hardfloat"), (3, "softfloat")):
        flags = Section(".MIPS.abiflags", bytes([*[0] * 7, number, *[0] * 16]), 0x7000002A)
        assert read(Elf(0x08, bits=32, big=True, sections=(flags,))).mips_float == found


def test_n32_is_an_architecture_of_its_own() -> None:
    assert read(Elf(0x08, bits=32, big=True, flags=0x20)).arch == "mipsn32"


def test_a_file_without_section_table_is_read() -> None:
    executable = read(Elf(has_sections=False, interpreter="/lib/ld-linux.so.2"))
    assert executable.interpreter == "/lib/ld-linux.so.2"
    assert executable.build_info is None


def test_counts_that_do_not_fit_the_header_are_in_the_first_section() -> None:
    data = bytearray(Elf(go=go_blob(go_text(GOOS="linux"))).bytes())
    table = int.from_bytes(data[40:48], "little")
    # e_phnum, e_shnum and e_shstrndx: 1 segment, 4 sections, names in the section 3.
    assert data[56:58] + data[60:64] == bytes([1, 0, 4, 0, 3, 0])
    data[56:58], data[60:62], data[62:64] = b"\xff\xff", b"\0\0", b"\xff\xff"
    data[table + 32 : table + 40] = (4).to_bytes(8, "little")
    data[table + 40 : table + 48] = (3).to_bytes(4, "little") + (1).to_bytes(4, "little")
    executable = inspect(bytes(data))
    assert executable is not None
    assert executable.is_go


@pytest.mark.parametrize(
    "elf",
    [
        Elf(type=1),
        Elf(type=4),
        Elf(sections=(replace(TEXT, type=8),)),
    ],
    ids=["object file", "core dump", "debug information"],
)
def test_what_no_loader_starts_is_no_executable(elf: Elf) -> None:
    assert inspect(elf.bytes()) is None


def test_class_and_byte_order_must_be_known() -> None:
    data = bytearray(Elf().bytes())
    data[4] = 7
    with pytest.raises(ExecutableError, match="has no known class and byte order"):
        inspect(bytes(data))


def test_a_file_that_is_cut_short_says_what_is_missing() -> None:
    data = Elf(has_sections=False, sections=(Section(".text", bytes(64)),)).bytes()
    with pytest.raises(
        ExecutableError,
        match=r"cut short or damaged: its loadable segment should be the \d+ bytes at offset 0, "
        rf"but the file ends after {len(data) - 1} bytes\. Build it again\.",
    ):
        inspect(data[:-1])


@pytest.mark.parametrize(
    ("string_table", "message"),
    [
        (0, "needs libraries, but names none of them"),
        (0x666, "names the address 0x666, which no segment holds"),
    ],
)
def test_a_dynamic_section_must_lead_to_its_names(string_table: int, message: str) -> None:
    with pytest.raises(ExecutableError, match=message):
        inspect(Elf(needed=("libc.so.6",), string_table=string_table).bytes())


def test_section_names_must_be_in_a_section() -> None:
    data = bytearray(Elf().bytes())
    data[62] = 9
    with pytest.raises(ExecutableError, match="should be in section 9, but it has 3 sections"):
        inspect(bytes(data))
    data[62] = 0
    executable = inspect(bytes(data))
    assert executable is not None


def test_rows_of_a_table_must_be_large_enough() -> None:
    data = bytearray(Elf().bytes())
    data[54] = 8
    with pytest.raises(ExecutableError, match="its program headers should have at least 56 bytes"):
        inspect(bytes(data))


def test_a_text_must_end() -> None:
    data = Elf(interpreter="/lib/ld.so").bytes().replace(b"/lib/ld.so\0", b"/lib/ld.so!")
    with pytest.raises(ExecutableError, match="its interpreter's path does not end"):
        inspect(data)
