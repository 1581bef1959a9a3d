"""The plugin as a wheel: all that a repository of somebody else has of this one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
import zipfile
from pathlib import Path

import bootstrap
import pytest

from tests.integration.scratch import Repository

pytestmark = pytest.mark.integration

NAME = "pants_multiarch-0.1.0-py3-none-any.whl"
MAIN = """package main

import "fmt"

func main() { fmt.Println("hello from the wheel") }
"""


def wheel() -> Path:
    """The wheel: `./pants test` builds it; elsewhere it is what `package` left in dist/."""
    for folder in (Path.cwd(), bootstrap.ROOT / "dist"):
        if (folder / NAME).exists():
            return folder / NAME
    pytest.skip("`./pants package src/python:dist` has not been run")


def settings_of_the_readme() -> str:
    """The pants.toml that the README tells a user of the wheel to write."""
    text = (bootstrap.ROOT / "README.md").read_text()
    found = re.search(r"^ *```toml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    assert found
    return textwrap.dedent(found.group(1))


def test_a_repository_with_the_wheel_alone_builds_its_first_binary(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.write("pants.toml", settings_of_the_readme())
    (tmp_path / "build-support/wheels").mkdir(parents=True)
    shutil.copy(wheel(), tmp_path / "build-support/wheels")
    repository.write("BUILD", 'go_module(name="mod")\ngo_cross_binary(name="hello")\n')
    repository.write("go.mod", "module example.com/hello\n\ngo 1.25\n")
    repository.write("main.go", MAIN)
    repository.pants("package", ":hello#linux/amd64", ":hello#linux/arm64")
    program = tmp_path / "dist/hello/linux/amd64/hello"
    if os.uname().machine == "x86_64":
        said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
        assert said == "hello from the wheel\n"
    assert (tmp_path / "dist/hello/linux/arm64/hello").exists()
    repository.stop()


def test_the_wheel_has_every_source_and_nothing_of_when_it_was_built() -> None:
    with zipfile.ZipFile(wheel()) as archive:
        names = {i.filename for i in archive.infolist()}
        assert {i.date_time[0] for i in archive.infolist()} == {1980}
    assert "multiarch/backend/register.py" in names
    assert "multiarch/tools/atomicalign/main.go" in names
    assert not any(name.startswith("tests") for name in names)
