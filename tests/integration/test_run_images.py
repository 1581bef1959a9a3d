"""Images with RUN through Pants: cached work, errors with their line, and what is left out."""

from __future__ import annotations

import json
import shutil
import tarfile
import uuid
from collections.abc import Iterator

import bootstrap
import pytest

from tests.integration.scratch import Repository, require, started

pytestmark = pytest.mark.integration

DEBIAN = bootstrap.ROOT / "examples/images/report/debian.tar"
BUILD = """
image_base(name="debian", sources=["debian.tar"])
files(name="files", sources=["late.txt"])
multiarch_image(name="image", bases=[":debian"], dependencies=[":files"])
multiarch_image(name="plain", instructions=["FROM scratch", "COPY late.txt /"],
                dependencies=[":files"], platforms=["linux/s390x"])
manifest_list(name="list", images=[":image"], tags=["1"])
"""
NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent.sock"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """One image on Debian for two platforms, whose RUN no run before knew."""
    require("buildah")
    if not DEBIAN.exists():
        require("build-support/debian_base.py has not been run: debian.tar", found=False)
    found = Repository(tmp_path_factory.mktemp("runs"))
    found.configure(platforms=["linux/amd64", "linux/arm64"])
    found.write("img/BUILD", BUILD)
    found.write("img/late.txt", "first\n")
    shutil.copyfile(DEBIAN, found.root / "img/debian.tar")
    dockerfile(found, f"echo {uuid.uuid4()} >/token")
    yield found
    found.stop()


def dockerfile(repository: Repository, command: str) -> None:
    text = f"# comment\nFROM debian\nRUN {command}\nCOPY late.txt /\n"
    repository.write("img/Dockerfile", text)


def runs(text: list[str]) -> list[str]:
    """The descriptions of processes that executed a RUN."""
    return [line for line in text if line.startswith("RUN ")]


def test_a_run_is_executed_once_per_platform_and_then_cached(repository: Repository) -> None:
    first = started(repository.pants("package", "img:image"))
    assert len(runs(first)) == 2
    assert any("for linux/arm64 in img:image#linux/arm64" in line for line in first)
    assert runs(started(repository.pants("--no-pantsd", "package", "img:image"))) == []
    # What comes after RUN is put together anew; the RUN is not executed.
    repository.write("img/late.txt", f"{uuid.uuid4()}\n")
    second = started(repository.pants("package", "img:image"))
    assert runs(second) == []
    assert any(line.startswith("Assemble img:image#linux/arm64") for line in second)


def test_a_run_that_fails_is_named_with_its_line(repository: Repository) -> None:
    dockerfile(repository, "echo this is why; exit 9")
    result = repository.pants("package", "img:image#linux/arm64", check=False)
    assert result.returncode == 1
    assert (
        "img:image#linux/arm64: Dockerfile:3: 'RUN echo this is why; exit 9' for "
        "`linux/arm64` failed: it ended with exit code 9; its last lines:\n  | this is why"
    ) in result.stderr
    assert "Traceback" not in result.stderr


def test_without_an_engine_everything_else_is_built(repository: Repository) -> None:
    dockerfile(repository, f"echo {uuid.uuid4()}")
    engine = "--multiarch-engine-engine=docker"
    env = {**NO_DOCKER, "CI": ""}
    shutil.rmtree(repository.root / "dist", ignore_errors=True)
    result = repository.pants(engine, "package", "img::", env=env)
    assert "Left out: img:image#linux/arm64: Dockerfile:3: 'RUN echo " in result.stderr
    assert "no Docker engine answers at unix:///nonexistent.sock" in result.stderr
    assert (
        "Left out: img:list: no list without all of its images: linux/amd64, linux/arm64 were "
        "left out"
    ) in result.stderr
    assert (repository.root / "dist/img/plain/linux/s390x/plain.tar").exists()
    assert not (repository.root / "dist/img/image").exists()
    failed = repository.pants(engine, "package", "img::", env={**NO_DOCKER, "CI": "1"}, check=False)
    assert failed.returncode == 1
    assert 'missing_engine = "skip"` everything else is built' in failed.stderr


def test_an_image_is_the_base_of_another(repository: Repository) -> None:
    repository.write(
        "over/BUILD",
        'multiarch_image(name="over", bases=["img:plain"], platforms=["linux/s390x"],'
        ' instructions=["FROM plain", "USER 5"])\n',
    )
    repository.pants("package", "img:plain", "over")
    layers = []
    for path in ("img/plain/linux/s390x/plain.tar", "over/over/linux/s390x/over.tar"):
        with tarfile.open(repository.root / "dist" / path) as archive:
            stream = archive.extractfile("manifest.json")
            assert stream
            layers.append(json.load(stream)[0]["Layers"])
    assert layers[0] == layers[1]
    shown = repository.pants("dependencies", "over:over#linux/s390x").stdout.split()
    assert shown == ["img:plain#linux/s390x"]


def test_a_base_that_was_not_made_says_how_to_make_it(repository: Repository) -> None:
    repository.write(
        "absent/BUILD",
        'image_base(name="base", sources=["no.tar"], missing_hint="./make-it")\n'
        'multiarch_image(name="i", bases=[":base"], instructions=["FROM base"],'
        ' platforms=["linux/amd64"])\n',
    )
    result = repository.pants("package", "absent:i", env={"CI": ""})
    assert (
        "the files of its base absent:base are not there. To make them: ./make-it"
    ) in result.stderr
