"""The examples: every binary and image runs on its platform, and says so."""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import bootstrap
import pytest
from multiarch.core.executables.inspection import inspect
from multiarch.core.platforms import Platform

from tests.integration.scratch import Repository, go_environment, go_program, require

pytestmark = pytest.mark.integration

SERVER = ("amd64", "arm/v6", "arm/v7", "arm64", "ppc64le", "s390x", "riscv64")
PLATFORMS = tuple(Platform.parse(f"linux/{arch}") for arch in SERVER)
# Debian's names of the emulators, and the CPU that has no more than the variant.
QEMU = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "loong64": "loongarch64"}
QEMU_CPU = {"v5": "arm926", "v6": "arm1176", "v7": "cortex-a15"}


def copy_examples(root: Path) -> None:
    """Copy what the README's first command needs into a directory."""
    shutil.copytree(bootstrap.ROOT / "examples", root / "examples")
    text = (bootstrap.ROOT / "pants.toml").read_text()
    sources = bootstrap.ROOT / "src/python"
    (root / "pants.toml").write_text(text.replace("%(buildroot)s/src/python", str(sources)))
    shutil.copytree(bootstrap.ROOT / "3rdparty", root / "3rdparty")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The examples, packaged for all their platforms."""
    root = tmp_path_factory.mktemp("examples")
    copy_examples(root)
    found = Repository(root)
    found.pants("package", "examples::")
    yield found
    found.stop()


def emulator(platform: Platform) -> str:
    """The static QEMU of a platform's architecture."""
    return require(f"qemu-{QEMU.get(platform.arch, platform.arch)}-static")


def cpu(platform: Platform) -> dict[str, str]:
    """What makes QEMU refuse instructions of a later variant."""
    if platform.arch != "arm" or platform.variant is None:
        return {}
    return {"QEMU_CPU": QEMU_CPU[platform.variant]}


def claim(platform: Platform) -> str:
    """What a program says of the platform it was built for."""
    level = f" GOARM={platform.variant[1:]}" if platform.arch == "arm" and platform.variant else ""
    return f"{platform.os}/{platform.arch}{level}"


