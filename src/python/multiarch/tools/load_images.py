"""Loads images into an engine of this machine, for `pants load-image`.

Argument: a JSON file `{"engine", "images": [{"address", "platform", "tar", "name"}]}`; the tars
are relative to its folder. Each is loaded under its name; what was loaded is printed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from multiarch.core.errors import MultiarchError, bullets
from multiarch.tools.image_names import docker_manifest, rename
from multiarch.tools.local_engine import find, load


def main(folder: Path, environment: Mapping[str, str]) -> None:
    """Load all images; raises MultiarchError with every one that was refused."""
    request = json.loads((folder / "request.json").read_text())
    engine, program = find(request["engine"], "load images", environment)
    refused = []
    for image in request["images"]:
        with tempfile.TemporaryDirectory() as work:
            tar = Path(work) / "image.tar"
            rename(folder / image["tar"], tar, [image["name"]])
            config = docker_manifest(tar)["Config"].rpartition("/")[2]
            try:
                name = load(engine, program, tar, environment) or image["name"]
            except MultiarchError as error:
                refused.append(f"{image['address']}: {error}")
                continue
        print(f"{engine}: {name}  {image['platform']}  sha256:{config}", flush=True)
    if refused:
        raise MultiarchError(f"not loaded:\n{bullets(refused)}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).parent, os.environ)
    except MultiarchError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
