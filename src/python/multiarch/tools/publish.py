"""Publishes one image or manifest list that was packaged, for `pants publish`.

Argument: a JSON file `{"address", "layout", "repository", "tags", "image_names", "movable_tags",
"nearby": {platform: [repository]}, "insecure", "ca_file", "dry_run", "sign_command", "journal"}`;
`layout` is an OCI layout, a folder or a tar, and may have artifacts beside its index; it and
`journal` are relative to the file's folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.core.oci.descriptor import Descriptor
from multiarch.core.oci.names import parse_repository
from multiarch.core.oci.publication import Naming, Plan, plan, with_attached
from multiarch.core.oci.reference import Reference
from multiarch.tools.registry.contents import Contents, Layout
from multiarch.tools.registry.journal import Journal
from multiarch.tools.registry.publisher import Publisher, signer
from multiarch.tools.registry.transport import RegistrySettings

INTERRUPTED = 130


def say(text: str) -> None:
    """Print a line now."""
    print(text, flush=True)


def settings_of(request: Mapping[str, Any], environment: Mapping[str, str]) -> RegistrySettings:
    """How registries are spoken to, by a request's options and the user's environment."""
    return RegistrySettings(environment, tuple(request["insecure"]), request["ca_file"])


def publish(
    found: Plan,
    contents: Contents,
    request: Mapping[str, Any],
    environment: Mapping[str, str],
    folder: Path,
) -> None:
    """Carry a plan out, or say what would happen; raises MultiarchError."""
    journal = Journal(folder / request["journal"] if request["journal"] else None)
    publisher = Publisher(settings_of(request, environment), contents, say, journal)
    actions = publisher.survey(found)
    command = request["sign_command"]
    if request["dry_run"]:
        for line in actions.lines(sign=bool(command)) or ("nothing: all of it is there",):
            say(f"  would {line}" if actions.moves or actions.placements else f"  {line}")
        return
    sign = signer(command, environment, say) if command else lambda reference: None
    publisher.carry_out(found, actions, sign)
    for tag in found.tags:
        say(f"  {tag.name}@{tag.reference.digest}")
    if not found.tags:
        for placement in found.placements:
            say(f"  {placement.repository.name}@{placement.node.descriptor.digest}")
    say(publisher.progress.summary(actions))


def main(folder: Path, environment: Mapping[str, str]) -> None:
    """Publish what the request says."""
    request = json.loads((folder / "request.json").read_text())
    address = request["address"]
    nearby = {
        platform: tuple(parse_repository(text, where=address) for text in texts)
        for platform, texts in request["nearby"].items()
    }

    def near(descriptor: Descriptor) -> tuple[Reference, ...]:
        return nearby.get(str(descriptor.platform), ())

    layout = Layout(str(folder / request["layout"]), address)
    naming = Naming(
        parse_repository(request["repository"], where=f"{address}: `repository`"),
        tuple(request["tags"]),
        request["image_names"],
        tuple(request["movable_tags"]),
    )
    root = layout.root(near)
    say(f"{'Would publish' if request['dry_run'] else 'Publishing'} {address}")
    found = with_attached(plan(root, naming, where=address), layout.attached())
    publish(found, layout, request, environment, folder)


def run(main: Any) -> int:
    """Call a program that talks to registries; returns its exit code, 130 when interrupted."""
    try:
        main(Path(sys.argv[1]).parent, os.environ)
    except MultiarchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: run it again, and it goes on", file=sys.stderr, flush=True)
        # Threads that wait for a registry would be waited for.
        os._exit(INTERRUPTED)
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
