"""SLSA v1 provenance: an in-toto statement over the files and the image digests of a release.

Source: in-toto Statement v1; SLSA provenance v1. Nothing in it depends on when or where it was
made, so that a rebuild has the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from multiarch.core.release.document import Release, ReleasedList

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:pants-multiarch:release:v1"
IMAGES_BUILD_TYPE = "urn:pants-multiarch:images:v1"


def subjects(release: Release) -> dict[str, dict[str, str]]:
    """What the provenance is about: digests by the paths of files, and by the names of images."""
    found = {f.path: {"sha256": f.sha256, "sha512": f.sha512} for f in release.files}
    for listed in release.lists:
        for name in listed.names or (listed.target,):
            found[name] = {"sha256": listed.digest.removeprefix("sha256:")}
        for image in listed.images:
            name = f"{listed.target} {image.platform}"
            found[name] = {"sha256": image.digest.removeprefix("sha256:")}
    return found


def statement(
    release: Release, *, target: str, source_url: str, builder: str, build_type: str = BUILD_TYPE
) -> dict[str, Any]:
    """The unsigned statement about a release, or about images alone by IMAGES_BUILD_TYPE."""
    source: dict[str, Any] = {"uri": f"git+{source_url}" if source_url else "urn:source"}
    if release.revision:
        source["digest"] = {"gitCommit": release.revision}
    toolchains = sorted({f.go.version.split()[0] for f in release.files if f.go and f.go.version})
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": n, "digest": d} for n, d in sorted(subjects(release).items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": build_type,
                "externalParameters": {
                    "target": target,
                    "version": release.version,
                    "treeState": release.tree_state,
                },
                "internalParameters": {},
                "resolvedDependencies": [
                    source,
                    *({"uri": f"pkg:generic/go@{name.removeprefix('go')}"} for name in toolchains),
                ],
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }


def statement_problems(value: Any, release: Release) -> tuple[str, ...]:
    """Everything about a statement that the specifications or the release do not have so."""
    if not isinstance(value, Mapping):
        return (f"expected a JSON object, found {type(value).__name__}",)
    return (*_form_problems(value), *_subject_problems(value.get("subject") or (), release))


def images_problems(value: Any, listed: ReleasedList, version: str) -> tuple[str, ...]:
    """Everything about a statement over a list and its images that is not so."""
    if not isinstance(value, Mapping):
        return (f"expected a JSON object, found {type(value).__name__}",)
    found = list(_form_problems(value))
    if found:
        return tuple(found)
    stated = value["predicate"]["buildDefinition"]["externalParameters"].get("version")
    if stated != version:
        found.append(f"it is about version {stated}, and the release is {version}")
    digests = {(s.get("digest") or {}).get("sha256") for s in value.get("subject") or ()}
    for digest in (listed.digest, *(image.digest for image in listed.images)):
        if digest.removeprefix("sha256:") not in digests:
            found.append(f"it has no subject {digest}, which the release holds")
    return tuple(found)


def _form_problems(value: Mapping[str, Any]) -> Iterator[str]:
    for key, expected in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if value.get(key) != expected:
            yield f"expected {key} {expected!r}, found {value.get(key)!r}"
    predicate = value.get("predicate") or {}
    definition = predicate.get("buildDefinition") or {}
    builder = ((predicate.get("runDetails") or {}).get("builder") or {}).get("id")
    for name, uri in (("buildType", definition.get("buildType")), ("builder.id", builder)):
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S+\Z", str(uri)):
            yield f"expected a URI as {name}, found {uri!r}"
    if not isinstance(definition.get("externalParameters"), Mapping):
        yield "expected externalParameters, found none"
    for dependency in definition.get("resolvedDependencies") or ():
        if not {"uri", "digest", "content"} & set(dependency):
            yield f"the dependency {dependency!r} has neither uri, digest nor content"


def _subject_problems(found: Iterable[Mapping[str, Any]], release: Release) -> Iterator[str]:
    stated = {str(s.get("name")): dict(s.get("digest") or {}) for s in found}
    expected = subjects(release)
    for name in sorted({*stated, *expected}):
        if name not in stated:
            yield f"it has no subject {name!r}, which the release holds"
        elif name not in expected:
            yield f"its subject {name!r} is not in the release"
        elif stated[name] != expected[name]:
            yield f"its subject {name!r} has {stated[name]}, and the release {expected[name]}"
