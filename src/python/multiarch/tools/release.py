"""Describes a release: sums, bills of materials, provenance and `release.yaml`.

Request: `{"target", "version", "revision", "tree_state", "seconds", "source_url", "builder",
"files": [{"path", "kind", "target", "platform", "support", "file", "programs": [path...],
"contents": [name...], "components": path | null, "digest"}], "lists": [{"target", "digest",
"names", "attestations": bool, "images": [{"platform", "digest", "size", "support", "name",
"components"}]}], "absent": [...], "output"}`. `file`, `programs` and `components` are paths in the
sandbox; the last is what `multiarch.tools.image_contents` wrote. The output folder gets all files
of the release that are about others, and none of the others themselves.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from multiarch.core.executables.build_info import BuildInfo
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.oci.config import timestamp
from multiarch.core.release.document import (
    Absent,
    GoBuild,
    Release,
    ReleasedFile,
    ReleasedImage,
    ReleasedList,
)
from multiarch.core.release.layout import (
    DOCUMENT,
    PROVENANCE,
    SHA256SUMS,
    SHA512SUMS,
    SIDES,
    sbom_path,
    sums_text,
)
from multiarch.core.release.provenance import statement
from multiarch.core.release.spdx import Component, Subject, go_components, spdx_document
from multiarch.tools.process import run
from multiarch.tools.sums import sums_of


def build_info(path: str) -> BuildInfo | None:
    """What a Go program says of its build; None for any other file."""
    with open(path, "rb") as file:
        try:
            executable = inspect(file)
        except ExecutableError:
            return None
    return executable.build_info if executable else None


def components_of(programs: Iterable[str], listed: str | None) -> list[Component]:
    """What an artefact is made of: the modules of its programs, and what was listed of an image."""
    infos = (build_info(path) for path in programs)
    found = [c for info in infos if info is not None for c in go_components(info)]
    if listed:
        found += [Component(**c) for c in json.loads(Path(listed).read_text())["components"]]
    return found


def go_build(path: str) -> GoBuild | None:
    """The part of a binary's build info that `release.yaml` states."""
    info = build_info(path)
    if info is None:
        return None
    module = info.main
    name = f"{module.path} {module.version}" if module else ""
    return GoBuild(info.go_version, info.path, name)


class Description:
    """Writes the files of one release that are about its others."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.request, self.output = request, Path(request["output"])
        self.created = timestamp(request["seconds"])
        # Of every file of the release, for the two files of sums.
        self.sums: dict[str, dict[str, str]] = {}

    def write(self, path: str, text: str) -> None:
        """Write one file, and note its sums."""
        data = text.encode()
        (self.output / path).parent.mkdir(parents=True, exist_ok=True)
        (self.output / path).write_bytes(data)
        self.sums[path] = {name: hashlib.new(name, data).hexdigest() for name in SIDES}

    def write_json(self, path: str, value: Any) -> None:
        """Write one file of JSON."""
        self.write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def bill(self, subject: Subject, components: Iterable[Component], path: str) -> str:
        """Write the bill of materials of one artefact; returns its path."""
        self.write_json(sbom_path(path), spdx_document(subject, components, created=self.created))
        return sbom_path(path)

    def file(self, value: Mapping[str, Any], size: int, sums: Mapping[str, str]) -> ReleasedFile:
        """Describe one file that the release holds."""
        path, kind = value["path"], value["kind"]
        self.sums[path] = dict(sums)
        stated = {name.upper(): digits for name, digits in sums.items()}
        subject = Subject(path, self.request["version"], kind, stated)
        components = components_of(value.get("programs", ()), value.get("components"))
        return ReleasedFile(
            path=path,
            kind=kind,
            target=value["target"],
            size=size,
            sha256=sums["sha256"],
            sha512=sums["sha512"],
            platform=value.get("platform", ""),
            support=value.get("support", ""),
            sbom=self.bill(subject, components, path),
            digest=value.get("digest", ""),
            contents=tuple(value.get("contents", ())),
            go=go_build(value["file"]) if kind == "binary" else None,
        )

    def listed(self, value: Mapping[str, Any]) -> ReleasedList:
        """Describe one manifest list, and the images in it."""
        images = []
        for image in value["images"]:
            digits = image["digest"].removeprefix("sha256:")
            name = f"images/{image['name']}"
            subject = Subject(name, self.request["version"], "image", {"SHA256": digits})
            bill = self.bill(subject, components_of((), image["components"]), name)
            images.append(
                ReleasedImage(
                    image["platform"], image["digest"], image["size"], image["support"], bill
                )
            )
        names = tuple(value["names"])
        attested = value["attestations"]
        return ReleasedList(value["target"], value["digest"], names, tuple(images), attested)

    def main(self) -> None:
        """Write everything."""
        values = self.request["files"]
        # Hashing does not hold Python's lock.
        with ThreadPoolExecutor(max(1, self.request.get("concurrency", 1))) as pool:
            measured = list(pool.map(sums_of, [value["file"] for value in values]))
        release = Release(
            self.request["version"],
            self.request["revision"],
            self.request["tree_state"],
            self.created,
            tuple(self.file(v, size, sums) for v, (size, sums) in zip(values, measured)),
            tuple(map(self.listed, self.request["lists"])),
            tuple(Absent(**value) for value in self.request["absent"]),
        )
        self.write(
            DOCUMENT,
            yaml.safe_dump(release.as_value(), sort_keys=False, allow_unicode=True, width=1000),
        )
        self.write_json(
            PROVENANCE,
            statement(
                release,
                target=self.request["target"],
                source_url=self.request["source_url"],
                builder=self.request["builder"],
            ),
        )
        self.write_sums()

    def write_sums(self) -> None:
        """Write the files of sums, and beside each file its bare digits."""
        sums = dict(self.sums)
        for path, values in sums.items():
            for name, ending in SIDES.items():
                side = self.output / (path + ending)
                side.parent.mkdir(parents=True, exist_ok=True)
                side.write_text(values[name])
        for file, name in ((SHA256SUMS, "sha256"), (SHA512SUMS, "sha512")):
            text = sums_text({path: values[name] for path, values in sums.items()})
            (self.output / file).write_text(text)


def main(request: Mapping[str, Any]) -> None:
    """Describe one release."""
    Description(request).main()


if __name__ == "__main__":
    sys.exit(run(main))
