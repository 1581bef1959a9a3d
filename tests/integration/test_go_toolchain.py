"""Go from each source, in each supported version, makes the bytes that `go build` makes."""

from __future__ import annotations

import filecmp
import hashlib
import platform
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from multiarch.core.platforms import Platform, host_platform

from tests.integration.scratch import GO_VERSION, Repository, go_environment, go_program

pytestmark = pytest.mark.integration

TARGET = Platform.parse("linux/arm/v6")
HOST = host_platform(platform.system(), platform.machine())
OTHER_VERSIONS = ("1.25.5", "1.26.6")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """One small program."""
    found = Repository(tmp_path_factory.mktemp("toolchains"))
    found.configure(platforms=(str(TARGET),))
    found.write("go.mod", "module example.test/small\n\ngo 1.25\n")
    found.write("main.go", 'package main\n\nfunc main() { println("small") }\n')
    found.write("BUILD", 'go_module(name="mod")\ngo_cross_binary(name="small")\n')
    yield found
    found.stop()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution in the layout of the official archive."""
    root = go_program().parent.parent
    path = tmp_path_factory.mktemp("archive") / f"go{GO_VERSION}.{HOST.os}-{HOST.arch}.tar.gz"

    def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        skip = "/src/cmd/" in member.name or "/testdata/" in member.name
        return None if skip or member.name.endswith("_test.go") else member

    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(root, "go", filter=wanted)
    return path


def reference(repository: Repository, version: str, work: Path) -> Path:
    """What plain `go build` makes of the program."""
    output = work / f"small-{version}"
    subprocess.run(
        [go_program(version), "build", "-trimpath", "-buildvcs=false", "-ldflags=-buildid=",
         "-o", output, "."],
        cwd=repository.root, env=go_environment(TARGET, work / f"cache-{version}"), check=True,
    )  # fmt: skip
    return output


def packaged(repository: Repository, *options: str) -> Path:
    """Package the program; returns its path."""
    repository.pants(*options, "package", ":small")
    return repository.root / "dist/small" / TARGET.path / "small"


@pytest.mark.parametrize("version", OTHER_VERSIONS)
def test_other_versions_of_go_work_too(
    repository: Repository, version: str, tmp_path: Path
) -> None:
    built = packaged(repository, f"--go-toolchain-version={version}")
    assert filecmp.cmp(built, reference(repository, version, tmp_path), shallow=False)


def download(archive: Path, sha256: str) -> tuple[str, ...]:
    """Options that take Go from an archive."""
    key = f"{GO_VERSION} {HOST}"
    return (
        "--go-toolchain-source=download",
        f"--go-toolchain-url-template=file://{archive.parent}/go{{version}}.{{os}}-{{arch}}.tar.gz",
        f"--go-toolchain-known-archives={{'{key}': '{sha256} {archive.stat().st_size}'}}",
    )


def test_the_official_archive_gives_the_same_bytes(
    repository: Repository, archive: Path, tmp_path: Path
) -> None:
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    built = packaged(repository, *download(archive, sha256))
    assert filecmp.cmp(built, reference(repository, GO_VERSION, tmp_path), shallow=False)


def test_a_corrupt_archive_is_refused(repository: Repository, archive: Path) -> None:
    result = repository.pants(*download(archive, "0" * 64), "package", ":small", check=False)
    assert result.returncode != 0
    assert "0" * 64 in result.stderr
    assert hashlib.sha256(archive.read_bytes()).hexdigest() in result.stderr


def test_the_go_of_the_host_gives_the_same_bytes(repository: Repository, tmp_path: Path) -> None:
    options = ("--go-toolchain-source=system", f"--go-toolchain-system-go={go_program()}")
    built = packaged(repository, *options)
    assert filecmp.cmp(built, reference(repository, GO_VERSION, tmp_path), shallow=False)


def test_a_host_go_of_another_version_is_refused(repository: Repository) -> None:
    options = (
        "--go-toolchain-source=system",
        f"--go-toolchain-system-go={go_program()}",
        "--go-toolchain-version=1.26.6",
    )
    result = repository.pants(*options, "package", ":small", check=False)
    assert "[go-toolchain].version is '1.26.6', but the distribution says" in result.stderr


def test_a_host_go_that_is_not_there_is_said(repository: Repository) -> None:
    options = ("--go-toolchain-source=system", "--go-toolchain-system-go=/nonexistent/go")
    result = repository.pants(*options, "package", ":small", check=False)
    assert "there is no executable '/nonexistent/go'" in result.stderr
