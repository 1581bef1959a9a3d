"""Asks a registry what a tag stands for now.

Request: `{"reference", "host", "output"}`. `output` becomes a JSON file:
`{"digest", "platforms": {platform: digest}}`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.oci.reference import Reference
from multiarch.tools.process import run
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistrySettings


def main(request: Mapping[str, Any]) -> None:
    """Resolve one tag."""
    reference = Reference.parse(request["reference"])
    client = Client(reference.registry, RegistrySettings.load(request["host"]))
    digest, platforms = ImageSource(client, reference).resolve()
    value = {"digest": digest, "platforms": {str(p): digest for p, digest in platforms}}
    Path(request["output"]).write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(run(main))
