"""RUN in real engines: one image whoever made it, and what goes wrong said in words."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bootstrap
import pytest
from multiarch.core.platforms import Platform
from multiarch.tools import assemble

from tests.integration.scratch import SOURCES, debian, require, require_docker

pytestmark = pytest.mark.integration

PLATFORMS = tuple(
    f"linux/{arch}" for arch in ("amd64", "arm/v6", "arm/v7", "arm64", "ppc64le", "s390x")
)
# Everything that engines tell in their own ways: links, removals, replaced directories, owners,
# capabilities, modes, empty directories, and files that they mount.
STEPS = r"""
FROM debian
WORKDIR /work
RUN set -e; uname -m >machine; mkdir -p a/b empty; echo one >a/b/one; ln a/b/one hard; \
    ln -s machine soft; chmod 4750 hard; chown 7:8 machine; touch -d 2001-01-01 old
RUN rm -r a; echo now a file >a; cp /bin/true t; setcap cap_net_raw,cap_setuid=ep t
RUN ["/bin/sh", "-c", "rm -r /usr/share/lintian /tmp; mkdir /tmp; echo x >/etc/hosts; rm soft"]
"""
EXAMPLE = bootstrap.ROOT / "examples/images/report/Dockerfile"
# With a mount, Docker runs it by BuildKit.
TMPFS = "--mount=type=tmpfs,target=/x "
ENGINES = ("buildah", "docker")
UNAME = {"arm/v6": "armv6l", "arm/v7": "armv7l", "arm64": "aarch64", "amd64": "x86_64"}


def note(work: Path, **changes: Any) -> Path:
    """What the host has, as Pants notes it."""
    kept = ("HOME", "DOCKER_HOST")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    # Debian's own Docker has BuildKit built in; one that comes before it in PATH may not.
    environment["PATH"] = os.pathsep.join(["/usr/bin", os.environ["PATH"]])
    value = {
        "environment": environment, "secrets": {}, "timeout": 120, "network": True, **changes,
    }  # fmt: skip
    file = work / "host.json"
    file.write_text(json.dumps(value))
    return file


class Runs:
    """Assembles one Dockerfile, an engine executing its RUNs."""

    def __init__(self, work: Path, engine: str, user: str = "", **changes: Any) -> None:
        self.work, self.engine, self.user = work, engine, user
        work.mkdir(parents=True, exist_ok=True)
        (work / "context/bin").mkdir(parents=True)
        # What the example's image is about; here its bytes are of no importance.
        (work / "context/bin/pause").write_text("#!/bin/true\n")
        self.host = note(work, **changes)

    def build(self, text: str, platform: str) -> dict[str, Any]:
        """Returns the image's metadata."""
        (self.work / "Dockerfile").write_text(text)
        request: dict[str, Any] = {
            "address": "//:image", "platform": platform, "build_platform": "linux/amd64",
            "dockerfile": str(self.work / "Dockerfile"), "context": str(self.work / "context"),
            "build_args": {}, "bases": {"debian": {"path": str(debian())}}, "target": None,
            "labels": {}, "annotations": {}, "capabilities": {}, "format": "oci",
            "source_date_epoch": 0, "repo_tags": ["image:test"], "runs": {},
            "output": str(self.work / "image.tar"), "metadata": str(self.work / "image.json"),
        }  # fmt: skip
        while True:
            request["pending"] = str(self.work / f"pending{len(request['runs'])}")
            assemble.main(request)
            found: dict[str, Any] = json.loads((self.work / "image.json").read_text())
            if "pending" not in found:
                return found
            for step in found["pending"]:
                made = self.execute(Path(request["pending"], step["id"]))
                assert made.returncode == 0, made.stderr
                layer = Path(request["pending"], step["id"], "layer.tar")
                request["runs"][step["id"]] = str(layer)

    def execute(self, folder: Path) -> subprocess.CompletedProcess[str]:
        """Execute one RUN the way the sandbox does, perhaps as another user."""
        value = {
            "image": "image.tar", "run": "run.json", "host": str(self.host),
            "engines": ENGINES if self.engine == "auto" else [self.engine],
            "output": "layer.tar",
        }  # fmt: skip
        (folder / "request.json").write_text(json.dumps(value))
        python, switch = sys.executable, []
        if self.user:
            # A Python that an ordinary user may read too.
            python, switch = "/usr/bin/python3", ["setpriv", "--reuid", self.user, "--init-groups"]
            switch += ["--regid", self.user]
            subprocess.run(["chown", "-R", f"{self.user}:", str(folder)], check=True)
        return subprocess.run(
            [*switch, python, "-m", "multiarch.tools.run_step", "request.json"],
            cwd=folder, capture_output=True, text=True, timeout=300,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": self.sources()},
        )  # fmt: skip

    def sources(self) -> str:
        """The plugin's sources where the user can read them, and the Docker SDK beside them."""
        copy = self.work / "sources"
        if not copy.exists():
            shutil.copytree(SOURCES, copy)
        return os.pathsep.join([str(copy), *(() if self.user else filter(None, sys.path))])


