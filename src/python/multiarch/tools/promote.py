"""Copies images and lists between repositories by digest, for `pants promote`.

Argument: a JSON file `{"copies": [[SOURCE, TARGET]], "image_names", "movable_tags", "insecure",
"ca_file", "dry_run", "sign_command", "journal"}`. Whatever a source has attached to it comes along.
No tag is set before everything of all copies is there.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from multiarch.core.errors import MultiarchError, bullets
from multiarch.core.oci.descriptor import Descriptor, OciError
from multiarch.core.oci.names import parse_tag
from multiarch.core.oci.publication import (
    Naming,
    Node,
    Plan,
    merged,
    plan,
    repository_of,
    with_attached,
)
from multiarch.core.oci.reference import Reference
from multiarch.tools.publish import publish, run, say, settings_of
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.contents import Stored, read_node
from multiarch.tools.registry.referrers import referrers
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistrySettings


class Pulled:
    """Contents that come from registries; a blob is fetched when it has to be sent."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lock = folder, threading.Lock()
        self.manifests: dict[str, bytes] = {}
        self.sources: dict[str, ImageSource] = {}

    def node(self, source: ImageSource, descriptor: Descriptor) -> Node:
        """Read a manifest and all below it from a source."""
        place = repository_of(source.reference)

        def fetch(wanted: Descriptor) -> bytes:
            data = source.manifest(wanted.digest)[1]
            self.manifests[wanted.digest] = data
            return data

        node = read_node(descriptor, fetch, lambda d: (place,), where=str(source.reference))
        for digest in _blobs(node):
            self.sources[digest] = source
        return node

    def stored(self, blob: Descriptor) -> Stored:
        """Fetch a blob, verified, into a file."""
        path = self.folder / blob.hex
        with self.lock:
            if not path.exists():
                with open(path, "wb") as out:
                    self.sources[blob.digest].blob(blob, out)
        return Stored(str(path), 0, blob.size)

    def read(self, descriptor: Descriptor) -> bytes:
        """The bytes of a manifest that was read before."""
        return self.manifests[descriptor.digest]


def _blobs(node: Node) -> set[str]:
    return {blob.digest for blob in node.blobs}.union(*map(_blobs, node.children))


def copy_plan(
    pulled: Pulled, client: Client, source: Reference, target: Reference, request: Mapping[str, Any]
) -> Plan:
    """Plan one copy: the same bytes by the target's names, and what is attached to them."""
    images = ImageSource(client, source)
    descriptor, data = images.manifest(source.version)
    say(f"{source.name}:{source.tag or source.version} is {descriptor.digest}")
    template = request["image_names"]
    root = pulled.node(images, descriptor)
    if not root.children:
        # An image alone has the name that it is given.
        root = replace(root, descriptor=replace(descriptor, platform=images.platform(data)))
        template = "{repository}:{tag}"
    naming = Naming(repository_of(target), (target.tag,), template, tuple(request["movable_tags"]))
    found = plan(root, naming, where=f"{source} to {target}")
    subjects = dict.fromkeys(p.node.descriptor.digest for p in found.placements)
    attached = [
        pulled.node(images, one) for digest in subjects for one in referrers(images, digest)
    ]
    return with_attached(found, attached)


def parse_copies(copies: list[list[str]]) -> list[tuple[Reference, Reference]]:
    """Read sources and targets; raises MultiarchError with all that is wrong."""
    found, problems = [], []
    for texts in copies:
        try:
            source, target = (Reference.parse(text) for text in texts)
            if target.digest or not texts[1].endswith(f":{target.tag}"):
                raise OciError(
                    f"{texts[1]!r}: what is promoted gets a tag; expected `REPOSITORY:TAG`."
                )
            parse_tag(target.tag, where=texts[1])
            found.append((source, target))
        except OciError as error:
            problems.append(str(error))
    if problems:
        raise MultiarchError(f"nothing was promoted:\n{bullets(problems)}")
    return found


def main(folder: Path, environment: Mapping[str, str]) -> None:
    """Promote what the request says."""
    request = json.loads((folder / "request.json").read_text())
    settings: RegistrySettings = settings_of(request, environment)
    clients: dict[str, Client] = {}
    plans = []
    with tempfile.TemporaryDirectory() as work:
        pulled = Pulled(Path(work))
        for source, target in parse_copies(request["copies"]):
            client = clients.setdefault(source.registry, Client(source.registry, settings))
            plans.append(copy_plan(pulled, client, source, target, request))
        publish(merged(plans, where="promote"), pulled, request, environment, folder)


if __name__ == "__main__":
    sys.exit(run(main))
