"""`pants publish` and `pants promote` on a real registry, and other tools that pull from it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from multiarch.core.oci.descriptor import DOCKER, OCI
from multiarch.core.platforms import Platform
from multiarch.core.release.spdx import spdx_problems

from tests.integration.registry import Proxy, Registry
from tests.integration.scratch import Repository, own_docker, require, started

pytestmark = pytest.mark.integration

PLATFORMS = (
    *("linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64", "linux/ppc64le"),
    *("linux/riscv64", "linux/s390x"),
)
# `here` and `there` publish themselves to repositories of their own; `all` is over both.
BUILD = """
files(name="text", sources=["*.txt"])
multiarch_image(name="image", dependencies=[":text"], build_args={"V": "{version}"},
                instructions=["FROM scratch", "ARG V", "COPY *.txt /", "LABEL v=$V"])
manifest_list(name="list", images=[":image"], repository="registry.example.com/team/hello",
              tags=["{version}", "latest"])
multiarch_image(name="here", dependencies=[":text"], platforms=["linux/amd64"],
                repository="registry.example.com/team/here",
                instructions=["FROM scratch", "COPY a.txt /here"])
multiarch_image(name="there", dependencies=[":text"], platforms=["linux/arm64"],
                repository="registry.example.com/team/there", image_names="{repository}:{tag}",
                instructions=["FROM scratch", "COPY b.txt /there"])
manifest_list(name="all", images=[":here", ":there"], image_names="",
              repository="registry.example.com/team/all")
manifest_list(name="attested", images=[":image"], attestations=True,
              repository="registry.example.com/team/attested")
manifest_list(name="nowhere", images=[":here"])
multiarch_image(name="old", format="docker", platforms=["linux/arm/v6", "linux/arm/v7"],
                instructions=["FROM scratch", "USER 7"])
manifest_list(name="docker", images=[":old"], format="docker", tags=[], image_names="",
              repository="registry.example.com/team/docker")
"""


class World:
    """A scratch repository without Go, a registry, and a proxy in front of it."""

    def __init__(self, root: Path) -> None:
        (root / "registry").mkdir()
        self.registry = Registry(root / "registry")
        self.proxy = Proxy(self.registry)
        self.repository = Repository(root / "repository")
        self.repository.configure(platforms=list(PLATFORMS))
        text = self.repository.root.joinpath("pants.toml").read_text()
        options = f"""
[multiarch-registry]
insecure = ["{self.proxy.name}"]

[multiarch-publish]
redirect = {{"registry.example.com" = "{self.proxy.name}"}}
"""
        self.repository.write("pants.toml", text + options)
        self.repository.write("img/BUILD", BUILD)
        for name in "ab":
            self.repository.write(f"img/{name}.txt", f"{name}\n" * 9999)

    def pants(self, *argv: str, version: str = "1.0+x", check: bool = True) -> Any:
        """Run Pants for a version."""
        self.proxy.requests.clear()
        return self.repository.pants(f"--multiarch-version={version}", *argv, check=check)

    def index(self, name: str) -> str:
        """The digest of a packaged list."""
        file = self.repository.root / f"dist/img/{name}/{name}.oci/index.json"
        return str(json.loads(file.read_text())["manifests"][0]["digest"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything that these tests share; they build on each other, in order."""
    found = World(tmp_path_factory.mktemp("publish"))
    yield found
    found.repository.stop()
    found.proxy.stop()
    found.registry.stop()


def test_a_dry_run_publishes_nothing(world: World) -> None:
    result = world.pants("--multiarch-publish-dry-run", "publish", "img:list")
    name = f"{world.proxy.name}/team/hello"
    assert "Would publish img:list\n" in result.stdout
    assert f"  would tag {name}-armv6:1.0_x as sha256:" in result.stdout
    assert (
        f"img:list published to {name}:1.0_x, {name}:latest (dry run: nothing was sent)."
    ) in result.stderr
    assert {method for method, _, _ in world.proxy.requests} == {"HEAD"}


def test_what_is_published_is_what_package_wrote(world: World) -> None:
    names = ("list", "image", "nowhere", "docker")
    result = world.pants("package", "publish", *(f"img:{name}" for name in names))
    assert world.registry.tag("team/hello", "1.0_x") == world.index("list")
    assert world.registry.tag("team/hello", "latest") == world.index("list")
    assert f"img:list published to {world.proxy.name}/team/hello:1.0_x" in result.stderr
    # The layer is the same on all platforms: one, and seven configs, in eight repositories.
    assert ": 8 blobs, 15 manifests; mounted 14 blobs; there already: 0" in result.stdout
    for platform in PLATFORMS:
        said = f"img:image#{platform} skipped (it has no `repository`)."
        assert said in result.stderr
    assert "img:nowhere skipped (it has no `repository`)." in result.stderr
    # A Docker manifest list, by digest only.
    digest = world.index("docker")
    assert world.registry.tag("team/docker", digest, accept=DOCKER.index) == digest
    tags = world.registry.session.get(f"{world.registry.address}/v2/team/docker/tags/list")
    assert not tags.json().get("tags")


