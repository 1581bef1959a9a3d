"""Failures of many binaries on many platforms as one report in which each stands once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from multiarch.core.platforms import Platform


def report(failures: Iterable[tuple[str, str, str]]) -> str:
    """Group (what, platform, message) triples by message, with the platforms it holds for.

    Order: as first met; platforms sorted. Messages stand once however many binaries meet them.
    """
    platforms: dict[tuple[str, str], set[Platform]] = {}
    for what, platform, message in failures:
        platforms.setdefault((what, message), set()).add(Platform.parse(platform))
    parts = []
    for (what, message), found in platforms.items():
        names = ", ".join(str(p) for p in sorted(found))
        indented = "\n".join(f"  {line}" for line in message.splitlines())
        parts.append(f"{what} [{names}]\n{indented}")
    return "\n".join(parts)


def shared_report(failures: Mapping[str, Sequence[tuple[str, str, str]]], subject: str) -> str:
    """What one of several subjects says of its failures, where each is to be said by one alone.

    `failures` maps each subject to its (what, platform, message) triples. The first one by name
    says a failure, with the platforms of all; the others name it.
    """
    speakers: dict[tuple[str, str], str] = {}
    for name in sorted(failures):
        for what, _, message in failures[name]:
            speakers.setdefault((what, message), name)
    own = [row for rows in failures.values() for row in rows if speakers[row[0], row[2]] == subject]
    others = {
        (what, speakers[what, message])
        for what, _, message in failures[subject]
        if speakers[what, message] != subject
    }
    lines = [f"{what} does not compile: see {speaker}." for what, speaker in sorted(others)]
    return "\n".join(filter(None, (report(own), *lines)))
