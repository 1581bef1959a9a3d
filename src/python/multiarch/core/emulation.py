"""Emulators: which QEMU runs a platform's programs, and how the kernel is told to use it.

Source: Linux, Documentation/admin-guide/binfmt-misc.rst; the ELF header of each architecture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from multiarch.core.platforms import Platform

# Go's architecture: ELF class (1: 32 bits, 2: 64), byte order, machine, QEMU's name of it.
_MACHINES: Mapping[str, tuple[int, str, int, str]] = {
    "386": (1, "<", 3, "i386"),
    "amd64": (2, "<", 62, "x86_64"),
    "arm": (1, "<", 40, "arm"),
    "arm64": (2, "<", 183, "aarch64"),
    "loong64": (2, "<", 258, "loongarch64"),
    "mips": (1, ">", 8, "mips"),
    "mipsle": (1, "<", 8, "mipsel"),
    "mips64": (2, ">", 8, "mips64"),
    "mips64le": (2, "<", 8, "mips64el"),
    "ppc64": (2, ">", 21, "ppc64"),
    "ppc64le": (2, "<", 21, "ppc64le"),
    "riscv64": (2, "<", 243, "riscv64"),
    "s390x": (2, ">", 22, "s390x"),
}
# The QEMU CPU that has no more than the variant: code for a later one fails as on real machines.
_CPUS = {("arm", "v5"): "arm926", ("arm", "v6"): "arm1176", ("arm", "v7"): "cortex-a15"}
# What a kernel runs besides its own architecture, without an emulator.
_NATIVE = {("amd64", "386")}
_HEADER_SIZE = 20
# Any OSABI (byte 7); EXEC and DYN files (the type's lowest bit).
_OSABI = 7


def is_native(host: Platform, platform: Platform) -> bool:
    """Whether a host's kernel runs the platform's programs itself.

    >>> is_native(Platform.parse("linux/amd64"), Platform.parse("linux/386"))
    True
    """
    same = host.arch == platform.arch and platform.arch != "arm"
    return host.os == platform.os and (same or (host.arch, platform.arch) in _NATIVE)


def qemu_cpu(platform: Platform) -> str:
    """The value of `QEMU_CPU` that makes QEMU as old as the variant; empty for its default."""
    return _CPUS.get((platform.arch, platform.variant or ""), "")


def qemu_settings(platform: Platform) -> dict[str, str]:
    """What a command's environment gets besides its own: QEMU made as old as the variant."""
    cpu = qemu_cpu(platform)
    return {"QEMU_CPU": cpu} if cpu else {}


def qemu_names(platform: Platform) -> tuple[str, ...]:
    """The programs that may be the platform's user-mode emulator, best first."""
    name = _MACHINES[platform.arch][3]
    return (f"qemu-{name}-static", f"qemu-{name}")


def elf_header(platform: Platform) -> bytes:
    """The first 20 bytes of an executable of the platform: what the kernel decides by."""
    bits, order, machine, _ = _MACHINES[platform.arch]
    ident = b"\x7fELF" + bytes((bits, 1 if order == "<" else 2, 1)) + bytes(9)
    return ident + struct.pack(f"{order}HH", 2, machine)


def registration(platform: Platform, interpreter: str) -> bytes:
    """The line that registers an emulator (flags O, P, C, F: it stays open in every root)."""
    order = _MACHINES[platform.arch][1]
    mask = bytearray(b"\xff" * _HEADER_SIZE)
    mask[_OSABI] = 0
    mask[16 if order == "<" else 17] = 0xFE
    parts = ("".join(f"\\x{b:02x}" for b in part) for part in (elf_header(platform), bytes(mask)))
    return f":multiarch-{platform.arch}:M::{':'.join(parts)}:{interpreter}:OPCF".encode()


@dataclass(frozen=True)
class Handler:
    """One entry of binfmt_misc, as the kernel shows it."""

    enabled: bool
    flags: str = ""
    offset: int = 0
    magic: bytes = b""
    mask: bytes = b""

    @classmethod
    def parse(cls, text: str) -> Handler:
        """Read the text of a file in binfmt_misc."""
        lines = text.splitlines()
        values = {k.rstrip(":"): v.strip() for k, _, v in (line.partition(" ") for line in lines)}
        magic = bytes.fromhex(values.get("magic", ""))
        mask = bytes.fromhex(values.get("mask", "")) or b"\xff" * len(magic)
        return cls(
            "enabled" in lines, values.get("flags", ""), int(values.get("offset", "0")), magic, mask
        )

    def runs(self, header: bytes) -> bool:
        """Whether a program with this header is run in any root (flag F), arguments kept (P)."""
        part = header[self.offset : self.offset + len(self.magic)].ljust(len(self.magic), b"\0")
        matched = all((a & m) == (b & m) for a, b, m in zip(part, self.magic, self.mask))
        return self.enabled and bool(self.magic) and matched and {"F", "P"} <= set(self.flags)


def is_registered(platform: Platform, handlers: Iterable[str]) -> bool:
    """Whether one of binfmt_misc's entries, given as their texts, runs the platform's programs."""
    header = elf_header(platform)
    return any(Handler.parse(text).runs(header) for text in handlers)


def how_to_install(platform: Platform) -> str:
    """What to do where a platform's emulator is missing."""
    return (
        f"Install {qemu_names(platform)[0]} (Debian and Ubuntu: `apt-get install "
        "qemu-user-static`); with a kernel from 6.7 on nothing need be registered. On an older one "
        "an administrator registers it with the flags F and P: `apt-get install qemu-user-static "
        "binfmt-support`, or `systemctl restart systemd-binfmt`."
    )
