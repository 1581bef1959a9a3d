"""Finds a single platform written where the platform should come from the build.

A place that names several architectures is a table, and a comparison asks which one it is; neither
is hard-coded. What an explanation in a comment says is not looked at.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.syntax import parse
from multiarch.core.go_ports import PORTS
from multiarch.core.lint.findings import Finding, apply_waivers, how_to_waive

RULE = "hard-coded-platform"

# Spellings of one architecture that are unmistakable as words; `arm` and `386` are not.
_SPELLINGS = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "arm64v8": "arm64",
    "armhf": "arm",
    "armv7l": "arm",
    "armv7": "arm",
    "armv6": "arm",
    "i386": "386",
    "i686": "386",
    "ppc64el": "ppc64le",
}
_WORDS = {a: a for _, a in PORTS if a not in ("arm", "386", "wasm", "mips")} | _SPELLINGS
_SYSTEMS = "|".join(sorted({os for os, _ in PORTS}))
_ARCHES = "|".join(sorted({a for _, a in PORTS}, key=len, reverse=True))
_ANY = "|".join(re.escape(w) for w in sorted(_WORDS, key=len, reverse=True))
_PLATFORM = re.compile(
    rf"(?<![A-Za-z0-9])(?:{_SYSTEMS})[/_-](?P<port>{_ARCHES})(?:/v?[0-9][a-z0-9.]*)?(?![A-Za-z0-9])"
    rf"|(?<![A-Za-z0-9])(?P<word>{_ANY})(?![A-Za-z0-9])"
    r"|[-_](?P<x64>x64)(?![A-Za-z0-9])"
    r"|\bGOARCH=[\"']?(?P<goarch>arm|386|mips)\b"
)
# Names of Go files and packages, which build constraints read.
_GO_FILE = re.compile(r"\A(?:_test)?\.(?:go|s|h|syso)\b")
_URL = re.compile(r"(?:https?|ftp)://[^\s\"'`]+")
_COMPARES = re.compile(
    r"==|!=|=~|\bcase\b|\bswitch\b|HasSuffix|HasPrefix|Contains|EqualFold|\[\[? .* = "
)
_CONDITION = re.compile(r"==|!=|=~|\[\[? .* = ")
_CASE_LABEL = re.compile(r"\A\s*\(?[\w\"'*|.\s-]+\)(?:\s|\Z)")
# Keys whose values are prose.
_PROSE_KEY = re.compile(r"\A\s*-?\s*(?:name|title|description|summary|message|help):", re.I)
_GENERATED = re.compile(r"^// Code generated .* DO NOT EDIT\.$", re.M)
_CONSTRAINT = re.compile(r"^//go:build .*$", re.M)
_IMPORTS = re.compile(r"^import\s*(?:\(.*?^\)|[^\n(]*$)", re.M | re.S)
_GO_TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/|(?P<string>\"(?:\\.|[^\"\\\n])*\"|`[^`]*`)|'(?:\\.|[^'\\\n])+'", re.S
)
# In a test only names of images and addresses count; other texts are its data.
_IN_NAME = re.compile(r"(?<!\S)(?!\S*(?:fixtures|testdata)/)\S*[/:]\S*[-_/]\Z")
_SKIPPED_PARTS = frozenset(("vendor", "testdata", "node_modules", "third_party"))
# Lines this near to each other make one table; YAML spreads a table's entries over many lines.
_NEAR = {"yaml": 10}
_NEAR_ELSEWHERE = 3
# A default for a variable that is set for each platform, and an example in a help text.
_DEFAULT = re.compile(r"\$\{(?:(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH)|GOARCH|GOOS):?-[\w/]*\Z")
_EXAMPLE = re.compile(r"\b(?:e\.g\.|for example|such as|like)(?:[^.]{0,40}|,?\s+\S*)\Z", re.I)
# One more of a list's entries.
_APPENDS = re.compile(r"\w\+=\([^)]*\Z")
# Fields of our targets that are the place to name platforms.
_PLATFORM_FIELDS = frozenset(("platforms", "exclude", "overrides", "name", "description"))

_REMEDIES = {
    "dockerfile": "use TARGETPLATFORM, TARGETOS and TARGETARCH, which are set for each platform",
    "go": "use runtime.GOOS and runtime.GOARCH, or a file with a build constraint",
    "shell": "take it from an argument, or from `go env GOOS` and `go env GOARCH`",
    "yaml": "name all platforms, or leave the choice to the manifest list",
    "build": "name platforms in `platforms`, and use TARGETARCH in the Dockerfile",
}


@dataclass(frozen=True)
class _Piece:
    """A text of a file that is looked at, and the line it begins on."""

    text: str
    line: int
    compared: bool = False
    image_only: bool = False


@dataclass(frozen=True)
class _Match:
    text: str
    arch: str
    line: int
    context: str
    compared: bool


def language(path: str) -> str:
    """Which reader a file needs: "dockerfile", "go", "shell", "yaml", "build", or "" for none."""
    name = posixpath.basename(path)
    if _SKIPPED_PARTS & set(path.split("/")[:-1]):
        return ""
    if name.endswith(".dockerignore"):
        return ""
    if name == "Dockerfile" or name.startswith("Dockerfile.") or name.endswith(".dockerfile"):
        return "dockerfile"
    if name == "BUILD" or name.startswith("BUILD."):
        return "build"
    kinds = {".go": "go", ".sh": "shell", ".bash": "shell", ".yaml": "yaml", ".yml": "yaml"}
    return kinds.get(posixpath.splitext(name)[1], "")


def architectures(text: str) -> set[str]:
    """The architectures that a text names, each by Go's name of it.

    >>> sorted(architectures("tool-linux-x64.tar.gz tool-aarch64"))
    ['amd64', 'arm64']
    """
    return {match.arch for match in _matches(_Piece(text, 1))}


def find_hard_coded_platforms(path: str, text: str) -> list[Finding]:
    """Look at one file; its waivers are honoured. A file of no known language has no findings."""
    kind = language(path)
    readers = {
        "dockerfile": _dockerfile,
        "go": _go,
        "shell": _lines,
        "yaml": _lines,
        "build": _build,
    }
    if not kind:
        return []
    matches = [m for piece in readers[kind](path, text) for m in _matches(piece)]
    findings = [
        Finding(
            path,
            match.line,
            f"the platform is hard-coded: `{match.text}` in {_shorten(match.context)}. "
            f"{_REMEDIES[kind][0].upper()}{_REMEDIES[kind][1:]}; or write {how_to_waive(RULE)}.",
        )
        for match in _single(matches, _NEAR.get(kind, _NEAR_ELSEWHERE))
    ]
    return apply_waivers(RULE, path, text, dict.fromkeys(findings))


def _shorten(context: str) -> str:
    text = " ".join(context.split())
    return f"`{text[:77]}...`" if len(text) > 80 else f"`{text}`"


def _matches(piece: _Piece) -> Iterator[_Match]:
    for match in _PLATFORM.finditer(piece.text):
        if _GO_FILE.match(piece.text[match.end() :]):
            continue
        before = piece.text[: match.start()]
        if piece.image_only and not _IN_NAME.search(before):
            continue
        if _DEFAULT.search(before) or _EXAMPLE.search(before):
            continue
        word = match.group("port") or match.group("word") or match.group("goarch") or "x64"
        arch = {**_WORDS, "x64": "amd64"}.get(word, word)
        line = piece.line + piece.text.count("\n", 0, match.start())
        start = piece.text.rfind("\n", 0, match.start()) + 1
        context = piece.text[start:].split("\n", 1)[0]
        told = piece.compared or bool(_APPENDS.search(before))
        yield _Match(match.group().lstrip("-_"), arch, line, context, told)


def _single(matches: Iterable[_Match], near: int) -> Iterator[_Match]:
    """Leave out comparisons, tables, and lines that translate one name into another."""
    clusters: list[list[_Match]] = []
    for match in sorted(matches, key=lambda m: m.line):
        if clusters and match.line - clusters[-1][-1].line <= near:
            clusters[-1].append(match)
        else:
            clusters.append([match])
    for cluster in clusters:
        if len({m.arch for m in cluster}) > 1:
            continue
        for match in cluster:
            spellings = {m.text for m in cluster if m.line == match.line}
            names = {t.rpartition("/")[2] for t in spellings}
            translated = any(m.compared and m.text != match.text for m in cluster)
            if not match.compared and not translated and len(names) == 1:
                yield match


def _dockerfile(path: str, text: str) -> Iterator[_Piece]:
    """All but what the linter of Dockerfiles says: FROM, and addresses."""
    try:
        source = parse(text, file=path)
    except DockerfileError:
        return
    for instruction in source.instructions:
        if instruction.keyword == "FROM":
            continue
        shell = instruction.keyword in ("RUN", "CMD", "ENTRYPOINT")
        rest = "\n".join((instruction.rest, *(h.content for h in instruction.heredocs)))
        compared = shell and bool(_COMPARES.search(rest) or re.search(r"\bcase\b", rest))
        yield _Piece(_URL.sub("", rest).replace("\n", " "), instruction.line, compared)


def _go(path: str, text: str) -> Iterator[_Piece]:
    """The string literals, without import paths, of files that are for every architecture."""
    stem = posixpath.basename(path).removesuffix(".go").removesuffix("_test")
    constraint = _CONSTRAINT.search(text)
    for_one = stem.rpartition("_")[2] in {a for _, a in PORTS} or (
        constraint is not None and _PLATFORM.search(constraint.group())
    )
    if for_one or _GENERATED.search(text):
        return
    imports = [match.span() for match in _IMPORTS.finditer(text)]
    lines = text.split("\n")
    for token in _GO_TOKEN.finditer(text):
        if token.group("string") is None:
            continue
        if any(start <= token.start() < end for start, end in imports):
            continue
        line = text.count("\n", 0, token.start()) + 1
        around = lines[line - 1]
        compared = bool(_COMPARES.search(around)) or "GOARCH" in around
        yield _Piece(token.group()[1:-1], line, compared, path.endswith("_test.go"))


def _lines(path: str, text: str) -> Iterator[_Piece]:
    """The lines of a shell script or YAML file without comments and prose."""
    shell = language(path) == "shell"
    for number, line in enumerate(text.split("\n"), 1):
        code = without_comment(line)
        if not shell and _PROSE_KEY.match(code):
            continue
        condition = _COMPARES if shell else _CONDITION
        compared = bool(_CASE_LABEL.match(code) or condition.search(code))
        if shell and re.match(r"\s*(?:echo|printf|log\w*)\b", code):
            continue
        yield _Piece(code, number, compared)


def without_comment(line: str) -> str:
    """Cut a `#` comment off a line of shell or YAML.

    >>> without_comment("x: 'a # b'  # why")
    "x: 'a # b'  "
    """
    quote = ""
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at]
    return line


def _build(path: str, text: str) -> Iterator[_Piece]:
    """The texts of a BUILD file's targets, without the fields whose purpose is platforms."""
    del path
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        for keyword in call.keywords:
            if keyword.arg in _PLATFORM_FIELDS:
                continue
            texts = (n for n in ast.walk(keyword.value) if isinstance(n, ast.Constant))
            # `:image#linux/arm64` is an address.
            yield from (
                _Piece(n.value, n.lineno)
                for n in texts
                if isinstance(n.value, str) and "#" not in n.value
            )
