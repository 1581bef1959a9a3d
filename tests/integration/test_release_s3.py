"""A release goes to a real S3 server: interrupted, resumed, verified, and never overwritten."""

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
from pathlib import Path

import bootstrap
import pytest

from tests.integration.scratch import SOURCES, environment
from tests.unit.release.test_tools import VERSION, make

pytestmark = pytest.mark.integration

BUCKET = "s3://releases/fleet"
PINNED = SOURCES / "multiarch/backend/release/s3fs-requirements.txt"
# Every key of the bucket, one a line.
LIST = "import s3fs; print('\\n'.join(s3fs.S3FileSystem().find('releases')))"


def python(name: str, requirements: Path) -> Path:
    """The Python of a pinned environment."""
    interpreter = bootstrap.find_python(environment())
    return bootstrap.environment(name, name, [requirements], interpreter) / "bin/python"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A server with a bucket; the environment that reaches it."""
    moto = python("moto", bootstrap.REQUIREMENTS / "moto-requirements.txt")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("moto") / "log").open("w")
    process = subprocess.Popen(
        [moto, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    for _ in range(150):
        try:
            urllib.request.urlopen(address).close()
            break
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, Path(log.name).read_text()
            time.sleep(0.2)
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
    log.close()


def upload(tree: Path, server: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start an upload of a release."""
    request = tree.parent / "request.json"
    value = {
        "release": "release", "version": VERSION, "destination": BUCKET, "markers": ["stable"],
        "dry_run": False,
    }  # fmt: skip
    request.write_text(json.dumps(value))
    return subprocess.Popen(
        [python("s3fs", PINNED), "-m", "multiarch.tools.upload_release", request],
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
        """Pass on what the server answers."""
        while data := behind.recv(1 << 16):
            self.request.sendall(data)


def keys(server: Mapping[str, str]) -> list[str]:
    """The keys of all objects, relative to the place of the releases."""
    done = subprocess.run(
        [python("s3fs", PINNED), "-c", LIST], env=server, check=True, capture_output=True, text=True
    )
    return [line.removeprefix("releases/fleet/") for line in done.stdout.split()]


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
    assert f"{BUCKET}/stable.txt: new -> {VERSION}" in out
    files = {f"{VERSION}/{f.relative_to(tree)}" for f in tree.rglob("*") if f.is_file()}
    assert set(keys(server)) == files | {"stable.txt", "stable-1.txt", "stable-1.36.txt"}
    out, _ = upload(tree, server).communicate()
    assert f"0 files sent (0 B), {len(files)} were there" in out
    fetch = (
        "import sys; from multiarch.tools.release_store import Store\n"
        f"store = Store('{BUCKET}/{VERSION}')\n"
        "for name in store.sizes(''):\n"
        "    store.fetch(name, sys.argv[1] + '/' + name.replace('/', '|'))\n"
    )
    copied = tmp_path / "copied"
    copied.mkdir()
    subprocess.run([python("s3fs", PINNED), "-c", fetch, copied], env=server, check=True)
    for file in copied.iterdir():
        assert file.read_bytes() == (tree / file.name.replace("|", "/")).read_bytes()
    assert len(list(copied.iterdir())) == len(files)
    other = upload(make(tmp_path / "two", text="other\n"), server)
    _, err = other.communicate()
    assert other.returncode == 1
    assert "nothing was sent, because other files are there" in err
    assert "`README` has 4194304 bytes there, and the release has 6" in err
    assert "Traceback" not in err
