"""The architecture that ARM code needs, from a file's build attributes.

Source: Addenda to, and Errata in, the ABI for the Arm Architecture, "Build Attributes". C compilers
and assemblers write them; Go's own linker does not.
"""

from __future__ import annotations

from multiarch.core.executables.reader import ExecutableError

_VENDOR = b"aeabi"
_TAG_FILE, _TAG_CPU_ARCH, _TAG_COMPATIBILITY = 1, 6, 32
_TEXT_TAGS = (4, 5)  # Tag_CPU_raw_name, Tag_CPU_name

# Tag_CPU_arch -> the `vN` of a platform whose cores all run it. v6T2 brings Thumb-2, which the
# v6 cores of a Raspberry Pi lack, so it counts as v7; so do the microcontrollers' v7 profiles.
_LEVELS = {
    0: 5, 1: 5, 2: 5, 3: 5, 4: 5, 5: 5,
    6: 6, 7: 6, 9: 6, 11: 6, 12: 6,
    8: 7, 10: 7, 13: 7,
    14: 8, 15: 8, 16: 8, 17: 8, 18: 8, 19: 8, 20: 8, 21: 8,
    22: 9,
}  # fmt: skip


def arm_architecture(section: bytes, endian: str) -> int | None:
    """Read the architecture version, 5 to 9, of a `.ARM.attributes` section.

    5 stands for v5 and everything older. None when the section does not say. `endian` is the
    file's, little or big; raises `ExecutableError` for a damaged section.
    """
    if section[:1] != b"A":
        return None
    at = 1
    while at < len(section):
        size = _size(section, at, endian)
        if size < 5 or at + size > len(section):
            raise _damaged()
        vendor, _, tables = section[at + 4 : at + size].partition(b"\0")
        if vendor == _VENDOR:
            return _cpu_arch(tables, endian)
        at += size
    return None


def _cpu_arch(tables: bytes, endian: str) -> int | None:
    at = 0
    while at < len(tables):
        size = _size(tables, at + 1, endian)
        if size < 5 or at + size > len(tables):
            raise _damaged()
        if tables[at] == _TAG_FILE:
            return _file_attributes(tables[at + 5 : at + size])
        at += size
    return None


def _size(data: bytes, at: int, endian: str) -> int:
    return int.from_bytes(data[at : at + 4], "little" if endian == "little" else "big")


def _file_attributes(data: bytes) -> int | None:
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        if tag == _TAG_COMPATIBILITY:
            _, at = _number(data, at)
        # From 32 on, an odd tag has a text for its value.
        if tag in _TEXT_TAGS or (tag >= _TAG_COMPATIBILITY and (tag % 2 or tag == 32)):
            at = data.find(b"\0", at) + 1
            if not at:
                raise _damaged()
            continue
        value, at = _number(data, at)
        if tag == _TAG_CPU_ARCH:
            return _LEVELS.get(value, max(_LEVELS.values()))
    return None


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Read one ULEB128 number; returns it and the offset behind it."""
    value = shift = 0
    while at < len(data) and shift < 64:
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
        shift += 7
    raise _damaged()


def _damaged() -> ExecutableError:
    return ExecutableError("the file is damaged: its ARM build attributes are not readable.")
