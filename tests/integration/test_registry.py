"""The registry client against a real registry: what is fetched, retried, refused and asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.descriptor import OCI
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform
from multiarch.tools import pull
from multiarch.tools.registry.client import Client
from multiarch.tools.registry.source import ImageSource
from multiarch.tools.registry.transport import RegistrySettings

from tests.integration.registry import (
    PASSWORD,
    Image,
    Proxy,
    Registry,
    base_environment,
    docker_config,
)

pytestmark = pytest.mark.integration

AMD64, ARM64 = Image("linux/amd64", b"amd64" * 9999), Image("linux/arm64", b"arm64" * 9999)
V6 = Image("linux/arm/v6", b"v6")
WRONG = Image("linux/amd64", b"wrong", claimed="linux/s390x")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The program takes the user's environment for its own process, which here is the tests'."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with one repository."""
    found = Registry(tmp_path_factory.mktemp("registry"))
    found.push("team/base", "1", [AMD64, ARM64, V6, WRONG])
    found.manifest("team/base", "single", AMD64.manifest, OCI.manifest)
    yield found
    found.stop()


def pull_image(folder: Path, name: str, platform: str, **changes: object) -> Path:
    """Pull by the program that Pants runs; returns the layout."""
    registry = name.partition("/")[0]
    host = {"environment": base_environment(), "insecure": [registry], "ca_file": "", **changes}
    (folder / "host.json").write_text(json.dumps(host))
    layout = folder / "layout"
    pull.main(
        {
            "reference": name,
            "platform": platform,
            "host": str(folder / "host.json"),
            "output": str(layout),
        }
    )
    return layout


def blobs(layout: Path) -> set[str]:
    return {f"sha256:{file.name}" for file in (layout / "blobs/sha256").iterdir()}


def test_only_the_blobs_of_the_platform_are_fetched(proxy: Proxy, tmp_path: Path) -> None:
    layout = pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/arm64")
    assert proxy.fetched() == [ARM64.config, ARM64.layer]
    assert proxy.fetched("manifests") == ["1", ARM64.digest]
    assert blobs(layout) == {ARM64.digest, ARM64.config, ARM64.layer}
    index = json.loads((layout / "index.json").read_text())
    assert [entry["digest"] for entry in index["manifests"]] == [ARM64.digest]


def test_an_older_variant_serves_a_newer_one(proxy: Proxy, tmp_path: Path) -> None:
    layout = pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/arm/v7")
    assert V6.layer in blobs(layout)


@pytest.mark.parametrize("fault", [503, 500, 408, (429, "0"), "close", "cut"])
def test_what_may_pass_is_tried_again(proxy: Proxy, tmp_path: Path, fault: object) -> None:
    proxy.faults = {"/manifests/1": [fault], "/blobs/": [fault, fault]}
    layout = pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/amd64")
    assert blobs(layout) == {AMD64.digest, AMD64.config, AMD64.layer}
    assert proxy.fetched("manifests").count("1") == 2
    assert len(proxy.fetched()) == 4


def test_a_connection_that_is_cut_goes_on_where_it_ended(proxy: Proxy, tmp_path: Path) -> None:
    proxy.faults = {f"/blobs/{AMD64.layer}": ["cut"]}
    pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/amd64")
    half = len(AMD64.blobs[AMD64.layer]) // 2
    asked = [h.get("Range") for _, path, h in proxy.requests if path.endswith(AMD64.layer)]
    assert asked == [None, f"bytes={half}-"]


def test_it_does_not_try_for_ever(
    proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    proxy.faults = {"/manifests/": [503] * 9}
    said = (
        r"team/base: the manifest 1 failed 5 times; the last time: 503 Service Unavailable "
        r"\(UNAVAILABLE: try later\)"
    )
    with pytest.raises(MultiarchError, match=said):
        pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/amd64")
    assert len(proxy.requests) == 5


def test_a_pause_that_is_too_long_is_not_waited_for(proxy: Proxy, tmp_path: Path) -> None:
    proxy.faults = {"/manifests/": [(429, "3600")]}
    with pytest.raises(MultiarchError, match=r"429 Too Many Requests; it asks for a pause of 3600"):
        pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/amd64")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (f"/blobs/{AMD64.layer}", r"the blob sha256:\S+ \(\d+ bytes\) came with the digest sha256"),
        (f"/manifests/{AMD64.digest}", r"the manifest sha256:\S+ came with the digest sha256:"),
    ],
)
def test_a_wrong_digest_is_refused(proxy: Proxy, tmp_path: Path, part: str, message: str) -> None:
    proxy.faults = {part: ["corrupt"]}
    with pytest.raises(MultiarchError, match=message):
        pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/amd64")


