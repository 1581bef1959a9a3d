"""The tools around a finished image: its tests, its names, and the engines that run or load it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform
from multiarch.core.structure_test.checks import Outcome
from multiarch.core.structure_test.definitions import Command
from multiarch.tools import image_test, load_images, local_engine, run_image
from multiarch.tools.engines.host import Host, RunError, RunTimeout, commands_own
from multiarch.tools.image_commands import result_of
from multiarch.tools.image_names import docker_manifest, rename
from multiarch.tools.run_step import mount_volume

from tests.unit.test_images import Build

V6 = Platform.parse("linux/arm/v6")


def image(root: Path) -> Path:
    """An image of two layers, the second over the first."""
    build = Build(root)
    build.file("one", b"first\n")
    build.file("two", b"second\n")
    return build.run('FROM scratch\nCOPY one two /a/\nCOPY two /a/one\nENV E=/a\nCMD ["x"]\n').tar


def run_tests(root: Path, text: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The results and the commands of a file of tests."""
    tar = image(root)
    (root / "t.yaml").write_text(text)
    results, commands = root / "results", root / "commands"
    image_test.main(
        {
            "image": str(tar),
            "file": str(root / "t.yaml"),
            "results": str(results),
            "commands": str(commands),
        }
    )
    return json.loads(results.read_text()), json.loads(commands.read_text())


def test_an_images_tar_is_tested_as_a_file(tmp_path: Path) -> None:
    results, commands = run_tests(
        tmp_path,
        "schemaVersion: 2.0.0\n"
        "fileContentTests:\n"
        "- {name: the upper layer, path: /a/one, expectedContents: ['^second\\n$']}\n"
        "- {name: wrong, path: /a/two, expectedContents: [first]}\n"
        "metadataTest: {cmd: [x]}\n"
        "commandTests: [{name: c, command: $E/x}]\n",
    )
    assert [(r["name"], bool(r["problems"])) for r in results] == [
        ("the upper layer", False),
        ("wrong", True),
        ("", False),
    ]
    assert Command.from_json(commands[0]) == Command("c", ("/a/x",))


def test_a_malformed_file_of_tests_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(MultiarchError, match=r"t.yaml:2: unknown key `cmdTests`"):
        run_tests(tmp_path, "schemaVersion: 2.0.0\ncmdTests: []\n")


def test_an_image_has_other_names_and_the_same_blobs(tmp_path: Path) -> None:
    source, target = image(tmp_path), tmp_path / "renamed.tar"
    rename(source, target, ["x/y:1"])
    assert docker_manifest(target) == {**docker_manifest(source), "RepoTags": ["x/y:1"]}
    with tarfile.open(source) as one, tarfile.open(target) as two:
        assert one.getnames() == two.getnames()
        index = two.extractfile("index.json")
        assert index
        (entry,) = json.load(index)["manifests"]
        blobs = [n for n in one.getnames() if n.startswith("blobs/sha256/")]
        for name in blobs:
            first, second = one.extractfile(name), two.extractfile(name)
            assert first
            assert second
            assert first.read() == second.read()
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "x/y:1"}
    rename(source, target, [])
    assert docker_manifest(target)["RepoTags"] == []
    with tarfile.open(target) as nameless:
        index = nameless.extractfile("index.json")
        assert index
        assert "annotations" not in json.load(index)["manifests"][0]


class Steps:
    """Stands for a container: gives each command's outcome by its first word."""

    def __init__(self, **outcomes: Outcome | Exception) -> None:
        self.outcomes = outcomes
        self.ran: list[tuple[str, dict[str, str]]] = []

    def __call__(self, argv: Sequence[str], env: Any, timeout: int) -> Outcome:
        self.ran.append((argv[0], dict(env)))
        outcome = self.outcomes.get(argv[0], Outcome(0, "", ""))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


COMMAND = Command("n", ("c",), (("s",),), (("t",),), (("A", "1"),))


def test_a_command_runs_between_its_setup_and_its_teardown() -> None:
    steps = Steps()
    assert result_of(COMMAND, V6, steps, 5).problems == ()
    env = {"A": "1", "QEMU_CPU": "arm1176"}
    assert steps.ran == [("s", env), ("c", env), ("t", env)]


