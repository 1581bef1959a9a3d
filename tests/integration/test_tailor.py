"""`tailor ::` on a repository without targets: what it writes builds unedited."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.scratch import Repository

pytestmark = pytest.mark.integration

TEST = 'package main\n\nimport "testing"\n\nfunc TestX(*testing.T) {}\n'
FILES = {
    "go.mod": "module example.test/found\n\ngo 1.25\n",
    "cmd/hello/main.go": 'package main\n\nfunc main() { println("hello") }\n',
    "cmd/hello/main_test.go": TEST,
    "cmd/hello/Dockerfile": "FROM scratch\nCOPY app.conf /etc/\nCOPY bin/hello /hello\n",
    "cmd/hello/Dockerfile.full": "FROM debian:12\nCOPY bin/hello /hello\n",
    "cmd/hello/app.conf": "x = 1\n",
    "cmd/native/main.go": 'package main\n\nimport "C"\n\nfunc main() { println(C.int(1)) }\n',
    "cmd/native/main_test.go": TEST,
    "lib/native/native.go": 'package native\n\nimport "C"\n',
    "lib/calls/calls.go": "package calls\n",
    "lib/calls/calls_test.go": TEST.replace(
        "package main", 'package calls\n\nimport _ "example.test/found/lib/native"'
    ),
    "lib/arm/arm.go": "package arm\n",
    "lib/arm/arm_arm64.go": 'package arm\n\nimport _ "example.test/found/missing"\n',
    "lib/arm/arm_test.go": TEST.replace("package main", "package arm"),
    "lib/windows/windows.go": "//go:build windows\n\npackage windows\n",
    "lib/windows/windows_test.go": TEST.replace(
        "package main", "//go:build windows\n\npackage windows"
    ),
    "cmd/service/main_windows.go": "package main\n\nfunc main() {}\n",
    "cmd/both/main_windows.go": "package main\n\nfunc main() {}\n",
    "cmd/both/main_arm64.go": "package main\n\nfunc main() {}\n",
    ".goreleaser.yaml": """\
builds:
  - main: ./cmd/hello
    goos: [linux]
    goarch: [amd64, arm]
    goarm: [6]
""",
}


def test_what_tailor_writes_builds_unedited(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.configure(platforms=("linux/amd64", "linux/arm64"))
    for path, text in FILES.items():
        repository.write(path, text)
    try:
        said = repository.pants("tailor", "::").stderr
        assert (
            "tailor: no target for the program in cmd/native: cmd/native/main.go: "
            'example.test/found/cmd/native uses cgo, and `cgo` is "off"'
        ) in said
        assert 'write go_cross_binary(name="native", cgo="static")' in said
        assert (
            "tailor: no target for the tests in lib/calls: lib/native/native.go: "
            'example.test/found/lib/native uses cgo, and `cgo` is "off"; it is imported by'
        ) in said
        assert 'write go_cross_test(name="test", cgo="static")' in said
        assert "tailor: no target for the tests in cmd/native: " in said
        assert "tailor: no target for the program in cmd/service: " in said
        assert (
            "tailor: no multiarch_image for cmd/hello/Dockerfile.full: it stands on debian:12, "
            "which needs an `image_base`."
        ) in said
        assert (tmp_path / "BUILD").read_text() == 'go_module(\n    name="root",\n)\n'
        written = (tmp_path / "cmd/hello/BUILD").read_text()
        for stanza in (
            "# The platforms of .goreleaser.yaml.\ngo_cross_binary(\n"
            '    platforms=[\n        "linux/amd64",\n        "linux/arm/v6",\n    ],\n)\n',
            'go_cross_test(\n    name="test",\n)\n',
            'files(\n    name="image-files",\n    sources=[\n        "app.conf",\n    ],\n)\n',
            'multiarch_image(\n    name="image",\n    source="Dockerfile",\n'
            '    binaries=[\n        "cmd/hello:hello",\n    ],\n'
            '    dependencies=[\n        ":image-files",\n    ],\n)\n',
            'manifest_list(\n    name="list",\n    images=[\n        ":image",\n    ],\n)\n',
        ):
            assert stanza in written
        both = (tmp_path / "cmd/both/BUILD").read_text()
        assert both == 'go_cross_binary(\n    platforms=[\n        "linux/arm64",\n    ],\n)\n'
        for directory in ("cmd/native", "lib/calls", "lib/native"):
            assert not list((tmp_path / directory).glob("BUILD*"))
        assert (tmp_path / "lib/arm/BUILD").read_text() == (
            'go_cross_test(\n    name="test",\n    platforms=[\n        "linux/amd64",\n    ],\n)\n'
        )
        # Without tests on these platforms, there is nothing to fail.
        assert (
            tmp_path / "lib/windows/BUILD"
        ).read_text() == 'go_cross_test(\n    name="test",\n)\n'

        repository.pants("package", "::")
        packaged = sorted(
            str(p.relative_to(tmp_path / "dist"))
            for p in (tmp_path / "dist").rglob("*")
            if p.is_file() and "list.oci" not in str(p)
        )
        assert packaged == [
            "cmd/both/both/linux/arm64/both",
            "cmd/hello/hello/linux/amd64/hello",
            "cmd/hello/hello/linux/arm/v6/hello",
            "cmd/hello/image/linux/amd64/image.tar",
            "cmd/hello/image/linux/arm/v6/image.tar",
            "cmd/hello/list/list-linux-amd64.tar",
            "cmd/hello/list/list-linux-arm-v6.tar",
        ]
        # Everything has its target now; what cannot be built is still said.
        assert "Created" not in repository.pants("tailor", "::").stdout
    finally:
        repository.stop()


def test_the_platform_list_of_a_script_is_the_matrix(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.configure(platforms=("linux/amd64",))
    repository.write("go.mod", FILES["go.mod"])
    repository.write("cmd/hello/main.go", FILES["cmd/hello/main.go"])
    repository.write(
        "hack/lib/golang.sh",
        "readonly KUBE_SUPPORTED_SERVER_PLATFORMS=(\n  linux/arm64\n  linux/s390x # IBM\n)\n",
    )
    try:
        repository.pants("tailor", "::")
        assert (tmp_path / "cmd/hello/BUILD").read_text() == (
            "# The platforms of hack/lib/golang.sh.\ngo_cross_binary(\n"
            '    platforms=[\n        "linux/arm64",\n        "linux/s390x",\n    ],\n)\n'
        )
        printed = repository.pants("list", "cmd/hello:hello#linux/s390x").stdout
        assert printed == "cmd/hello#linux/s390x\n"
    finally:
        repository.stop()