@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_each_linux_binary_runs_on_its_platform(examples: Repository, platform: Platform) -> None:
    dist = examples.root / "dist/examples"
    for program, flag in (
        (dist / f"server/cmd/server/server/{platform.path}/server", "-version"),
        (dist / f"server/cmd/pause/pause/{platform.path}/pause", "-v"),
    ):
        printed = subprocess.run(
            [emulator(platform), program, flag],
            env={**os.environ, **cpu(platform)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        assert claim(platform) in printed


CGO = tuple(Platform.parse(f"linux/{arch}") for arch in ("amd64", "arm64"))


@pytest.mark.parametrize("platform", CGO, ids=str)
def test_each_program_with_c_runs_on_its_platform(examples: Repository, platform: Platform) -> None:
    dist = examples.root / "dist/examples"
    printed = ""
    for argv in (
        (dist / f"nodeinfo/nodeinfo/{platform.path}/nodeinfo", "localhost"),
        (dist / f"pause-c/pause/{platform.path}/pause", "-v"),
    ):
        printed += subprocess.run(
            [emulator(platform), *argv], env={"PATH": "", **cpu(platform)},
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
    assert claim(platform) in printed
    assert f"pause 0.1.0 {platform} (on Linux " in printed
    assert "C library: musl, pages of 4096 bytes\n" in printed
    assert re.search(r"^localhost: \[.*127\.0\.0\.1.*\]$", printed, re.M)


def test_the_dynamic_program_names_what_it_needs(examples: Repository) -> None:
    """`tests/integration/test_cgo.py` runs such programs on Debian."""
    folder = examples.root / "dist/examples/nodeinfo/nodeinfo-dynamic/linux/amd64"
    with open(folder / "nodeinfo-dynamic", "rb") as file:
        executable = inspect(file)
    assert executable is not None
    assert executable.interpreter == "/lib64/ld-linux-x86-64.so.2"
    assert "libc.so.6" in executable.needed


CLIENT = (
    *(f"linux/{arch}" for arch in ("386", *SERVER)),
    *("darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"),
)
# Directory, main package, target, platforms, linker flags.
PROGRAMS = (
    ("server", "cmd/server", "server", PLATFORMS, ""),
    ("server", "cmd/pause", "pause", PLATFORMS, " -s -w"),
    ("client", ".", "fleetctl", tuple(map(Platform.parse, CLIENT)), ""),
)


def test_every_binary_is_identical_to_go_build(
    examples: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = tmp_path_factory.mktemp("reference")
    same = []
    for module, main, name, platforms, flags in PROGRAMS:
        root = examples.root / "examples" / module
        for platform in platforms:
            file = name + platform.executable_suffix
            lite = name == "server" and str(platform) == "linux/arm/v6"
            subprocess.run(
                [go_program(), "build", "-trimpath", "-buildvcs=false", "-o", work / file,
                 f"-ldflags=-buildid={flags} -X=main.version=0.1.0",
                 *(["-tags=lite"] if lite else []), f"./{main}"],
                cwd=root, env=go_environment(platform, work / "cache"), check=True,
            )  # fmt: skip
            ours = examples.root / "dist/examples" / module / main / name / platform.path / file
            same.append(filecmp.cmp(ours, work / file, shallow=False))
            if not same[-1]:
                print(f"differs: {ours}")
    print(f"{sum(same)} of {len(same)} binaries are byte-identical to go build")
    assert len(same) == 26
    assert all(same)


def docker_platform(platform: Platform) -> str:
    """A platform as `docker run --platform` takes it."""
    return "/".join(p for p in (platform.os, platform.arch, platform.oci_variant) if p)


def image_name(tar: Path) -> str:
    """What `docker load` calls an image."""
    with tarfile.open(tar) as archive:
        stream = archive.extractfile("manifest.json")
        assert stream
        name: str = json.load(stream)[0]["RepoTags"][0]
    return name


@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_each_image_runs_in_docker_on_its_platform(
    examples: Repository, platform: Platform
) -> None:
    """The emulator is handed to the container: nothing is registered on this host."""
    docker = require("docker")
    if subprocess.run([docker, "version"], capture_output=True).returncode != 0:
        require("a Docker engine that answers", found=False)
    for image, flag in (("server", "-version"), ("pause", "-v")):
        folder = examples.root / f"dist/examples/images/{image}/image" / platform.path
        tar = folder / "image.tar"
        subprocess.run([docker, "load", "-q", "-i", tar], check=True, capture_output=True)
        name = image_name(tar)
        inspected = json.loads(
            subprocess.run([docker, "inspect", name], check=True, capture_output=True).stdout
        )[0]
        assert (inspected["Os"], inspected["Architecture"]) == (platform.os, platform.arch)
        assert inspected.get("Variant", "") == (platform.oci_variant or "")
        with tarfile.open(tar) as archive:
            stream = archive.extractfile("manifest.json")
            assert stream
            config = json.load(stream)[0]["Config"].rsplit("/", 1)[-1]
        assert inspected["Id"] == f"sha256:{config}"
        qemu = emulator(platform)
        settings = [
            part for key, value in cpu(platform).items() for part in ("-e", f"{key}={value}")
        ]
        printed = subprocess.run(
            [docker, "run", "--rm", "--init", "--platform", docker_platform(platform),
             "-v", f"{qemu}:/.qemu:ro", *settings, "--entrypoint", "/.qemu", name,
             *inspected["Config"]["Entrypoint"], flag],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert printed.returncode == 0, printed.stderr
        assert claim(platform) in printed.stdout


@pytest.mark.parametrize("image", ["server", "pause"])
def test_skopeo_and_umoci_accept_every_layout(
    examples: Repository, image: str, tmp_path: Path
) -> None:
    skopeo, umoci = require("skopeo"), require("umoci")
    base = examples.root / f"dist/examples/images/{image}"
    layout = base / "list/list.oci"
    (reference,) = subprocess.run(
        [umoci, "ls", "--layout", layout], capture_output=True, text=True, check=True
    ).stdout.split()
    index = json.loads(
        subprocess.run(
            [skopeo, "inspect", "--raw", f"oci:{layout}:{reference}"],
            capture_output=True,
            check=True,
        ).stdout
    )
    assert [m["platform"] for m in index["manifests"]] == [p.oci for p in sorted(PLATFORMS)]
    subprocess.run(
        [skopeo, "--insecure-policy", "copy", "-q", "--all", f"oci:{layout}:{reference}",
         f"oci:{tmp_path}/copy:all"],
        check=True,
    )  # fmt: skip
    for platform in PLATFORMS:
        tar = base / "image" / platform.path / "image.tar"
        unpacked = tmp_path / platform.slug
        with tarfile.open(tar) as archive:
            archive.extractall(unpacked)
        subprocess.run(
            [umoci, "unpack", "--rootless", "--image", f"{unpacked}:{image_name(tar)}",
             tmp_path / f"{platform.slug}-bundle"],
            check=True, capture_output=True,
        )  # fmt: skip
        (program,) = (tmp_path / f"{platform.slug}-bundle/rootfs").rglob(image)
        built = examples.root / f"dist/examples/server/cmd/{image}/{image}/{platform.path}/{image}"
        assert program.read_bytes() == built.read_bytes()


def test_run_starts_a_binary_of_any_platform(examples: Repository, tmp_path: Path) -> None:
    arm64 = Platform.parse("linux/arm64")
    emulator(arm64)
    named = "examples/client:fleetctl#linux/arm64"
    assert "linux/arm64 (" in examples.pants("run", named, "--", "-version").stdout
    refused = examples.pants("run", named, "--", "-nonsense", check=False)
    assert refused.returncode == 2
    assert "flag provided but not defined: -nonsense" in refused.stderr
    native = examples.pants("run", "examples/client:fleetctl", "--", "-version").stdout
    assert "linux/arm64 (" not in native
    assert "fleetctl 0.1.0 linux/" in native

    for directory in os.environ["PATH"].split(os.pathsep):
        for program in Path(directory).glob("*"):
            link = tmp_path / program.name
            if not program.name.startswith("qemu-") and not link.is_symlink():
                link.symlink_to(program)
    bare = examples.pants("run", named, check=False, env={"PATH": str(tmp_path)})
    assert bare.returncode == 1
    assert (
        "examples/client:fleetctl#linux/arm64 cannot run here: there is no emulator for "
        "`linux/arm64` on this"
    ) in bare.stderr
    assert (
        "Install qemu-aarch64-static (Debian and Ubuntu: `apt-get install qemu-user-static`)"
        in (bare.stderr)
    )
    foreign = examples.pants("run", named.replace("linux/arm64", "windows/amd64"), check=False)
    assert "programs for `windows/amd64` do not run on this linux/" in foreign.stderr


def test_the_summary_names_every_output_once(examples: Repository) -> None:
    printed = examples.pants("package", "examples::").stderr
    rows = re.findall(r"^(binary|image|list|release) +(\S+) +(.+?)  ", printed, re.M)
    assert len(rows) == len(set(rows))
    # The image with RUN is left out where its base was not made or an engine is missing.
    expected = 58 if "report:list" in printed else 51
    assert len(rows) == expected
    assert f" 0 built, {expected} cached" in printed
    if os.environ.get("MULTIARCH_REQUIRE_ENGINES"):
        assert expected == 58


def tree_sums(root: Path) -> dict[str, str]:
    """The sha256 of every file below a directory."""
    return {
        str(file.relative_to(root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def test_two_clones_with_different_caches_give_equal_trees(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    sums = []
    # The machine's own caches, with what others have built, and empty ones.
    for name, caches in (("here", None), ("somewhere else", ".caches")):
        root = tmp_path_factory.mktemp("clones") / name
        root.mkdir()
        copy_examples(root)
        found = Repository(root, store=root / caches if caches else None)
        small = (
            '{"server": ["linux/amd64", "linux/arm/v6"], "client": ["windows/amd64"], '
            '"debian": ["linux/amd64"], "cgo": ["linux/arm/v6"]}'
        )
        found.pants("--no-pantsd", f"--multiarch-sets={small}", "package", "examples::")
        sums.append(tree_sums(root / "dist"))
    first, second = sums
    assert first == second
    assert any(path.endswith("fleetctl.exe") for path in first)
    assert any(path.endswith("linux/arm/v6/nodeinfo") for path in first)