def test_a_base_without_the_platform_lists_what_it_has(proxy: Proxy, tmp_path: Path) -> None:
    said = (
        r"no image for `linux/riscv64`; it has linux/amd64, linux/arm/v6, linux/arm64, "
        r"linux/s390x\."
    )
    with pytest.raises(MultiarchError, match=said):
        pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/riscv64")
    assert proxy.fetched() == []


def test_a_base_of_the_wrong_platform_is_refused(proxy: Proxy, tmp_path: Path) -> None:
    said = (
        r"the index says that it is for `linux/s390x`, but the image's own config says "
        r"`linux/amd64`"
    )
    with pytest.raises(MultiarchError, match=said):
        pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/s390x")
    with pytest.raises(MultiarchError, match=r"an image for `linux/amd64`, which does not run on"):
        pull_image(tmp_path, f"{proxy.name}/team/base:single", "linux/arm64")
    assert WRONG.layer not in proxy.fetched()


def test_an_unknown_tag_is_the_registry_s_word(proxy: Proxy, tmp_path: Path) -> None:
    with pytest.raises(
        MultiarchError, match=r"the manifest none failed: 404 Not Found \(MANIFEST_"
    ):
        pull_image(tmp_path, f"{proxy.name}/team/base:none", "linux/amd64")


def test_a_tag_resolves_to_every_platform_s_digest(registry: Registry) -> None:
    settings = RegistrySettings(base_environment(), (registry.name,))
    for tag, found in (("1", 4), ("single", 1)):
        reference = Reference.parse(f"{registry.name}/team/base:{tag}")
        _, platforms = ImageSource(Client(registry.name, settings), reference).resolve()
        assert len(platforms) == found
        assert dict(platforms)[Platform.parse("linux/amd64")] == AMD64.digest


def test_tls_and_basic_authentication(tmp_path: Path) -> None:
    """A registry as they are: with TLS of its own authority, and credentials."""
    root = tmp_path / "registry"
    root.mkdir()
    registry = Registry(root, secure=True)
    try:
        registry.push("team/base", "1", [AMD64, ARM64])
        name, no_home = f"{registry.name}/team/base:1", base_environment()
        secure = {"insecure": [], "ca_file": str(registry.ca_file)}
        said = (
            r"no TLS connection that can be trusted: .*self-signed.* "
            r"`\[multiarch-registry\] ca_file` names"
        )
        with pytest.raises(MultiarchError, match=said):
            pull_image(tmp_path, name, "linux/arm64", insecure=[])
        said = (
            rf"{registry.name} refuses to pull 'team/base': 401 .* no credentials for "
            r"localhost:\d+ in /nonexistent/.docker/config.json \(DOCKER_CONFIG names"
        )
        with pytest.raises(MultiarchError, match=said):
            pull_image(tmp_path, name, "linux/arm64", **secure)
        wrong = docker_config(tmp_path / "wrong", registry.name, password="other")
        with pytest.raises(MultiarchError, match=r"the credentials of 'builder' in .*wrong/config"):
            pull_image(tmp_path, name, "linux/arm64", **secure, environment={**no_home, **wrong})
        right = docker_config(tmp_path / "right", registry.name)
        layout = pull_image(
            tmp_path, name, "linux/arm64", **secure, environment={**no_home, **right}
        )
        assert blobs(layout) == {ARM64.digest, ARM64.config, ARM64.layer}
        fetched = {path.rpartition("/")[2] for path in registry.served() if "/blobs/" in path}
        assert fetched == {ARM64.config, ARM64.layer}
    finally:
        registry.stop()


