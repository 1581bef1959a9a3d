"""Whether a published release is what it says: every mismatch is one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from multiarch.core.executables.executable import Executable
from multiarch.core.executables.expectations import header_mismatches
from multiarch.core.platforms import Platform
from multiarch.core.release.attestations import PROVENANCE_TYPE, SPDX_TYPE
from multiarch.core.release.document import Release, ReleasedFile, ReleasedList
from multiarch.core.release.layout import DOCUMENT, SHA256SUMS, SHA512SUMS, SIDES, SIGNATURE
from multiarch.core.release.provenance import images_problems
from multiarch.core.release.spdx import spdx_problems

SUMS = {SHA256SUMS: "sha256", SHA512SUMS: "sha512"}
_MISSING = "it is not there"


def listed_files(paths: Iterable[str]) -> tuple[str, ...]:
    """The files that sums are for: all but the sums, their signature, and those beside others."""
    every = set(paths)
    beside = {path + ending for path in every for ending in SIDES.values()}
    return tuple(sorted(every - beside - {*SUMS, SIGNATURE}))


def sums_problems(
    found: Mapping[str, Mapping[str, str]],
    stated: Mapping[str, Mapping[str, str]],
    beside: Mapping[str, str],
) -> Iterator[str]:
    """Compare files with what the two files of sums, and the files beside each, say.

    `found` and `stated` are sums by file: of the files by path and name, of the files of sums by
    their names and path. `beside` are the texts of the files with bare digits.
    """
    for file, name in SUMS.items():
        for path in sorted({*found, *stated[file]}):
            expected, digits = stated[file].get(path), found.get(path, {}).get(name)
            if expected != digits:
                yield f"{path}: {file} says {expected or 'nothing'}, found {digits or 'no file'}"
    for path, sums in sorted(found.items()):
        for name, ending in SIDES.items():
            said = beside.get(path + ending, _MISSING).strip()
            if said != sums[name]:
                yield f"{path}{ending}: expected {sums[name]}, found {said or 'nothing'}"


def file_problems(
    file: ReleasedFile, sums: Mapping[str, str] | None, size: int, bill: Any
) -> Iterator[str]:
    """Compare one file with `release.yaml`, and its bill of materials with both."""
    if sums is None:
        yield f"{file.path}: {DOCUMENT} names it, and {_MISSING}"
        return
    for name, stated, found in (
        ("size", file.size, size),
        ("sha256", file.sha256, sums["sha256"]),
        ("sha512", file.sha512, sums["sha512"]),
    ):
        if stated != found:
            yield f"{file.path}: {DOCUMENT} says {name} {stated}, found {found}"
    yield from bill_problems(file.sbom, file.sha256, bill)


def bill_problems(path: str, sha256: str, bill: Any) -> Iterator[str]:
    """Check a bill of materials, and that it is about the artefact with a sum."""
    found = tuple(spdx_problems(bill))
    yield from (f"{path}: {problem}" for problem in found)
    if found:
        return
    sums = {s["algorithm"]: s["checksumValue"] for s in bill["packages"][0].get("checksums", ())}
    if sums.get("SHA256") != sha256:
        yield f"{path}: it is about {sums.get('SHA256')}, and the artefact is {sha256}"


def binary_problems(file: ReleasedFile, executable: Executable | None) -> Iterator[str]:
    """Compare a binary's own headers and build info with its platform and `release.yaml`."""
    if executable is None:
        yield f"{file.path}: expected an executable for {file.platform}, found another file"
        return
    platform = Platform.parse(file.platform)
    yield from (f"{file.path}: {m}" for m in header_mismatches(executable, platform))
    info = executable.build_info
    if file.go is None or info is None:
        if (file.go is None) != (info is None):
            yield f"{file.path}: {DOCUMENT} and the file disagree on whether it is a Go program"
        return
    settings = ((name, value, info.setting(name)) for name, value in platform.go_env)
    said = (("go", file.go.version, info.go_version), ("path", file.go.package, info.path))
    for name, expected, found in (*settings, *said):
        if expected != found:
            yield f"{file.path}: expected {name} {expected} in its build info, found {found}"


def archive_problems(file: ReleasedFile, names: Iterable[str]) -> Iterator[str]:
    """Compare the files of an archive with `release.yaml`."""
    found = tuple(sorted(names))
    if found != tuple(sorted(file.contents)):
        yield f"{file.path}: {DOCUMENT} says it holds {list(file.contents)}, found {list(found)}"
    if len({name.split("/")[0] for name in found}) > 1:
        yield f"{file.path}: expected one folder at its top, found {list(found)}"


def registry_problems(
    listed: ReleasedList, name: str, digest: str, images: Mapping[str, str]
) -> Iterator[str]:
    """Compare what a registry has under a name with a list of the release."""
    if digest != listed.digest:
        yield f"{name}: the release has {listed.digest}, the registry {digest}"
        return
    expected = {image.platform: image.digest for image in listed.images}
    for platform in sorted({*expected, *images}):
        if expected.get(platform) != images.get(platform):
            yield (
                f"{name}: for {platform} the release has {expected.get(platform)}, the registry "
                f"{images.get(platform)}"
            )


def attestation_problems(
    listed: ReleasedList,
    name: str,
    subject: str,
    found: Mapping[str, Sequence[Any]],
    *,
    version: str,
) -> Iterator[str]:
    """Check the documents, by type, that a registry has about the digest of a list or an image."""

    def problems(kind: str, document: Any) -> tuple[str, ...]:
        if kind == SPDX_TYPE:
            return tuple(bill_problems(kind, subject.removeprefix("sha256:"), document))
        return tuple(f"{kind}: {p}" for p in images_problems(document, listed, version))

    for kind in (PROVENANCE_TYPE,) if subject == listed.digest else (SPDX_TYPE, PROVENANCE_TYPE):
        checked = [problems(kind, document) for document in found.get(kind, ())]
        if not checked:
            yield f"{name}: nothing of the type {kind} is attached to {subject}"
        # Another version may have the same image, and others may attach what they like.
        elif all(checked):
            yield from (f"{name}: attached to {subject}: {problem}" for problem in checked[0])


def rebuild_problems(published: Mapping[str, str], rebuilt: Mapping[str, str]) -> Iterator[str]:
    """Compare the sums of a published release with those of one that was built again."""
    for path in sorted({*published, *rebuilt}):
        one, two = published.get(path, "nothing"), rebuilt.get(path, "nothing")
        if one != two:
            yield f"{path}: published is {one}, and built again it is {two}"


def summary(release: Release, files: int, names: int, attestations: int) -> str:
    """What was verified, in one line."""
    return (
        f"{release.version}: {files} files with their sums, {len(release.files)} artefacts with "
        f"platform and bill of materials, provenance, {names} names in registries, {attestations} "
        "attestations there"
    )
