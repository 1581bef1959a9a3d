"""OCI layouts: blobs by digest with an `index.json`, as a folder or in a tar.

Source: OCI image-spec, image-layout.md. Reading is given as two functions, so that a folder, a
tar and a test's dictionary are all sources.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Callable

from multiarch.core.oci.descriptor import Descriptor, OciError, canonical_json, digest_of
from multiarch.core.oci.selection import children

LAYOUT_FILE = canonical_json({"imageLayoutVersion": "1.0.0"})


def blob_path(digest: str) -> str:
    """Where a layout keeps a blob: `blobs/sha256/HEX`."""
    return "blobs/" + digest.replace(":", "/")


@dataclass(frozen=True)
class LayoutSource:
    """A layout to read. `read` gives a file's bytes, or None where there is no such file."""

    name: str
    read: Callable[[str], bytes | None]

    def blob(self, descriptor: Descriptor) -> bytes:
        """Read a blob and verify its size and digest; raises OciError with both."""
        data = self.read(blob_path(descriptor.digest))
        if data is None:
            raise OciError(f"{self.name}: the layout has no blob {descriptor.digest}")
        if len(data) != descriptor.size or digest_of(data) != descriptor.digest:
            raise OciError(
                f"{self.name}: the blob {descriptor.digest} ({descriptor.size} bytes) has the "
                f"digest {digest_of(data)} and {len(data)} bytes: the layout is damaged"
            )
        return data

    def json(self, descriptor: Descriptor) -> dict[str, Any]:
        """Read a blob that is a JSON object."""
        return parse_json(self.blob(descriptor), where=f"{self.name}: {descriptor.digest}")

    def manifests(self) -> tuple[Descriptor, ...]:
        """Every image manifest of the layout, indexes within it opened."""
        text = self.read("index.json")
        if text is None or self.read("oci-layout") is None:
            raise OciError(f"{self.name}: not an OCI layout: it has no oci-layout and index.json")
        return tuple(dict.fromkeys(self._open(parse_json(text, where=f"{self.name}: index.json"))))

    def image(self) -> Descriptor:
        """The manifest of the one image that the layout holds; raises OciError."""
        found = self.manifests()
        if len(found) != 1:
            raise OciError(f"{self.name}: expected a layout of one image, found {len(found)}")
        return found[0]

    def _open(self, index: dict[str, Any]) -> Iterable[Descriptor]:
        # However they name each other: each index is opened once.
        todo = [index]
        seen: set[str] = set()
        while todo:
            found = children(todo.pop(), where=self.name)
            yield from (descriptor for _, descriptor in found.images)
            yield from found.unstated
            new = [d for d in dict.fromkeys(found.indexes) if d.digest not in seen]
            seen.update(d.digest for d in new)
            todo += [self.json(descriptor) for descriptor in reversed(new)]


def parse_json(data: bytes, *, where: str) -> dict[str, Any]:
    """Read a JSON object; raises OciError when it is not one."""
    try:
        value = json.loads(data)
        if b"\\ud" in data.lower():
            # Half of a character, which could not be written again.
            json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise OciError(f"{where}: not JSON: {error}") from error
    except RecursionError:
        raise OciError(f"{where}: not JSON: it is nested too deeply") from None
    if not isinstance(value, dict):
        raise OciError(f"{where}: expected a JSON object, found {type(value).__name__}")
    return value


def layout_index(descriptor: Descriptor, names: Iterable[str]) -> bytes:
    """The `index.json` of a layout that holds one image or index, once per name."""
    entries = []
    for name in list(names) or [""]:
        value = descriptor.as_json()
        if name:
            value["annotations"] = {
                **value.get("annotations", {}),
                "org.opencontainers.image.ref.name": name,
            }
        entries.append(value)
    return canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": entries,
        }
    )