def test_a_setup_that_fails_fails_the_test_and_stops_it() -> None:
    steps = Steps(s=Outcome(3, "why", ""))
    (problem,) = result_of(COMMAND, V6, steps, 5).problems
    assert problem == "the setup ['s'] ended with exit code 3:\n  | why"
    assert [name for name, _ in steps.ran] == ["s"]


def test_a_teardown_that_fails_is_told_beside_the_commands_own_problem() -> None:
    problems = result_of(COMMAND, V6, Steps(c=Outcome(1, "", ""), t=Outcome(2, "", "")), 5).problems
    assert problems[0].startswith("expected the exit code 0; got 1")
    assert problems[1].startswith("the teardown ['t'] ended with exit code 2")


@pytest.mark.parametrize(("step", "part"), [("s", "the setup"), ("c", "the command")])
def test_what_hangs_is_a_failure(step: str, part: str) -> None:
    (problem,) = result_of(COMMAND, V6, Steps(**{step: RunTimeout(5)}), 5).problems
    assert problem == f"{part} did not end within 5 s (`timeout`) and was stopped"


@pytest.mark.parametrize(
    ("printed", "own"),
    [
        ("abcsubprocess exited with status 3\nsubprocess exited with status 3\n"
         "Error: exit status 3\n", "abc"),
        ("a\nsubprocess exited on killed\nsubprocess exited with status 1\nError: exit status 1",
         "a\n"),
        ("Error: exit status 3\nmore\n", "Error: exit status 3\nmore\n"),
        ("fine\n", "fine\n"),
    ],
)  # fmt: skip
def test_buildahs_own_words_are_no_part_of_what_a_command_printed(printed: str, own: str) -> None:
    assert commands_own(printed) == own


SECRET = {"kind": "secret", "id": "t", "target": "/run/secrets/t", "mode": "", "required": False}


def test_a_secret_that_may_be_missing_is_left_out(tmp_path: Path) -> None:
    host = Host({}, {"t": str(tmp_path / "t")}, 1, True)
    assert mount_volume(SECRET, host, tmp_path, tmp_path) is None
    with pytest.raises(RunError, match=r"it needs the secret 't'; its file .*/t is not there"):
        mount_volume({**SECRET, "required": True}, host, tmp_path, tmp_path)
    (tmp_path / "t").write_text("x")
    work = tmp_path / "work"
    work.mkdir()
    assert mount_volume(SECRET, host, work, tmp_path) == f"{work}/secret-t:/run/secrets/t:ro"