@pytest.fixture
def work() -> Iterator[Path]:
    """A directory that every user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="multiarch-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def ordinary_user() -> str:
    """An ordinary user with subordinate ids; root makes one."""
    require("newuidmap")
    if os.geteuid() != 0:
        require("root, to become another user", found=False)
    name = "multiarch-test"
    if subprocess.run(["id", name], capture_output=True).returncode != 0:
        subprocess.run(["useradd", "--create-home", name], check=True)
    if name not in Path("/etc/subuid").read_text():
        ids = ["--add-subuids", "900000-965535", "--add-subgids", "900000-965535"]
        subprocess.run(["usermod", *ids, name], check=True)
    return name


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        *(pytest.param(EXAMPLE.read_text(), p, id=f"example-{p}") for p in PLATFORMS),
        *(
            pytest.param(STEPS, f"linux/{arch}", id=f"all-changes-{arch}")
            for arch in ("amd64", "arm/v7", "s390x")
        ),
    ],
)
def test_every_engine_makes_the_same_image(work: Path, text: str, platform: str) -> None:
    """By buildah as root, by buildah as an ordinary user, and by Docker."""
    require("buildah")
    require_docker()
    found = {
        "root": Runs(work / "root", "buildah").build(text, platform),
        "user": Runs(work / "user", "buildah", ordinary_user()).build(text, platform),
        "docker": Runs(work / "docker", "docker").build(text, platform),
    }
    digests = {name: image["descriptor"]["digest"] for name, image in found.items()}
    assert len(set(digests.values())) == 1, digests
    # The base's blob is untouched.
    assert found["root"]["layers"][0]["digest"] in base_layers()
    place, file = (-2, "work/t") if text == STEPS else (-1, "usr/bin/pause")
    with layer_of(work / "root/image.tar", place) as layer:
        assert "SCHILY.xattr.security.capability" in layer.getmember(file).pax_headers
    wanted = Platform.parse(platform)
    assert found["root"]["descriptor"]["platform"] == wanted.oci


def base_layers() -> set[str]:
    """The digests of the layers that the base has for its platforms."""
    with tarfile.open(debian()) as archive:

        def read(name: str) -> Any:
            file = archive.extractfile(name)
            assert file
            return json.load(file)

        digests = [entry["digest"] for entry in read("index.json")["manifests"]]
        manifests = [read(f"blobs/sha256/{digest.partition(':')[2]}") for digest in digests]
    return {layer["digest"] for manifest in manifests for layer in manifest["layers"]}


def test_a_stage_of_the_build_platform_needs_no_emulator(work: Path) -> None:
    folder = work / "bin"
    folder.mkdir()
    (folder / "buildah").symlink_to(require("buildah"))
    runs = Runs(work / "run", "buildah", environment={"PATH": str(folder)})
    runs.build(
        "FROM --platform=$BUILDPLATFORM debian AS tools\nRUN uname -m >/machine\n"
        "FROM scratch\nCOPY --from=tools /machine /machine\n",
        "linux/s390x",
    )
    assert layer_files(work / "run/image.tar", -1) == {"machine": b"x86_64\n"}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_image_with_run_runs_in_docker_on_its_platform(work: Path, platform: str) -> None:
    require("buildah")
    require_docker()
    runs = Runs(work, "buildah")
    runs.build('FROM debian\nRUN uname -m >/machine\nCMD ["cat", "/machine"]\n', platform)
    loaded = subprocess.run(
        ["docker", "load", "-q", "-i", work / "image.tar"], check=True, capture_output=True,
        text=True,
    ).stdout  # fmt: skip
    name = loaded.split("Loaded image: ")[-1].strip()
    arch = platform.partition("/")[2]
    cpu = ["-e", "QEMU_CPU=arm1176"] if arch == "arm/v6" else []
    docker = ["docker", "run", "--rm", "--init", "--network", "none", *cpu, name]
    said = [
        subprocess.run([*docker, *argv], check=True, capture_output=True, text=True, timeout=60)
        for argv in (["cat", "/machine"], ["uname", "-m"])
    ]
    machine = UNAME.get(arch, arch)
    assert [text.stdout.strip() for text in said] == [machine, machine]


def problem(work: Path, text: str, platform: str = "linux/arm64", **changes: Any) -> str:
    """What is said of the first RUN of a Dockerfile, which must fail."""
    require("buildah")
    runs = Runs(work, changes.pop("engine", "buildah"), **changes)
    with pytest.raises(AssertionError, match=r"it |engine|emulator") as failed:
        runs.build(text, platform)
    return str(failed.value)


@pytest.mark.parametrize(("engine", "flags"), [*((e, "") for e in ENGINES), ("docker", TMPFS)])
def test_a_run_that_fails_shows_its_own_last_lines(work: Path, engine: str, flags: str) -> None:
    require_docker()
    command = f"RUN {flags}seq 100; echo this is why >&2; exit 7\n"
    text = problem(work, f"FROM debian\n{command}", engine=engine)
    assert "it ended with exit code 7; its last lines:" in text
    assert "| this is why" in text
    assert "| 100" in text
    assert "| 50" not in text
    assert "exit status" not in text


@pytest.mark.parametrize(("engine", "flags"), [*((e, "") for e in ENGINES), ("docker", TMPFS)])
def test_a_run_that_hangs_is_stopped(work: Path, engine: str, flags: str) -> None:
    require_docker()
    command = f"RUN {flags}(setsid sleep 4242 &) ; sleep 4242\n"
    text = problem(work, f"FROM debian\n{command}", timeout=4, engine=engine)
    assert "it did not end within 4 s (`[multiarch-engine] run_timeout`) and was stopped" in text
    assert subprocess.run(["pgrep", "-f", "sleep 4242"], capture_output=True).stdout == b""


def test_a_missing_emulator_is_named_with_its_package(work: Path) -> None:
    folder = work / "bin"
    folder.mkdir()
    (folder / "buildah").symlink_to(require("buildah"))
    environment = {"PATH": str(folder)}
    text = problem(work / "run", "FROM debian\nRUN true\n", environment=environment)
    assert "buildah: there is no emulator for `linux/arm64`" in text
    assert "no qemu-aarch64-static or qemu-aarch64 in PATH" in text
    assert "apt-get install qemu-user-static" in text


def test_where_buildah_lacks_an_emulator_docker_is_used(work: Path) -> None:
    require_docker()
    folder = work / "bin"
    folder.mkdir()
    (folder / "buildah").symlink_to(require("buildah"))
    environment = {"PATH": str(folder), "DOCKER_HOST": os.environ.get("DOCKER_HOST", "")}
    runs = Runs(work / "run", "auto", environment=environment)
    runs.build("FROM debian\nRUN uname -m >/machine\n", "linux/arm64")
    assert layer_files(work / "run/image.tar", -1) == {"machine": b"aarch64\n"}


def test_no_engine_at_all_says_how_to_get_each(work: Path) -> None:
    environment = {"PATH": "/nonexistent", "DOCKER_HOST": "unix:///nonexistent.sock"}
    text = problem(work, "FROM debian\nRUN true\n", engine="auto", environment=environment)
    assert "no engine can execute RUN on this machine:" in text
    assert "buildah is not in PATH (Debian and Ubuntu: `apt-get install buildah`)" in text
    assert "no Docker engine answers at unix:///nonexistent.sock" in text


def test_a_docker_without_buildkit_is_said(work: Path) -> None:
    require_docker()
    folder = work / "bin"
    folder.mkdir()
    fake = folder / "docker"
    fake.write_text("#!/bin/sh\necho Usage: docker build\n")
    fake.chmod(0o755)
    environment = {"PATH": str(folder), "DOCKER_HOST": os.environ.get("DOCKER_HOST", "")}
    text = problem(
        work / "run", f"FROM debian\nRUN {TMPFS}true\n", engine="docker", environment=environment
    )
    assert "RUN --mount needs buildah (`[multiarch-engine] engine`) or Docker's command" in text
    assert f"{fake} has no BuildKit" in text


@pytest.mark.parametrize("engine", ENGINES)
def test_a_secret_is_seen_by_its_run_alone(work: Path, engine: str) -> None:
    require("buildah")
    require_docker()
    (work / "token").write_text("s3cr3t-word")
    runs = Runs(work / "run", engine, secrets={"token": str(work / "token")})
    text = (
        "FROM debian\nRUN --mount=type=secret,id=token wc -c </run/secrets/token >/size"
        "\nRUN test ! -e /run/secrets/token\n"
    )
    runs.build(text, "linux/arm64")
    for file in (work / "run").rglob("*"):
        if file.is_file() and "sources" not in file.parts:
            assert b"s3cr3t-word" not in file.read_bytes(), file
    layers = json.loads((work / "run/image.json").read_text())["layers"]
    assert layer_files(work / "run/image.tar", 1)["size"] == b"11\n"
    # What was made to mount on is not in the image either: an empty second layer.
    assert layers[2]["size"] < 100


@pytest.mark.parametrize("engine", ENGINES)
def test_a_secret_that_a_run_prints_is_not_shown(work: Path, engine: str) -> None:
    require_docker()
    (work / "token").write_text("first-part\nsecond-part\n")
    text = problem(
        work / "run",
        "FROM debian\nRUN --mount=type=secret,id=token "
        "cat /run/secrets/token; echo found first-part here; exit 9\n",
        secrets={"token": str(work / "token")},
        engine=engine,
    )
    assert "it ended with exit code 9" in text
    assert "| found *** here" in text
    assert "first-part" not in text
    assert "second-part" not in text


@pytest.mark.parametrize("engine", ENGINES)
def test_a_missing_secret_is_named(work: Path, engine: str) -> None:
    require_docker()
    text = problem(
        work,
        "FROM debian\nRUN --mount=type=secret,id=token,required true\n",
        secrets={"other": "/x"},
        engine=engine,
    )
    assert "it needs the secret 'token'; there are: other." in text


@pytest.mark.parametrize("engine", ENGINES)
def test_bind_and_cache_mounts(work: Path, engine: str) -> None:
    require("buildah")
    require_docker()
    runs = Runs(work / "run", engine)
    (work / "run/context/data").write_text("from the context")
    text = (
        "FROM debian AS first\nRUN echo from the stage >/made\nFROM debian\n"
        "RUN --mount=type=bind,source=data,target=/mnt/data --mount=type=cache,target=/cache "
        "--mount=type=bind,from=first,source=/made,target=/made cat /mnt/data /made >/both; "
        "echo kept >/cache/x\n"
    )
    runs.build(text, "linux/arm64")
    assert layer_files(work / "run/image.tar", -1) == {"both": b"from the contextfrom the stage\n"}


@pytest.mark.parametrize("engine", ENGINES)
def test_an_optional_secret_that_is_missing_and_a_tmpfs(work: Path, engine: str) -> None:
    """The RUN goes on without the secret; what is written to a tmpfs is gone after it."""
    require("buildah")
    require_docker()
    runs = Runs(work / "run", engine)
    text = (
        "FROM debian\nRUN --mount=type=secret,id=token --mount=type=tmpfs,target=/scratch "
        "test ! -e /run/secrets/token && echo x >/scratch/x && cp /scratch/x /copied\n"
        "RUN test ! -e /scratch && echo gone >/checked\n"
    )
    runs.build(text, "linux/arm64")
    assert layer_files(work / "run/image.tar", -2) == {"copied": b"x\n"}
    assert layer_files(work / "run/image.tar", -1) == {"checked": b"gone\n"}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_heredoc_with_its_own_interpreter(work: Path, engine: str) -> None:
    require("buildah")
    require_docker()
    runs = Runs(work / "run", engine)
    script = "#!/bin/sh -eu\nread line || line=nothing\necho $0 $line $(uname -m) >/said"
    runs.build(f"FROM debian\nRUN <<EOF\n{script}\nEOF\n", "linux/arm64")
    said = layer_files(work / "run/image.tar", -1)
    assert said == {"said": b"/dev/fd/3 nothing aarch64\n"}


@contextmanager
def layer_of(image: Path, number: int) -> Iterator[tarfile.TarFile]:
    """One of an image's layers."""
    with tarfile.open(image) as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        layer = archive.extractfile(json.load(manifest)[0]["Layers"][number])
        assert layer
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as inner:
            yield inner


def layer_files(image: Path, number: int) -> dict[str, bytes]:
    """The files of one of an image's layers."""
    with layer_of(image, number) as layer:
        return {m.name: layer.extractfile(m).read() for m in layer}  # type: ignore[union-attr]


def test_run_without_network_has_none(work: Path) -> None:
    require("buildah")
    runs = Runs(work, "buildah", network=False)
    runs.build("FROM debian\nRUN test $(wc -l </proc/net/dev) = 3\n", "linux/amd64")
