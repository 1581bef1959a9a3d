"""Pulls one platform's image from a registry into an OCI layout: what it needs, and no more.

Request: `{"reference", "platform", "host", "output"}`: a reference with a digest; a JSON file with
what the machine has for registries, which is no part of any key. `output` becomes the folder of
the layout. Every blob is verified; nothing is kept of one that is not what its digest says.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.oci.descriptor import Descriptor, digest_of
from multiarch.core.oci.layout import LAYOUT_FILE, blob_path, layout_index, parse_json
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform
from multiarch.tools.process import run
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistrySettings


def main(request: Mapping[str, Any]) -> None:
    """Pull one image."""
    reference = Reference.parse(request["reference"])
    client = Client(reference.registry, RegistrySettings.load(request["host"]))
    source, layout = ImageSource(client, reference), Path(request["output"])
    found = source.find(Platform.parse(request["platform"]))
    (layout / "blobs/sha256").mkdir(parents=True)
    for data in (found.manifest, found.config):
        (layout / blob_path(digest_of(data))).write_bytes(data)
    for value in parse_json(found.manifest, where=str(reference)).get("layers", ()):
        blob = Descriptor.parse(value, where=str(reference))
        target = layout / blob_path(blob.digest)
        if not target.exists():
            with open(target, "wb") as out:
                source.blob(blob, out)
    (layout / "index.json").write_bytes(layout_index(found.descriptor, ()))
    (layout / "oci-layout").write_bytes(LAYOUT_FILE)


if __name__ == "__main__":
    sys.exit(run(main))
