"""Where a release is published, or read from: a folder, `s3://...`, `gs://...`, through fsspec."""

from __future__ import annotations

import hashlib
from typing import Any

from multiarch.core.errors import MultiarchError
from multiarch.core.release.publication import Stored

_CHUNK = 1 << 20
PROTOCOLS = {"file": "fsspec", "s3": "s3fs", "gs": "gcsfs"}


class StoreError(MultiarchError):
    """Says which place a release cannot be written to or read from, and why."""


def protocol(url: str) -> str:
    """The protocol of a place; raises StoreError for one that is not known."""
    name, colon, _ = url.partition(":")
    if not colon or "/" in name:
        return "file"
    if name not in PROTOCOLS:
        raise StoreError(
            f"{url!r} is no place for releases: {name!r} is not known. It is a path, "
            "`file:///...`, `s3://BUCKET/...` or `gs://BUCKET/...`."
        )
    return name


class Store:
    """One place, with the credentials and settings that the user's environment has for it."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url, self.kind = url.rstrip("/"), protocol(url)
        try:
            # Nothing of what was there a moment ago is kept: it decides what is sent.
            options = {"use_listings_cache": False} if self.kind != "file" else {}
            self.files, self.root = fsspec.core.url_to_fs(self.url, **options)
        except (ImportError, ValueError, OSError) as error:
            raise StoreError(f"{url}: {error}") from error

    def path(self, name: str) -> str:
        """A file's full name."""
        return f"{self.root}/{name}" if name else str(self.root)

    def guarded(self, what: str, call: Any, *arguments: Any, **options: Any) -> Any:
        """Call fsspec; raises StoreError with what the place said."""
        try:
            return call(*arguments, **options)
        except FileNotFoundError:
            raise
        except Exception as error:
            # Each backend has errors of its own: of the network, of credentials, of rights.
            text = " ".join(str(error).split()) or type(error).__name__
            raise StoreError(f"{self.url}: cannot {what}: {text}") from error

    def sizes(self, folder: str) -> dict[str, int]:
        """The files below a folder, each with its size in bytes; empty where there is none."""
        top = self.path(folder)
        try:
            found = self.guarded("list files", self.files.find, top, detail=True)
        except FileNotFoundError:
            return {}
        return {
            name[len(top) + 1 :]: int(entry["size"])
            for name, entry in found.items()
            if not name.endswith(".part") and name != top
        }

    def text(self, name: str) -> str | None:
        """A small file's text, or None where there is none."""
        try:
            data: bytes = self.guarded(f"read {name}", self.files.cat_file, self.path(name))
        except FileNotFoundError:
            return None
        return data.decode(errors="replace")

    def stored(self, name: str) -> Stored:
        """Read a file; its size and sha256."""

        def read() -> Stored:
            hash, size = hashlib.sha256(), 0
            with self.files.open(self.path(name), "rb", block_size=_CHUNK) as file:
                while data := file.read(_CHUNK):
                    hash.update(data)
                    size += len(data)
            return Stored(size, hash.hexdigest())

        found: Stored = self.guarded(f"read {name}", read)
        return found

    def fetch(self, name: str, target: str) -> None:
        """Copy a file from there."""
        self.guarded(f"read {name}", self.files.get_file, self.path(name), target)

    def put(self, source: str, name: str) -> None:
        """Copy a file there, whole or not at all; raises StoreError when it is not whole after."""
        path = self.path(name)

        def copy() -> None:
            if self.kind != "file":
                # An object appears when all of it has arrived.
                self.files.put_file(source, path)
                return
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.files.put_file(source, path + ".part")
            self.files.mv(path + ".part", path)

        self.guarded(f"write {name}", copy)

    def put_text(self, name: str, text: str) -> None:
        """Write a small file, in place of what is there."""

        def write() -> None:
            path = self.path(name)
            if self.kind != "file":
                self.files.pipe_file(path, text.encode())
                return
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.files.pipe_file(path + ".part", text.encode())
            self.files.mv(path + ".part", path)

        self.guarded(f"write {name}", write)
