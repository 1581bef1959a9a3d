"""Pulls one platform's image from a registry into an OCI layout: what it needs, and no more.

Request: `{"reference", "platform", "host", "output"}`: a reference with a digest; a JSON file with
what the machine has for registries, which is no part of any key. `output` becomes the folder of
the layout. Every blob is verified; nothing is kept of one that is not what its digest says.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from multiarch.core.oci.descriptor import Descriptor, digest_of, manifest_blobs
from multiarch.core.oci.layout import LAYOUT_FILE, blob_path, layout_index, parse_json
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform
from multiarch.tools.process import run
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistrySettings

# Layers that are fetched at the same time, as Docker does it.
_AT_ONCE = 3


def main(request: Mapping[str, Any]) -> None:
    """Pull one image."""
    reference = Reference.parse(request["reference"])
    client = Client(reference.registry, RegistrySettings.load(request["host"]))
    source, layout = ImageSource(client, reference), Path(request["output"])
    found = source.find(Platform.parse(request["platform"]))
    (layout / "blobs/sha256").mkdir(parents=True)
    for data in (found.manifest, found.config):
        (layout / blob_path(digest_of(data))).write_bytes(data)
    manifest = parse_json(found.manifest, where=str(reference))
    blobs = {b.digest: b for b in manifest_blobs(manifest, where=str(reference))[1]}

    def fetch(blob: Descriptor) -> None:
        with open(layout / blob_path(blob.digest), "wb") as out:
            source.blob(blob, out)

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for task in as_completed([pool.submit(fetch, blob) for blob in blobs.values()]):
            task.result()
    finally:
        # After one that failed the others are of no use.
        pool.shutdown(cancel_futures=True)
    (layout / "index.json").write_bytes(layout_index(found.descriptor, ()))
    (layout / "oci-layout").write_bytes(LAYOUT_FILE)


if __name__ == "__main__":
    sys.exit(run(main))
