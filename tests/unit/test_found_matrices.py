"""Platform matrices of GoReleaser's files, and of lists in scripts."""

from __future__ import annotations

from multiarch.core.found_matrices import (
    FoundMatrix,
    goreleaser_matrices,
    matrix_for,
    script_matrix,
)
from multiarch.core.platforms import Platform


def platforms(*names: str) -> tuple[Platform, ...]:
    return tuple(map(Platform.parse, names))


def test_a_product_of_systems_and_architectures_less_what_is_ignored() -> None:
    build = {
        "main": "./cmd/tool",
        "goos": ["linux", "windows"],
        "goarch": ["amd64", "arm", "sparc"],
        "goarm": [6, "7"],
        "ignore": [{"goos": "windows", "goarch": "arm", "goarm": 6}, {"goarch": "sparc"}],
    }
    (found,) = goreleaser_matrices({"builds": [build]}, "sub/.goreleaser.yaml")
    assert found.main == "sub/cmd/tool"
    # Go has no windows/arm any more, and GoReleaser leaves out what Go does not have.
    assert found.platforms == platforms(
        *("linux/amd64", "linux/arm/v6", "linux/arm/v7", "windows/amd64")
    )


def test_the_defaults_of_goreleaser_and_a_file_as_main() -> None:
    (found,) = goreleaser_matrices({"builds": [{"main": "cmd/a/main.go"}]}, ".goreleaser.yml")
    assert found.main == "cmd/a"
    assert found.platforms == platforms(
        *("darwin/amd64", "darwin/arm64", "linux/386", "linux/amd64", "linux/arm64"),
        *("windows/386", "windows/amd64", "windows/arm64"),
    )


def test_targets_take_the_place_of_the_product() -> None:
    build = {"targets": ["linux_amd64_v1", "linux_arm_6", "darwin_arm64", "go_first_class"]}
    (found,) = goreleaser_matrices({"builds": [build]}, ".goreleaser.yml")
    assert found.platforms == platforms("linux/amd64", "linux/arm/v6", "darwin/arm64")


def test_other_builders_and_other_documents_have_no_matrix() -> None:
    rust = {"builds": [{"builder": "rust", "targets": ["linux_amd64"]}, "text"]}
    for document in (rust, {}, None, [], {"builds": None}):
        assert goreleaser_matrices(document, "f") == ()


KUBERNETES = """\
readonly KUBE_SUPPORTED_CLIENT_PLATFORMS=(
  linux/amd64
  windows/amd64
)

# Which platforms we should compile for.
readonly KUBE_SUPPORTED_SERVER_PLATFORMS=(
  linux/amd64
  linux/arm64   # and this
  linux/s390x
)
"""


def test_a_list_in_shell_and_one_in_a_makefile() -> None:
    found = script_matrix(KUBERNETES, "hack/lib/golang.sh")
    assert found is not None
    assert found.platforms == platforms("linux/amd64", "linux/arm64", "linux/s390x")
    found = script_matrix("PLATFORMS ?= linux/amd64,linux/arm/v7\nall:\n", "Makefile")
    assert found is not None
    assert found.platforms == platforms("linux/amd64", "linux/arm/v7")
    assert script_matrix("PLATFORM=$(uname)\nPLATFORMS=$(all)\n", "x.sh") is None


def test_a_program_has_its_own_matrix_before_that_of_all() -> None:
    own = FoundMatrix("a", "cmd/a", platforms("linux/386"))
    shared = FoundMatrix("b", "", platforms("linux/amd64"))
    assert matrix_for("cmd/a", (shared, own)) is own
    assert matrix_for("cmd/b", (shared, own)) is shared
    assert matrix_for("cmd/b", (own,)) is None
