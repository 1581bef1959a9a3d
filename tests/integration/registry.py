"""A real registry on loopback, and a proxy in front of it that records, fails and alters."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from multiarch.core.oci.descriptor import OCI, Descriptor, canonical_json, digest_of, manifest_json
from multiarch.core.oci.layer import Entry
from multiarch.core.oci.layout import LAYOUT_FILE, blob_path, layout_index
from multiarch.core.platforms import Platform
from multiarch.tools.assemble import compress

from tests.integration.scratch import require

USER, PASSWORD = "builder", "s3cr3t-word"
# bcrypt of PASSWORD, made by `htpasswd -B`.
_HTPASSWD = f"{USER}:$2y$05$90HZUL8y55NCzQUPxhVmH.9uua3frbDYDtwcMTAAYuMlEI/nFwaK6\n"


@dataclass
class Image:
    """One platform's image for tests: a layer with one file; `claimed` is what an index says."""

    platform: str
    content: bytes
    claimed: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        plain = tar_of("base", self.content)
        layer = compress(plain)
        config = canonical_json(
            {
                **Platform.parse(self.platform).oci,
                "config": {"Env": ["BASE=1"]},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(plain)]},
            }
        )
        self.manifest = manifest_json(OCI, config, [Descriptor.of(OCI.layer, layer)])
        self.layer, self.config = digest_of(layer), digest_of(config)
        self.digest = digest_of(self.manifest)
        self.blobs = {self.layer: layer, self.config: config}

    @property
    def entry(self) -> dict[str, Any]:
        """What an index says of it."""
        value = Descriptor.of(OCI.manifest, self.manifest).as_json()
        return {**value, "platform": Platform.parse(self.claimed or self.platform).oci}


def tar_of(name: str, content: bytes) -> bytes:
    """A layer's archive with one file."""
    import io

    from multiarch.core.oci.layer import write_tar

    out = io.BytesIO()
    write_tar([Entry(name, content=content)], out, mtime=0, read=lambda path: b"")
    return out.getvalue()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Registry:
    """Debian's `docker-registry`, started on loopback; with `secure`, TLS and basic auth."""

    def __init__(self, root: Path, *, secure: bool = False) -> None:
        program = require("docker-registry")
        self.name, self.secure, self.ca_file = f"localhost:{free_port()}", secure, root / "ca.pem"
        self.log = root / "log"
        lines = [
            "version: 0.1", "log: {level: info, accesslog: {disabled: false}}",
            f"storage: {{filesystem: {{rootdirectory: {root / 'data'}}}}}",
            f"http: {{addr: '127.0.0.1:{self.name.partition(':')[2]}'",
        ]  # fmt: skip
        if secure:
            certificate(root)
            (root / "htpasswd").write_text(_HTPASSWD)
            lines[-1] += f", tls: {{certificate: {self.ca_file}, key: {root / 'key.pem'}}}"
            lines.append(f"auth: {{htpasswd: {{realm: test, path: {root / 'htpasswd'}}}}}")
        lines[3] += "}"
        (root / "config.yml").write_text("\n".join(lines) + "\n")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", str(root / "config.yml")], stdout=log, stderr=log
            )
        self.session = requests.Session()
        self.session.trust_env = False
        if secure:
            self.session.verify, self.session.auth = str(self.ca_file), (USER, PASSWORD)
        self.wait()

    @property
    def address(self) -> str:
        """The root of its API."""
        return f"{'https' if self.secure else 'http'}://{self.name}"

    def wait(self) -> None:
        """Wait until it answers."""
        for _ in range(100):
            try:
                self.session.get(f"{self.address}/v2/").raise_for_status()
                return
            except requests.exceptions.ConnectionError:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def push(self, repository: str, tag: str, images: Iterable[Image]) -> str:
        """Push an index over images; returns its digest."""
        entries = []
        for image in images:
            for digest, data in image.blobs.items():
                root = f"{self.address}/v2/{repository}/blobs/uploads/"
                where = self.session.post(root).headers["Location"]
                done = self.session.put(where, params={"digest": digest}, data=data)
                assert done.status_code == 201, done.text
            self.manifest(repository, image.digest, image.manifest, OCI.manifest)
            entries.append(image.entry)
        index = {"schemaVersion": 2, "mediaType": OCI.index, "manifests": entries}
        return self.manifest(repository, tag, canonical_json(index), OCI.index)

    def manifest(self, repository: str, version: str, data: bytes, media_type: str) -> str:
        """Push a manifest; returns its digest."""
        url = f"{self.address}/v2/{repository}/manifests/{version}"
        done = self.session.put(url, data=data, headers={"Content-Type": media_type})
        assert done.status_code == 201, done.text
        return digest_of(data)

    def tag(
        self, repository: str, tag: str, *, accept: str = f"{OCI.index}, {OCI.manifest}"
    ) -> str:
        """The digest that a tag stands for; "" where there is none."""
        url = f"{self.address}/v2/{repository}/manifests/{tag}"
        found = self.session.head(url, headers={"Accept": accept})
        return "" if found.status_code == 404 else found.headers["Docker-Content-Digest"]

    def served(self) -> list[str]:
        """The paths that were fetched, by the registry's own access log."""
        return re.findall(r'"GET (/v2/\S+) HTTP', self.log.read_text())

    def stop(self) -> None:
        """End it."""
        self.session.close()
        self.process.terminate()
        self.process.wait(timeout=20)


def certificate(root: Path) -> None:
    """Make a certificate for localhost that is its own authority: `ca.pem` and `key.pem`."""
    subprocess.run(
        [
            *(require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(root / "key.pem"), "-out", str(root / "ca.pem")),
        ],
        check=True,
        capture_output=True,
    )


