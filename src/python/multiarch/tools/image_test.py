"""Tests an image as a file: its tree, its config and its licences, for any platform.

Request: `{"image", "file", "commands", "results"}`: the image's tar, and the file of tests.
`commands` becomes the commands that only an engine can run, as JSON; `results` a list of
`{"kind", "name", "problems", "skipped"}`, in the order of the file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import manifest_blobs
from multiarch.core.structure_test.checks import Image, check, prepared
from multiarch.core.structure_test.definitions import parse_definition
from multiarch.tools.image_files import Tree, layer_tree, open_layout, read
from multiarch.tools.process import run
from multiarch.tools.yaml_document import read_yaml


def open_image(path: str) -> Image:
    """Read the one image of a layout: its config, and its layers as one tree."""
    layout = open_layout(path, "the image")
    manifest = layout.json(layout.image())
    named, layers = manifest_blobs(manifest, where=layout.name)
    config = ImageConfig.parse(layout.json(named), where=layout.name)
    tree = Tree({})
    for layer in layers:
        tree = layer_tree(tree, layout.blob(layer), f"{layout.name}: {layer.digest}")
    return Image(config.run, tree.entries, read)


def main(request: Mapping[str, Any]) -> None:
    """Test the image of one request."""
    file = request["file"]
    text = Path(file).read_bytes().decode("utf-8", "replace")
    definition = parse_definition(read_yaml(text, file=file), file=file)
    image = open_image(request["image"])
    results = [result.as_json() for result in check(definition, image)]
    commands = [asdict(prepared(command, image.env)) for command in definition.commands]
    Path(request["results"]).write_text(json.dumps(results, indent=1) + "\n")
    Path(request["commands"]).write_text(json.dumps(commands, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(run(main))
