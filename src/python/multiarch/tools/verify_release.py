"""Verifies a published release against what it says of itself, and against registries.

Argument: a JSON file `{"places": [{"url", "rebuilt": text of its SHA256SUMS | null}], "registries":
bool, "insecure": [registry...], "ca_file", "redirect": {prefix: prefix}, "verify_command":
[word...]}`. Everything is read; every mismatch is reported. A registry that does not answer is
said, and is no mismatch; so is a signature where no command verifies it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from multiarch.core.errors import MultiarchError, bullets
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.release.document import Release, ReleasedFile
from multiarch.core.release.layout import (
    DOCUMENT,
    PROVENANCE,
    SHA256SUMS,
    SIDES,
    SIGNATURE,
    ReleaseError,
    parse_sums,
)
from multiarch.core.release.provenance import statement_problems
from multiarch.core.release.verification import (
    SUMS,
    archive_problems,
    bill_problems,
    binary_problems,
    file_problems,
    listed_files,
    rebuild_problems,
    summary,
    sums_problems,
)
from multiarch.tools.archives import Archive, ArchiveError, most, unpacked
from multiarch.tools.image_files import open_layout
from multiarch.tools.release_store import Store
from multiarch.tools.signing import call
from multiarch.tools.sums import sums_of
from multiarch.tools.yaml_document import bounded_loader

_TRANSFERS = 8


class ReleaseVerifier:
    """One release, copied to this machine where it is elsewhere."""

    def __init__(self, store: Store, work: str) -> None:
        self.store = store
        paths = sorted(store.sizes(""))
        if SHA256SUMS not in paths:
            raise ReleaseError(
                f"{store.url}: there is no release: it has no {SHA256SUMS}. Name the folder of one "
                "version, such as `s3://BUCKET/release/v1.36.0`; a release whose upload was "
                "interrupted has none yet."
            )
        self.root = Path(store.root) if store.kind == "file" else Path(work)
        if store.kind != "file":
            with ThreadPoolExecutor(_TRANSFERS) as pool:
                list(pool.map(self.fetch, paths))
        files = listed_files(paths)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            measured = list(pool.map(lambda path: sums_of(str(self.root / path)), files))
        self.sizes = {path: size for path, (size, _) in zip(files, measured)}
        self.sums = {path: sums for path, (_, sums) in zip(files, measured)}
        self.stated = {
            name: parse_sums(self.text(name), where=f"{store.url}/{name}") for name in SUMS
        }

    def fetch(self, path: str) -> None:
        """Copy one file to this machine; raises ReleaseError for one that leads elsewhere."""
        if path.startswith("/") or ".." in path.split("/"):
            raise ReleaseError(f"{self.store.url}: {path!r} is not below the release")
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        self.store.fetch(path, str(self.root / path))

    def text(self, path: str) -> str:
        """A file's text; raises ReleaseError when it is not there."""
        try:
            return (self.root / path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ReleaseError(f"{self.store.url}: {path} cannot be read: {error}") from error

    def json(self, path: str) -> Any:
        """A file of JSON, or the text that says why it is none."""
        try:
            return json.loads(self.text(path))
        except (ReleaseError, ValueError, RecursionError) as error:
            return str(error)

    def release(self) -> Release:
        """What `release.yaml` says."""
        try:
            value = yaml.load(self.text(DOCUMENT), Loader=bounded_loader())
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ReleaseError(f"{DOCUMENT}: not YAML: {' '.join(str(error).split())}") from error
        return Release.parse(value, where=f"{self.store.url}/{DOCUMENT}")

    def problems(self, release: Release) -> Iterator[str]:
        """Every mismatch between the files of the release."""
        beside = {
            path + ending: (self.root / (path + ending)).read_text(errors="replace")
            for path in self.sums
            for ending in SIDES.values()
            if (self.root / (path + ending)).exists()
        }
        yield from sums_problems(self.sums, self.stated, beside)
        for file in release.files:
            sums = self.sums.get(file.path)
            size, bill = self.sizes.get(file.path, 0), self.json(file.sbom)
            yield from file_problems(file, sums, size, bill)
            if sums is not None:
                yield from self.content_problems(file)
        for digest, image in release.images.items():
            bill = self.json(image.sbom)
            yield from bill_problems(image.sbom, digest.removeprefix("sha256:"), bill)
        found = statement_problems(self.json(PROVENANCE), release)
        yield from (f"{PROVENANCE}: {problem}" for problem in found)

    def content_problems(self, file: ReleasedFile) -> Iterator[str]:
        """Every way in which a file is not what its kind and platform need."""
        path = self.root / file.path
        if file.kind == "binary":
            with open(path, "rb") as stream:
                try:
                    executable = inspect(stream)
                except ExecutableError as error:
                    yield f"{file.path}: {error}"
                    return
            yield from binary_problems(file, executable)
        elif file.kind == "archive":
            try:
                names = archive_names(path)
            except ArchiveError as error:
                yield str(error)
                return
            yield from archive_problems(file, names)
        elif file.kind == "image":
            digests = [m.digest for m in open_layout(str(path), file.path).manifests()]
            if digests != [file.digest]:
                yield f"{file.path}: {DOCUMENT} says {file.digest}, found {', '.join(digests)}"


def archive_names(path: Path) -> list[str]:
    """The files in an archive; raises ArchiveError for one that is damaged."""
    if path.name.endswith(".zip"):
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.namelist()
        except (zipfile.BadZipFile, ValueError) as error:
            raise ArchiveError(f"{path.name}: not a zip, or a damaged one: {error}") from None
    with unpacked(str(path), path.name) as file:
        members = Archive(file, path.name, most(path.stat().st_size)).members
        return [member.name for _, member in members if not member.isdir()]


def signature_problems(root: Path, command: list[str]) -> Iterator[str]:
    """Let a command of the user's verify the signature of the sums."""
    option = "`[multiarch-release] verify_command`"
    file, signature = root.absolute() / SHA256SUMS, root.absolute() / SIGNATURE
    if not command:
        if signature.exists():
            print(f"not checked: {SIGNATURE}: {option} is not set", flush=True)
    elif not signature.exists():
        yield f"{SIGNATURE}: {option} is set, and the release has no signature"
    else:
        values = {"file": str(file), "signature": str(signature)}
        try:
            call(command, values, os.environ, option=option, what=SIGNATURE, effect="")
        except MultiarchError as error:
            yield str(error).strip()


def verify_place(place: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    """Verify one release, say what was done, and return every mismatch."""
    with tempfile.TemporaryDirectory() as work:
        verifier = ReleaseVerifier(Store(place["url"]), work)
        release = verifier.release()
        problems = list(verifier.problems(release))
        if place["rebuilt"] is not None:
            rebuilt = parse_sums(place["rebuilt"], where="the release that was built again")
            problems += rebuild_problems(verifier.stated[SHA256SUMS], rebuilt)
        problems += signature_problems(verifier.root, request["verify_command"])
        agreed = attested = 0
        if request["registries"]:
            # Without them, what speaks to registries need not be installed.
            from multiarch.tools.registry.transport import RegistrySettings
            from multiarch.tools.verify_registries import RegistryVerifier

            settings = RegistrySettings(os.environ, tuple(request["insecure"]), request["ca_file"])
            registries = RegistryVerifier(release, settings, request["redirect"])
            registries.run()
            problems += registries.problems
            agreed, attested = registries.agreed, registries.attestations
            for text in registries.skipped:
                print(f"not checked: {text}", flush=True)
    if not problems:
        again = ", and built again it is the same" if place["rebuilt"] is not None else ""
        print(
            f"{place['url']}: {summary(release, len(verifier.sums), agreed, attested)}{again}",
            flush=True,
        )
    return [f"{place['url']}: {problem}" for problem in problems]


def main(request: Mapping[str, Any]) -> None:
    """Verify every place; raises ReleaseError with all mismatches."""
    problems = [p for place in request["places"] for p in verify_place(place, request)]
    if problems:
        raise ReleaseError(f"the release is not what it should be:\n{bullets(problems)}")


if __name__ == "__main__":
    try:
        main(json.loads(Path(sys.argv[1]).read_text()))
    except MultiarchError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
