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


class Proxy:
    """Forwards to a registry. `faults` maps a part of a path to what happens to its next requests.

    A fault is a status (503), a status and a pause ((429, "1")), "cut": half of the body and then
    nothing, "close": no answer, "corrupt": a body of the right length with another byte, or an
    address, which it redirects to. With `token`, it wants the Bearer token that its `/token` gives
    to USER.
    """

    def __init__(self, registry: Registry, *, token: bool = False) -> None:
        self.upstream, self.token = registry.name, token
        self.faults: dict[str, list[Any]] = {}
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

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

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        handler.close_connection = True
        self.requests.append((handler.command, handler.path, dict(handler.headers)))
        if handler.path.startswith("/token"):
            return self.give_token(handler)
        if self.token and handler.headers.get("Authorization") != "Bearer a-token":
            realm = f'Bearer realm="http://{self.name}/token",service="test"'
            return self.reply(handler, 401, b"{}", {"WWW-Authenticate": realm})
        fault = next((f.pop(0) for part, f in self.faults.items() if part in handler.path and f), 0)
        if fault == "close":
            return None
        if isinstance(fault, str) and "://" in fault:
            return self.reply(handler, 307, b"", {"Location": fault + handler.path})
        if isinstance(fault, tuple):
            return self.reply(handler, fault[0], b"", {"Retry-After": fault[1]})
        if isinstance(fault, int) and fault:
            body = b'{"errors": [{"code": "UNAVAILABLE", "message": "try later"}]}'
            return self.reply(handler, fault, body, {})
        upstream = http.client.HTTPConnection(self.upstream, timeout=20)
        kept = {n: v for n, v in handler.headers.items() if n.lower() in ("accept", "range")}
        upstream.request("GET", handler.path, headers=kept)
        response = upstream.getresponse()
        body = response.read()
        upstream.close()
        headers = {"Content-Type": response.headers["Content-Type"]}
        if fault == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.reply(handler, response.status, body, headers, half=fault == "cut")
        return None

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
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if half else body)

    def give_token(self, handler: BaseHTTPRequestHandler) -> None:
        """Give the token to who knows the password, for the scope of a pull."""
        asked = parse_qs(urlsplit(handler.path).query)
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        right = asked["scope"][0].startswith("repository:") and asked["service"] == ["test"]
        if right and handler.headers.get("Authorization") == f"Basic {known}":
            self.reply(handler, 200, b'{"token": "a-token"}', {})
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
