"""Bases from a registry through Pants: pulled once, locked, offline, and each mistake in words."""

from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.registry import PASSWORD, USER, Image, Proxy, Registry, docker_config
from tests.integration.scratch import Repository, started

pytestmark = pytest.mark.integration

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7")
OLD = [Image(platform, f"old {platform}".encode()) for platform in PLATFORMS]
NEW = [Image(platform, f"new {platform}".encode()) for platform in PLATFORMS]
BUILD = """
image_base(name="base", reference="{registry}/team/base:1")
image_base(name="pinned", reference="{registry}/team/base@{digest}")
image_base(name="each", references={{
    "linux/amd64": "{registry}/team/base@{amd64}",
    "linux/arm64": "{registry}/team/base:1",
}})
multiarch_image(name="image", bases=[":base"], instructions=["FROM base", "USER 5"])
multiarch_image(name="by-digest", bases=[":pinned"], instructions=["FROM pinned"])
multiarch_image(name="by-reference", bases=[":base"], platforms=["linux/arm64"],
                instructions=["FROM {registry}/team/base:1", "COPY --from=pinned /base /copy"])
multiarch_image(name="by-platform", bases=[":each"], instructions=["FROM each"],
                platforms=["linux/amd64", "linux/arm64"])
multiarch_image(name="none", bases=[":base"], instructions=["FROM base"], platforms=["linux/s390x"])
""".replace('bases=[":base"], platforms', 'bases=[":base", ":pinned"], platforms', 1)


