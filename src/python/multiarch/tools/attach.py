"""Attaches files, such as an SBOM or provenance, to an image or list in a registry.

Argument: a JSON file `{"subject", "artifact_type", "files": [{"path", "media_type", "title"}],
"annotations", "insecure", "ca_file"}`. `subject` is a reference by digest; paths are relative to
the file's folder. The files become one artifact (OCI 1.1), which refers to the subject.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from multiarch.core.errors import MultiarchError
from multiarch.core.oci.reference import Reference
from multiarch.tools.publish import run, say, settings_of
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.referrers import attach
from multiarch.tools.registry.repository import Repository
from multiarch.tools.registry.source import ImageSource


def main(folder: Path, environment: Mapping[str, str]) -> None:
    """Attach what the request says; prints the artifact's reference."""
    request = json.loads((folder / "request.json").read_text())
    reference = Reference.parse(request["subject"])
    if not reference.digest:
        raise MultiarchError(
            f"{reference}: an artifact is attached to a digest (`@sha256:...`), not to a tag, "
            "which may move."
        )
    client = Client(reference.registry, settings_of(request, environment))
    subject, _ = ImageSource(client, reference).manifest(reference.digest)
    files = [(f["media_type"], f["title"], folder / f["path"]) for f in request["files"]]
    digest = attach(
        Repository(client, reference), subject, request["artifact_type"], files,
        request["annotations"],
    )  # fmt: skip
    say(f"{request['artifact_type']}: {reference.name}@{digest}")


if __name__ == "__main__":
    sys.exit(run(main))
