"""The push client on a made-up transport: what no registry here can be made to say."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import pytest
import requests
import urllib3
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.descriptor import OCI, Descriptor, digest_of
from multiarch.core.oci.publication import Node, Placement
from multiarch.core.oci.reference import Reference
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.contents import Layout, Stored
from multiarch.tools.registry.journal import Journal
from multiarch.tools.registry.publisher import Progress, Publisher
from multiarch.tools.registry.repository import Repository
from multiarch.tools.registry.transport import RegistrySettings
from requests.adapters import BaseAdapter

HELLO = Reference("r.example.com", "team/hello")
ENVIRONMENT = {"HOME": "/nonexistent"}
DATA = b"some blob"
BLOB = Descriptor.of(OCI.layer, DATA)
Answer = tuple[int, Mapping[str, str]]


class Transport(BaseAdapter):
    """Answers each request by a function, and keeps method, address, headers and body."""

    def __init__(self, answer: Callable[[str, str], Answer]) -> None:
        super().__init__()
        self.answer = answer
        self.requests: list[tuple[str, str, Mapping[str, str], bytes]] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer one request."""
        body: Any = request.body or b""
        data = b"".join(body) if hasattr(body, "read") else body
        self.requests.append((request.method or "", request.url or "", request.headers, data))
        status, headers = self.answer(request.method or "", request.url or "")
        found = requests.Response()
        content = headers.get("body", "").encode()
        found.raw = urllib3.HTTPResponse(
            io.BytesIO(content),
            headers,
            status,
            preload_content=False,
            request_method=request.method,
        )
        found.status_code, found.url, found.request = status, request.url or "", request
        found.headers = requests.structures.CaseInsensitiveDict(headers)
        found.reason = "Answered"
        return found

    def close(self) -> None:
        """Nothing is open."""


def repository(answer: Callable[[str, str], Answer]) -> tuple[Repository, Transport]:
    """A repository whose registry answers so."""
    client = Client(HELLO.registry, RegistrySettings(ENVIRONMENT))
    transport = Transport(answer)
    client.session.mount("https://", transport)
    return Repository(client, HELLO), transport


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """The blob in a file, with something before and behind it."""
    (tmp_path / "file").write_bytes(b"before" + DATA + b"behind")
    return Stored(str(tmp_path / "file"), 6, len(DATA))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_an_upload_at_another_host_gets_the_blob_and_no_credentials(stored: Stored) -> None:
    def answer(method: str, url: str) -> Answer:
        if method == "POST":
            return 202, {"Location": "https://storage.example.com/up?key=1"}
        return 201, {}

    hello, transport = repository(answer)
    hello.client.headers[hello.push] = "Bearer secret"
    hello.upload(BLOB, stored)
    (_, _, started, _), (method, url, headers, body) = transport.requests
    assert started["Authorization"] == "Bearer secret"
    assert (method, body) == ("PUT", DATA)
    assert url == f"https://storage.example.com/up?key=1&digest={BLOB.digest}"
    assert "Authorization" not in headers
    assert headers["Content-Length"] == str(len(DATA))


def test_a_blob_that_is_elsewhere_is_there() -> None:
    hello, transport = repository(lambda method, url: (307, {"Location": "https://x.example.com"}))
    assert hello.has_blob(BLOB)
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Length": "8"}, r"has 9 bytes, and 8 in the answer: the registry, or something"),
        ({"Docker-Content-Digest": digest_of(b"x")}, r"asked for the blob .*answer is for sha256:"),
    ],
)
def test_another_blob_in_its_place(headers: dict[str, str], said: str) -> None:
    hello, _ = repository(lambda method, url: (200, headers))
    with pytest.raises(MultiarchError, match=said):
        hello.has_blob(BLOB)


def test_a_digest_that_is_not_stated_is_taken_from_the_bytes() -> None:
    hello, transport = repository(lambda method, url: (200, {"body": "manifest"}))
    assert hello.digest("v1") == digest_of(b"manifest")
    assert [method for method, *_ in transport.requests] == ["HEAD", "GET"]


def test_a_registry_that_takes_no_more_at_once_than_a_blob_has(stored: Stored) -> None:
    hello, _ = repository(
        lambda method, url: (202, {"Location": "/up"}) if method == "POST" else (413, {})
    )
    with pytest.raises(MultiarchError, match=r"sending the blob sha256:\w+ failed: 413 Answered"):
        hello.upload(BLOB, stored)


