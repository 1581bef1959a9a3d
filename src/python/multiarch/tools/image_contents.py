"""Lists what one image is made of, for its bill of materials.

Request: `{"tar", "address", "output"}`: what `multiarch.tools.assemble` wrote. The output is
`{"components": [{"name", "version", "purl", "comment"}]}`: the modules of each Go program, and the
packages in the databases of dpkg and apk. Nothing is executed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.oci.descriptor import manifest_blobs
from multiarch.core.release.spdx import Component, distribution_components, go_components
from multiarch.tools.image_files import Tree, layer_tree, open_layout, read
from multiarch.tools.process import run

_DATABASES = ("var/lib/dpkg/status", "lib/apk/db/installed")
# Where images without a package manager keep one file per package.
_FOLDER = "var/lib/dpkg/status.d"


def image_tree(tar: str, name: str) -> Tree:
    """The file system of the one image of a layout, as its last layer leaves it."""
    layout, tree = open_layout(tar, name), Tree({})
    for layer in manifest_blobs(layout.json(layout.image()), where=name)[1]:
        tree = layer_tree(tree, layout.blob(layer), f"{name}: {layer.digest}")
    return tree


def programs(tree: Tree) -> set[Component]:
    """The modules of every Go program in an image."""
    found: set[Component] = set()
    for entry in tree.entries.values():
        if entry.is_directory or entry.link:
            continue
        try:
            executable = inspect(read(entry))
        except ExecutableError:
            # What is cut short is no program; who assembles the image looks at that.
            continue
        if executable is not None and executable.build_info is not None:
            found.update(go_components(executable.build_info))
    return found


def main(request: Mapping[str, Any]) -> None:
    """List the contents of one image."""
    tree = image_tree(request["tar"], request["address"])
    files = {path: tree.text(path) for path in _DATABASES if path in tree.entries}
    # A sum of a package's files stands beside its entry.
    below = (path for path in tree.below(_FOLDER) if not path.endswith(".md5sums"))
    files.update((path, tree.text(path)) for path in below)
    release = tree.text("etc/os-release") or tree.text("usr/lib/os-release")
    components = {*programs(tree), *distribution_components(files, release)}
    value = {"components": [asdict(component) for component in sorted(components)]}
    Path(request["output"]).write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(run(main))
