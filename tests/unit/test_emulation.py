"""Which emulator a platform needs, and what the kernel is told."""

from __future__ import annotations

import pytest
from multiarch.core.emulation import (
    Handler,
    elf_header,
    is_native,
    is_registered,
    qemu_cpu,
    qemu_names,
    registration,
)
from multiarch.core.platforms import Platform

# As Linux shows an entry of Debian's qemu-user-static.
ARM64_ENTRY = """enabled
interpreter /usr/bin/qemu-aarch64-static
flags: OCF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
"""
ARCHES = ("386", "amd64", "arm/v6", "arm64", "mips64le", "ppc64le", "riscv64", "s390x")


def platform(arch: str) -> Platform:
    return Platform.parse(f"linux/{arch}")


def test_a_host_s_entry_counts_with_the_flags_f_and_p_alone() -> None:
    right = ARM64_ENTRY.replace("OCF", "POCF")
    assert is_registered(platform("arm64"), [right])
    assert not is_registered(platform("arm64"), [ARM64_ENTRY])
    assert not is_registered(platform("arm64"), [right.replace("enabled", "disabled")])
    assert not is_registered(platform("riscv64"), [right])
    assert not is_registered(platform("arm64"), [])


@pytest.mark.parametrize("arch", ARCHES)
def test_a_registration_is_for_its_own_architecture(arch: str) -> None:
    line = registration(platform(arch), "/qemu").decode()
    _, _name, kind, offset, magic, mask, interpreter, flags = line.split(":")
    assert (kind, offset, interpreter, flags) == ("M", "", "/qemu", "OPCF")
    shown = Handler(
        True, flags, 0, *(bytes.fromhex(part.replace("\\x", "")) for part in (magic, mask))
    )
    runs = [a for a in ARCHES if shown.runs(elf_header(platform(a)))]
    assert runs == [arch]
    # A position-independent executable, for another OSABI.
    header = bytearray(elf_header(platform(arch)))
    header[7] = 3
    header[16:18] = bytes(3 if b else 0 for b in header[16:18])
    assert shown.runs(bytes(header))


def test_the_kernel_knows_arm64_as_debian_registers_it() -> None:
    line = registration(platform("arm64"), "/q").decode()
    magic, mask = line.split(":")[4:6]
    assert magic.replace("\\x", "") == "7f454c460201010000000000000000000200b700"
    assert mask.replace("\\x", "") == "ffffffffffffff00fffffffffffffffffeffffff"


def test_what_runs_natively_and_what_qemu_is_called() -> None:
    assert is_native(platform("amd64"), platform("amd64/v3"))
    assert is_native(platform("amd64"), platform("386"))
    assert not is_native(platform("386"), platform("amd64"))
    assert not is_native(platform("amd64"), platform("arm64"))
    assert qemu_names(platform("amd64"))[0] == "qemu-x86_64-static"
    assert qemu_names(platform("mips64le"))[0] == "qemu-mips64el-static"
    assert [qemu_cpu(platform(f"arm/{v}")) for v in ("v5", "v6")] == ["arm926", "arm1176"]
    assert qemu_cpu(platform("arm64")) == ""