class World:
    """A scratch repository, a registry, and a proxy between them that wants a token."""

    def __init__(self, root: Path) -> None:
        for name in ("registry", "repository", "docker"):
            (root / name).mkdir()
        self.registry = Registry(root / "registry")
        self.proxy = Proxy(self.registry, token=True)
        self.index = self.registry.push("team/base", "1", OLD)
        # What is noted of the machine is its own here, whatever other tests run beside it.
        self.repository = Repository(root / "repository", store=root / "store")
        self.repository.configure(platforms=list(PLATFORMS))
        text = self.repository.root.joinpath("pants.toml").read_text()
        self.repository.write(
            "pants.toml", f'{text}\n[multiarch-registry]\ninsecure = ["{self.proxy.name}"]\n'
        )
        names = {"registry": self.proxy.name, "digest": self.index, "amd64": OLD[0].digest}
        self.repository.write("img/BUILD", BUILD.format(**names))
        self.environment = docker_config(root / "docker", self.proxy.name)

    @property
    def lock(self) -> Path:
        return self.repository.root / "images.lock.yaml"

    def pants(self, *argv: str, check: bool = True, **environment: str) -> Any:
        """Run Pants with credentials."""
        env = {**self.environment, **environment}
        return self.repository.pants(*argv, check=check, env=env)

    def layers(self, name: str, platform: str) -> tuple[list[str], dict[str, Any]]:
        """The layers' digests of a packaged image, and its manifest's annotations."""
        tar = self.repository.root / "dist/img" / name / platform / f"{name}.tar"
        with tarfile.open(tar) as archive:

            def read(path: str) -> dict[str, Any]:
                stream = archive.extractfile(path)
                assert stream
                return json.load(stream)  # type: ignore[no-any-return]

            digest = read("index.json")["manifests"][0]["digest"]
            manifest = read(f"blobs/{digest.replace(':', '/')}")
        return [layer["digest"] for layer in manifest["layers"]], manifest["annotations"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything that these tests share; they build on each other, in order."""
    found = World(tmp_path_factory.mktemp("bases"))
    yield found
    found.repository.stop()
    found.proxy.stop()
    found.registry.stop()


def test_a_tag_that_is_not_locked_names_the_goal(world: World) -> None:
    result = world.pants("package", "img:image", check=False)
    assert result.returncode == 1
    assert (
        f"img:base: `reference` is `{world.proxy.name}/team/base:1`, which the lock of images does "
        "not have; it has nothing. Run `./pants update-image-lock`, or pin a digest "
        "(`@sha256:...`)."
    ) in result.stderr
    assert "Traceback" not in result.stderr
    assert world.proxy.requests == []


def test_the_lock_has_every_platform_and_says_what_it_did(world: World) -> None:
    result = world.pants("update-image-lock")
    assert f"{world.proxy.name}/team/base:1: new, {world.index[:19]} (linux/" in result.stdout
    assert "Wrote images.lock.yaml: 1 images." in result.stdout
    text = world.lock.read_text()
    for image in OLD:
        assert f"{image.platform}: {image.digest}" in text
    assert "is current: 1 images." in world.pants("update-image-lock").stdout
    assert world.lock.read_text() == text
    # Bases by digest need no lock, and no blob is needed to make it.
    assert world.proxy.fetched() == []


def test_each_platform_is_pulled_once_and_alone(world: World) -> None:
    first = started(world.pants("package", "img:image#linux/arm64"))
    assert [line for line in first if line.startswith("Pull ")] == [
        f"Pull {world.proxy.name}/team/base:1 for linux/arm64"
    ]
    assert world.proxy.fetched() == [OLD[1].config, OLD[1].layer]
    layers, annotations = world.layers("image", "linux/arm64")
    assert layers == [OLD[1].layer]
    assert annotations["org.opencontainers.image.base.name"] == f"{world.proxy.name}/team/base:1"
    assert annotations["org.opencontainers.image.base.digest"] == OLD[1].digest


def test_every_kind_of_reference(world: World) -> None:
    world.pants("package", *(f"img:{n}" for n in ("image", "by-digest", "by-reference")))
    for image in OLD:
        for name in ("image", "by-digest"):
            assert world.layers(name, image.platform)[0] == [image.layer]
    assert world.layers("by-reference", "linux/arm64")[0][0] == OLD[1].layer
    world.pants("package", "img:by-platform")
    assert world.layers("by-platform", "linux/amd64")[0] == [OLD[0].layer]
    assert world.layers("by-platform", "linux/arm64")[0] == [OLD[1].layer]


def test_a_moved_tag_changes_nothing_before_the_lock_does(world: World) -> None:
    before = world.layers("image", "linux/amd64")
    moved = world.registry.push("team/base", "1", NEW)
    world.proxy.requests.clear()
    assert not [line for line in started(world.pants("package", "img:image")) if "Pull" in line]
    assert world.proxy.requests == []
    assert world.layers("image", "linux/amd64") == before
    said = world.pants("update-image-lock").stdout
    assert f"team/base:1: moved, {world.index[:19]} -> {moved[:19]} (linux/amd64, linux/arm" in said
    world.pants("package", "img:image")
    assert world.layers("image", "linux/amd64")[0] == [NEW[0].layer]


def test_the_lock_selects_what_stands_on_it(world: World) -> None:
    shown = world.pants("dependencies", "--transitive", "img:image#linux/amd64").stdout.split()
    assert shown == ["//:image-lock", "img:base"]
    assert world.pants("dependencies", "img:pinned").stdout == ""
    dependents = world.pants("dependents", "--transitive", "images.lock.yaml").stdout
    assert "img:image#linux/amd64" in dependents
    assert "img:by-digest#linux/amd64" not in dependents
    peeked = json.loads(world.pants("peek", "img:base").stdout)
    assert peeked[0]["reference"] == f"{world.proxy.name}/team/base:1"


def test_offline_a_build_needs_the_lock_and_what_was_pulled(world: World) -> None:
    world.proxy.faults = {"/v2/": ["close"] * 99}
    world.proxy.requests.clear()
    world.pants("--no-pantsd", "package", "img:image", "img:by-digest", DOCKER_CONFIG="/none")
    assert world.proxy.requests == []
    world.proxy.faults = {}


def test_a_platform_that_the_base_lacks(world: World) -> None:
    result = world.pants("package", "img:none", check=False)
    assert (
        f"img:base: {world.proxy.name}/team/base:1 in images.lock.yaml: the base has no image for "
        "`linux/s390x`; it has linux/amd64, linux/arm/v7, linux/arm64."
    ) in result.stderr


def test_a_failing_registry_loses_no_entry_of_the_others(world: World) -> None:
    before = world.lock.read_text()
    build = world.repository.root / "img/BUILD"
    text = build.read_text()
    world.registry.push("team/more", "1", NEW)
    more = "".join(
        f'image_base(name="{name}", reference="{world.proxy.name}/team/{name}:1")\n'
        for name in ("more", "absent")
    )
    world.repository.write("img/BUILD", text + more)
    result = world.pants("update-image-lock", check=False)
    assert result.returncode == 1
    assert "team/more:1: new" in result.stdout
    assert (
        f"not updated: {world.proxy.name}/team/absent:1: {world.proxy.name}/team/absent: the "
        "manifest 1 failed: 404 Not Found (MANIFEST_UNKNOWN: manifest unknown)"
    ) in result.stderr
    assert "team/more:1:" in world.lock.read_text()
    # One target alone, then all without those that are gone.
    assert "is current: 2 images." in world.pants("update-image-lock", "img:base").stdout
    world.repository.write("img/BUILD", text)
    said = world.pants("update-image-lock").stdout
    assert "team/more:1: removed; no `image_base` has it any more" in said
    assert world.lock.read_text() == before


def test_refused_credentials_are_in_no_key_log_or_result(world: World) -> None:
    world.repository.write(
        "private/BUILD",
        f'image_base(name="base", reference="{world.proxy.name}/team/base@{OLD[1].digest}")\n'
        'multiarch_image(name="i", bases=[":base"], instructions=["FROM base", "USER 9"],'
        ' platforms=["linux/arm64/v9"])\n',
    )
    result = world.pants("package", "private:i", check=False, DOCKER_CONFIG="/none")
    assert (
        f"private:base: {world.proxy.name} refuses to pull 'team/base': 401 Unauthorized; there "
        f"are no credentials for {world.proxy.name} in /none/config.json (DOCKER_CONFIG names "
        "another folder). `docker login"
    ) in result.stderr
    built = world.pants("-ltrace", "package", "private:i")
    text = built.stdout + built.stderr
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    secrets = (PASSWORD, auth, "a-token")
    assert not [secret for secret in secrets if secret in text]
    store = world.repository.store
    assert store is not None
    kept = [file for file in store.rglob("*") if file.is_file()]
    assert len(kept) > 10
    for file in kept:
        assert not [secret for secret in secrets if secret.encode() in file.read_bytes()], file
