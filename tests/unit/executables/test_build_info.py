"""Go build info: the block in a file, and the grammar of its text."""

from __future__ import annotations

import pytest
from multiarch.core.executables.build_info import (
    BuildInfo,
    BuildModule,
    find_build_info,
    parse_build_info,
)
from multiarch.core.executables.reader import ExecutableError, Reader

from tests.unit.executables.samples import go_blob, go_text

TEXT = """\
path\tdemo/cmd/hello
mod\tdemo\t(devel)\t
dep\texample.com/a\tv1.2.3\th1:AAAA=
dep\texample.com/b\tv0.1.0
=>\t../b\tv0.0.0\t
build\t-compiler=gc
build\t-ldflags="-X main.v=a\\"b\\tc \\u00fc\\xc3\\xbc \\101 \\U0001F600"
build\t-tags=`raw \\n`
build\tGOARM=6
"""


def find(data: bytes) -> BuildInfo | None:
    return find_build_info(Reader(data), 0, len(data))


def test_modules_and_settings_are_parsed() -> None:
    info = parse_build_info(TEXT)
    assert info.path == "demo/cmd/hello"
    assert info.main == BuildModule("demo", "(devel)")
    assert info.deps == (
        BuildModule("example.com/a", "v1.2.3", "h1:AAAA="),
        BuildModule("example.com/b", "v0.1.0", "", BuildModule("../b", "v0.0.0")),
    )
    assert info.settings == (
        ("-compiler", "gc"),
        ("-ldflags", '-X main.v=a"b\tc üü A 😀'),
        ("-tags", "raw \\n"),
        ("GOARM", "6"),
    )
    assert info.setting("GOARM") == "6"
    assert info.setting("GOAMD64") is None


def test_an_escape_beyond_unicode_is_replaced() -> None:
    assert parse_build_info('build\ta="\\UFFFFFFFF"').setting("a") == "\ufffd"


@pytest.mark.parametrize(
    "line",
    [
        "mod\tdemo",
        "dep\ta\tv1\th1:x\tmore",
        "=>\tb\tv1",
        "build\tnovalue",
        "build\t=1",
        'build\t"quoted key"=1',
        'build\ta="open',
        'build\ta="',
    ],
)
def test_a_line_that_is_not_understood_is_shown(line: str) -> None:
    with pytest.raises(ExecutableError) as caught:
        parse_build_info(f"path\tdemo\n{line}\n")
    assert str(caught.value) == f"the Go build info is damaged: it has the line {line!r}."


def test_the_block_is_found_in_a_range_of_a_file() -> None:
    blob = go_blob(go_text(GOOS="linux"), version="go1.26.6")
    info = find(bytes(4096) + blob)
    assert info is not None
    assert (info.go_version, info.path) == ("go1.26.6", "demo/cmd/hello")
    assert find_build_info(Reader(bytes(4096) + blob), 0, 4096) is None
    assert find_build_info(Reader(bytes(4096) + blob), 0, 4100) is None


def test_the_block_is_found_across_the_pieces_of_a_search() -> None:
    for before in range((1 << 20) - 16, (1 << 20) + 1):
        info = find(bytes(before) + go_blob(None))
        assert info == BuildInfo("go1.27.3"), before


def test_the_mere_mark_in_a_program_that_reads_build_info_is_passed_over() -> None:
    mark = b"\xff Go buildinf:".ljust(40, b"x")
    assert find(mark) is None
    info = find(mark + go_blob(go_text(GOOS="js")))
    assert info is not None
    assert info.setting("GOOS") == "js"


def test_go_before_1_18_is_recognised_but_not_read() -> None:
    assert find((b"\xff Go buildinf:" + bytes([8, 0])).ljust(48, b"\0")) == BuildInfo("")


def test_a_long_text_has_a_length_of_several_bytes() -> None:
    info = find(go_blob(go_text(**{"-tags": "x" * 40000})))
    assert info is not None
    assert info.setting("-tags") == "x" * 40000


def test_a_damaged_block_is_an_error() -> None:
    blob = go_blob(go_text(GOOS="linux"))
    with pytest.raises(ExecutableError, match="its Go build info should be the"):
        find(blob[:60])
    with pytest.raises(ExecutableError, match="a length in it does not end"):
        find(blob[:32] + b"\xff" * 64)
