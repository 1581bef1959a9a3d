"""The publisher against a real registry: what is sent, mounted and left, and every way to fail."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from multiarch.core.errors import MultiarchError
from multiarch.core.oci import upload
from multiarch.core.oci.names import DEFAULT_IMAGE_NAMES
from multiarch.tools import publish

from tests.integration.registry import (
    USER,
    Image,
    Proxy,
    Registry,
    base_environment,
    docker_config,
    free_port,
    write_layout,
)
from tests.integration.scratch import require

pytestmark = pytest.mark.integration

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7")


def noise(seed: str, size: int = 40_000) -> bytes:
    """Bytes that do not get smaller when they are compressed, the same for the same seed."""
    return hashlib.shake_256(seed.encode()).digest(size)


def images(seed: str) -> list[Image]:
    """One image per platform, with layers of their own."""
    return [Image(platform, noise(f"{seed} {platform}")) for platform in PLATFORMS]


class Case:
    """A list of four images in a layout, and how it is published."""

    def __init__(self, root: Path, repository: str, *, seed: str = "") -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root, self.repository, self.images = root, repository, images(seed or repository)
        self.digest = write_layout(root / "layout", self.images)

    def publish(
        self, registry: str, environment: Mapping[str, str] | None = None, **changes: object
    ) -> None:
        """Publish by the program that Pants runs."""
        request = {
            "address": "images:list", "layout": "layout", "tags": ["v1"], "nearby": {},
            "repository": f"{registry}/{self.repository}", "image_names": DEFAULT_IMAGE_NAMES,
            "movable_tags": [], "insecure": [registry], "ca_file": "", "dry_run": False,
            "sign_command": [], "journal": "", **changes,
        }  # fmt: skip
        (self.root / "request.json").write_text(json.dumps(request))
        publish.main(self.root, environment or base_environment())


def counted(text: str) -> dict[str, int]:
    """The numbers of the last line that was printed."""
    match = re.search(
        r"sent ([\d.]+) (bytes|MB): (\d+) blobs, (\d+) manifests; mounted (\d+) blobs; "
        r"there already: (\d+)\n\Z",
        text,
    )
    assert match, text
    size = float(match[1]) * (1e6 if match[2] == "MB" else 1)
    names = ("blobs", "manifests", "mounted", "there")
    return {"size": int(size), **{n: int(match[i + 3]) for i, n in enumerate(names)}}


def test_images_and_the_list_over_them(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path, "first/hello")
    case.publish(registry.name)
    assert registry.tag("first/hello", "v1") == case.digest
    for arch, image in zip(("amd64", "arm64", "armv6", "arm"), case.images):
        assert registry.tag(f"first/hello-{arch}", "v1") == image.digest
    text = capsys.readouterr().out
    # Each blob is sent once, and mounted in the repository of the image's own name.
    numbers = counted(text)
    assert (numbers["blobs"], numbers["manifests"], numbers["mounted"]) == (8, 9, 8)
    assert f"{registry.name}/first/hello:v1@{case.digest}\n" in text


def test_what_is_there_is_not_sent_again(
    registry: Registry, proxy: Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path, "again/hello")
    case.publish(proxy.name)
    proxy.requests.clear()
    capsys.readouterr()
    case.publish(proxy.name)
    assert {method for method, _, _ in proxy.requests} == {"HEAD"}
    assert counted(capsys.readouterr().out) == {
        "size": 0, "blobs": 0, "manifests": 0, "mounted": 0, "there": 9
    }  # fmt: skip


def test_another_tool_pulls_each_platform(registry: Registry, tmp_path: Path) -> None:
    skopeo = require("skopeo")
    case = Case(tmp_path, "pull/hello")
    case.publish(registry.name, tags=["v1", "latest"])
    for image in case.images:
        os_, arch, *variant = image.platform.split("/")
        chosen = [f"--override-os={os_}", f"--override-arch={arch}"]
        chosen += [f"--override-variant={v}" for v in variant]
        target = tmp_path / "-".join((arch, *variant))
        name = f"docker://{registry.name}/pull/hello:latest"
        subprocess.run(
            [skopeo, *chosen, "copy", "-q", "--src-tls-verify=false", name, f"dir:{target}"],
            check=True,
        )
        assert (target / "manifest.json").read_bytes() == image.manifest


def test_a_list_over_images_of_other_repositories_mounts_their_blobs(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path, "mount/all")
    nearby = {}
    for image, repository in zip(case.images, ("mount/a", "mount/a", "mount/b", "mount/b")):
        registry.push(repository, image.platform.replace("/", "-"), [image])
        nearby[image.platform] = [f"{registry.name}/{repository}"]
    case.publish(registry.name, nearby=nearby, image_names="")
    numbers = counted(capsys.readouterr().out)
    assert (numbers["blobs"], numbers["manifests"], numbers["mounted"]) == (0, 5, 8)
    assert registry.tag("mount/all", "v1") == case.digest


def test_what_was_pushed_elsewhere_before_is_mounted(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Case(tmp_path / "one", "journal/one", seed="journal")
    two = Case(tmp_path / "two", "journal/two", seed="journal")
    for case in (one, two):
        case.publish(registry.name, journal="../pushed", image_names="")
    first, second = capsys.readouterr().out.split("Publishing")[1:]
    assert (counted(first)["blobs"], counted(first)["mounted"]) == (8, 0)
    assert (counted(second)["blobs"], counted(second)["mounted"]) == (0, 8)


def test_a_registry_that_mounts_nothing_is_sent_the_blobs(
    registry: Registry, proxy: Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path, "nomount/hello")
    proxy.faults = {"?mount=": [405] * 8}
    case.publish(proxy.name)
    numbers = counted(capsys.readouterr().out)
    assert (numbers["blobs"], numbers["mounted"]) == (16, 0)
    assert registry.tag("nomount/hello", "v1") == case.digest


@pytest.mark.parametrize("names", ["{repository}:{tag}-{arch}", ""])
def test_other_names(registry: Registry, tmp_path: Path, names: str) -> None:
    repository = "other/tags" if names else "other/digests"
    case = Case(tmp_path, repository)
    case.publish(registry.name, image_names=names)
    assert registry.tag(repository, "v1") == case.digest
    v6 = registry.tag(repository, "v1-armv6")
    assert v6 == (case.images[2].digest if names else "")
    assert registry.tag(repository, case.images[0].digest) == case.images[0].digest


def test_a_dry_run_says_what_would_happen_and_sends_nothing(
    registry: Registry, proxy: Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case(tmp_path, "dry/hello")
    case.publish(proxy.name, dry_run=True, sign_command=["false"])
    assert {method for method, _, _ in proxy.requests} == {"HEAD"}
    lines = capsys.readouterr().out.splitlines()
    image, name = case.images[0], f"{proxy.name}/dry/hello"
    assert lines[0] == "Would publish images:list"
    size = len(image.blobs[image.layer])
    assert f"  would send {image.layer} ({size} bytes) to {name}-amd64" not in lines
    assert f"  would send {image.layer} ({size} bytes) to {name}" in lines
    assert f"  would mount {image.layer} ({size} bytes) from {name} to {name}-amd64" in lines
    assert f"  would put image linux/amd64 {name}@{image.digest}" in lines
    assert f"  would sign {name}@{case.digest}" in lines
    assert lines[-1] == f"  would tag {name}:v1 as {case.digest} (new)"
    # What it says is what then happens.
    case.publish(proxy.name)
    sent = counted(capsys.readouterr().out)
    assert sent["blobs"] == sum("would send" in line for line in lines)
    assert sent["mounted"] == sum("would mount" in line for line in lines)


FAULTS: dict[str, Mapping[str, list[Any]]] = {
    "dropped": {"PUT /v2/": ["close"] * 2, "HEAD /v2/": ["close"] * 2},
    "answer lost": {"PUT /v2/": ["lost"] * 2, "POST /v2/": ["lost"]},
    "429": {"POST /v2/": [(429, "0")], "PUT /v2/": [(429, "0")] * 2},
    "500": {"HEAD /v2/": [500], "POST /v2/": [503], "PUT /v2/": [500, 502]},
    "408": {"PUT /v2/": [408]},
    "truncated upload": {"PUT /v2/": ["truncate"] * 2},
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_may_pass_is_tried_again(
    registry: Registry, proxy: Proxy, tmp_path: Path, name: str, impatient: None
) -> None:
    case = Case(tmp_path, f"fault/{name.replace(' ', '-')}")
    proxy.faults = {part: list(faults) for part, faults in FAULTS[name].items()}
    case.publish(proxy.name)
    assert not any(proxy.faults.values())
    assert registry.tag(case.repository, "v1") == case.digest
    if name == "answer lost":
        # The blobs had arrived: they are looked for, and not sent again.
        assert len(proxy.sent("PUT", "/blobs/")) == 8


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"PUT ": ["close"] * 99}, r"sending the blob sha256:\w+ failed 5 times; the last time: "),
        ({"PUT ": [500] * 99}, r"failed 5 times; the last time: 500 Internal Server Error \(UNAV"),
        ({"POST ": [(429, "3600")] * 9}, r"429 Too Many Requests; it asks for a pause of 3600 s"),
        ({"PUT ": ["truncate"] * 99}, r"failed 5 times; the last time: 400 Bad Request \(DIGEST_I"),
        ({"manifests/sha256:": [0] * 9 + ["wrong"] * 9}, r"the answer is for sha256:\w+: the reg"),
        ({"PUT ": [0, 0, 401]}, r"localhost:\d+ refuses to push 'lost/.*': 401 Unauthorized .*the"),
        ({"/uploads/": [403]}, r"localhost:\d+ refuses to push 'lost/.*': 403 Forbidden"),
    ],
)
def test_what_does_not_pass_is_an_error_and_moves_no_tag(
    registry: Registry, proxy: Proxy, tmp_path: Path, faults: Any, said: str, impatient: None
) -> None:
    number = hashlib.sha256(repr((faults, said)).encode()).hexdigest()[:8]
    case = Case(tmp_path, f"lost/{number}")
    proxy.faults = faults
    with pytest.raises(MultiarchError, match=said):
        case.publish(proxy.name)
    assert registry.tag(case.repository, "v1") == ""
    assert registry.tag(f"{case.repository}-amd64", "v1") == ""
    # It goes on where it ended, once the registry is well.
    proxy.faults = {}
    case.publish(proxy.name)
    assert registry.tag(case.repository, "v1") == case.digest


@pytest.mark.parametrize(
    ("part", "status", "said"),
    [
        ("/blobs/", 404, r"lies/.*: the registry took the blob sha256:\w+, and does not have it\."),
        ("/manifests/", 404, r"lies/.*: the registry took the manifest sha256:\w+, and does not h"),
        ("/manifests/", 200, r"lies/.*: asked for sha256:\w+, the answer is for sha256:\w+: the "),
    ],
)
def test_a_registry_that_does_not_keep_what_it_takes(
    registry: Registry, proxy: Proxy, tmp_path: Path, part: str, status: int, said: str
) -> None:
    case = Case(tmp_path, f"lies/{part.strip('/')}{status}")
    forward, taken = proxy.forward, set()

    def lie(handler: Any, body: bytes) -> Any:
        found, headers, answer = forward(handler, body)
        digest = re.search(r"sha256:[0-9a-f]{64}", handler.path)
        if handler.command == "PUT" and digest and part in handler.path:
            taken.add(digest[0])
        if handler.command == "HEAD" and digest and digest[0] in taken and part in handler.path:
            return status, {**headers, "Docker-Content-Digest": f"sha256:{'0' * 64}"}, b""
        return found, headers, answer

    proxy.forward = lie  # type: ignore[method-assign]
    with pytest.raises(MultiarchError, match=said):
        case.publish(proxy.name)
    assert registry.tag(case.repository, "v1") == ""
    assert registry.tag(f"{case.repository}-amd64", "v1") == ""


def test_a_token_that_expires_half_way_is_fetched_anew(registry: Registry, tmp_path: Path) -> None:
    front = Proxy(registry, token=True)
    try:
        case = Case(tmp_path, "token/hello")
        front.faults = {"PUT /v2/token/hello/blobs": [0, 0, "expire"]}
        case.publish(front.name, docker_config(tmp_path / "docker", front.name))
        assert registry.tag("token/hello", "v1") == case.digest
        tokens = {h["Authorization"] for _, _, h in front.requests if "Authorization" in h}
        assert {"Bearer a-token", "Bearer a-token-again"} <= tokens
    finally:
        front.stop()


@pytest.mark.parametrize("stated", [True, False])
def test_blobs_go_in_pieces_where_the_registry_wants_it(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: bool,
    impatient: None,
) -> None:  # fmt: skip
    monkeypatch.setattr(upload, "CHUNK", 9_000)
    monkeypatch.setattr("multiarch.tools.registry.repository.CHUNK", 9_000)
    front = Proxy(registry, pieces=9_000, stated=stated)
    try:
        case = Case(tmp_path, f"pieces/{'stated' if stated else 'found'}")
        # One piece is cut off half-way, the answer to another one is lost.
        front.faults = {"PATCH ": [0, "truncate", 0, 0, "lost", "close"]}
        case.publish(front.name)
        assert registry.tag(case.repository, "v1") == case.digest
        ranges = [h["Content-Range"] for m, _, h in front.requests if m == "PATCH"]
        assert {"0-8999", "9000-17999", "36000-40122"} & set(ranges) >= {"0-8999"}
        assert len(ranges) >= 4 * 5
        # Only the blob with the lost answer was begun anew: this registry then knows the upload no
        # more. Without a stated size, each layer is first tried as a whole.
        begun = [path for path in front.sent("POST") if "mount=" not in path]
        assert len(begun) == (9 if stated else 13)
    finally:
        front.stop()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_run_that_is_ended_half_way_is_gone_on_with(
    registry: Registry, proxy: Proxy, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    number: int, code: int,
) -> None:  # fmt: skip
    case = Case(tmp_path, f"ended/by{number}")
    waiting = threading.Event()
    go_on = threading.Event()
    forward = proxy.forward

    def stuck(handler: Any, body: bytes) -> Any:
        if handler.command == "PUT" and len(proxy.sent("PUT")) > 4:
            waiting.set()
            go_on.wait(60)
            raise ConnectionAbortedError
        return forward(handler, body)

    proxy.forward = stuck  # type: ignore[method-assign]
    case.publish(proxy.name, dry_run=True)
    request = json.loads((case.root / "request.json").read_text())
    (case.root / "request.json").write_text(json.dumps({**request, "dry_run": False}))
    argv = [sys.executable, "-m", "multiarch.tools.publish", str(case.root / "request.json")]
    process = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    assert waiting.wait(60)
    process.send_signal(number)
    assert process.wait(20) == code
    proxy.forward = forward  # type: ignore[method-assign]
    go_on.set()
    assert registry.tag(case.repository, "v1") == ""
    capsys.readouterr()
    case.publish(proxy.name)
    numbers = counted(capsys.readouterr().out)
    assert 0 < numbers["blobs"] < 8
    assert registry.tag(case.repository, "v1") == case.digest


def test_two_publishers_at_once_do_not_harm_each_other(registry: Registry, tmp_path: Path) -> None:
    cases = [Case(tmp_path / str(n), "both/hello", seed="both") for n in range(2)]
    problems: list[BaseException] = []

    def work(case: Case) -> None:
        try:
            case.publish(registry.name)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(case,)) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert registry.tag("both/hello", "v1") == cases[0].digest


def test_a_registry_that_writes_a_child_again_is_asked_again(
    registry: Registry, proxy: Proxy, tmp_path: Path, impatient: None
) -> None:
    case, forward, left = Case(tmp_path, "both/again"), proxy.forward, [2]

    def writes(handler: Any, body: bytes) -> Any:
        if handler.command == "PUT" and b"manifests" in body and left[0]:
            left[0] -= 1
            return 400, {}, b'{"errors": [{"code": "MANIFEST_BLOB_UNKNOWN", "message": "?"}]}'
        return forward(handler, body)

    proxy.forward = writes  # type: ignore[method-assign]
    case.publish(proxy.name)
    assert registry.tag("both/again", "v1") == case.digest
    left[0] = 99
    said = r"putting the manifest sha256:\w+ failed 5 times; the last time: 400 .*MANIFEST_BLOB_UN"
    with pytest.raises(MultiarchError, match=said):
        Case(tmp_path / "other", "both/never").publish(proxy.name)
    assert registry.tag("both/never", "v1") == ""


def test_somebody_elses_tag_is_noticed(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    mine, other = Case(tmp_path / "a", "race/x"), Case(tmp_path / "b", "race/x", seed="other")
    forward = proxy.forward

    def slow(handler: Any, body: bytes) -> Any:
        if handler.command == "PUT" and "/blobs/" in handler.path:
            proxy.forward = forward  # type: ignore[method-assign]
            other.publish(registry.name)
        return forward(handler, body)

    proxy.forward = slow  # type: ignore[method-assign]
    said = rf"localhost:\d+/race/x:v1 is {other.digest}, and would become {mine.digest}"
    with pytest.raises(MultiarchError, match=said):
        mine.publish(proxy.name)
    assert registry.tag("race/x", "v1") == other.digest


def test_a_published_tag_does_not_move_unless_allowed(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = Case(tmp_path / "a", "move/x"), Case(tmp_path / "b", "move/x", seed="new")
    old.publish(registry.name, tags=["v1", "latest"])
    capsys.readouterr()
    with pytest.raises(MultiarchError) as raised:
        new.publish(registry.name, tags=["v1", "latest"], movable_tags=["latest"])
    name = f"{registry.name}/move/x"
    assert str(raised.value).startswith("a tag that was published does not move:\n  * ")
    assert f"  * {name}:v1 is {old.digest}, and would become {new.digest}\n" in str(raised.value)
    assert f"  * {name}-amd64:v1 is {old.images[0].digest}, and would b" in str(raised.value)
    assert ":latest is" not in str(raised.value)
    assert str(raised.value).endswith(
        "Publish under another version, or name the tag in `[multiarch-publish] movable_tags`. No "
        "tag was moved."
    )
    assert registry.tag("move/x", "latest") == old.digest
    # Nothing was sent for it either.
    assert registry.tag("move/x", new.digest) == ""
    new.publish(registry.name, tags=["v2", "latest"], movable_tags=["late*"])
    assert registry.tag("move/x", "latest") == new.digest
    assert registry.tag("move/x", "v1") == old.digest


def test_what_signs_is_called_by_digest_before_any_tag(registry: Registry, tmp_path: Path) -> None:
    case, log = Case(tmp_path, "sign/hello"), tmp_path / "signed"
    script = tmp_path / "sign"
    script.write_text(
        f'#!/bin/sh\necho "$@" >>{log}\ncase "$2" in *sign/hello@*) exit $STATUS;; esac\n'
    )
    script.chmod(0o755)
    command = [str(script), "--yes", "{reference}"]
    said = (
        r"`\[multiarch-publish\] sign_command` ended with 3 for localhost:\d+/sign/hello@sha256:"
        r"\w+\. No tag was moved\."
    )
    with pytest.raises(MultiarchError, match=said):
        case.publish(registry.name, {**base_environment(), "STATUS": "3"}, sign_command=command)
    assert registry.tag("sign/hello", "v1") == registry.tag("sign/hello-amd64", "v1") == ""
    assert registry.tag("sign/hello", case.digest) == case.digest
    name = f"{registry.name}/sign/hello"
    lines = log.read_text().splitlines()
    assert lines[0] == f"--yes {name}-amd64@{case.images[0].digest}"
    assert lines[-1] == f"--yes {name}@{case.digest}"
    case.publish(registry.name, {**base_environment(), "STATUS": "0"}, sign_command=command)
    assert registry.tag("sign/hello", "v1") == case.digest
    log.write_text("")
    case.publish(registry.name, {**base_environment(), "STATUS": "0"}, sign_command=command)
    assert log.read_text() == ""
    missing = r"`\[multiarch-publish\] sign_command`: 'no-such-program' cannot be started: .*No tag"
    with pytest.raises(MultiarchError, match=missing):
        case.publish(registry.name, tags=["v2"], sign_command=["no-such-program"])


def test_a_damaged_file_is_not_published(registry: Registry, tmp_path: Path) -> None:
    case = Case(tmp_path, "damaged/hello")
    blob = tmp_path / "layout/blobs" / case.images[1].layer.replace(":", "/")
    data = blob.read_bytes()
    blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(MultiarchError, match=r"does not have that digest any more: it is damaged"):
        case.publish(registry.name)
    blob.write_bytes(data[:-1])
    with pytest.raises(MultiarchError, match=r"the layout has \d+ bytes there: it is damaged"):
        case.publish(registry.name)
    assert registry.tag("damaged/hello", "v1") == ""


def test_credentials_and_trust(tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    secure = Registry(tmp_path / "registry", secure=True)
    try:
        case = Case(tmp_path / "case", "secure/hello")
        trust = {"insecure": [], "ca_file": str(secure.ca_file)}
        good = docker_config(tmp_path / "good", secure.name)
        with pytest.raises(MultiarchError, match=r"no TLS connection that can be trusted: .*ca_fi"):
            case.publish(secure.name, good, insecure=[])
        with pytest.raises(
            MultiarchError,
            match=r"refuses to push 'secure/hello(-\S+)?': 401 Unauthorized.*; there are no "
            rf"credentials for {secure.name} in /nonexistent/.docker/config.json",
        ):
            case.publish(secure.name, base_environment(), **trust)
        bad = docker_config(tmp_path / "bad", secure.name, password="wrong")
        with pytest.raises(
            MultiarchError, match=rf"401 Unauthorized.*; the credentials of '{USER}' in .*do not al"
        ):
            case.publish(secure.name, bad, **trust)
        case.publish(secure.name, good, **trust)
        assert secure.tag("secure/hello", "v1") == case.digest
    finally:
        secure.stop()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("registry.invalid", r"looking for v1 failed 5 times; the last time: .*(resol|not known)"),
        ("localhost:{port}", r"looking for v1 failed 5 times; the last time: .*Connection refused"),
    ],
)
def test_a_host_that_is_not_there(tmp_path: Path, host: str, said: str, impatient: None) -> None:
    case = Case(tmp_path, "nowhere/hello")
    with pytest.raises(MultiarchError, match=said):
        case.publish(host.format(port=free_port()))
