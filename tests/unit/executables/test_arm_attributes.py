"""ARM build attributes: which architecture the code needs."""

from __future__ import annotations

import struct

import pytest
from multiarch.core.executables.arm_attributes import arm_architecture
from multiarch.core.executables.reader import ExecutableError

from tests.unit.executables.samples import arm_attributes


@pytest.mark.parametrize(
    ("number", "level"),
    # v4T, v5TE, v6, v6KZ, v6K, v6T2, v7, v7E-M, v8-A, v9-A, one of the future
    [(2, 5), (4, 5), (6, 6), (7, 6), (9, 6), (8, 7), (10, 7), (13, 7), (14, 8), (22, 9), (50, 9)],
)
def test_the_cpu_architecture_is_a_version(number: int, level: int) -> None:
    assert arm_architecture(arm_attributes(6, number), "little") == level
    assert arm_architecture(arm_attributes(6, number, order=">"), "big") == level


def test_attributes_before_it_are_passed_over() -> None:
    name = [5, *b"ARM1176", 0]
    conformance = [67, *b"2.09", 0]
    compatibility = [32, 1, *b"gnu", 0]
    wide = [7, 0x41, 0x82, 1]
    data = arm_attributes(*name, *conformance, *compatibility, *wide, 6, 7)
    assert arm_architecture(data, "little") == 6


@pytest.mark.parametrize(
    "section",
    [
        b"B" + arm_attributes(6, 7)[1:],
        b"A",
        b"A" + struct.pack("<I", 8) + b"gnu\0",
        # Tag_Section, not Tag_File.
        arm_attributes(6, 7).replace(b"aeabi\0\x01", b"aeabi\0\x02"),
        arm_attributes(9, 2),
        arm_attributes(),
    ],
    ids=["format", "empty", "vendor", "scope", "other tags", "no tags"],
)
def test_a_section_may_not_say(section: bytes) -> None:
    assert arm_architecture(section, "little") is None


def test_another_vendor_comes_first() -> None:
    gnu = struct.pack("<I", 9) + b"gnu\0\0"
    assert arm_architecture(b"A" + gnu + arm_attributes(6, 10)[1:], "little") == 7


@pytest.mark.parametrize(
    "section",
    [
        b"A\x01\0\0\0",
        arm_attributes(6, 7)[:-1],
        arm_attributes(6),
        arm_attributes(4, *b"open"),
        b"A" + struct.pack("<I", 15) + b"aeabi\0\x01\xff\0\0\0",
    ],
    ids=["vendor size", "cut", "value", "text", "scope size"],
)
def test_a_damaged_section_is_an_error(section: bytes) -> None:
    with pytest.raises(ExecutableError, match="its ARM build attributes are not readable"):
        arm_architecture(section, "little")
