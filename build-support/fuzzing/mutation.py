"""Mutations of valid inputs: bytes, text, JSON values, and tar archives that stay well formed."""

from __future__ import annotations

import bz2
import copy
import gzip
import io
import lzma
import struct
import tarfile
from random import Random
from typing import Any, Callable

_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 62, (1 << 64) - 1)
# What programs stumble over: other digits, halves of characters, ends of texts, places outside.
STRINGS = (
    *("", " ", "\0", "\n", "\r\n", "\t", "²", "٣", "\ud800", "é", "\u2028", "/", "//", ".", ".."),
    *("../outside/x", "/../../x", "a/../../b", "-x", "--flag", "$(touch outside/x)", "`id`", "'"),
    *('"', "\\", "a b", "a=b", "*", "[", "[]", "{", "}", "${", "${X", "#", "%s", "sha256:", "0x1"),
    *("-1", "1e999", "9" * 30, "a" * 5000, "*" * 60, "a/" * 300, "null", "true", "~", "\x85"),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1 << 31, 1 << 63, 1 << 64, 10**400, 0.5, float("inf")),
    *([], {}, [[]], [None], {"": None}, [1, "a"], {"a": {"a": {}}}),
)


def mutate_bytes(rng: Random, data: bytes, *, most: int = 6) -> bytes:
    """Change bytes here and there, keep most of them."""
    out = bytearray(data)
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(out) + 1)
        size = rng.choice((1, 1, 2, 4, 8, 16, 64))
        kind = rng.randrange(8)
        if kind == 0:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del out[at : at + size]
        elif kind == 2:
            out[at:at] = rng.randbytes(size)
        elif kind == 3:
            other = rng.randrange(len(out) + 1)
            out[at:at] = out[other : other + size]
        elif kind == 4:
            del out[at:]
        else:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice(_EDGES) & ((1 << 8 * width) - 1)
            out[at : at + width] = number.to_bytes(width, rng.choice(("little", "big")))
    return bytes(out)


def string(rng: Random) -> str:
    """A text that is a text, but seldom a good one."""
    if rng.random() < 0.7:
        return rng.choice(STRINGS)
    return "".join(chr(rng.choice((*range(32, 127), 0x660, 0x1F600))) for _ in range(12))


def mutate_text(rng: Random, text: str, tokens: tuple[str, ...], *, most: int = 5) -> str:
    """Change lines and words; `tokens` are words of the language."""
    for _ in range(rng.randint(1, most)):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        kind = rng.randrange(9)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, rng.choice(lines))
        elif kind == 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            line = lines[at]
            first = rng.randrange(len(line) + 1)
            last = rng.choice((first, first, rng.randint(first, len(line))))
            new = rng.choice(tokens) if rng.random() < 0.6 else string(rng)
            if rng.random() < 0.15:
                new *= rng.choice((2, 30, 3000))
            lines[at] = line[:first] + new + line[last:]
        text = "\n".join(lines)
    return text[: 1 << 17]


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, part in items:
        found += _paths(part, (*path, key))
    return found


def mutate_json(rng: Random, value: Any, *, most: int = 3) -> Any:
    """Put other values, or none, into places of a value made of dictionaries and lists."""
    root = {"": copy.deepcopy(value)}
    for _ in range(rng.randint(1, most)):
        path = rng.choice(_paths(root[""]))
        parent: Any = root
        *above, last = ("", *path)
        for key in above:
            parent = parent[key]
        kind = rng.randrange(6)
        if kind == 0 and path:
            del parent[last]
        elif kind == 1 and isinstance(parent, list):
            parent.insert(last, copy.deepcopy(parent[last]))
        elif kind == 2 and isinstance(parent, dict) and path:
            parent[string(rng)] = parent.pop(last)
        elif kind == 3:
            parent[last] = string(rng)
        elif kind == 4 and isinstance(parent[last], str):
            text = parent[last]
            at = rng.randrange(len(text) + 1)
            parent[last] = text[:at] + string(rng) + text[at + rng.choice((0, 1, 5)) :]
        else:
            parent[last] = copy.deepcopy(rng.choice(_VALUES))
    return root[""]


def nested(depth: int) -> str:
    """JSON and YAML that go deeper than any reader wants to."""
    return "[" * depth + "]" * depth