def test_an_upload_without_a_place(stored: Stored) -> None:
    hello, _ = repository(lambda method, url: (202, {}))
    with pytest.raises(MultiarchError, match=r"does not say where an upload goes"):
        hello.upload(BLOB, stored)


def test_a_manifest_that_became_another_one() -> None:
    hello, _ = repository(lambda method, url: (201, {"Docker-Content-Digest": digest_of(b"x")}))
    with pytest.raises(MultiarchError, match=r"put sha256:\w+ as v1, the answer is for sha256:"):
        hello.put("v1", b"{}", OCI.manifest)


def test_who_may_not_look_may_not_mount() -> None:
    hello, _ = repository(lambda method, url: (403, {}))
    assert not hello.may_have_blob(BLOB)
    assert not hello.mount(BLOB, Reference("r.example.com", "team/other"))


def test_threads_fetch_one_token() -> None:
    barrier = threading.Barrier(4, timeout=20)
    state = {"tokens": 0}
    challenge = {"WWW-Authenticate": 'Bearer realm="https://auth.example.com/token"'}

    def answer(method: str, url: str) -> Answer:
        if "auth.example.com" in url:
            state["tokens"] += 1
            return 200, {"body": json.dumps({"token": "t"})}
        if "t" not in hello.client.headers.get(hello.push, ""):
            barrier.wait()
            return 401, challenge
        return 404, {}

    hello, transport = repository(answer)
    threads = [threading.Thread(target=hello.has_blob, args=(BLOB,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state["tokens"] == 1
    asked = [url for _, url, _, _ in transport.requests if "auth" in url]
    assert asked == ["https://auth.example.com/token?scope=repository%3Ateam%2Fhello%3Apull%2Cpush"]


def test_the_first_failure_ends_the_others() -> None:
    publisher = Publisher(
        RegistrySettings(ENVIRONMENT), Layout(str(Path(__file__).parent), "x"), print, Journal(None)
    )
    started = []

    def work(number: int) -> int:
        started.append(number)
        if number == 1:
            raise MultiarchError("one failed")
        publisher.stop.wait(20)
        return number

    with pytest.raises(MultiarchError, match=r"^one failed$"):
        publisher.each(work, tuple(range(50)))
    assert len(started) < 10


def test_the_journal_keeps_the_last_place_of_a_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("multiarch.tools.registry.journal._KEPT", 1000)
    journal = Journal(tmp_path / "pushed")
    assert journal.seen() == {}
    for number in range(50):
        blob = Descriptor.of(OCI.layer, str(number).encode())
        journal.note([Placement(HELLO, Node(BLOB, (blob, BLOB)))])
    seen = journal.seen()
    assert seen[HELLO.registry, blob.digest] == HELLO
    assert 5 < len(seen) < 20
    assert (tmp_path / "pushed").stat().st_size < 3000
    assert [file.name for file in tmp_path.iterdir()] == ["pushed"]
    # Nobody needs it: neither one that is not there nor one that is damaged.
    (tmp_path / "pushed").write_bytes(b"\xff\n@\nx")
    assert journal.seen() == {}
    Journal(tmp_path / "no/such/folder").note([Placement(HELLO, Node(BLOB, (BLOB,)))])


def test_progress_is_said_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now, lines = [0.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = Progress(lines.append)
    progress.expected = 5_000_000
    for now[0] in (1.0, 11.0, 12.0, 22.0):
        progress.bytes_sent(1_000_000)
    assert lines == ["  2.0 MB of 5.0 MB sent", "  4.0 MB of 5.0 MB sent"]


def test_different_failures_are_all_named() -> None:
    publisher = Publisher(
        RegistrySettings(ENVIRONMENT), Layout(str(Path(__file__).parent), "x"), print, Journal(None)
    )
    barrier = threading.Barrier(2, timeout=20)

    def work(number: int) -> int:
        barrier.wait()
        raise MultiarchError(f"{number} failed")

    said = r"^2 things failed:\n  \* [12] failed\n  \* [12] failed$"
    with pytest.raises(MultiarchError, match=said):
        publisher.each(work, (1, 2))
