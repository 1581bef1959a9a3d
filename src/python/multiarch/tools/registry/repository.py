"""A repository of a registry to push to: what it has, and each way to give it more.

Source: OCI distribution-spec 1.1, "Push".
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Callable
from urllib.parse import urljoin

import requests

from multiarch.core.oci.descriptor import INDEX_TYPES, MANIFEST_TYPES, Descriptor, digest_of
from multiarch.core.oci.reference import Reference
from multiarch.core.oci.upload import CHUNK, chunk_size, next_range, received
from multiarch.tools.registry.client import Attempts, Client, Passing, Unauthorized, describe
from multiarch.tools.registry.contents import Body, Stored
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistryError

_ACCEPT = {"Accept": ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))}
_BYTES = {"Content-Type": "application/octet-stream"}
# A blob may be elsewhere, by an address that is good for GET alone: then it is there.
_FOUND = (200, 301, 302, 303, 307, 308)
_ANOTHER = "the registry, or something on the way to it, has something else. No tag was moved."


class Repository:
    """One repository. `sent` is told how many bytes of blobs went out; `stop` ends uploads."""

    def __init__(
        self,
        client: Client,
        reference: Reference,
        sent: Callable[[int], None] = lambda size: None,
        stop: threading.Event | None = None,
    ) -> None:
        self.client, self.name = client, reference.name
        self.reference, self.path = reference, f"/v2/{reference.repository}"
        self.sent, self.stop = sent, stop or threading.Event()
        self.pull = f"repository:{reference.repository}:pull"
        self.push = f"{self.pull},push"

    def digest(self, version: str, *, scope: str = "") -> str:
        """What a tag stands for, or that a digest is there; "" where there is nothing.

        Raises RegistryError when the registry answers for another digest than was asked for.
        """
        what = f"{self.name}: looking for {version}"
        response = self.client.send(
            "HEAD", f"{self.path}/manifests/{version}", scope=scope or self.push,
            expected=(200, 404), headers=_ACCEPT, attempts=Attempts(what),
        )  # fmt: skip
        if response.status_code == 404:
            return ""
        found = response.headers.get("Docker-Content-Digest", "")
        if not found:
            # It may leave the header out: the bytes say it.
            source = ImageSource(self.client, self.reference)
            found = digest_of(source.fetch_manifest(version, what)[0])
        if ":" in version and found != version:
            raise RegistryError(
                f"{self.name}: asked for {version}, the answer is for {found}: {_ANOTHER}"
            )
        return found

    def has_blob(self, blob: Descriptor) -> bool:
        """Whether it has a blob of this digest and size."""
        what = f"{self.name}: looking for the blob {blob.digest}"
        response = self.client.send(
            "HEAD", f"{self.path}/blobs/{blob.digest}", scope=self.push,
            expected=(*_FOUND, 404), attempts=Attempts(what),
        )  # fmt: skip
        if response.status_code == 404:
            return False
        size = response.headers.get("Content-Length", "")
        digest = response.headers.get("Docker-Content-Digest", blob.digest)
        if response.status_code == 200 and size.isdecimal() and int(size) != blob.size:
            raise RegistryError(
                f"{self.name}: the blob {blob.digest} has {blob.size} bytes, and {size} in the "
                f"answer: {_ANOTHER}"
            )
        if digest != blob.digest:
            raise RegistryError(
                f"{self.name}: asked for the blob {blob.digest}, the answer is for {digest}: "
                f"{_ANOTHER}"
            )
        return True

    def may_have_blob(self, blob: Descriptor) -> bool:
        """Whether a blob can be mounted from here; who may not look may not mount either."""
        what = f"{self.name}: looking for the blob {blob.digest}"
        try:
            response = self.client.send(
                "HEAD", f"{self.path}/blobs/{blob.digest}", scope=self.pull,
                expected=(*_FOUND, 404), attempts=Attempts(what),
            )  # fmt: skip
        except Unauthorized:
            return False
        return response.status_code != 404

    def mount(self, blob: Descriptor, source: Reference) -> bool:
        """Take a blob from another repository of the registry; False where it does not do that."""
        path = f"{self.path}/blobs/uploads/?mount={blob.digest}&from={source.repository}"
        what = f"{self.name}: mounting {blob.digest} from {source.name}"
        scope = f"{self.push} repository:{source.repository}:pull"
        try:
            response = self.client.send(
                "POST", path, scope=scope, expected=(201, 202, 400, 404, 405),
                attempts=Attempts(what), body=b"",
            )  # fmt: skip
        except Unauthorized:
            return False
        if response.status_code >= 400:
            response.close()
        return response.status_code == 201

    def upload(self, blob: Descriptor, stored: Stored) -> None:
        """Send a blob, in pieces where the registry wants them; raises RegistryError."""
        attempts = Attempts(f"{self.name}: sending the blob {blob.digest}")
        chunk = 0
        while True:
            try:
                started = self.client.once(
                    "POST", f"{self.path}/blobs/uploads/", scope=self.push, expected=(202,),
                    what=attempts.what, body=lambda: b"",
                )  # fmt: skip
                chunk = chunk or chunk_size(started.headers.get("OCI-Chunk-Min-Length"))
                where = self._location(started)
                if chunk and blob.size:
                    where = self._send_pieces(where, blob, stored, chunk, attempts)
                done = self._finish(where, blob, stored, attempts, whole=not (chunk and blob.size))
            except Passing as failure:
                attempts.failed(failure.problem, failure.retry_after)
                # The answer alone may have been lost.
                if self.has_blob(blob):
                    return
                continue
            if done:
                return
            # It does not take the whole at once.
            chunk = CHUNK

    def _finish(
        self, where: str, blob: Descriptor, stored: Stored, attempts: Attempts, *, whole: bool
    ) -> bool:
        """End an upload, with the whole blob or after its pieces; False when that is too much."""
        first = 0 if whole else blob.size
        separator = "&" if "?" in where else "?"
        response = self.client.once(
            "PUT", f"{where}{separator}digest={blob.digest}", scope=self.push, headers=_BYTES,
            what=attempts.what, expected=(201, 204, 400, 404, 413, 416),
            body=partial(self._body, stored, first, blob.size),
        )  # fmt: skip
        if response.status_code in (201, 204):
            found = response.headers.get("Docker-Content-Digest", blob.digest)
            if found != blob.digest:
                raise RegistryError(
                    f"{self.name}: sent the blob {blob.digest}, the answer is for {found}: "
                    f"{_ANOTHER}"
                )
            return True
        status, problem = response.status_code, describe(response)
        if status == 413 and whole and blob.size > CHUNK:
            return False
        if status == 413:
            raise RegistryError(f"{attempts.what} failed: {problem}")
        # What arrived is not what was sent, or the registry lost the upload: from the start, unless
        # the file itself is wrong.
        if stored.digest() != blob.digest:
            raise RegistryError(
                f"{attempts.what} failed: the file {stored.path} does not have that digest any "
                "more: it is damaged. Remove it and package again."
            )
        raise Passing(self.client.registry, problem)

    def _send_pieces(
        self, where: str, blob: Descriptor, stored: Stored, chunk: int, attempts: Attempts
    ) -> str:
        """Send all pieces; one that is cut goes on where the registry says it ended."""
        offset = 0
        while offset < blob.size:
            first, last = next_range(offset, blob.size, chunk)
            headers = {**_BYTES, "Content-Range": f"{first}-{last - 1}"}
            try:
                response = self.client.once(
                    "PATCH", where, scope=self.push, expected=(202, 404, 416), headers=headers,
                    what=attempts.what, body=partial(self._body, stored, first, last),
                )  # fmt: skip
                if response.status_code != 202:
                    raise Passing(self.client.registry, describe(response))
                stated = response.headers.get("Range")
                # Less than was sent may have arrived.
                offset = min(received(stated), last) if stated else last
                if offset <= first:
                    raise Passing(self.client.registry, f"it has {offset} bytes after {last}")
            except Passing as failure:
                attempts.failed(failure.problem, failure.retry_after)
                response = self.client.once(
                    "GET", where, scope=self.push, expected=(200, 204, 404), what=attempts.what
                )
                response.close()
                if response.status_code == 404:
                    raise Passing(failure.registry, "the registry lost the upload") from None
                offset = received(response.headers.get("Range"))
            where = self._location(response, where)
        return where

    def put(self, version: str, data: bytes, media_type: str) -> requests.Response:
        """Put a manifest under its digest or a tag; raises RegistryError."""
        attempts = Attempts(f"{self.name}: putting the manifest {version}")
        while True:
            response = self.client.send(
                "PUT", f"{self.path}/manifests/{version}", scope=self.push,
                expected=(200, 201, 202, 400), headers={"Content-Type": media_type}, body=data,
                attempts=attempts,
            )  # fmt: skip
            if response.status_code != 400:
                break
            problem = describe(response)
            # What it names is there. A registry that writes it again, for somebody who publishes
            # the same at the same time, has it not for a moment.
            if "BLOB_UNKNOWN" not in problem:
                raise RegistryError(f"{attempts.what} failed: {problem}")
            attempts.failed(problem)
        found = response.headers.get("Docker-Content-Digest", "")
        if found and found != digest_of(data):
            raise RegistryError(
                f"{self.name}: put {digest_of(data)} as {version}, the answer is for {found}: the "
                "registry, or something on the way to it, has something else."
            )
        return response

    def _body(self, stored: Stored, first: int, last: int) -> object:
        if first == last:
            return b""
        return Body(stored, first, last, sent=self.sent, stop=self.stop)

    def _location(self, response: requests.Response, default: str = "") -> str:
        found = response.headers.get("Location", "")
        if not found and not default:
            raise RegistryError(f"{self.name}: the registry does not say where an upload goes")
        try:
            return urljoin(self.client.address, found) if found else default
        except ValueError as error:
            raise RegistryError(f"{self.name}: {found!r} is no address: {error}") from None
