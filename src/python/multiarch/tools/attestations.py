"""Makes the attestations of a manifest list: bills of materials and provenance, as OCI artifacts.

Request: `{"target", "version", "revision", "tree_state", "seconds", "source_url",
"builder", "names", "index": path of the layout's index.json, "images": [{"descriptor", "size",
"support", "name", "components"}], "output"}`; `components` is what `multiarch.tools.image_contents`
wrote. The output folder gets `blobs/`, as a layout has them, and `attestations.json`: the
artifacts' descriptors.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.oci.config import timestamp
from multiarch.core.oci.descriptor import Descriptor, canonical_json, digest_of
from multiarch.core.oci.layout import blob_path
from multiarch.core.release.attestations import Artifact, bill_of_materials, provenance
from multiarch.core.release.document import Release, ReleasedImage, ReleasedList
from multiarch.core.release.spdx import Component
from multiarch.tools.process import run


def artifacts(request: Mapping[str, Any]) -> tuple[Artifact, ...]:
    """All artifacts about a list and its images."""
    target = request["target"]
    entries = json.loads(Path(request["index"]).read_text())["manifests"]
    index = Descriptor.parse(entries[0], where=target)
    images = [Descriptor.parse(image["descriptor"], where=target) for image in request["images"]]
    released = tuple(
        ReleasedImage(str(image.platform), image.digest, value["size"], value["support"], "")
        for image, value in zip(images, request["images"])
    )
    release = Release(
        request["version"],
        request["revision"],
        request["tree_state"],
        timestamp(request["seconds"]),
        (),
        (ReleasedList(target, index.digest, tuple(request["names"]), released),),
    )
    bills = []
    for image, value in zip(images, request["images"]):
        listed = json.loads(Path(value["components"]).read_text())["components"]
        components = [Component(**component) for component in listed]
        bills.append(bill_of_materials(image, value["name"], components, release))
    stated = provenance(
        (*images, index),
        release,
        target=target,
        source_url=request["source_url"],
        builder=request["builder"],
    )
    return (*bills, *stated)


def main(request: Mapping[str, Any]) -> None:
    """Write the artifacts."""
    made, output = artifacts(request), Path(request["output"])
    for data in dict.fromkeys(blob for artifact in made for blob in artifact.blobs):
        path = output / blob_path(digest_of(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    listed = [artifact.descriptor.as_json() for artifact in made]
    (output / "attestations.json").write_bytes(canonical_json(listed))


if __name__ == "__main__":
    sys.exit(run(main))
