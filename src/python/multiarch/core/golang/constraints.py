"""Whether a file takes part in a build: its name and its build constraints, asked without Go.

Source: go/build (goodOSArchFile, shouldBuild, parseFileHeader, matchTag), go/build/constraint and
internal/syslist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Union

from multiarch.core.golang.settings import BuildSettings

_KNOWN_OS = frozenset(
    (
        *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js"),
        *("linux", "nacl", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos"),
    )
)
_UNIX = _KNOWN_OS - {"js", "nacl", "plan9", "wasip1", "windows", "zos"}
_KNOWN_ARCH = frozenset(
    (
        *("386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "loong64", "mips"),
        *("mipsle", "mips64", "mips64le", "mips64p32", "mips64p32le", "ppc", "ppc64"),
        *("ppc64le", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm"),
    )
)
# A system that also has the tag, and so the files, of another.
_ALSO = {"android": "linux", "illumos": "solaris", "ios": "darwin"}

_TOKEN = re.compile(r"\s*(\|\||&&|!|\(|\)|[\w.]+)")
_GO_BUILD = re.compile(r"//go:build[ \t]")


@dataclass(frozen=True)
class Tag:
    """A tag, such as `linux` or `go1.21`."""

    name: str


@dataclass(frozen=True)
class Not:
    """True where its operand is not."""

    operand: Expression


@dataclass(frozen=True)
class AllOf:
    """True where all operands are; `AllOf(())` always is."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True)
class AnyOf:
    """True where one operand is; `AnyOf(())` never is."""

    operands: tuple[Expression, ...]


Expression = Union[Tag, Not, AllOf, AnyOf]
ALWAYS = AllOf(())
# A constraint that is not understood: nobody knows what it says.
UNKNOWN = Tag("goexperiment.unknown")


@dataclass(frozen=True)
class TagSet:
    """The tags of one build: its platform's, its toolchain's and its own."""

    os: str
    arch: str
    minor: int
    cgo: bool
    tags: frozenset[str]

    @classmethod
    def of(cls, settings: BuildSettings) -> TagSet:
        """The tags that Go has with some settings."""
        platform = settings.platform
        return cls(
            platform.os, platform.arch, settings.minor, settings.cgo, frozenset(settings.tags)
        )

    def has(self, tag: str) -> bool | None:
        """Whether a tag is set; None where only the toolchain knows.

        That are experiments, which have defaults of their own, and levels of the architecture.
        """
        if tag in self.tags or tag in (self.os, self.arch, "gc", _ALSO.get(self.os)):
            return True
        if tag == "cgo":
            return self.cgo
        if tag == "unix":
            return self.os in _UNIX
        if tag.startswith("go1.") and tag[4:].isascii() and tag[4:].isdigit():
            return int(tag[4:]) <= self.minor
        if tag == "boringcrypto" or tag.startswith(("goexperiment.", f"{self.arch}.")):
            return None
        return False


def evaluate(expression: Expression, tags: TagSet) -> bool | None:
    """Whether a constraint is true; None where that depends on what only the toolchain knows."""
    if isinstance(expression, Tag):
        return tags.has(expression.name)
    if isinstance(expression, Not):
        value = evaluate(expression.operand, tags)
        return None if value is None else not value
    decisive = isinstance(expression, AnyOf)
    values = [evaluate(operand, tags) for operand in expression.operands]
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def name_constraint(name: str) -> Expression:
    """What a file's name says of systems and architectures.

    >>> name_constraint("serial_linux_arm64.go")
    AllOf(operands=(Tag(name='linux'), Tag(name='arm64')))
    >>> name_constraint("linux.go")
    AllOf(operands=())
    """
    parts = name.partition(".")[0].split("_")[1:]
    if parts and parts[-1] == "test":
        parts.pop()
    if len(parts) >= 2 and parts[-2] in _KNOWN_OS and parts[-1] in _KNOWN_ARCH:
        return AllOf((Tag(parts[-2]), Tag(parts[-1])))
    if parts and parts[-1] in _KNOWN_OS | _KNOWN_ARCH:
        return Tag(parts[-1])
    return ALWAYS


def parse_go_build(text: str) -> Expression:
    """Parse what follows `//go:build`; UNKNOWN where it is not understood.

    >>> parse_go_build("linux && !cgo")
    AllOf(operands=(Tag(name='linux'), Not(operand=Tag(name='cgo'))))
    """
    text, tokens, at = text.partition("//")[0].rstrip(), [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return UNKNOWN
        tokens.append(match.group(1))
        at = match.end()
    parser = _Parser(tokens)
    found = parser.alternatives()
    return UNKNOWN if found is None or parser.tokens else found


class _Parser:
    """Reads tokens from the front; each method returns None where they make no sense."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def _take(self, token: str) -> bool:
        is_next = self.tokens[:1] == [token]
        if is_next:
            del self.tokens[0]
        return is_next

    def _joined(
        self,
        operator: str,
        part: Callable[[], Expression | None],
        join: Callable[[tuple[Expression, ...]], Expression],
    ) -> Expression | None:
        found: list[Expression] = []
        while not found or self._take(operator):
            operand = part()
            if operand is None:
                return None
            found.append(operand)
        return found[0] if len(found) == 1 else join(tuple(found))

    def alternatives(self) -> Expression | None:
        return self._joined("||", self._conjunction, AnyOf)

    def _conjunction(self) -> Expression | None:
        return self._joined("&&", self._negation, AllOf)

    def _negation(self) -> Expression | None:
        if self._take("!"):
            operand = self._negation()
            return None if operand is None else Not(operand)
        if self._take("("):
            inner = self.alternatives()
            return inner if self._take(")") else None
        if self.tokens and self.tokens[0] not in ("||", "&&", ")"):
            return Tag(self.tokens.pop(0))
        return None


def parse_plus_build(text: str) -> Expression:
    """Parse what follows an old `// +build`: alternatives by spaces, all of what commas join.

    >>> parse_plus_build("linux,!cgo darwin")  # doctest: +ELLIPSIS
    AnyOf(operands=(AllOf(operands=(Tag(name='linux'), Not(...cgo...))), AllOf(...darwin...)))
    """

    def term(word: str) -> Expression:
        return Not(Tag(word[1:])) if word.startswith("!") else Tag(word)

    return AnyOf(tuple(AllOf(tuple(map(term, o.split(",")))) for o in text.split()))


def _header_lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines of the leading comments; whether each is outside of `/* */`."""
    in_block = False
    for raw in text.split("\n"):
        line = raw.strip()
        yield line, not in_block
        while line:
            if in_block:
                _, end, line = line.partition("*/")
                in_block = not end
                line = line.strip()
            elif line.startswith("//"):
                break
            elif line.startswith("/*"):
                in_block, line = True, line[2:].strip()
            else:
                return


def header_constraint(text: str) -> Expression:
    """What the comments at the head of a file say; `//go:build` counts before `// +build`."""
    if "build" not in text:
        return ALWAYS
    old: list[Expression] = []
    pending: list[Expression] = []
    ended = False
    for line, outside in _header_lines(text):
        if outside and _GO_BUILD.match(line):
            return parse_go_build(line[len("//go:build") :])
        if not line and not ended:
            # An old constraint needs a blank line below it.
            old += pending
            pending = []
        ended = ended or (bool(line) and not line.startswith("//"))
        words = line[2:].strip() if line.startswith("//") else ""
        if words.startswith("+build") and words[6:7].strip() == "":
            pending.append(parse_plus_build(words[6:]))
    return AllOf(tuple(old))
