"""Failures of many binaries on many platforms as one report in which each stands once."""

from __future__ import annotations

from collections.abc import Iterable

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
