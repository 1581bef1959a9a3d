"""Variables and quotes in a Dockerfile's words.

Source: Docker's Dockerfile reference, "Environment replacement"; BuildKit's shell lexer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from multiarch.core.errors import MultiarchError
from multiarch.core.globs import glob_regex

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]")


class ExpansionError(MultiarchError):
    """Says which variable cannot be expanded."""


class _Cursor:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def take(self) -> str:
        char = self.text[self.at]
        self.at += 1
        return char

    @property
    def done(self) -> bool:
        return self.at >= len(self.text)


def expand(text: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Expand `$X`, `${X}`, `${X:-y}`, `${X:+y}`, `${X:?y}`, `${X#p}` and `${X%p}`; drop quotes.

    >>> expand("${X:-y}/$Z", {"Z": "1"})
    'y/1'
    """
    try:
        return _word(_Cursor(text), variables, escape, "")
    except RecursionError:
        raise ExpansionError("the substitutions are nested too deeply") from None


def expand_content(text: str, variables: Mapping[str, str]) -> str:
    """Expand the variables of a here-document's text, in which quotes are only characters."""
    cursor, out = _Cursor(text), ""
    while not cursor.done:
        char = cursor.take()
        if char == "\\" and not cursor.done and cursor.text[cursor.at] in "$\\`":
            out += cursor.take()
        elif char == "$":
            out += _content_variable(cursor, variables)
        else:
            out += char
    return out


def _content_variable(cursor: _Cursor, variables: Mapping[str, str]) -> str:
    try:
        return _variable(cursor, variables, "\\")
    except RecursionError:
        raise ExpansionError("the substitutions are nested too deeply") from None


def _word(cursor: _Cursor, variables: Mapping[str, str], escape: str, end: str) -> str:
    out = ""
    while not cursor.done:
        char = cursor.take()
        if char == end:
            return out
        if char == "'":
            out += _single(cursor)
        elif char == '"':
            out += _double(cursor, variables, escape)
        elif char == "$":
            out += _variable(cursor, variables, escape)
        elif char == escape:
            out += cursor.take() if not cursor.done else ""
        else:
            out += char
    if end:
        raise ExpansionError(f"{cursor.text!r}: the substitution has no closing `}}`")
    return out


def _single(cursor: _Cursor) -> str:
    end = cursor.text.find("'", cursor.at)
    if end < 0:
        raise ExpansionError(f"{cursor.text!r}: a single quote is not closed")
    out, cursor.at = cursor.text[cursor.at : end], end + 1
    return out


def _double(cursor: _Cursor, variables: Mapping[str, str], escape: str) -> str:
    out = ""
    while not cursor.done:
        char = cursor.take()
        if char == '"':
            return out
        if char == "$":
            out += _variable(cursor, variables, escape)
        elif char == escape and not cursor.done:
            following = cursor.take()
            out += following if following in ('"', "$", escape) else escape + following
        else:
            out += char
    raise ExpansionError(f"{cursor.text!r}: a double quote is not closed")


def _variable(cursor: _Cursor, variables: Mapping[str, str], escape: str) -> str:
    if cursor.done:
        return "$"
    if cursor.text[cursor.at] != "{":
        match = _NAME.match(cursor.text, cursor.at)
        if match is None:
            return "$"
        cursor.at = match.end()
        return variables.get(match.group(), "")
    cursor.at += 1
    match = _NAME.match(cursor.text, cursor.at)
    if match is None:
        raise ExpansionError(f"{cursor.text!r}: `${{` needs a variable's name")
    cursor.at = match.end()
    return _braced(cursor, match.group(), variables, escape)


def _braced(cursor: _Cursor, name: str, variables: Mapping[str, str], escape: str) -> str:
    if cursor.done:
        raise ExpansionError(f"{cursor.text!r}: `${{{name}` has no closing `}}`")
    operator = cursor.take()
    if operator == "}":
        return variables.get(name, "")
    colon = operator == ":"
    if colon:
        if cursor.done:
            raise ExpansionError(f"{cursor.text!r}: `${{{name}:` has no closing `}}`")
        operator = cursor.take()
    value = variables.get(name)
    if operator in "-+?":
        word = _word(cursor, variables, escape, "}")
        missing = value is None or (colon and value == "")
        return _alternative(operator, name, word, "" if missing else value or "", missing=missing)
    if operator in "#%" and not colon:
        longest = not cursor.done and cursor.text[cursor.at] == operator
        cursor.at += longest
        pattern = _word(cursor, variables, escape, "}")
        return _strip(value or "", pattern, operator, longest=longest)
    raise ExpansionError(
        f"{cursor.text!r}: `{operator}` is not a modifier; there are "
        "`:-`, `-`, `:+`, `+`, `:?`, `?`, `#`, `##`, `%` and `%%`"
    )


def _alternative(operator: str, name: str, word: str, value: str, *, missing: bool) -> str:
    if operator == "-":
        return word if missing else value
    if operator == "+":
        return "" if missing else word
    if missing:
        raise ExpansionError(f"{name}: {word or 'not set'}")
    return value


def _strip(value: str, pattern: str, operator: str, *, longest: bool) -> str:
    """Remove a matching prefix (#) or suffix (%), the shortest unless `longest`."""
    regex = re.compile(glob_regex(pattern, any_char=".", plain=True), re.S)
    cuts = range(len(value) + 1)
    if operator == "#":
        found = [cut for cut in cuts if regex.fullmatch(value[:cut])]
        return value[found[-1 if longest else 0] :] if found else value
    found = [cut for cut in cuts if regex.fullmatch(value[cut:])]
    return value[: found[0 if longest else -1]] if found else value


def split_words(text: str, escape: str = "\\") -> list[str]:
    """Cut a line at spaces outside quotes and substitutions; the words keep their quotes."""
    words, current, quote, depth, at = [], "", "", 0, 0
    while at < len(text):
        char = text[at]
        if char == escape and quote != "'" and at + 1 < len(text):
            current += text[at : at + 2]
            at += 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif text.startswith("${", at):
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        if char.isspace() and not quote and not depth:
            if current:
                words.append(current)
            current = ""
        else:
            current += char
        at += 1
    return [*words, current] if current else words
