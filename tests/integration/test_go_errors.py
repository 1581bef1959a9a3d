"""Every way in which a Go module can fail ends in one message that names where and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data import feature_module
from tests.data.feature_module import BAD_CASES, Case
from tests.integration.scratch import Repository

pytestmark = pytest.mark.integration

PLATFORMS = ("linux/amd64", "windows/amd64")

# Where our message says more than Go's, or differs because ours comes before Go's.
OURS = {
    "cgo": "example.test/cgo/b uses cgo",
    "not-main": "the package is `library`, not `main`",
    "no-main-dir": "`main` is the directory `bad/mains/cmd/absent`: stat bad/mains/cmd/absent: ",
    "no-go-files": "`main` is the directory `bad/mains/docs`: no Go files in bad/mains/docs",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The generated modules."""
    root = tmp_path_factory.mktemp("failures")
    feature_module.write(root)
    found = Repository(root)
    found.configure(platforms=PLATFORMS, goproxy=feature_module.proxy_url(root))
    yield found
    found.stop()


def message(repository: Repository, case: Case) -> str:
    """What Pants prints when the case is packaged, which must fail and write nothing."""
    result = repository.pants("package", *map(case.address, case.mains), check=False)
    assert result.returncode != 0, result.stderr
    for main in case.mains:
        assert not Path(repository.root, "dist", case.module_dir, case.target_name(main)).exists()
    return result.stderr


@pytest.mark.parametrize("case", BAD_CASES, ids=lambda case: case.name)
def test_a_broken_module_says_why_and_where(repository: Repository, case: Case) -> None:
    printed = message(repository, case)
    assert OURS.get(case.name, case.error) in printed
    assert case.location in printed
    assert "Traceback" not in printed
    assert "pants-sandbox" not in printed


def test_a_failure_of_several_binaries_and_platforms_stands_once(repository: Repository) -> None:
    (case,) = (c for c in BAD_CASES if c.name == "compile")
    printed = message(repository, case)
    assert printed.count(case.error) == 1
    assert "[linux/amd64, windows/amd64]" in printed


def test_a_failure_names_only_the_platforms_it_is_on(repository: Repository) -> None:
    (case,) = (c for c in BAD_CASES if c.name == "constraints")
    printed = message(repository, case)
    assert "[windows/amd64]" in printed


def test_cgo_names_the_chain_of_imports(repository: Repository) -> None:
    (case,) = (c for c in BAD_CASES if c.name == "cgo")
    printed = message(repository, case)
    assert "-> example.test/cgo/a\n" in printed
    assert "-> example.test/cgo/b" in printed


def test_a_good_platform_of_a_broken_module_is_built(repository: Repository) -> None:
    (case,) = (c for c in BAD_CASES if c.name == "constraints")
    address = case.address(case.mains[0])
    repository.pants("package", f"{address}#linux/amd64")
    name = case.target_name(case.mains[0])
    assert (repository.root / f"dist/{case.module_dir}/{name}/linux/amd64/{name}").exists()
