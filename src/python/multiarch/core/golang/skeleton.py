"""What `go list` reads of a source file, and nothing more, so that a body edit does not rerun it.

Go reads a file's build constraints, package clause, imports and //go:embed lines
(go/build, read.go); the rest of the file can be anything. These functions keep just that.
"""

from __future__ import annotations

import re

# A comment ends at its first `*/`, whatever follows: only so is a file read in linear time.
_COMMENT = r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/"
_SPACE_OR_COMMENT = re.compile(rf"(?:\s|//[^\n]*|{_COMMENT}|;)*")
_PACKAGE = re.compile(rf"package(?:\s|{_COMMENT}|//[^\n]*\n)*\w+")
STRING = r'(?:"(?:\\.|[^"\\\n])*"|`[^`]*`)'
_SPEC = rf"(?:[\w.]+(?:\s|{_COMMENT})*)?{STRING}"
_SINGLE_IMPORT = re.compile(rf"import(?:\s|{_COMMENT})*{_SPEC}")
_GROUP_IMPORT = re.compile(
    rf"import(?:\s|{_COMMENT}|//[^\n]*\n)*\((?:\s|;|//[^\n]*\n|{_COMMENT}|{_SPEC})*\)"
)
EMBED_LINE = re.compile(r"^[ \t]*//go:embed[ \t][^\n]*", re.M)
_IMPORTS_EMBED = re.compile(r'["`]embed["`]')
LEADING_COMMENTS = re.compile(rf"(?:\s|//[^\n]*(?:\n|\Z)|{_COMMENT})*")

# Read whole by Go's tools.
VERBATIM_NAMES = frozenset(("go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt"))
# Only their build constraints are read.
CONSTRAINED_SUFFIXES = (
    *(".s", ".S", ".sx", ".c", ".cc", ".cpp", ".cxx", ".m", ".f", ".F", ".for", ".f90"),
    *(".h", ".hh", ".hpp", ".hxx", ".swig", ".swigcxx"),
)


def head_end(text: str) -> int:
    """The offset after the last import declaration, or -1 where the text is not understood."""
    match = _SPACE_OR_COMMENT.match(text)
    clause = _PACKAGE.match(text, match.end() if match else 0)
    if clause is None:
        return -1
    end = clause.end()
    while True:
        gap = _SPACE_OR_COMMENT.match(text, end)
        start = gap.end() if gap else end
        if not re.compile(r"import\b").match(text, start):
            return end
        found = _SINGLE_IMPORT.match(text, start) or _GROUP_IMPORT.match(text, start)
        if found is None:
            return -1
        end = found.end()


def go_skeleton(text: str) -> str:
    """Keep a Go file's head up to its last import, and its //go:embed lines on their own lines.

    A file that is not understood is kept whole: Go itself then says what is wrong with it.
    """
    end = head_end(text)
    if end < 0:
        return text
    head = text[:end]
    out = head + "\n"
    if _IMPORTS_EMBED.search(head):
        line = out.count("\n")
        for match in EMBED_LINE.finditer(text, end):
            at = text.count("\n", 0, match.start())
            out += "\n" * max(0, at - line) + match.group().lstrip() + "\n"
            line = out.count("\n")
    return out


def skeleton(name: str, data: bytes) -> bytes:
    """Keep of a file what Go's package loader reads of it; `name` is its base name."""
    if name in VERBATIM_NAMES:
        return data
    if name.endswith(".go"):
        try:
            return go_skeleton(data.decode("utf-8")).encode()
        except UnicodeDecodeError:
            return data
    if name.endswith(CONSTRAINED_SUFFIXES):
        text = data.decode("utf-8", "surrogateescape")
        match = LEADING_COMMENTS.match(text)
        return (match.group() if match else "").encode("utf-8", "surrogateescape")
    return b""
