"""How requirements files are made anew: which files count, what the head says."""

from __future__ import annotations

import bootstrap
import lock_requirements
import pytest


@pytest.mark.parametrize(
    "filename",
    [
        "six-1.17.0-py2.py3-none-any.whl",
        "pantsbuild.pants-2.17.1-cp39-cp39-manylinux2014_aarch64.whl",
        "setproctitle-1.3.2-cp39-cp39-macosx_10_9_universal2.whl",
        "PyYAML-6.0.3-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "x-1-cp36-abi3-macosx_11_0_arm64.whl",
        "psutil-5.9.0.tar.gz",
    ],
)
def test_files_that_a_supported_machine_installs(filename: str) -> None:
    assert lock_requirements.installable(filename, 9)


@pytest.mark.parametrize(
    "filename",
    [
        "psutil-5.9.0-cp310-cp310-manylinux2014_x86_64.whl",
        "psutil-5.9.0-cp39-cp39-win_amd64.whl",
        "x-1-cp39-cp39-musllinux_1_1_x86_64.whl",
        "x-1-cp39-cp39-manylinux2014_i686.whl",
        "x-1-cp310-abi3-manylinux2014_x86_64.whl",
        "x-1-py2-none-any.whl",
        "x-1.zip",
    ],
)
def test_files_that_none_installs(filename: str) -> None:
    assert not lock_requirements.installable(filename, 9)


def test_another_python_installs_other_files() -> None:
    wheel = "psutil-5.9.0-cp311-cp311-manylinux2014_x86_64.whl"
    assert lock_requirements.installable(wheel, 11)
    assert not lock_requirements.installable(wheel, 9)
    assert lock_requirements.interpreter([])[1] == 9
    with pytest.raises(bootstrap.BootstrapError, match=r"there is no python3\.99 in PATH"):
        lock_requirements.interpreter(["# python: 3.99"])


def test_the_head_is_kept_and_read() -> None:
    text = "# Why.\n# requires: a==1\n# requires: b\n# agrees with: c.txt\na==1 \\\n    --hash=x\n"
    head = lock_requirements.header(text)
    assert len(head) == 4
    assert lock_requirements.values(head, "requires") == ["a==1", "b"]
    assert lock_requirements.values(head, "agrees with") == ["c.txt"]
    assert lock_requirements.pins(text) == ["a==1"]
    assert lock_requirements.header("# only\n") == ["# only"]