def test_published_again_nothing_is_sent(world: World) -> None:
    result = world.pants("publish", "img:list")
    assert {method for method, _, _ in world.proxy.requests} == {"HEAD"}
    assert "  sent 0 bytes: 0 blobs, 0 manifests; mounted 0 blobs;" in result.stdout
    assert [line for line in started(result) if "img" in line] == []


@pytest.mark.parametrize("text", PLATFORMS)
def test_skopeo_gets_the_image_of_a_platform(world: World, text: str, tmp_path: Path) -> None:
    platform = Platform.parse(text)
    oci = platform.oci
    argv = [f"--override-os={oci['os']}", f"--override-arch={oci['architecture']}"]
    argv += [f"--override-variant={oci['variant']}"] if "variant" in oci else []
    layout = f"oci:{tmp_path}/image:x"
    source = ["--src-tls-verify=false", f"docker://{hello(world)}"]
    skopeo = require("skopeo")
    run([skopeo, *argv, "--insecure-policy", "copy", *source, layout])
    assert_platform(json.loads(run([skopeo, "inspect", "--config", layout])), platform)


def test_buildah_gets_the_image_of_each_platform(world: World, tmp_path: Path) -> None:
    buildah = [require("buildah"), "--root", f"{tmp_path}/root", "--runroot", f"{tmp_path}/run"]
    buildah += ["--storage-driver", "vfs"]
    for platform in map(Platform.parse, PLATFORMS):
        oci = platform.oci
        argv = ["--os", oci["os"], "--arch", oci["architecture"]]
        argv += ["--variant", oci["variant"]] if "variant" in oci else []
        run([*buildah, "pull", "-q", "--tls-verify=false", *argv, hello(world)])
        shown = json.loads(run([*buildah, "inspect", "--type", "image", hello(world)]))
        assert_platform(shown["OCIv1"], platform)


def test_docker_gets_the_image_of_each_platform(world: World) -> None:
    with own_docker() as env:
        for platform in map(Platform.parse, PLATFORMS):
            oci = platform.oci
            text = "/".join(oci[name] for name in ("os", "architecture", "variant") if name in oci)
            run(["docker", "pull", "-q", "--platform", text, hello(world)], env)
            (shown,) = json.loads(run(["docker", "image", "inspect", hello(world)], env))
            assert_platform({name.lower(): value for name, value in shown.items()}, platform)


def hello(world: World) -> str:
    """The name of the list that was published, at the registry itself."""
    return f"{world.registry.name}/team/hello:1.0_x"


def assert_platform(config: dict[str, Any], platform: Platform) -> None:
    """What a tool says of an image is this platform, and no more."""
    found = {name: config.get(name, "") for name in ("os", "architecture", "variant")}
    assert found == {"variant": "", **platform.oci}