def test_a_bearer_token_is_fetched_once(registry: Registry, tmp_path: Path) -> None:
    proxy = Proxy(registry, token=True)
    try:
        name = f"{proxy.name}/team/base:1"
        said = (
            r"refuses to pull 'team/base': 401 Unauthorized; there are no credentials for "
            r"localhost"
        )
        with pytest.raises(MultiarchError, match=said):
            pull_image(tmp_path, name, "linux/amd64")
        proxy.requests.clear()
        environment = {**base_environment(), **docker_config(tmp_path / "docker", proxy.name)}
        pull_image(tmp_path, name, "linux/amd64", environment=environment)
        tokens = [path for _, path, _ in proxy.requests if path.startswith("/token")]
        assert tokens == ["/token?scope=repository%3Ateam%2Fbase%3Apull&service=test"]
    finally:
        proxy.stop()


def test_a_redirect_gets_no_credentials(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    """Registries send blobs from another host, which has no business with the token."""
    front = Proxy(registry, token=True)
    try:
        elsewhere = f"http://{proxy.name}"
        front.faults = {f"/blobs/{AMD64.layer}": [elsewhere, elsewhere]}
        environment = {**base_environment(), **docker_config(tmp_path / "docker", front.name)}
        name, both = f"{front.name}/team/base:1", [front.name, proxy.name]
        layout = pull_image(tmp_path, name, "linux/amd64", environment=environment, insecure=both)
        assert AMD64.layer in blobs(layout)
        ((_, path, headers),) = proxy.requests
        assert path.endswith(AMD64.layer)
        assert "Authorization" not in headers
        said = rf"{proxy.name} is to be asked without TLS, which only the registries in `\[multiar"
        with pytest.raises(MultiarchError, match=said):
            pull_image(tmp_path / "docker", name, "linux/amd64", environment=environment)
        assert len(proxy.requests) == 1
    finally:
        front.stop()


def test_a_credential_helper_is_asked(registry: Registry, tmp_path: Path) -> None:
    proxy = Proxy(registry, token=True)
    try:
        helper = tmp_path / "bin/docker-credential-mine"
        helper.parent.mkdir()
        answer = {"ServerURL": proxy.name, "Username": "builder", "Secret": PASSWORD}
        helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{json.dumps(answer)}'\n")
        helper.chmod(0o755)
        (tmp_path / "config.json").write_text('{"credsStore": "mine"}')
        environment = {"PATH": f"{helper.parent}:/usr/bin:/bin", "DOCKER_CONFIG": str(tmp_path)}
        pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/amd64", environment=environment)
        helper.unlink()
        said = (
            r"the credentials for localhost:\d+ cannot be read: .*config\.json: "
            r".*docker-credential-mine"
        )
        with pytest.raises(MultiarchError, match=said):
            pull_image(
                tmp_path, f"{proxy.name}/team/base:1", "linux/amd64", environment=environment
            )
    finally:
        proxy.stop()


def test_credentials_that_cannot_be_read_name_the_file(registry: Registry, tmp_path: Path) -> None:
    proxy = Proxy(registry, token=True)
    try:
        (tmp_path / "config.json").write_text('{"auths": ')
        environment = {**base_environment(), "DOCKER_CONFIG": str(tmp_path)}
        said = (
            r"the credentials for localhost:\d+ cannot be read: .*config\.json: Expecting "
            r"value: line 1"
        )
        with pytest.raises(MultiarchError, match=said):
            pull_image(
                tmp_path, f"{proxy.name}/team/base:1", "linux/amd64", environment=environment
            )
    finally:
        proxy.stop()


def test_docker_hub_answers_at_another_name() -> None:
    settings = RegistrySettings({}, ("localhost:5000",))
    assert settings.address("docker.io") == "https://registry-1.docker.io"
    assert settings.address("localhost:5000") == "http://localhost:5000"


def test_plain_http_is_only_for_registries_that_are_named(proxy: Proxy, tmp_path: Path) -> None:
    with pytest.raises(MultiarchError, match=r"a registry without TLS is named in `insecure`"):
        pull_image(tmp_path, f"{proxy.name}/team/base:1", "linux/amd64", insecure=[])
    assert proxy.fetched("manifests") == []
