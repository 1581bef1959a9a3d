"""ko: an image of each program for each platform, on an empty base that a small server gives it."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builders import FLAGS
from measure import Cost, run
from workspace import Workspace

OCI = "application/vnd.oci.image"


def oci_platform(platform: str) -> dict[str, str]:
    """A platform as manifests write it."""
    os_, arch, *variant = platform.split("/")
    found = {"os": os_, "architecture": arch}
    return {**found, "variant": variant[0]} if variant else found


def empty_base(platforms: tuple[str, ...]) -> dict[str, bytes]:
    """Manifests and blobs of an image without layers, by digest; the index is `latest`, too."""
    blobs: dict[str, bytes] = {}

    def add(value: Any, kind: str) -> dict[str, Any]:
        data = json.dumps(value).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        return {"mediaType": f"{OCI}.{kind}.v1+json", "digest": digest, "size": len(data)}

    manifests = []
    for platform in platforms:
        rootfs = {"type": "layers", "diff_ids": []}
        config = add({**oci_platform(platform), "rootfs": rootfs}, "config")
        manifest = {
            "schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": config,
            "layers": [],
        }  # fmt: skip
        manifests.append({**add(manifest, "manifest"), "platform": oci_platform(platform)})
    index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": manifests}
    blobs["latest"] = blobs[add(index, "index")["digest"]]
    return blobs


@contextlib.contextmanager
def base_server(platforms: tuple[str, ...]) -> Iterator[str]:
    """Serve that image on the loopback device; gives its name."""
    blobs = empty_base(platforms)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            data = b"{}" if self.path == "/v2/" else blobs.get(name)
            self.send_response(404 if data is None else 200)
            data = data or b""
            kind = json.loads(data or "{}").get("mediaType", "application/octet-stream")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        do_HEAD = do_GET

        def log_message(self, *arguments: object) -> None:
            """Say nothing: the table is what is printed."""

    with http.server.ThreadingHTTPServer(("localhost", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_address[1]}/base:latest"
        server.shutdown()


@dataclass
class Ko:
    """`ko build` of all programs into one OCI layout: no push, no bill of materials."""

    space: Workspace
    program: str
    outputs: Path
    cache: Path
    base: str
    name: str = "ko"
    found: dict[tuple[str, str], Path] = field(default_factory=dict)

    def configure(self) -> None:
        """Write its configuration, which is JSON and so YAML."""
        settings = {
            "defaultFlags": list(FLAGS),
            "defaultLdflags": ["-buildid=", "-X=main.benchStamp={{.Env.STAMP}}"],
            "defaultBaseImage": self.base,
        }
        self.outputs.with_suffix(".yaml").write_text(json.dumps(settings))

    def build(self, stamp: str) -> Cost:
        env = {
            **self.space.stamped_env(self.cache, stamp),
            "KO_CONFIG_PATH": str(self.outputs.with_suffix(".yaml")),
            "KO_DOCKER_REPO": "example.test/bench",
        }
        self.found.clear()
        shutil.rmtree(self.outputs, ignore_errors=True)
        argv = [
            self.program, "build", "--push=false", "--sbom=none", "--base-import-paths",
            f"--oci-layout-path={self.outputs}", f"--platform={','.join(self.space.platforms)}",
            *(f"./{main}" for main in self.space.mains),
        ]  # fmt: skip
        return run(argv, self.space.root, env)

    def output(self, main: str, platform: str) -> Path:
        if not self.found:
            self.unpack()
        return self.found[Path(main).name, platform]

    def unpack(self) -> None:
        """Take the programs out of the images' layers."""
        names = {json.dumps(oci_platform(p), sort_keys=True): p for p in self.space.platforms}
        for entry in self.read("index.json")["manifests"]:
            for one in self.blob(entry)["manifests"]:
                known = {k: one["platform"].get(k) for k in ("os", "architecture", "variant")}
                key = json.dumps({k: v for k, v in known.items() if v}, sort_keys=True)
                for layer in self.blob(one)["layers"]:
                    self.take(self.path(layer), names[key])

    def take(self, layer: Path, platform: str) -> None:
        with tarfile.open(layer) as archive:
            for member in archive:
                if member.isfile() and member.name.startswith("/ko-app/"):
                    name = os.path.basename(member.name)
                    file = self.outputs / "programs" / platform / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    stream = archive.extractfile(member) or io.BytesIO()
                    file.write_bytes(stream.read())
                    self.found[name, platform] = file

    def path(self, descriptor: dict[str, Any]) -> Path:
        return self.outputs / "blobs" / descriptor["digest"].replace(":", "/")

    def blob(self, descriptor: dict[str, Any]) -> Any:
        return json.loads(self.path(descriptor).read_bytes())

    def read(self, name: str) -> Any:
        return json.loads((self.outputs / name).read_bytes())
