"""Puts the images of several platforms under one index, as an OCI layout folder.

Request: `{"address", "format", "children": [{"address", "tar", "metadata"}], "annotations",
"ref_names", "output", "metadata"}`. The children are what `multiarch.tools.assemble` wrote. The
layout holds the index and every blob of every child once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.oci.descriptor import FORMATS, Descriptor, manifest_blobs
from multiarch.core.oci.index import Child, index_json, sorted_children
from multiarch.core.oci.layout import LAYOUT_FILE, blob_path, layout_index, parse_json
from multiarch.tools.image_files import open_layout
from multiarch.tools.process import run


def write(root: Path, path: str, data: bytes) -> None:
    """Write one file of the layout, its folders made."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def copy_blobs(root: Path, child: Child, tar: str) -> None:
    """Copy a child's manifest, config and layers, each verified against its digest."""
    layout = open_layout(tar, child.address)
    data = layout.blob(child.descriptor)
    write(root, blob_path(child.descriptor.digest), data)
    manifest = parse_json(data, where=child.address)
    config, layers = manifest_blobs(manifest, where=child.address)
    for blob in (config, *layers):
        if not (root / blob_path(blob.digest)).exists():
            write(root, blob_path(blob.digest), layout.blob(blob))


def main(request: Mapping[str, Any]) -> None:
    """Write the layout and its metadata."""
    tars, children = {}, []
    for value in request["children"]:
        described = json.loads(Path(value["metadata"]).read_text())["descriptor"]
        child = Child(value["address"], Descriptor.parse(described, where=value["address"]))
        children.append(child)
        tars[child.address] = value["tar"]
    format, root = request["format"], Path(request["output"])
    ordered = sorted_children(children, format=format, where=request["address"])
    data = index_json(ordered, format=format, annotations=request["annotations"])
    index = Descriptor.of(FORMATS[format].index, data)
    for child in ordered:
        copy_blobs(root, child, tars[child.address])
    write(root, blob_path(index.digest), data)
    write(root, "oci-layout", LAYOUT_FILE)
    write(root, "index.json", layout_index(index, request["ref_names"]))
    metadata = {
        "digest": index.digest,
        "size": index.size,
        "children": {str(child.platform): child.descriptor.digest for child in ordered},
    }
    Path(request["metadata"]).write_text(json.dumps(metadata, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(run(main))
