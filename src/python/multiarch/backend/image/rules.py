"""All rules of images."""

from __future__ import annotations

from collections.abc import Iterable

from multiarch.backend.image import (
    assembly,
    bases,
    context,
    local,
    package,
    registry_bases,
    runs,
    targets,
)


def rules() -> Iterable[object]:
    modules = (targets, bases, registry_bases, context, assembly, runs, package, local)
    return tuple(rule for module in modules for rule in module.rules())