def run(argv: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Run a program; its output."""
    made = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert made.returncode == 0, f"{argv}\n{made.stderr}"
    return made.stdout


def test_a_list_over_images_of_two_repositories_mounts_their_blobs(world: World) -> None:
    result = world.pants("package", "publish", "img:here")
    assert ": 2 blobs, 1 manifests; mounted 0 blobs;" in result.stdout
    # One image before the list and the other one after it: each blob is sent once.
    result = world.pants("package", "publish", "img:all")
    assert ": 2 blobs, 3 manifests; mounted 2 blobs; there already: 0" in result.stdout
    assert world.registry.tag("team/all", "1.0_x") == world.index("all")
    result = world.pants("publish", "img:there")
    assert ": 0 blobs, 1 manifests; mounted 2 blobs;" in result.stdout
    assert [p for p in world.proxy.sent("PUT") if "/blobs/" in p] == []
    assert world.registry.tag("team/there", "1.0_x") != ""


def attached(world: World, repository: str, digest: str) -> dict[str, dict[str, Any]]:
    """The documents that refer to a digest, by their type."""
    root = f"{world.registry.address}/v2/{repository}"
    get = world.registry.session.get
    tag = digest.replace(":", "-")
    listed = get(f"{root}/manifests/{tag}", headers={"Accept": OCI.index}).json()["manifests"]
    found = {}
    for entry in listed:
        manifest = get(f"{root}/manifests/{entry['digest']}", headers={"Accept": OCI.manifest})
        assert manifest.json()["subject"]["digest"] == digest
        (layer,) = manifest.json()["layers"]
        found[entry["artifactType"]] = get(f"{root}/blobs/{layer['digest']}").json()
    assert len(found) == len(listed)
    return found


def test_attestations_are_there_before_the_tags(world: World) -> None:
    name = f"{world.proxy.name}/team/attested"
    dry = world.pants("--multiarch-publish-dry-run", "publish", "img:attested")
    assert dry.stdout.count("would put application/spdx+json about sha256:") == 14
    assert dry.stdout.count("would put application/vnd.in-toto+json about sha256:") == 15
    lines = dry.stdout.splitlines()
    first = next(n for n, line in enumerate(lines) if "would put application/" in line)
    assert f"would put index {name}@{world.index('list')}" in lines[first - 1]
    # The registry takes no index of referrers: everything else is there, and no tag is.
    world.proxy.faults["/team/attested/manifests/sha256-"] = [400] * 99
    failed = world.pants("publish", "img:attested", check=False)
    world.proxy.faults.clear()
    assert failed.returncode == 1
    digest = world.index("list")
    assert world.registry.tag("team/attested", digest) == digest
    assert world.registry.tag("team/attested", "1.0_x") == ""
    assert world.registry.tag("team/attested-amd64", "1.0_x") == ""
    world.pants("publish", "img:attested")
    # The digest is that of the list without attestations.
    assert world.registry.tag("team/attested", "1.0_x") == digest
    (stated,) = attached(world, "team/attested", digest).values()
    subjects = {s["name"]: s["digest"]["sha256"] for s in stated["subject"]}
    assert subjects[f"{name}:1.0_x"] == digest[7:]
    assert len(subjects) == 8
    for repository in ("team/attested", "team/attested-s390x"):
        image = world.registry.tag("team/attested-s390x", "1.0_x")
        found = attached(world, repository, image)
        assert found["application/vnd.in-toto+json"] == stated
        bill = found["application/spdx+json"]
        assert spdx_problems(bill) == ()
        assert bill["packages"][0]["checksums"][0]["checksumValue"] == image[7:]
    assert subjects["img:attested linux/s390x"] == image[7:]
    again = world.pants("publish", "img:attested")
    assert {method for method, _, _ in world.proxy.requests} == {"HEAD"}
    assert "  sent 0 bytes: 0 blobs, 0 manifests; mounted 0 blobs;" in again.stdout
    assert [line for line in started(again) if "ttest" in line] == []


def test_a_published_tag_does_not_move(world: World) -> None:
    before = world.index("list")
    world.repository.write("img/a.txt", "other\n")
    result = world.pants("package", "publish", "img:list", check=False)
    assert result.returncode == 1
    name = f"{world.proxy.name}/team/hello"
    assert world.index("list") != before
    assert "a tag that was published does not move:\n" in result.stderr
    assert (
        f"  * {name}:1.0_x is {before}, and would become {world.index('list')}\n"
        "Publish under another version, or name the tag in `[multiarch-publish] movable_tags`. No "
        "tag was moved.\n"
    ) in result.stderr
    assert "img:list failed for " in result.stderr
    assert "Traceback" not in result.stderr
    assert {method for method, _, _ in world.proxy.requests} == {"HEAD"}
    # Under another version it does, with `latest`, which may move.
    world.pants("package", "publish", "img:list", version="1.1")
    assert world.registry.tag("team/hello", "1.0_x") == before
    assert world.registry.tag("team/hello", "latest") == world.index("list")


def test_a_candidate_is_promoted(world: World) -> None:
    source, target = f"{world.proxy.name}/team/hello:1.1", f"{world.proxy.name}/release/hello:1.1"
    result = world.pants("promote", f"--promote-copy={source}={target}")
    assert world.registry.tag("release/hello", "1.1") == world.index("list")
    assert world.registry.tag("release/hello-s390x", "1.1") != ""
    assert ": 0 blobs, 15 manifests; mounted 22 blobs;" in result.stdout
    result = world.pants("promote", "--promote-copy=x", check=False)
    assert (
        "`--promote-copy` takes `SOURCE=TARGET`, found 'x'. For example: `--prom" in result.stderr
    )
    result = world.pants("promote", check=False)
    assert "there is nothing to promote: give `--promote-copy=registry" in result.stderr


def test_mistakes_are_named(world: World) -> None:
    result = world.pants("publish", "img:list", version="a/b", check=False)
    assert (
        "img:list: `tags`: 'a/b' is not a tag of a registry: it holds '/'; a tag has 1 to 128 "
        "letters, digits, `_`, `.` and `-`, and begins with none of the last two."
    ) in result.stderr
    world.repository.write(
        "bad/BUILD",
        'multiarch_image(name="i", instructions=["FROM scratch"], platforms=["linux/amd64"],'
        ' repository="registry.example.com/Team/x")\n'
        'multiarch_image(name="t", instructions=["FROM scratch"], platforms=["linux/amd64"],'
        ' repository="registry.example.com/t", image_names="{repository}-{os}:{tag}")\n'
        'multiarch_image(name="h", instructions=["FROM scratch"], platforms=["linux/amd64"],'
        ' repository="registry.invalid/h")\n',
    )
    result = world.pants("publish", "bad:i", check=False)
    assert (
        "bad:i#linux/amd64: `repository`: 'registry.example.com/Team/x' is not an image reference: "
        "'Team/x' is not a repository"
    ) in result.stderr
    result = world.pants("publish", "bad:t", check=False)
    assert "uses {os}, which is not known; known are {arch}, {repository}, {tag}." in result.stderr
    assert result.returncode == 1
    result = world.pants("publish", "bad:h", check=False)
    assert "registry.invalid/h-amd64: looking for 1.0_x failed 5 times; the last" in result.stderr
    assert "Traceback" not in result.stderr
