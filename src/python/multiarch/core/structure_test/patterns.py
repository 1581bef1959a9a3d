r"""Go's regular expressions (RE2) in the words of Python's `re`.

Source: Go, package regexp/syntax. What differs is written anew: `$` and `^` are the text's own ends
unless `(?m)`; `(?i)` and the like may stand anywhere and hold to the end of their group; `(?U)`,
`\z`, `\Q...\E`, `\x{...}`, `[[:alpha:]]` and `(?<name>...)` exist; `\d`, `\s`, `\w` and `\b` are
ASCII, and `\s` has no vertical tab; `{,5}` is text. What only Python has (lookarounds,
backreferences, possessive repetition, conditions) is an error, as in Go. Unicode classes (`\pL`)
are an error here alone, and so is a repetition after flags after a repetition (`a*(?i)*`).
Leftmost-first matching is the same in both.
"""

from __future__ import annotations

import re
from functools import cache

from multiarch.core.errors import MultiarchError

_MAX_REPEAT = 1000
# Python finds no `\B` in an empty text.
_ANCHORS = {
    "A": r"(?:\A)",
    "z": r"(?:\Z)",
    "b": r"(?:(?a:\b))",
    "B": r"(?:(?a:\B)|\A\Z)",
}
_PERL = {"d": "0-9", "s": r"\t\n\f\r ", "w": "0-9A-Za-z_"}
# Their complements, as they stand in a class beside other items.
_PERL_NOT = {
    "D": r"\x00-/:-\U0010ffff",
    "S": r"\x00-\x08\x0b\x0e-\x1f!-\U0010ffff",
    "W": r"\x00-/:-@\[-\^`\{-\U0010ffff",
}
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`\{-~",
    "space": r"\t\n\x0b\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_CONTROLS = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_GROUP = re.compile(r"\(\?(?:P?<([A-Za-z_]\w*)>|([imsU]*)(?:-([imsU]+))?([:)]))", re.ASCII)
_POSIX_CLASS = re.compile(r"\[:(\^?)(\w+):\]")


class PatternError(MultiarchError):
    """Says what in a pattern is not Go's, or not supported here."""


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Compile one of Go's patterns; raises PatternError.

    >>> bool(compiled("end$").search("the end\n"))
    False
    >>> bool(compiled("a(?i)b|C").search("c"))
    True
    """
    text = _Translation(pattern).text()
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise PatternError(f"the pattern {pattern!r} cannot be used: {error}") from None


class _Translation:
    """Reads one pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.at = pattern, 0
        self.flags: frozenset[str] = frozenset()
        self.groups: list[frozenset[str]] = []

    def fail(self, problem: str) -> PatternError:
        return PatternError(f"the pattern {self.pattern!r}: {problem}")

    def text(self) -> str:
        """The whole pattern in Python's words."""
        out: list[str] = []
        repeatable = False
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            repeat = self.repeat(repeatable)
            if repeat:
                out.append(repeat)
                repeatable = False
                continue
            if char == "(":
                opened = self.group()
                out.append(opened)
                # Flags alone are no part of the text: what stands before them may be repeated.
                repeatable = repeatable and not opened
                continue
            repeatable = char != "|"
            if char == "|":
                self.at += 1
                out.append("|")
            elif char == ")":
                if not self.groups:
                    raise self.fail("a `)` without `(`")
                self.flags = self.groups.pop()
                self.at += 1
                out.append(")")
            else:
                out.append(self.atom(char))
        if self.groups:
            raise self.fail("a `(` without `)`")
        return "".join(out)

    def repeat(self, repeatable: bool) -> str:
        """A repetition at this place, or nothing."""
        char = self.pattern[self.at]
        found = _REPEAT.match(self.pattern, self.at)
        if char not in "*+?" and not found:
            return ""
        if not repeatable:
            raise self.fail(f"nothing to repeat before {self.pattern[self.at :]!r}")
        operator = found.group() if found else char
        if found and max(int(number or 0) for number in found.groups()) > _MAX_REPEAT:
            raise self.fail(f"{operator} repeats more than {_MAX_REPEAT} times")
        self.at += len(operator)
        lazy = self.pattern.startswith("?", self.at)
        self.at += lazy
        return operator + ("?" if lazy != ("U" in self.flags) else "")

    def group(self) -> str:
        """The beginning of a group; flags for the rest of this one are nothing in Python."""
        if not self.pattern.startswith("(?", self.at):
            self.groups.append(self.flags)
            self.at += 1
            return "("
        found = _GROUP.match(self.pattern, self.at)
        if found is None:
            what = self.pattern[self.at : self.at + 4]
            raise self.fail(f"Go has no {what!r}: neither lookarounds nor conditions nor comments")
        self.at = found.end()
        name, on, off, end = found.groups()
        if name:
            self.groups.append(self.flags)
            return f"(?P<{name}>"
        flags = (self.flags | set(on)) - set(off or "")
        if end == ":":
            self.groups.append(self.flags)
        self.flags = flags
        return "(?:" if end == ":" else ""

    def atom(self, char: str) -> str:
        """One character, class, anchor or escape."""
        if char == "[":
            return self.folded(self.char_class())
        if char == "\\":
            return self.escape()
        self.at += 1
        if char == ".":
            return "(?s:.)" if "s" in self.flags else r"[^\n]"
        if char == "^":
            return "(?m:^)" if "m" in self.flags else r"(?:\A)"
        if char == "$":
            return "(?m:$)" if "m" in self.flags else r"(?:\Z)"
        return self.folded(re.escape(char))

    def folded(self, text: str) -> str:
        """The text, in either case where `(?i)` holds."""
        return f"(?i:{text})" if "i" in self.flags else text

    def escape(self) -> str:
        """What follows a backslash, outside a class."""
        letter = self.pattern[self.at + 1 : self.at + 2]
        if letter in _PERL or letter in _PERL_NOT:
            self.at += 2
            return f"[{_PERL.get(letter) or _PERL_NOT[letter]}]"
        if letter in _ANCHORS:
            self.at += 2
            return _ANCHORS[letter]
        if letter == "Q":
            end = self.pattern.find("\\E", self.at)
            literal = self.pattern[self.at + 2 : end if end >= 0 else None]
            self.at = end + 2 if end >= 0 else len(self.pattern)
            return "".join(self.folded(re.escape(c)) for c in literal) or "(?:)"
        return self.folded(re.escape(self.character()))

    def character(self) -> str:
        """One character, perhaps escaped, and the place moved behind it."""
        char = self.pattern[self.at]
        self.at += 1
        if char != "\\":
            return char
        rest = self.pattern[self.at :]
        letter = rest[:1]
        hexadecimal = re.match(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})", rest)
        octal = re.match(r"0[0-7]{0,2}|[1-7][0-7]{1,2}", rest)
        found = hexadecimal or octal
        if found:
            self.at += found.end()
            digits = "".join(filter(None, hexadecimal.groups())) if hexadecimal else found.group()
            code = int(digits, 16 if hexadecimal else 8)
            if code > 0x10FFFF:
                raise self.fail(f"\\{found.group()} is no character")
            return chr(code)
        self.at += 1
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter in ("p", "P"):
            raise self.fail("Unicode classes such as \\pL are not supported here; list the letters")
        if not letter or (letter.isascii() and letter.isalnum()) or not letter.isascii():
            hint = "; Go has no backreferences" if letter.isdigit() else ""
            hint = "; the text's end is \\z" if letter == "Z" else hint
            raise self.fail(f"Go has no \\{letter}{hint}")
        return letter

    def char_class(self) -> str:
        """A class in brackets."""
        self.at += 1
        negated = self.pattern.startswith("^", self.at)
        self.at += negated
        items: list[str] = []
        while not items or not self.pattern.startswith("]", self.at):
            if self.at >= len(self.pattern):
                raise self.fail("a `[` without `]`")
            items.append(self.class_item())
        self.at += 1
        return f"[{'^' if negated else ''}{''.join(items)}]"

    def class_item(self) -> str:
        """One item of a class: a named class, a character or a range."""
        named = _POSIX_CLASS.match(self.pattern, self.at)
        if named:
            if named.group(2) not in _POSIX or named.group(1):
                raise self.fail(f"{named.group()} is not supported; there are {', '.join(_POSIX)}")
            self.at = named.end()
            return _POSIX[named.group(2)]
        letter = self.pattern[self.at + 1 : self.at + 2] if self.pattern[self.at] == "\\" else ""
        if letter and letter in "dswDSW":
            self.at += 2
            return _PERL.get(letter) or _PERL_NOT[letter]
        first = self.character()
        rest = self.pattern[self.at :]
        if not rest.startswith("-") or rest.startswith("-]") or len(rest) < 2:
            return _class_char(first)
        self.at += 1
        last = self.character()
        if last < first:
            raise self.fail(f"the range {first}-{last} is the wrong way round")
        return f"{_class_char(first)}-{_class_char(last)}"


def _class_char(char: str) -> str:
    return char if char.isalnum() else f"\\U{ord(char):08x}"
