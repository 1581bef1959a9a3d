"""Every binary has the bytes that `go build` of the same Go makes of it."""

from __future__ import annotations

import filecmp
import platform
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from multiarch.core.platforms import Platform, host_platform

from tests.data import feature_module
from tests.data.feature_module import GOOD_CASES, Case
from tests.integration.scratch import Repository, go_environment, go_program

pytestmark = pytest.mark.integration

PLATFORMS = tuple(
    Platform.parse(text)
    for text in (
        "linux/amd64",
        "linux/386",
        "linux/arm/v6",
        "linux/arm/v7",
        "linux/arm64",
        "linux/ppc64le",
        "linux/s390x",
        "linux/riscv64",
        "darwin/arm64",
        "windows/amd64",
    )
)


# These have a std of their own, which costs half a CPU-minute a platform.
OWN_STD = ("pgo-hot", "flags-all")
FEW = ("linux/amd64", "linux/arm/v6")


def platforms_of(name: str) -> tuple[Platform, ...]:
    """The platforms that a target is built for."""
    return tuple(p for p in PLATFORMS if name not in OWN_STD or str(p) in FEW)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The generated modules, every good one built for every platform."""
    root = tmp_path_factory.mktemp("features")
    feature_module.write(root)
    for build in root.glob("good/**/BUILD"):
        text = build.read_text()
        for name in OWN_STD:
            text = text.replace(f'name="{name}",', f'name="{name}",\n    platforms={list(FEW)!r},')
        build.write_text(text)
    found = Repository(root)
    found.configure(platforms=[str(p) for p in PLATFORMS], goproxy=feature_module.proxy_url(root))
    found.pants("package", "good::")
    yield found
    found.stop()


def reference(root: Path, case: Case, main: str, target: Platform, work: Path) -> Path:
    """Build one main with plain `go build`."""
    output = work / "out" / case.target_name(main) / target.slug
    output.parent.mkdir(parents=True, exist_ok=True)
    env = go_environment(target, work / "cache")
    if case.needs_proxy:
        env["GOPROXY"] = feature_module.proxy_url(root)
    subprocess.run(
        [go_program(), "build", *case.go_build_flags(), "-o", output, f"./{main}"],
        cwd=root / case.module_dir,
        env=env,
        check=True,
    )
    return output


def test_every_binary_is_identical_to_go_build(
    repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = tmp_path_factory.mktemp("reference")
    go_program()
    jobs = [
        (case, main, target)
        for case in GOOD_CASES
        for main in case.mains
        for target in platforms_of(case.target_name(main))
    ]

    def same(job: tuple[Case, str, Platform]) -> bool:
        case, main, target = job
        name = case.target_name(main)
        ours = repository.root / "dist" / case.module_dir / name / target.path
        return filecmp.cmp(
            ours / (name + target.executable_suffix),
            reference(repository.root, case, main, target, work),
            shallow=False,
        )

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(same, jobs))
    different = [f"{c.name} {m} {p}" for (c, m, p), equal in zip(jobs, results) if not equal]
    print(f"{sum(results)} of {len(jobs)} binaries are byte-identical to go build")
    assert not different


def test_the_binaries_do_what_their_sources_say(repository: Repository) -> None:
    host = host_platform(platform.system(), platform.machine())
    for case in GOOD_CASES:
        for main, expected in zip(case.mains, case.outputs):
            name = case.target_name(main)
            program = repository.root / "dist" / case.module_dir / name / host.path / name
            printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
            assert printed == expected, case.name
