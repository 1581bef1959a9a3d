"""`go_cross_test`: the binaries are those of `go test -c`, and each platform has its own result."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

import pytest
from multiarch.core.platforms import Platform

from tests.data import tested_module
from tests.integration.scratch import (
    Repository,
    go_environment,
    go_program,
    require,
    started,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The generated module."""
    require("qemu-s390x-static")
    root = tmp_path_factory.mktemp("tests")
    tested_module.write(root)
    # Another module than that of any earlier run, so that something is compiled.
    for path in tested_module.FILES:
        if path.endswith(".go"):
            with (root / path).open("a") as file:
                file.write(f"\n// {root} {time.time()}\n")
    found = Repository(root)
    found.configure(platforms=tested_module.PLATFORMS)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The caches of the Go command that is compared with."""
    return tmp_path_factory.mktemp("cache")


def cases(root: Path, arch: str) -> dict[str, str]:
    """The tests of calc on one architecture and what became of each; "" is a pass."""
    (file,) = (root / "dist/test/reports").glob(f"*calc*{arch}*.xml")
    suite = ElementTree.parse(file).getroot()[0]
    return {case.get("name", ""): case[0].tag if len(case) else "" for case in suite}


def test_a_test_that_fails_on_big_endian_fails_there_alone(repository: Repository) -> None:
    repository.pants("package", ":app")
    run = repository.pants("--test-report", "test", "::", check=False)
    assert run.returncode == 1, run.stderr
    assert "Traceback" not in run.stderr
    for line in (
        "✓ //:calc#linux/amd64 succeeded",
        "✕ //:calc#linux/s390x failed",
        "✓ //:app-test#linux/amd64 succeeded",
        "✓ //:app-test#linux/s390x succeeded",
    ):
        assert line in run.stderr
    assert run.stderr.count("calc_test.go:46: the first byte of 1 is 0") == 1
    assert "//:plain" not in run.stderr
    # The packages of the program are compiled, and so are their third-party packages.
    again = [line for line in started(run) if "Compile " in line and "std" not in line]
    assert not [
        line
        for line in again
        if "[" not in line and ".test " not in line and "third-party" not in line
    ], again
    # The tests of the program have other build tags, and so a layer of their own.
    assert {line for line in again if "third-party" in line} == {
        f"Compile {count} third-party packages of the tests of . for {platform}"
        for platform in tested_module.PLATFORMS
        for count in (1, 2)
    }
    passed = {"TestNext", "TestNext/one", "TestFiles", "TestMirror", "ExampleNext", "TestByteOrder"}
    little = cases(repository.root, "amd64")
    assert little == {**dict.fromkeys(passed, ""), "TestSkipped": "skipped"}
    assert cases(repository.root, "s390x") == {**little, "TestByteOrder": "failure"}

    # What passed is not run again; an edit of a body reaches the tests that it can change.
    page = repository.root / "page.html"
    repeated = repository.pants(f"--multiarch-report-file={page}", "test", "::", check=False)
    assert [line for line in started(repeated) if "Run Go tests" in line] == [
        "Run Go tests //:calc#linux/s390x"
    ]
    told = page.read_text()
    assert "<p id='counts'>1 failed, 3 cached</p>" in told
    assert "calc_test.go:46: the first byte of 1 is 0" in told
    support = '--multiarch-support={"linux/s390x": "experimental"}'
    excused = repository.pants(support, "test", ":calc").stderr
    told = excused.partition("Failed on experimental platforms; the run goes on:\n")[2]
    assert told.startswith("//:calc#linux/s390x [linux/s390x]\n")
    assert "calc_test.go:46: the first byte of 1 is 0" in told
    off = '{"linux/s390x": {"issue": "https://example.com/7", "until": "2999-01-31"}}'
    skipped = repository.pants(f"--multiarch-deactivated={off}", "test", ":calc").stderr
    assert "linux/s390x is deactivated until 2999-01-31 (https://example.com/7): skipped" in skipped
    assert "the first byte of 1 is 0" not in skipped
    chosen = repository.pants("test", ":calc", "--", "-run=TestNext", "-v")
    assert "✓ //:calc#linux/s390x succeeded" in chosen.stderr


def test_the_binaries_are_those_of_go(repository: Repository, tmp_path: Path, cache: Path) -> None:
    printed = repository.pants("package", "::").stderr
    assert "app-test" not in printed
    for name in tested_module.PLATFORMS:
        platform = Platform.parse(name)
        expected = tmp_path / platform.slug
        subprocess.run(
            [go_program(), "test", "-c", "-trimpath", "-buildvcs=false", "-ldflags=-buildid=",
             "-o", expected, "./calc"],
            cwd=repository.root, env=go_environment(platform, cache), check=True,
        )  # fmt: skip
        built = repository.root / "dist/calc" / platform.path / "e2e.test"
        assert built.read_bytes() == expected.read_bytes()


def test_before_go_1_27_the_binaries_are_those_of_go_too(
    repository: Repository, tmp_path: Path, cache: Path
) -> None:
    build = repository.write(
        "older/BUILD",
        'go_cross_test(name="calc", package="../calc", binary="calc.test")\n'
        'go_cross_test(name="app", package="../cmd/app", binary="app.test",\n'
        '    build_tags=["special"])\n',
    )
    platform, version = Platform.parse("linux/amd64"), "1.25.5"
    names = [f"older:{name}#{platform}" for name in ("calc", "app")]
    repository.pants(f"--go-toolchain-version={version}", "package", *names)
    build.unlink()
    for package, flags in (("calc", ()), ("cmd/app", ("-tags=special",))):
        name = Path(package).name
        subprocess.run(
            [go_program(version), "test", "-c", "-trimpath", "-buildvcs=false",
             "-ldflags=-buildid=", *flags, "-o", tmp_path / name, f"./{package}"],
            cwd=repository.root, env=go_environment(platform, cache / version), check=True,
        )  # fmt: skip
        built = repository.root / "dist/older" / name / platform.path / f"{name}.test"
        assert built.read_bytes() == (tmp_path / name).read_bytes(), name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (tested_module.CRASH, ["panic: out of order", "ended with exit code 2"]),
        (tested_module.ENDLESS, ["panic: test timed out after 2s", "TestEndless"]),
        (tested_module.BROKEN, ["plain/plain_test.go:5:33: undefined: missing"]),
    ],
    ids=["crash", "endless", "broken"],
)
def test_a_program_that_ends_early(repository: Repository, text: str, said: list[str]) -> None:
    file = repository.write("plain/plain_test.go", text)
    try:
        options = ("--test-report", "--test-timeout-default=2")
        run = repository.pants(*options, "test", ":plain#linux/amd64", check=False)
        assert run.returncode == 1, run.stderr
        assert "Traceback (" not in run.stderr
        for part in said:
            assert part in run.stderr
        if text == tested_module.BROKEN:
            checked = repository.pants("check", "::", check=False).stderr
            assert "tested/plain.test] does not compile on linux/amd64, linux/s390x:" in checked
            assert checked.count("undefined: missing") == 1
            # The program's three, and of the tests of calc and of the program: each package that a
            # test changes, and the main package.
            assert "linux/s390x  9 packages clean, 1 package failed, 1 package not reached" in (
                checked
            )
    finally:
        file.unlink()


def test_a_test_has_the_time_of_its_field(repository: Repository) -> None:
    file = repository.write("plain/plain_test.go", tested_module.ENDLESS)
    build = repository.write(
        "short/BUILD",
        'go_cross_test(name="t", package="../plain", timeout=3,\n'
        '    overrides={"linux/s390x": {"timeout": 5}})\n',
    )
    try:
        run = repository.pants("test", "short:t", check=False)
        for arch, seconds in (("amd64", 3), ("s390x", 5)):
            said = run.stderr.partition(f"short:t#linux/{arch} - failed")[2]
            assert "panic: test timed out after" in said
            assert f"panic: test timed out after {seconds}s" in said.partition("Completed: ")[0]
    finally:
        file.unlink()
        build.unlink()


def test_what_breaks_the_program_and_its_tests_is_said_once(repository: Repository) -> None:
    # calc is in the program and in every test but plain's, and compiled anew for its own.
    broken = repository.write("calc/broken_s390x.go", tested_module.BROKEN_PROGRAM)
    try:
        checked = repository.pants("check", "::", check=False)
        assert checked.returncode == 1
        assert "example.test/tested/calc does not compile on linux/s390x:\n" in checked.stderr
        assert checked.stderr.count("calc/broken_s390x.go:3:9: undefined: missing") == 1
        assert "does not compile on linux/amd64" not in checked.stderr
        # One of the two tests says it for both.
        run = repository.pants("test", "::", check=False)
        assert run.returncode == 1
        assert run.stderr.count("calc/broken_s390x.go:3:9: undefined: missing") == 1
        for line in (
            "Test Go - //:app-test#linux/s390x - failed (exit code 1).",
            "example.test/tested/calc [linux/s390x]\n",
            "Test Go - //:calc#linux/s390x - failed (exit code 1).",
            "example.test/tested/calc does not compile: see //:app-test#linux/s390x.\n",
            "✓ //:calc#linux/amd64 succeeded",
        ):
            assert line in run.stderr
        alone = repository.pants("test", ":calc#linux/s390x", check=False).stderr
        assert alone.count("calc/broken_s390x.go:3:9: undefined: missing") == 1
    finally:
        broken.unlink()


def test_check_vets_test_files_and_says_of_other_files_what_it_says_of_the_program(
    repository: Repository,
) -> None:
    token = f"// {time.time()}"
    written = [
        repository.write("calc/vet_test.go", tested_module.VET_TEST + token),
        repository.write("calc/vet.go", tested_module.VET_PROGRAM + token),
    ]
    try:
        run = repository.pants("check", "::", check=False)
    finally:
        for file in written:
            file.unlink()
    where = "is not clean for go vet on linux/amd64, linux/s390x:\n  "
    for heading, finding in (
        ("calc [example.test/tested/calc.test]", "calc/vet_test.go:6:16: (*testing.common).Logf"),
        ("calc", "calc/vet.go:6:33: fmt.Printf"),
    ):
        assert f"tested/{heading} {where}{finding} format %d has arg" in run.stderr
        assert run.stderr.count(finding) == 1
    # A package that no test changes is vetted once, for the program and for the tests.
    vetted = [line for line in started(run) if line.startswith("Vet example.test/tested/")]
    assert len(vetted) == len(set(vetted)), run.stderr


def test_a_platform_that_this_machine_lacks_is_left_out_or_an_error(
    repository: Repository,
) -> None:
    repository.write(
        "other/BUILD",
        'go_cross_test(name="t", package="../calc", dependencies=["//:shared"],\n'
        '    platforms=["windows/amd64", "linux/amd64"])\n',
    )
    skipped = repository.pants("test", "other:t", env={"CI": ""})
    assert "✓ other:t#linux/amd64 succeeded" in skipped.stderr
    assert "Left out: other:t#windows/amd64: programs for `windows/amd64` do not run on this" in (
        skipped.stderr
    )
    strict = repository.pants(
        "--multiarch-engine-missing-engine=error", "test", "other:t", check=False
    )
    assert strict.returncode == 1
    assert "✕ other:t#windows/amd64 failed" in strict.stderr


def test_coverage_per_platform_by_the_binaries_of_go(
    repository: Repository, tmp_path: Path, cache: Path
) -> None:
    # A package with an external test alone is compiled anew only for its coverage.
    text = tested_module.OUTSIDE + f"\n// {time.time()}\n"
    written = [
        repository.write("mirror/outside_test.go", text),
        repository.write("covered/BUILD", 'go_cross_test(name="mirror", package="../mirror")\n'),
    ]
    options = ("--keep-sandboxes=always", f"--local-execution-root-dir={tmp_path}")
    targets = (":calc", ":app-test", "covered:mirror")
    run = repository.pants(*options, "test", "--use-coverage", "--force", *targets, check=False)
    assert (
        "Coverage of Go packages, in percent of their statements:\n"
        "                             linux/amd64  linux/s390x  on any\n"
        "example.test/tested/calc            50.0         50.0    50.0\n"
        "example.test/tested/cmd/app         50.0         50.0    50.0\n"
        "example.test/tested/mirror         100.0        100.0   100.0\n"
        "total                               60.0         60.0    60.0\n"
    ) in run.stderr
    assert "Wrote go_cover coverage report to `dist/coverage/go`" in run.stderr
    profiles = repository.root / "dist/coverage/go"
    assert (profiles / "linux/s390x/cover.out").read_text() == (profiles / "cover.out").read_text()
    platforms = [Platform.parse(name) for name in tested_module.PLATFORMS]
    read = subprocess.run(
        [go_program(), "tool", "cover", f"-func={profiles / 'cover.out'}"],
        cwd=repository.root, env=go_environment(platforms[0], cache),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert read.splitlines()[-1].split() == ["total:", "(statements)", "60.0%"]
    ran = {sha256(p.read_bytes()).hexdigest() for p in tmp_path.glob("pants-sandbox-*/.test/*")}
    expected = set()
    for platform in platforms:
        for package, flags in (("calc", ()), ("cmd/app", ("-tags=special",)), ("mirror", ())):
            subprocess.run(
                [go_program(), "test", "-c", "-cover", "-trimpath", "-buildvcs=false",
                 "-ldflags=-buildid=", *flags, "-o", tmp_path / "reference", f"./{package}"],
                cwd=repository.root, env=go_environment(platform, cache), check=True,
            )  # fmt: skip
            expected.add(sha256((tmp_path / "reference").read_bytes()).hexdigest())
    assert len(expected) == 6
    assert ran == expected
    for file in written:
        file.unlink()


def test_tests_with_c_run_on_each_platform(tmp_path: Path) -> None:
    require("qemu-s390x-static")
    repository = Repository(tmp_path)
    repository.configure(platforms=tested_module.PLATFORMS)
    for path, text in tested_module.NATIVE.items():
        repository.write(path, text)
    complaint = '\nfunc TestVet(t *testing.T) { t.Logf("%d", "text") }\n'
    name = "native/native_test.go"
    file = repository.write(name, tested_module.NATIVE[name] + complaint)
    try:
        checked = repository.pants("check", "::", check=False).stderr
        where = "on linux/amd64, linux/s390x:\n  "
        assert (
            f"example.test/c/native.test does not compile {where}native/native.go: "
            "example.test/c/native [example.test/c/native.test] uses cgo, and `cgo` is "
            '"off"; it is imported by'
        ) in checked
        assert (
            'Write cgo="static" or cgo="dynamic" in //:off, or leave the platform out.' in checked
        )
        assert f"native [example.test/c/native.test] is not clean for go vet {where}" in checked
        assert checked.count("native_test.go:11:38: (*testing.common).Logf format %d has arg") == 1
        file.write_text(tested_module.NATIVE[name])
        run = repository.pants("test", "--use-coverage", "--force", ":static")
        assert "✓ //:static#linux/s390x succeeded" in run.stderr
        assert "example.test/c/native         50.0         50.0    50.0\n" in run.stderr
    finally:
        repository.stop()
