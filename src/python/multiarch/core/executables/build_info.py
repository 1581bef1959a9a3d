"""Go build info: the toolchain, modules and settings that a Go binary carries in itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from multiarch.core.executables.reader import ExecutableError, Reader

_MAGIC = b"\xff Go buildinf:"
_HEADER_SIZE = 32
_INLINE = 2
# cmd/go frames the module text with two marks of 16 bytes (modload, infoStart and infoEnd).
_MARK_SIZE = 16

_ESCAPE = re.compile(
    rb"\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\'\"]))"
)
_SIMPLE = dict(zip("abfnrtv", "\a\b\f\n\r\t\v"))


@dataclass(frozen=True)
class BuildModule:
    """One module that was linked; `sum` is empty for the main module and vendored ones."""

    path: str
    version: str
    sum: str = ""
    replacement: BuildModule | None = None


@dataclass(frozen=True)
class BuildInfo:
    """What a Go binary says of its build.

    `go_version` is as Go prints it (`go1.27.3`), and empty for Go before 1.18, whose older
    layout is not read. `path` is the main package; `settings` keep the file's order.
    """

    go_version: str
    path: str = ""
    main: BuildModule | None = None
    deps: tuple[BuildModule, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    def setting(self, name: str) -> str | None:
        """The value of one build setting, such as `GOARM`; None when it is not recorded."""
        return dict(self.settings).get(name)


def find_build_info(reader: Reader, start: int, size: int) -> BuildInfo | None:
    """Find and read the build info in a range of a file; None when there is none.

    Source: debug/buildinfo, readRawBuildInfo. Raises `ExecutableError` for a damaged block.
    """
    end = min(start + size, reader.size)
    while True:
        at = reader.find(_MAGIC, start, end)
        if at is None or at + _HEADER_SIZE > end:
            return None
        pointer_size, flags = reader.read(at, _HEADER_SIZE, "Go build info")[14:16]
        # Anything else is the constant inside a program that itself reads build info.
        if pointer_size in (4, 8) and flags <= 3:
            break
        start = at + len(_MAGIC)
    if not flags & _INLINE:
        return BuildInfo("")
    version, at = _string(reader, at + _HEADER_SIZE)
    text, _ = _string(reader, at)
    if len(text) < 2 * _MARK_SIZE + 1:
        return BuildInfo(_decode(version))
    return replace(
        parse_build_info(_decode(text[_MARK_SIZE:-_MARK_SIZE])), go_version=_decode(version)
    )


def _string(reader: Reader, at: int) -> tuple[bytes, int]:
    """Read a string with its length in front as a varint; returns it and the offset behind it."""
    length = shift = 0
    while True:
        byte = reader.read(at, 1, "Go build info")[0]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return reader.read(at, length, "Go build info"), at + length
        shift += 7
        if shift > 63:
            raise ExecutableError("the Go build info is damaged: a length in it does not end.")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def parse_build_info(text: str) -> BuildInfo:
    """Parse the module text of a build info, with `go_version` left empty.

    Source: runtime/debug, ParseBuildInfo. Raises `ExecutableError` that shows a line that is
    not understood.

    >>> parse_build_info("path\\tdemo\\nbuild\\tGOARM=6\\n").settings
    (('GOARM', '6'),)
    """
    path = ""
    modules: list[tuple[str, BuildModule]] = []
    settings: list[tuple[str, str]] = []
    for line in text.split("\n"):
        word, _, rest = line.partition("\t")
        if word == "path":
            path = rest
        elif word in ("mod", "dep"):
            modules.append((word, _module(line, rest)))
        elif word == "=>":
            if not modules:
                raise _unknown(line)
            kind, module = modules.pop()
            modules.append((kind, replace(module, replacement=_module(line, rest))))
        elif word == "build":
            settings.append(_setting(line, rest))
    return BuildInfo(
        go_version="",
        path=path,
        main=next((module for word, module in modules if word == "mod"), None),
        deps=tuple(module for word, module in modules if word == "dep"),
        settings=tuple(settings),
    )


def _module(line: str, text: str) -> BuildModule:
    path, _, rest = text.partition("	")
    version, _, sum = rest.partition("	")
    if not version or "	" in sum:
        raise _unknown(line)
    return BuildModule(path, version, sum)


def _setting(line: str, text: str) -> tuple[str, str]:
    if text.startswith(("=", '"', "`")):
        # cmd/go quotes no key that it writes; one that is would need a grammar of its own.
        raise _unknown(line)
    key, equals, value = text.partition("=")
    if not equals:
        raise _unknown(line)
    return key, _unquote(line, value)


def _unquote(line: str, value: str) -> str:
    """Undo strconv.Quote; the escapes of one string may together make one UTF-8 character."""
    if not value.startswith(('"', "`")):
        return value
    if len(value) < 2 or value[-1] != value[0]:
        raise _unknown(line)
    if value[0] == "`":
        return value[1:-1]
    return _decode(_ESCAPE.sub(_unescape, value[1:-1].encode("utf-8", "replace")))


def _unescape(match: re.Match[bytes]) -> bytes:
    octet, octal, short, long, simple = match.groups()
    if octet or octal:
        return bytes([int(octet, 16) if octet else int(octal, 8) & 0xFF])
    if short or long:
        code = int(short or long, 16)
        return chr(code if code < 0x110000 else 0xFFFD).encode("utf-8", "replace")
    character = simple.decode()
    return _SIMPLE.get(character, character).encode()


def _unknown(line: str) -> ExecutableError:
    return ExecutableError(f"the Go build info is damaged: it has the line {line!r}.")
