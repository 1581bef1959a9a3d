"""Compares the manifest lists of a release with what registries have under their names."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.core.oci.descriptor import Descriptor
from multiarch.core.oci.layout import parse_json
from multiarch.core.oci.names import REDIRECT, redirected
from multiarch.core.oci.reference import Reference
from multiarch.core.release.document import Release, ReleasedList
from multiarch.core.release.verification import attestation_problems, registry_problems
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.referrers import referrers
from multiarch.tools.registry.repository import Repository
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistryError, RegistrySettings


class RegistryVerifier:
    """Asks for every name of a release; counts what agrees.

    `problems` gets every mismatch, and `skipped` the names whose registry does not answer. They are
    looked for where `redirect` puts them.
    """

    def __init__(
        self, release: Release, settings: RegistrySettings, redirect: Mapping[str, str]
    ) -> None:
        self.release, self.settings, self.redirect = release, settings, redirect
        self.agreed = self.attestations = 0
        self.problems: list[str] = []
        self.skipped: list[str] = []

    def run(self) -> None:
        """Ask for all names."""
        for listed in self.release.lists:
            for text in listed.names:
                name = Reference.parse(text)
                place = redirected(name, self.redirect, where=REDIRECT)
                reference = replace(place, tag=name.tag)
                try:
                    found = self.name_problems(listed, reference)
                except MultiarchError as error:
                    found = [f"{reference}: {error}"]
                self.problems += found

    def name_problems(self, listed: ReleasedList, reference: Reference) -> list[str]:
        """Every mismatch of one name; raises MultiarchError for what cannot be read."""
        name = str(reference)
        source = ImageSource(Client(reference.registry, self.settings), reference)
        try:
            repository = Repository(source.client, reference)
            there = repository.digest(reference.version, scope=source.scope)
        except RegistryError as error:
            self.skipped.append(f"{name}: {error}")
            return []
        if not there:
            return [f"{name}: the release has {listed.digest}, and the registry has no such name"]
        digest, images = source.resolve()
        found = {str(platform): image for platform, image in images}
        problems = list(registry_problems(listed, name, digest, found))
        if problems:
            return problems
        self.agreed += 1
        if listed.attestations:
            for subject in (listed.digest, *(image.digest for image in listed.images)):
                documents = attestations(source, subject)
                self.attestations += sum(map(len, documents.values()))
                problems += attestation_problems(
                    listed, name, subject, documents, version=self.release.version
                )
        return problems


def attestations(source: ImageSource, subject: str) -> Mapping[str, list[Any]]:
    """The documents that a registry has about a digest, by their type."""
    found: dict[str, list[Any]] = {}
    for descriptor in referrers(source, subject):
        where = f"{source.reference.name}@{descriptor.digest}"
        manifest = parse_json(source.manifest(descriptor.digest)[1], where=where)
        if (manifest.get("subject") or {}).get("digest") != subject:
            continue
        for layer in manifest.get("layers") or ():
            blob = Descriptor.parse(layer, where=where)
            if not blob.media_type.endswith("json"):
                continue
            out = io.BytesIO()
            source.blob(blob, out)
            document = parse_json(out.getvalue(), where=where)
            found.setdefault(str(manifest.get("artifactType")), []).append(document)
    return found
