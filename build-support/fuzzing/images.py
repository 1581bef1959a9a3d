"""Targets that read images: layouts, tars, manifests, locks, and what registries answer."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import requests
import urllib3
import yaml
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.challenge import parse_challenges
from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.descriptor import (
    DOCKER,
    OCI,
    Descriptor,
    canonical_json,
    digest_of,
    manifest_json,
)
from multiarch.core.oci.layer import Entry, with_parents, write_tar
from multiarch.core.oci.layout import LAYOUT_FILE, blob_path, layout_index, parse_json
from multiarch.core.oci.lock import ImageLock, changes_between
from multiarch.core.oci.reference import Reference
from multiarch.core.oci.selection import children, choose
from multiarch.core.platforms import Platform
from multiarch.tools import archives, assemble, image_contents, image_files, image_test, index, pull
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.contents import Layout
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistrySettings
from requests.adapters import BaseAdapter

from fuzzing import mutation
from fuzzing.target import Target, Wrong

_AMD64 = Platform.parse("linux/amd64")
_NAMES = (
    *("a", "a/b", "a/b/c", "lib", "lib/x", "etc/passwd", ".wh.a", "a/.wh..wh..opq", ".wh..wh..opq"),
    *("../outside/t", "/../outside/t", "../../outside", "../outside", "/etc/fuzzed", "a/../../x"),
    *(
        "usr/lib",
        "./a",
        "/",
        ".",
        "lib/../a",
        "usr/lib/x",
        ".wh.",
        "a/.wh.b",
        "var/lib/dpkg/status",
    ),
)
_DOCKERFILES = (
    "FROM base\n",
    "FROM base\nCOPY f /a/b/\nWORKDIR /lib/w\n",
    "FROM base\nCOPY --chown=x:y f /lib/\n",
    "FROM base AS one\nFROM scratch\nCOPY --from=one / /\nCOPY --from=one /a /b\n",
    "FROM base AS one\nFROM base\nRUN --mount=type=bind,from=one,source=/,target=/m x\n",
    "FROM base AS one\nFROM base\nRUN --mount=type=bind,from=one,source=/a,target=/m x\n",
    "FROM scratch\nADD f /\n",
    "FROM scratch\nCOPY f /\n",
)


def _layer(rng: Random) -> bytes:
    """An archive, seldom compressed wrongly, seldom a bomb."""
    if rng.random() < 0.03:
        data = mutation.sparse_bomb(1 << rng.choice((20, 28, 36, 50)))
    elif rng.random() < 0.03:
        data = mutation.tar([(mutation.member(rng, ("zeros",)), bytes(1 << 26))])
    else:
        found = [
            (mutation.member(rng, _NAMES), rng.choice((b"", b"x" * 700, b"\x7fELF", b"root:x:0:0")))
            for _ in range(rng.randrange(1, 9))
        ]
        data = mutation.tar(
            found, rng.choice((mutation.tarfile.PAX_FORMAT, mutation.tarfile.GNU_FORMAT))
        )
        if rng.random() < 0.5:
            data = mutation.mutate_tar(rng, data)
    kind = rng.choice((*mutation.COMPRESSIONS, "+gzip", "+gzip"))
    data = mutation.COMPRESSIONS[kind](data)
    if rng.random() < 0.05 and len(data) < 1 << 20:
        # A bomb within a bomb: as many streams, one after another.
        data *= rng.choice((2, 40))
    return mutation.mutate_bytes(rng, data) if rng.random() < 0.1 else data


def _files(rng: Random) -> dict[str, bytes]:
    """A layout by path: an image whose parts agree with each other, until one is changed."""
    layers = [_layer(rng) for _ in range(rng.randrange(1, 4))]
    plain = [_plain(layer) for layer in layers]
    config: Any = ImageConfig(
        _AMD64,
        {
            "Env": ["A=b", "LD_LIBRARY_PATH=/a"],
            "WorkingDir": "/w",
            "OnBuild": ["ENV X=1"],
            "Labels": {"a": "b"},
            "ExposedPorts": {"80/tcp": {}},
        },
        ({"created_by": "x"},),
        tuple(digest_of(data) for data in plain),
    ).as_json(0)
    if rng.random() < 0.3:
        config = mutation.mutate_json(rng, config)
    types = rng.choice((OCI, OCI, DOCKER))
    config_data = _dumped(rng, config)
    descriptors = [
        Descriptor.of(rng.choice((types.layer, types.plain_layer, OCI.zstd_layer)), data)
        for data in layers
    ]
    manifest: Any = json.loads(manifest_json(types, config_data, descriptors))
    if rng.random() < 0.3:
        manifest = mutation.mutate_json(rng, manifest)
    data = _dumped(rng, manifest)
    files = {blob_path(digest_of(blob)): blob for blob in (*layers, config_data, data)}
    top: Any = Descriptor.of(types.manifest, data).as_json()
    top["platform"] = rng.choice((_AMD64.oci, _AMD64.oci, {"os": "linux", "architecture": "arm64"}))
    for _ in range(rng.choice((0, 0, 1, 3, 12))):
        # Indexes within indexes, each naming the one below more than once.
        inner = {"schemaVersion": 2, "manifests": [top] * rng.choice((1, 2, 9))}
        blob = _dumped(rng, inner)
        files[blob_path(digest_of(blob))] = blob
        top = Descriptor.of(types.index, blob).as_json()
    root: Any = {"schemaVersion": 2, "manifests": [top]}
    if rng.random() < 0.2:
        root = mutation.mutate_json(rng, root)
    files["index.json"] = _dumped(rng, root)
    files["oci-layout"] = LAYOUT_FILE
    if rng.random() < 0.1:
        name = rng.choice(list(files))
        files[name] = mutation.mutate_bytes(rng, files[name])
    if rng.random() < 0.05:
        del files[rng.choice(list(files))]
    return files


def _plain(layer: bytes) -> bytes:
    try:
        # What was assembled of a large file is large.
        bound = mock.patch.object(archives, "_SMALL", 1 << 30)
        with bound, archives.unpacked(layer, "the seed") as file:
            return file.read()
    except MultiarchError:
        return b""


def _dumped(rng: Random, value: Any) -> bytes:
    if rng.random() < 0.01:
        return mutation.nested(rng.choice((100, 5000, 200000))).encode()
    data = json.dumps(value).encode()
    return mutation.mutate_bytes(rng, data, most=2) if rng.random() < 0.03 else data


def make_layout(rng: Random) -> dict[str, Any]:
    """A layout, the Dockerfile that uses it, and whether it is a tar, itself perhaps damaged."""
    return {
        "files": _files(rng),
        "tar": rng.random() < 0.5,
        "dockerfile": rng.choice(_DOCKERFILES),
        "file": _layer(rng),
        "seed": rng.random(),
    }


def _write_layout(value: dict[str, Any], folder: Path) -> Path:
    files, path = value["files"], folder / "layout"
    if not value["tar"]:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        return path
    out, rng = io.BytesIO(), Random(value["seed"])
    entries = with_parents(Entry(name, content=data) for name, data in files.items())
    write_tar(entries, out, mtime=0, read=lambda name: b"")
    data = out.getvalue()
    path.write_bytes(mutation.mutate_tar(rng, data) if rng.random() < 0.3 else data)
    return path


def run_layout(value: dict[str, Any], folder: Path) -> None:
    """Assemble an image on it, test it, list it, put it into a list, and read it for a push."""
    path = str(_write_layout(value, folder))
    (folder / "context").mkdir()
    (folder / "context/f").write_bytes(value["file"])
    (folder / "Dockerfile").write_text(value["dockerfile"])
    request = {
        "address": "//:fuzz",
        "dockerfile": str(folder / "Dockerfile"),
        "context": str(folder / "context"),
        "build_args": {},
        "labels": {},
        "annotations": {},
        "bases": {"base": {"path": path, "reference": ""}},
        "target": None,
        "platform": str(_AMD64),
        "build_platform": str(_AMD64),
        "capabilities": {},
        "runs": {},
        "pending": str(folder / "pending"),
        "format": "oci",
        "source_date_epoch": 0,
        "repo_tags": ["a:b"],
        "output": str(folder / "image.tar"),
        "metadata": str(folder / "image.json"),
    }
    _refused(assemble.main, request)
    if (folder / "image.tar").exists():
        _check_image(folder)
    _refused(image_test.open_image, path)
    _refused(image_contents.main, {"tar": path, "address": "x", "output": f"{folder}/c.json"})
    _refused(_read_for_push, path)


def _refused(function: Any, *arguments: Any) -> MultiarchError | None:
    try:
        function(*arguments)
    except MultiarchError as error:
        if not str(error) or "Traceback" in str(error):
            raise Wrong(f"an error that says nothing: {error!r}") from None
        return error
    return None


def _read_for_push(path: str) -> None:
    layout = Layout(path, "x")
    todo = [layout.root(lambda descriptor: ())]
    while todo:
        node = todo.pop()
        todo += node.children
        for blob in node.blobs:
            if layout.stored(blob).size != blob.size:
                raise Wrong(f"{blob.digest} has another size")


def _check_image(folder: Path) -> None:
    """What was made is an image whose every digest is right, and a list can hold it."""
    made = image_files.open_layout(str(folder / "image.tar"), "the result")
    (top,) = made.manifests()
    manifest = made.json(top)
    config = made.json(Descriptor.parse(manifest["config"], where="the result"))
    layers = [Descriptor.parse(layer, where="the result") for layer in manifest["layers"]]
    ids = config["rootfs"]["diff_ids"]
    if len(layers) != len(ids):
        raise Wrong(f"{len(layers)} layers and {len(ids)} diff IDs")
    for layer, diff_id in zip(layers, ids):
        if digest_of(_plain(made.blob(layer))) != diff_id:
            raise Wrong(f"the layer {layer.digest} is not what {diff_id} says")
    index.main(
        {
            "address": "//:list",
            "format": "oci",
            "annotations": {},
            "ref_names": ["a"],
            "children": [
                {
                    "address": "//:image",
                    "tar": str(folder / "image.tar"),
                    "metadata": str(folder / "image.json"),
                }
            ],
            "output": str(folder / "list"),
            "metadata": str(folder / "list.json"),
        }
    )


def make_json(rng: Random) -> dict[str, Any]:
    """An index, a config and a manifest as values."""
    image = Descriptor.of(OCI.manifest, b"1").as_json()
    listed = [
        {**image, "platform": {"os": os, "architecture": arch, "variant": variant}}
        for os, arch, variant in (
            ("linux", "arm", "v7"),
            ("linux", "amd64", ""),
            ("unknown", "unknown", ""),
            ("windows", "amd64", ""),
            ("linux", "riscv128", ""),
        )
    ]
    return {
        "index": mutation.mutate_json(
            rng, {"schemaVersion": 2, "manifests": listed, "annotations": {"a": "b"}}
        ),
        "config": mutation.mutate_json(
            rng,
            {
                "os": "linux",
                "architecture": "arm64",
                "variant": "v8",
                "os.version": "1",
                "config": {"Env": ["A=B"], "WorkingDir": "/"},
                "history": [{"created_by": "x"}],
                "rootfs": {"type": "layers", "diff_ids": [digest_of(b"")]},
            },
        ),
        "descriptor": mutation.mutate_json(rng, {**image, "annotations": {"a": "b"}}),
    }


def run_json(value: dict[str, Any], folder: Path) -> None:
    """Read each of them."""
    for function in (_read_index, _read_config, _read_descriptor):
        _refused(function, value)


def _parsed(value: Any) -> dict[str, Any]:
    return parse_json(json.dumps(value).encode(), where="x")


def _read_index(value: dict[str, Any]) -> None:
    found = children(_parsed(value["index"]), where="x")
    choose(found.images, Platform.parse("linux/arm64"), where="x", others=found.others)


def _read_config(value: dict[str, Any]) -> None:
    config = ImageConfig.parse(_parsed(value["config"]), where="x")
    canonical_json(config.with_env("A", "C").with_step("x", 0, diff_id="y").as_json(0))


def _read_descriptor(value: dict[str, Any]) -> None:
    canonical_json(Descriptor.parse(_parsed(value["descriptor"]), where="x").as_json())
    layout_index(Descriptor.parse(_parsed(value["descriptor"]), where="x"), ["a"])


_LOCK = ImageLock.parse(
    {
        "version": 1,
        "images": {
            "docker.io/library/debian:12": {
                "digest": digest_of(b"1"),
                "platforms": {"linux/amd64": digest_of(b"2"), "linux/arm/v7": digest_of(b"3")},
            }
        },
    },
    where="the seed",
).as_value()


def make_lock(rng: Random) -> str:
    """The file of a lock."""
    if rng.random() < 0.5:
        try:
            return yaml.safe_dump(mutation.mutate_json(rng, _LOCK), sort_keys=False)
        except (UnicodeError, yaml.YAMLError):
            return ""
    tokens = ("&a [*a]", "*a", "? ", "- ", ": ", "!!python/object:os.system", "<<: *a", "sha256:")
    return mutation.mutate_text(rng, yaml.safe_dump(_LOCK, sort_keys=False), tokens)


def run_lock(text: str, folder: Path) -> None:
    """Read it, choose of it, compare it."""
    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        # The rule that reads the file says so.
        return
    lock = ImageLock.parse(value, where="images.lock.yaml")
    canonical_json(lock.as_value())
    changes_between(lock, ImageLock())
    for image in lock.images.values():
        _refused(lambda image=image: image.choose(_AMD64, where="x"))


class _Registry(BaseAdapter):
    """Answers by path with what was made, as badly as registries may."""

    def __init__(self, value: dict[str, Any]) -> None:
        super().__init__()
        self.value, self.rng, self.sent = value, Random(value["seed"]), 0

    def close(self) -> None:
        pass

    def send(self, request: requests.PreparedRequest, *args: Any, **kw: Any) -> requests.Response:
        self.sent += 1
        if self.sent > 400:
            raise Wrong("it asks for ever")
        rng, name = self.rng, (request.url or "").rpartition("/")[2].replace(":", "/")
        body, status = self.value["blobs"].get(name, b"{}"), 200
        headers = {
            "Content-Type": OCI.index if name == "latest" else OCI.manifest,
            "Content-Length": str(len(body)),
            "Docker-Content-Digest": digest_of(body),
        }
        if rng.random() < self.value["fails"]:
            status = rng.choice((200, 200, 206, 301, 307, 401, 404, 416, 429, 500, 503, 200))
            name = rng.choice(
                (
                    "Content-Length",
                    "Location",
                    "WWW-Authenticate",
                    "Retry-After",
                    "Content-Type",
                    "Content-Range",
                    "Docker-Content-Digest",
                    "Range",
                    "Content-Encoding",
                    "Transfer-Encoding",
                    "Set-Cookie",
                )
            )
            headers[name] = rng.choice(self.value["headers"])
            body = rng.choice((body, body[: len(body) // 2], body * 2, b"", bytes(5 << 20)))
        raw = urllib3.HTTPResponse(
            io.BytesIO(body), headers=headers, status=status, preload_content=False
        )
        response = requests.Response()
        response.status_code, response.raw, response.url = status, raw, request.url or ""
        response.headers.update(headers)
        response.request, response.reason = request, "reason"
        return response


def make_registry(rng: Random) -> dict[str, Any]:
    """What a registry holds, and what it may say in its headers."""
    files = _files(rng)
    blobs = {name.replace("blobs/", ""): data for name, data in files.items()}
    blobs = {name.removeprefix("sha256/"): data for name, data in blobs.items()}
    blobs = {f"sha256/{name}": data for name, data in blobs.items()}
    blobs["latest"] = files.get("index.json", b"")
    blobs["token"] = rng.choice((b'{"token": "x"}', b'{"token": 1}', b"[]", b"\xff", b'{"a": 1}'))
    good = 'Bearer realm="https://registry.example.com/token",service="x",scope="a b"'
    headers = [
        mutation.mutate_text(rng, good, ("Basic", '"', "\\", ",", "="))
        .strip()
        .encode("latin-1", "replace")
        .decode("latin-1")
        for _ in range(3)
    ]
    headers += [
        "https://registry.example.com/v2/other",
        "http://[::1",
        "//",
        "²",
        "-1",
        "9" * 30,
        "gzip",
        "chunked",
        good,
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "bytes 5-9/3",
        "",
    ]
    return {
        "blobs": blobs,
        "headers": [h.replace("\n", " ").replace("\r", " ") for h in headers],
        "seed": rng.random(),
        "fails": rng.choice((0, 0.1, 0.5)),
    }


def run_registry(value: dict[str, Any], folder: Path) -> None:
    """Resolve the tag, and pull the image of a platform."""
    for header in value["headers"]:
        parse_challenges(header)
    settings = {"environment": {"DOCKER_CONFIG": str(folder)}, "insecure": [], "ca_file": ""}
    (folder / "host.json").write_text(json.dumps(settings))
    reference = Reference.parse("registry.example.com/a/b:latest")
    with _answering(value):
        client = Client(reference.registry, RegistrySettings.load(str(folder / "host.json")))
        _refused(ImageSource(client, reference).resolve)
        request = {
            "reference": str(reference),
            "platform": str(_AMD64),
            "host": str(folder / "host.json"),
            "output": str(folder / "layout"),
        }
        error = _refused(pull.main, request)
    if error is None:
        for path in (folder / "layout/blobs/sha256").iterdir():
            if digest_of(path.read_bytes()) != f"sha256:{path.name}":
                raise Wrong(f"{path.name} is not what its name says")
        image_files.open_layout(str(folder / "layout"), "x").manifests()


def _answering(value: dict[str, Any]) -> Any:
    """The client's own code, but for the connection and the waiting."""

    def patched() -> Iterator[None]:
        adapter = _Registry(value)
        with (
            mock.patch.object(requests.Session, "get_adapter", return_value=adapter),
            mock.patch("multiarch.tools.registry.client.session", _session),
            mock.patch.object(time, "sleep", return_value=None),
        ):
            yield

    return contextlib.contextmanager(patched)()


def _session(settings: RegistrySettings) -> requests.Session:
    """A session without the authorities of certificates, which take a while to be read."""
    found = requests.Session()
    found.trust_env = False
    return found


TARGETS = (
    Target(
        "layouts",
        "a base is refused with a MultiarchError, or used: then each blob of the result is what "
        "its digest says, and each layer what its diff ID says",
        make_layout,
        run_layout,
        (MultiarchError,),
    ),
    Target(
        "manifests",
        "an index, a config or a descriptor is read, or refused with a MultiarchError",
        make_json,
        run_json,
        (MultiarchError,),
    ),
    Target(
        "locks",
        "a lock is read, or refused with a MultiarchError",
        make_lock,
        run_lock,
        (MultiarchError,),
    ),
    Target(
        "registries",
        "an image is pulled whole, each blob what its digest says, or refused with a "
        "MultiarchError after a bounded number of requests",
        make_registry,
        run_registry,
        (MultiarchError,),
    ),
)
