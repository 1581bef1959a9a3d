"""A release goes to object stores: interrupted, resumed, verified, and never overwritten.

To a real S3 server, moto's, and to an emulator of Google Cloud Storage.
"""

from __future__ import annotations

import json
import socket
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import bootstrap
import pytest

from tests.integration.scratch import SOURCES, environment
from tests.unit.release.test_tools import VERSION, contents, make

pytestmark = pytest.mark.integration

PLACE, GOOGLE = "s3://releases/fleet", "gs://releases/fleet"
# Every key of the bucket, one a line.
LIST = "import s3fs; print('\\n'.join(s3fs.S3FileSystem().find('releases')))"


def python(name: str, folder: Path = SOURCES / "multiarch/backend/release") -> Path:
    """The Python of a pinned environment."""
    interpreter = bootstrap.find_python(environment())
    requirements = folder / f"{name}-requirements.txt"
    return bootstrap.environment(name, name, [requirements], interpreter) / "bin/python"


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def serve(argv: list[object], address: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a server, and wait until it answers."""
    with log.open("w") as out:
        process = subprocess.Popen(list(map(str, argv)), stdout=out, stderr=out)
    for _ in range(150):
        try:
            urllib.request.urlopen(address).close()
            break
        except urllib.error.HTTPError:
            break
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    return process


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A server with a bucket; the environment that reaches it."""
    port, log = free_port(), tmp_path_factory.mktemp("moto") / "log"
    moto, address = python("moto", bootstrap.REQUIREMENTS), f"http://127.0.0.1:{port}"
    argv = [moto, "-m", "moto.server", "-H", "127.0.0.1", "-p", port]
    process = serve(argv, address, log)
    bucket = urllib.request.Request(f"{address}/releases", method="PUT")
    urllib.request.urlopen(bucket).close()
    yield {
        **environment(),
        "PYTHONPATH": str(SOURCES),
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": "127.0.0.1",
    }
    process.terminate()
    process.wait()


def upload(
    tree: Path, server: Mapping[str, str], *, place: str = PLACE, library: str = "s3fs"
) -> subprocess.Popen[str]:
    """Start an upload of a release."""
    request = tree.parent / "request.json"
    value = {
        "release": "release", "version": VERSION, "destination": place, "markers": ["stable"],
        "dry_run": False, "sign_command": [],
    }  # fmt: skip
    request.write_text(json.dumps(value))
    return subprocess.Popen(
        [python(library), "-m", "multiarch.tools.upload_release", request],
        env=server, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


# What one connection sends through the relay before it is held.
HELD_AFTER = 1 << 20


class Relay(socketserver.ThreadingTCPServer):
    """A way to the server on which a connection that has sent much goes no further."""

    daemon_threads = True

    def __init__(self, server: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Held)
        host, _, port = server["AWS_ENDPOINT_URL"].removeprefix("http://").partition(":")
        self.behind = (host, int(port))
        self.environment = {
            **server,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_address[1]}",
        }
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Held(socketserver.BaseRequestHandler):
    """One connection of a relay."""

    server: Relay

    def handle(self) -> None:
        """Pass on what the client sends, until it is too much, and what it is answered."""
        with socket.create_connection(self.server.behind) as behind:
            threading.Thread(target=self.answer, args=[behind], daemon=True).start()
            sent = 0
            while sent < HELD_AFTER and (data := self.request.recv(1 << 16)):
                behind.sendall(data)
                sent += len(data)
            # Until the client is gone nothing is closed: to the server the upload is under way.
            while self.request.recv(1, socket.MSG_PEEK) and sent >= HELD_AFTER:
                time.sleep(0.05)

    def answer(self, behind: socket.socket) -> None:
        """Pass on what the server answers, as long as both are there."""
        with suppress(OSError):
            while data := behind.recv(1 << 16):
                self.request.sendall(data)


def keys(server: Mapping[str, str]) -> list[str]:
    """The keys of all objects, relative to the place of the releases."""
    done = subprocess.run(
        [python("s3fs"), "-c", LIST], env=server, check=True, capture_output=True, text=True
    )
    return [line.removeprefix("releases/fleet/") for line in done.stdout.split()]


def copied(
    folder: Path, server: Mapping[str, str], *, place: str = PLACE, library: str = "s3fs"
) -> dict[str, bytes]:
    """Every file of the release there, as it is fetched."""
    fetch = (
        "import os, sys; from multiarch.tools.release_store import Store\n"
        f"store = Store('{place}/{VERSION}')\n"
        "for name in store.sizes(''):\n"
        "    path = sys.argv[1] + '/' + name\n"
        "    os.makedirs(os.path.dirname(path), exist_ok=True)\n"
        "    store.fetch(name, path)\n"
    )
    subprocess.run([python(library), "-c", fetch, folder], env=server, check=True)
    return contents(folder)


def test_an_upload_is_interrupted_and_resumed_and_never_overwrites(
    tmp_path: Path, server: Mapping[str, str]
) -> None:
    # The large file is held on its way, however fast the machine is.
    tree = make(tmp_path / "one", text="read me\n" * (HELD_AFTER >> 1))
    with Relay(server) as relay:
        first = upload(tree, relay.environment)
        while not keys(server):
            assert first.poll() is None, first.communicate()
        first.kill()
        first.communicate()
        relay.shutdown()
    partly = keys(server)
    assert partly
    assert not [key for key in partly if key.endswith(("SUMS", ".txt"))]
    out, err = (second := upload(tree, server)).communicate()
    assert second.returncode == 0, err
    assert f"{len(partly)} were there" in out
    assert f"{PLACE}/stable.txt: new -> {VERSION}" in out
    files = {f"{VERSION}/{f.relative_to(tree)}" for f in tree.rglob("*") if f.is_file()}
    assert set(keys(server)) == files | {"stable.txt", "stable-1.txt", "stable-1.36.txt"}
    out, _ = upload(tree, server).communicate()
    assert f"0 files sent (0 B), {len(files)} were there" in out
    assert copied(tmp_path / "copied", server) == contents(tree)
    other = upload(make(tmp_path / "two", text="other\n"), server)
    _, err = other.communicate()
    assert other.returncode == 1
    assert "nothing was sent, because other files are there" in err
    assert "`README` has 4194304 bytes there, and the release has 6" in err
    assert "Traceback" not in err


@pytest.fixture
def google(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """An emulator with a bucket; the environment that reaches it."""
    port = free_port()
    program = python("gcs-emulator", bootstrap.REQUIREMENTS).with_name("gcp-storage-emulator")
    argv = [program, "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"]
    address = f"http://127.0.0.1:{port}"
    process = serve([*argv, "--default-bucket=releases"], address, tmp_path / "log")
    yield {
        **environment(),
        "PYTHONPATH": str(SOURCES),
        "STORAGE_EMULATOR_HOST": address,
        "NO_PROXY": "127.0.0.1",
    }
    process.terminate()
    process.wait()


def test_google_cloud_storage_gets_the_same(tmp_path: Path, google: Mapping[str, str]) -> None:
    place: dict[str, str] = {"place": GOOGLE, "library": "gcsfs"}
    # gcsfs sends what is larger than 5 MiB in another way.
    tree = make(tmp_path / "one", text="read me\n" * (6 << 17))
    out, err = (first := upload(tree, google, **place)).communicate()
    assert first.returncode == 0, err
    assert f"{GOOGLE}/stable.txt: new -> {VERSION}" in out
    assert copied(tmp_path / "copied", google, **place) == contents(tree)
    out, _ = upload(tree, google, **place).communicate()
    assert f"0 files sent (0 B), {len(contents(tree))} were there" in out
    other = upload(make(tmp_path / "two", text="other\n"), google, **place)
    _, err = other.communicate()
    assert other.returncode == 1
    assert "`README` has 6291456 bytes there, and the release has 6" in err
    assert "Traceback" not in err
    assert copied(tmp_path / "again", google, **place) == contents(tree)
