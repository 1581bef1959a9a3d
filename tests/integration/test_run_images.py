"""Images with RUN through Pants: cached work, errors with their line, and what is left out."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator

import pytest

from tests.integration.scratch import Repository, debian, require, started

pytestmark = pytest.mark.integration

BUILD = """
image_base(name="debian", sources=["debian.tar"])
files(name="files", sources=["late.txt"])
multiarch_image(name="image", bases=[":debian"], dependencies=[":files"])
multiarch_image(name="plain", instructions=["FROM scratch", "COPY late.txt /"],
                dependencies=[":files"], platforms=["linux/s390x"])
manifest_list(name="list", images=[":image"], tags=["1"])
"""
LATE = """
multiarch_image(name="image", instructions=["FROM scratch", "CMD [\\"/c\\"]"],
                platforms=["linux/s390x"])
image_test(name="t", image=":image", source="t.yaml")
"""
NO_DOCKER = {"DOCKER_HOST": "unix:///nonexistent.sock"}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """One image on Debian for two platforms, whose RUN no run before knew."""
    require("buildah")
    found = Repository(tmp_path_factory.mktemp("runs"))
    found.configure(platforms=["linux/amd64", "linux/arm64"])
    found.write("img/BUILD", BUILD)
    found.write("img/late.txt", "first\n")
    shutil.copyfile(debian(), found.root / "img/debian.tar")
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
    support = '--multiarch-support={"linux/arm64": "experimental"}'
    excused = repository.pants(support, "package", "img:image#linux/arm64").stderr
    assert "it ended with exit code 9" in excused.partition("Left out: img:image#linux/arm64")[2]
    # A failure is not remembered from run to run.
    again = repository.pants(support, "package", "img:image#linux/arm64")
    assert any(line.startswith("RUN echo this is why") for line in started(again))


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
    # What is remembered of the run before is not said of this one.
    shutil.copyfile(debian(), repository.root / "absent/no.tar")
    made = repository.pants("package", "absent:i", env={"CI": ""})
    assert "1 outputs of 1 targets for 1 platforms" in made.stderr
    assert "Left out" not in made.stderr


def test_a_change_for_one_platform_rebuilds_its_image_alone(repository: Repository) -> None:
    """Counted by processes: no RUN, no assembly and no link of the other platform."""
    where = f'package main\n\nconst where = "{uuid.uuid4()}"\n'
    repository.write("app/BUILD", 'go_module(name="mod")\ngo_cross_binary(name="app")\n')
    repository.write("app/go.mod", "module example.com/app\n\ngo 1.25\n")
    repository.write("app/main.go", "package main\n\nfunc main() { println(where) }\n")
    for arch in ("amd64", "arm64"):
        repository.write(f"app/where_{arch}.go", where)
    repository.write(
        "own/BUILD",
        'multiarch_image(name="own", bases=["img:debian"], binaries=["app"], '
        'instructions=["FROM debian", "COPY bin/app /app", "RUN /app 2>/said"])\n',
    )
    assert len(runs(started(repository.pants("package", "own")))) == 2
    repository.write("app/where_arm64.go", where.replace('"\n', ' new"\n'))
    again = [line for line in started(repository.pants("package", "own")) if "own" in line]
    assert len(runs(again)) == 1
    assert again
    assert [line for line in again if "linux/amd64" in line] == []


TESTS = """
schemaVersion: "2.0.0"
fileContentTests:
  - {name: the text, path: /late.txt, expectedContents: ["^nothing like it"]}
commandTests:
  - {name: quick, command: "true"}
  - {name: slow, command: sleep, args: ["4243"]}
"""


def test_a_failing_image_test_shows_each_test(repository: Repository) -> None:
    """Expected and got; what hangs under QEMU is stopped, and the tests beside it go on."""
    dockerfile(repository, "true")
    repository.write("img/late.txt", "late\n")
    repository.write("checks/t.yaml", TESTS)
    repository.write(
        "checks/BUILD",
        'image_test(name="t", image="img:image#linux/arm64", source="t.yaml", timeout=5)\n',
    )
    result = repository.pants("test", "checks:t", check=False)
    assert result.returncode == 1
    assert (
        "checks/t.yaml on linux/arm64: 1 passed, 2 failed\n"
        "  FAILED  file content: the text\n"
        "          expected /late.txt to match `^nothing like it`; got:\n"
        "            | late\n"
        "  ok      command: quick\n"
        "  FAILED  command: slow\n"
        "          the command did not end within 5 s (`timeout`) and was stopped\n"
    ) in result.stderr
    assert subprocess.run(["pgrep", "-f", "sleep 4243"], capture_output=True).stdout == b""
    excused = repository.pants(
        '--multiarch-support={"linux/arm64": "experimental"}', "test", "checks:t"
    ).stderr
    assert "FAILED  file content: the text" in excused.partition("Failed on experimental")[2]
    off = '{"linux/arm64": {"issue": "https://example.com/7", "until": "2999-01-31"}}'
    skipped = repository.pants(f"--multiarch-deactivated={off}", "test", "checks:t")
    assert "linux/arm64 is deactivated until 2999-01-31" in skipped.stderr
    assert "Test the image of" not in skipped.stderr


def test_commands_that_no_engine_can_run_are_left_out_with_the_reason(
    repository: Repository,
) -> None:
    repository.write("late/BUILD", LATE)
    repository.write(
        "late/t.yaml",
        'schemaVersion: "2.0.0"\ncommandTests: [{name: c, command: /c}]\n'
        "metadataTest: {cmd: [/c]}\n",
    )
    argv = ("--multiarch-engine-engine=docker", "--test-output=all", "test", "late:t")
    result = repository.pants(*argv, env={**NO_DOCKER, "CI": ""})
    assert "Left out: the commands of late:t#linux/s390x: no engine can execute" in result.stderr
    assert "late/t.yaml on linux/s390x: 1 passed, 1 not run\n  ok      metadata" in result.stderr
    failed = repository.pants(*argv, env={**NO_DOCKER, "CI": "1"}, check=False)
    assert failed.returncode == 1
    assert "FAILED  command: c\n          no engine can execute commands of an" in failed.stderr


def test_a_mistake_in_a_file_of_tests_fails_that_test_with_its_line(
    repository: Repository,
) -> None:
    repository.write("late/BUILD", LATE)
    repository.write("late/t.yaml", 'schemaVersion: "2.0.0"\nmetadatatest: {cmd: [/c]}\n')
    result = repository.pants("test", "late:t", check=False)
    assert result.returncode == 1
    assert "late/t.yaml:2: unknown key `metadatatest`. Did you mean `metadataTest`" in result.stderr
    assert "Traceback" not in result.stderr
