"""What differs between two states of go.mod, go.work, go.sum and vendor/modules.txt."""

from __future__ import annotations

import pytest
from multiarch.core.golang import requirements

MODULES = """\
# example.com/a v1.2.3
## explicit; go 1.20
example.com/a
example.com/a/sub
# example.com/b v0.1.0 => ../b
## explicit
example.com/b
# example.com/unused v1.0.0
## explicit
# example.com/b => ../b
"""


def test_vendored_modules_and_their_packages() -> None:
    a = requirements.VendoredModule("example.com/a", "v1.2.3", "", "1.20")
    assert requirements.vendored_packages(MODULES) == {
        "example.com/a": a,
        "example.com/a/sub": a,
        "example.com/b": requirements.VendoredModule("example.com/b", "v0.1.0", "../b"),
    }
    assert requirements.vendored_versions(MODULES) == {
        "example.com/a": "v1.2.3",
        "example.com/b": "v0.1.0",
        "example.com/unused": "v1.0.0",
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("v1.2.3", "v1.2.4", {"example.com/a", "example.com/a/sub"}),
        ("go 1.20", "go 1.21", {"example.com/a", "example.com/a/sub"}),
        ("v0.1.0 => ../b", "v0.1.0 => ../c", {"example.com/b"}),
        ("example.com/a/sub\n", "", {"example.com/a/sub"}),
        ("unused v1.0.0", "unused v1.0.1", set()),
        ("## explicit\nexample.com/b", "example.com/b", set()),
    ],
)
def test_packages_of_another_version(old: str, new: str, expected: set[str]) -> None:
    assert requirements.changed_packages(MODULES, MODULES.replace(old, new)) == expected


GO_MOD = """\
module "example.com/m" // the module

go 1.25
toolchain go1.27.3

require (
	example.com/a v1.2.3
	example.com/b v0.1.0 // indirect
)
require example.com/unused v1.0.0
replace example.com/b => ../b
"""


def test_the_path_of_a_module() -> None:
    assert requirements.module_path(GO_MOD) == "example.com/m"
    assert requirements.module_path("go 1.25\n") == ""


@pytest.mark.parametrize(
    ("old", "new", "module", "versions", "replacements"),
    [
        ("go 1.25", "go 1.26", True, False, False),
        ("go 1.25", "go 1.25\n\ngodebug default=go1.20", True, False, False),
        ("example.com/m", "example.com/n", True, False, False),
        ("v1.2.3", "v1.2.4", False, True, False),
        ("../b", "../c", False, True, True),
        ("toolchain go1.27.3", "toolchain go1.27.4", False, False, False),
        ("// indirect", "// another word", False, False, False),
        (
            "require example.com/unused v1.0.0",
            "require  example.com/unused  v1.0.0",
            False,
            False,
            False,
        ),
    ],
)
def test_what_a_go_mod_changes(
    old: str, new: str, module: bool, versions: bool, replacements: bool
) -> None:
    changed = GO_MOD.replace(old, new)
    assert changed != GO_MOD
    assert requirements.module_changed(GO_MOD, changed) is module
    assert requirements.requirements_changed(GO_MOD, changed) is versions
    assert requirements.replacements_changed(GO_MOD, changed) is replacements


def test_vendored_versions_have_to_agree() -> None:
    assert requirements.vendoring_agrees(GO_MOD, MODULES)
    assert not requirements.vendoring_agrees(GO_MOD.replace("v1.2.3", "v1.2.4"), MODULES)
    assert not requirements.vendoring_agrees(GO_MOD, "")


def test_a_workspace() -> None:
    work = "go 1.25\n\nuse (\n\t./a\n\t./b\n)\n"
    assert requirements.workspace_changed(work, work.replace("./b", "./c"))
    assert not requirements.workspace_changed(work, work + "toolchain go1.27.3\n")


def test_sums() -> None:
    sums = "example.com/a v1.2.3 h1:x=\nexample.com/a v1.2.3/go.mod h1:y=\n"
    assert requirements.sums_changed(sums, sums.replace("x=", "z="))
    assert requirements.sums_changed(sums, "")
    assert not requirements.sums_changed(sums, sums.replace("y=", "z="))
    assert not requirements.sums_changed(sums, sums + "example.com/b v1.0.0 h1:x=\n")
