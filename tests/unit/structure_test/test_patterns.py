"""Go's patterns mean in Python what they mean in Go."""

from __future__ import annotations

import pytest
from multiarch.core.structure_test.patterns import PatternError, compiled


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("end$", "the end\n", None),
        ("(?m)end$", "the end\n", "end"),
        ("^x$", "a\nx\nb", None),
        ("(?m)^x$", "a\nx\nb", "x"),
        ("a(?i)b|C", "c", "c"),
        ("(a(?i)b)c", "aBC", None),
        ("(?i:a)b", "Ab", "Ab"),
        ("(?i)a(?-i)b", "AB", None),
        (".", "\n", None),
        ("(?s).", "\n", "\n"),
        ("(?U)a+", "aaa", "a"),
        ("(?U)a+?", "aaa", "aaa"),
        (r"\s", "\x0b", None),
        (r"\w", "é", None),
        (r"\d", "٣", None),
        (r"\bx", "éx", "x"),
        (r"[\W]", "é", "é"),
        (r"[^\S]", " ", " "),
        (r"[\D]+", "a1", "a"),
        ("[[:alpha:]_]+", "ab_1", "ab_"),
        (r"\x{41}\x42\103", "ABC", "ABC"),
        (r"\Qa.b*\E", "a.b*", "a.b*"),
        (r"(?i)\Qa.b\E", "A.B", "A.B"),
        ("a{,3}", "a{,3}", "a{,3}"),
        ("a{2,3}?", "aaa", "aa"),
        ("(?<n>x)(?P<m>y)", "xy", "xy"),
        ("[]a]+", "]a", "]a"),
        ("[^]a]", "]b", "b"),
        ("[a&&b]", "&", "&"),
        ("[a-]", "-", "-"),
        (r"[\]\\]+", "\\]", "\\]"),
        (r"a\z", "a\n", None),
        ("(a|ab)(c|bcd)", "abcd", "abcd"),
        (r"\.\/\-", "./-", "./-"),
        (r"\B", "", ""),
        ("(?)a(?s)*", "aa", "aa"),
        ("", "x", ""),
    ],
)
def test_it_finds_what_go_finds(pattern: str, text: str, found: str | None) -> None:
    match = compiled(pattern).search(text)
    assert (match.group() if match else None) == found


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=a)", "neither lookarounds nor conditions"),
        ("(?<!a)b", "neither lookarounds nor conditions"),
        ("(?P=n)", "neither lookarounds nor conditions"),
        ("(?x)a", "neither lookarounds nor conditions"),
        (r"(a)\1", r"Go has no \\1; Go has no backreferences"),
        (r"a\Z", r"Go has no \\Z; the text's end is \\z"),
        (r"\pL", "Unicode classes"),
        (r"\y", r"Go has no \\y"),
        ("a++", r"nothing to repeat before '\+'"),
        ("*a", r"nothing to repeat before '\*a'"),
        ("a{1001}", "repeats more than 1000 times"),
        ("(a", r"a `\(` without `\)`"),
        ("a)", r"a `\)` without `\(`"),
        ("[a", r"a `\[` without `\]`"),
        ("[z-a]", "the range z-a is the wrong way round"),
        ("[[:nope:]]", "is not supported; there are alnum"),
        (r"\x{110000}", "is no character"),
    ],
)
def test_what_is_not_gos_is_an_error(pattern: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        compiled(pattern)