def program(folder: Path, name: str, script: str) -> None:
    """An engine's stand-in, which notes how it was called."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "{name} $*" >>"{folder}/calls"\n{script}\n')
    file.chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}:/usr/bin:/bin" if folder.name == "all" else str(folder)}


def test_without_an_engine_the_error_says_how_to_get_each(tmp_path: Path) -> None:
    program(tmp_path / "bin", "podman", "echo no socket >&2; exit 1")
    with pytest.raises(MultiarchError, match="no engine can run images") as raised:
        local_engine.find("auto", "run images", environment(tmp_path / "bin"))
    assert str(raised.value) == (
        "no engine can run images on this machine:\n"
        "  * docker is not in PATH (Debian and Ubuntu: `apt-get install docker.io`; elsewhere "
        "Docker Desktop)\n"
        "  * podman is there, but does not answer: no socket\n"
        "Install or start one of them, and run again."
    )


def test_podman_is_taken_where_docker_does_not_answer(tmp_path: Path) -> None:
    program(tmp_path / "bin", "docker", "exit 1")
    program(tmp_path / "bin", "podman", "exit 0")
    found = local_engine.find("auto", "run images", environment(tmp_path / "bin"))
    assert found == ("podman", f"{tmp_path}/bin/podman")


def load_request(root: Path, engine: str) -> Path:
    folder = root / "chroot"
    (folder / "0").mkdir(parents=True)
    image(root / "build").rename(folder / "0/image.tar")
    loaded = {"address": "//:i#linux/arm64", "platform": "linux/arm64", "tar": "0/image.tar",
              "name": "i:1-linux-arm64"}  # fmt: skip
    (folder / "request.json").write_text(json.dumps({"engine": engine, "images": [loaded]}))
    return folder


def test_kind_loads_an_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program(tmp_path / "all", "kind", 'test "$1" = get || tar tf "$3" >/dev/null')
    load_images.main(load_request(tmp_path, "kind"), environment(tmp_path / "all"))
    calls = (tmp_path / "all/calls").read_text().splitlines()
    assert calls[0] == "kind get clusters"
    assert calls[1].startswith("kind load image-archive /")
    assert capsys.readouterr().out.startswith("kind: i:1-linux-arm64  linux/arm64  sha256:")


def test_an_engine_that_refuses_is_quoted(tmp_path: Path) -> None:
    program(tmp_path / "all", "docker", 'test "$1" = version || { echo disk full >&2; exit 3; }')
    with pytest.raises(MultiarchError, match="not loaded") as raised:
        load_images.main(load_request(tmp_path, "auto"), environment(tmp_path / "all"))
    assert str(raised.value) == (
        "not loaded:\n  * //:i#linux/arm64: docker refuses it (exit code 3): disk full"
    )


def test_running_an_image_passes_arguments_and_the_exit_code(tmp_path: Path) -> None:
    program(
        tmp_path / "all", "docker",
        'case "$1" in load) echo "Loaded image: i:1";; run) exit 7;; esac',
    )  # fmt: skip
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "request.json").write_text('{"platform": "linux/amd64"}')
    (folder / "image.tar").touch()
    code = run_image.main(folder, ["-x", "a b"], environment(tmp_path / "all"))
    assert code == 7
    last = (tmp_path / "all/calls").read_text().splitlines()[-1]
    assert last == "docker run --rm --init -i --platform linux/amd64 i:1 -x a b"


@pytest.mark.parametrize(
    ("engine", "host", "platform", "terminal", "argv"),
    [
        # podman would not find a variant's image again.
        ("podman", "amd64", "linux/arm/v6", False,
         "run --rm --init -i --platform linux/arm -e QEMU_CPU=arm1176 i"),
        ("docker", "amd64", "linux/arm/v6", False,
         "run --rm --init -i --platform linux/arm/v6 -e QEMU_CPU=arm1176 i"),
        ("docker", "amd64", "linux/amd64", True, "run --rm --init -i -t --platform linux/amd64 i"),
        ("docker", "amd64", "linux/arm64", False, "run --rm --init -i --platform linux/arm64/v8 i"),
    ],
)  # fmt: skip
def test_the_command_of_a_container(
    engine: str, host: str, platform: str, terminal: bool, argv: str
) -> None:
    made = run_image.container_argv(
        engine, "i", Platform.parse(platform), Platform.parse(f"linux/{host}"), {"PATH": ""},
        terminal=terminal,
    )  # fmt: skip
    assert " ".join(made) == argv


def test_podman_gets_an_init_process_that_the_machine_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Distributions only recommend `catatonit` with podman, and `--init` fails without it."""
    own = tmp_path / "libexec/catatonit"
    monkeypatch.setattr(run_image, "_PODMAN_INITS", (str(own),))
    search = environment(tmp_path / "bin")
    (tmp_path / "bin").mkdir()
    assert run_image.podman_init(search, needed=False) == ()
    assert run_image.podman_init(search, needed=True) == ("--init",)
    program(tmp_path / "bin", "docker-init", "exit 0")
    found = ("--init", "--init-path", str(tmp_path / "bin/docker-init"))
    assert run_image.podman_init(search, needed=False) == found
    own.parent.mkdir()
    program(own.parent, "catatonit", "exit 0")
    assert run_image.podman_init(search, needed=False) == ("--init",)


def test_the_tools_are_programs(tmp_path: Path) -> None:
    """What Pants starts: the module by its name, an error in words and not as a traceback."""
    (tmp_path / "request.json").write_text('{"engine": "docker", "images": []}')
    made = subprocess.run(
        [sys.executable, "-m", "multiarch.tools.load_images", tmp_path / "request.json"],
        env={"PATH": "/nonexistent", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 1
    assert made.stderr.startswith("no engine can load images on this machine:\n  * docker is not")
    assert io.StringIO(made.stderr).readlines()[-1].startswith("Install or start")