def _name(rng: Random) -> str:
    """A name as archives can hold it: bytes that are no UTF-8 among them."""
    return string(rng).replace("\0", "").replace("\ud800", "\udc80")


def member(rng: Random, names: tuple[str, ...]) -> tarfile.TarInfo:
    """One member of an archive, of any type, with any name."""
    name = rng.choice(names) if rng.random() < 0.8 else _name(rng)
    info = tarfile.TarInfo(name)
    info.type = rng.choice(
        (*(tarfile.REGTYPE,) * 5, *(tarfile.DIRTYPE,) * 3, *(tarfile.SYMTYPE,) * 3,
         *(tarfile.LNKTYPE,) * 2, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
         tarfile.CONTTYPE)
    )  # fmt: skip
    info.linkname = rng.choice(names) if rng.random() < 0.8 else _name(rng)
    info.mode = rng.choice((0o644, 0o755, 0o7777, 0))
    info.uid, info.gid = (rng.choice((0, 1, 65534, 1 << 31, 1 << 50, -1)) for _ in range(2))
    if rng.random() < 0.1:
        info.pax_headers = {
            rng.choice(("SCHILY.xattr.user.a", "path", "linkpath", "size", "GNU.sparse.size",
                        "GNU.sparse.map", "GNU.sparse.major", "mtime", "uid", "x")):
            rng.choice(("1", "-1", "1e9", "9" * 25, "", "0,1,2", "a\nb", "../x", "\udc80")),
        }  # fmt: skip
    return info


def tar(members: list[tuple[tarfile.TarInfo, bytes]], format: int = tarfile.PAX_FORMAT) -> bytes:
    """The archive of these members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def mutate_tar(rng: Random, data: bytes) -> bytes:
    """Change fields of headers, and put the headers' sums right, so that they are read."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        blocks = [
            at for at in range(0, len(out) - 511, 512) if out[at + 257 : at + 262] == b"ustar"
        ]
        if not blocks:
            break
        at = rng.choice(blocks)
        # name, mode, uid, size, mtime, type, link name, magic, prefix
        start, size = rng.choice(
            ((0, 100), (100, 8), (108, 8), (124, 12), (124, 12), (124, 12), (136, 12), (156, 1),
             (156, 1), (157, 100), (257, 8), (345, 155), (386, 97), (482, 1), (483, 12))
        )  # fmt: skip
        kind = rng.randrange(4)
        if size == 1:
            field = rng.choice((b"0", b"1", b"2", b"5", b"x", b"g", b"L", b"K", b"S", b"\0", b"7"))
        elif kind == 0:
            field = b"%0*o" % (size - 1, rng.choice(_EDGES) & ((1 << 3 * (size - 1)) - 1))
        elif kind == 1:
            # Base 256, positive or negative.
            number = struct.pack(">q", rng.choice((-1, -512, -1024, 1 << 40, 1 << 62)))
            sign = b"\x80" if number[0] < 0x80 else b"\xff"
            field = (sign + number.rjust(size - 1, b"\0" if sign == b"\x80" else b"\xff"))[:size]
        else:
            field = mutate_bytes(rng, bytes(out[at + start : at + start + size]))
        field = field[:size].ljust(size, b"\0")
        out[at + start : at + start + size] = field
        out[at + 148 : at + 156] = b" " * 8
        out[at + 148 : at + 156] = b"%06o\0 " % sum(out[at : at + 512])
    return bytes(out)


def sparse_bomb(size: int) -> bytes:
    """An archive of some hundred bytes whose one file claims to be `size` long: holes alone."""
    info = tarfile.TarInfo("hole")
    info.pax_headers = {
        "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "hole",
        "GNU.sparse.size": str(size), "GNU.sparse.numblocks": "1", "GNU.sparse.map": f"{size},0",
    }  # fmt: skip
    return tar([(info, b"")])


def _zstd(data: bytes) -> bytes:
    import zstandard

    return bytes(zstandard.ZstdCompressor().compress(data))


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "+gzip": lambda data: gzip.compress(data, 6, mtime=0),
    "+zstd": _zstd,
    "+bzip2": bz2.compress,
    "+xz": lambda data: lzma.compress(data, preset=0),
}
