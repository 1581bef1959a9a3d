"""Gives an image's tar other names, with every blob as it was."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from multiarch.core.oci.layout import layout_index
from multiarch.tools.image_files import open_layout

_MANIFEST, _INDEX = "manifest.json", "index.json"


def docker_manifest(path: Path) -> dict[str, Any]:
    """What `docker load` reads of an image's tar: Config, RepoTags, Layers."""
    with tarfile.open(path) as archive:
        stream = archive.extractfile(_MANIFEST)
        assert stream is not None
        (found,) = json.load(stream)
    return dict(found)


def rename(source: Path, target: Path, names: Sequence[str]) -> None:
    """Write the tar once more, for an engine to load it under these names, or under none."""
    descriptor = open_layout(str(source), "the image").manifests()[0]
    plain = replace(descriptor, annotations=())
    changed = {
        _MANIFEST: json.dumps([{**docker_manifest(source), "RepoTags": list(names)}]).encode(),
        _INDEX: layout_index(plain, names),
    }
    with tarfile.open(source) as archive, tarfile.open(target, "w") as out:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if member.name in changed:
                data = changed[member.name]
                member.size, stream = len(data), io.BytesIO(data)
            out.addfile(member, stream)