def write_layout(root: Path, images: Iterable[Image]) -> str:
    """Write an OCI layout of an index over images; returns the index's digest."""
    entries, blobs = [], {}
    for image in images:
        entries.append(image.entry)
        blobs.update({**image.blobs, image.digest: image.manifest})
    index = {"schemaVersion": 2, "mediaType": OCI.index, "manifests": entries}
    data = canonical_json(index)
    blobs[digest_of(data)] = data
    (root / "blobs/sha256").mkdir(parents=True)
    for digest, content in blobs.items():
        (root / blob_path(digest)).write_bytes(content)
    (root / "oci-layout").write_bytes(LAYOUT_FILE)
    (root / "index.json").write_bytes(layout_index(Descriptor.of(OCI.index, data), ()))
    return digest_of(data)


class Proxy:
    """Forwards to a registry. `faults` maps a part of "METHOD PATH" to what happens to its next
    requests.

    A fault is a status (503), a status and a pause ((429, "1")), "cut": half of the body and then
    nothing, "close": no answer, "lost": forwarded, but no answer, "truncate": half of the request's
    body arrives, "corrupt": a body of the right length with another byte, "wrong": another digest
    in the answer, "expire": the token is refused from then on, or an address, which it redirects
    to. With `token`, it wants the Bearer token that its `/token` gives to USER. With `pieces`, it
    takes no blob of more bytes at once; with `stated`, it says so.
    """

    def __init__(
        self, registry: Registry, *, token: bool = False, pieces: int = 0, stated: bool = False
    ) -> None:
        self.upstream, self.token, self.pieces, self.stated = registry.name, token, pieces, stated
        self.issued = "a-token"
        self.faults: dict[str, list[Any]] = {}
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            do_HEAD = do_POST = do_PUT = do_PATCH = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.name = f"localhost:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def fetched(self, kind: str = "blobs") -> list[str]:
        """The blobs, or the manifests, that were asked for, in order."""
        paths = (path for _, path, _ in self.requests)
        return [p.rpartition("/")[2] for p in paths if f"/{kind}/" in p]

    def sent(self, method: str, part: str = "") -> list[str]:
        """The paths of requests by a method."""
        return [path for m, path, _ in self.requests if m == method and part in path]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        handler.close_connection = True
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.requests.append((handler.command, handler.path, dict(handler.headers)))
        if handler.path.startswith("/token"):
            return self.give_token(handler)
        line = f"{handler.command} {handler.path}"
        fault = next((f.pop(0) for part, f in self.faults.items() if part in line and f), 0)
        if fault == "expire":
            self.issued += "-again"
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.issued}":
            realm = f'Bearer realm="http://{self.name}/token",service="test"'
            return self.reply(handler, 401, b"{}", {"WWW-Authenticate": realm})
        if fault == "close":
            return None
        if isinstance(fault, str) and "://" in fault:
            return self.reply(handler, 307, b"", {"Location": fault + handler.path})
        if isinstance(fault, tuple):
            return self.reply(handler, fault[0], b"", {"Retry-After": fault[1]})
        if isinstance(fault, int) and fault:
            said = b'{"errors": [{"code": "UNAVAILABLE", "message": "try later"}]}'
            return self.reply(handler, fault, said, {})
        if self.pieces and "/blobs/uploads/" in handler.path and len(body) > self.pieces:
            return self.reply(handler, 413, b"", {})
        if fault == "truncate":
            body = body[: len(body) // 2]
        status, headers, answer = self.forward(handler, body)
        if fault == "lost":
            return None
        if fault == "wrong" and "Docker-Content-Digest" in headers:
            headers["Docker-Content-Digest"] = digest_of(b"something else")
        if self.stated and handler.command == "POST":
            headers["OCI-Chunk-Min-Length"] = str(self.pieces)
        if fault == "corrupt":
            answer = answer[:-1] + bytes([answer[-1] ^ 1])
        self.reply(handler, status, answer, headers, half=fault == "cut")
        return None

    def forward(
        self, handler: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the registry; returns its status, headers and body."""
        passed = ("accept", "range", "content-type", "content-range", "host")
        kept = {n: v for n, v in handler.headers.items() if n.lower() in passed}
        upstream = http.client.HTTPConnection(self.upstream, timeout=20)
        upstream.request(handler.command, handler.path, body=body or None, headers=kept)
        response = upstream.getresponse()
        answer = response.read()
        upstream.close()
        names = ("Content-Type", "Docker-Content-Digest", "Location", "Range")
        headers = {name: response.headers[name] for name in names if name in response.headers}
        if handler.command == "HEAD":
            headers["Content-Length"] = response.headers.get("Content-Length", "0")
        return response.status, headers, answer

    def reply(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: Mapping[str, str],
        *,
        half: bool = False,
    ) -> None:
        """Send an answer, or its first half."""
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body[: len(body) // 2] if half else body)

    def give_token(self, handler: BaseHTTPRequestHandler) -> None:
        """Give the token to who knows the password, for a scope of a repository."""
        asked = parse_qs(urlsplit(handler.path).query)
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        right = asked["scope"][0].startswith("repository:") and asked["service"] == ["test"]
        if right and handler.headers.get("Authorization") == f"Basic {known}":
            self.reply(handler, 200, json.dumps({"token": self.issued}).encode(), {})
        else:
            self.reply(handler, 401, b"{}", {})

    def stop(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def docker_config(folder: Path, registry: str, *, password: str = PASSWORD) -> dict[str, str]:
    """Write Docker's configuration with credentials; returns the environment that names it."""
    folder.mkdir(parents=True, exist_ok=True)
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": auth}}}))
    return {"DOCKER_CONFIG": str(folder)}


def base_environment() -> dict[str, str]:
    """The environment of a client in a test: nothing of the user's."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"}
