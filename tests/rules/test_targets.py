"""A mistake in a BUILD file is an error that names the address, the field and what was found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from multiarch.backend import register
from multiarch.backend.go_build.binaries import GoBinary, GoBinaryRequest
from multiarch.backend.go_build.tests import AllGoTests, GoTest, GoTestRequest
from multiarch.backend.goals.update_image_lock import write_atomically
from multiarch.backend.image import registry_bases
from multiarch.backend.image.assembly import check_names
from multiarch.backend.platforms import PlatformMatrix, SupportToday
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.lock import ImageLock
from multiarch.core.platforms import Platform
from pants.build_graph.address import Address
from pants.core import register as core
from pants.engine.addresses import Addresses
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.rules import QueryRule
from pants.engine.target import Targets, UnexpandedTargets
from pants.testutil.rule_runner import RuleRunner

GO_MOD = "module example.test/rules\n\ngo 1.25\n"


@pytest.fixture(scope="module")
def runner() -> RuleRunner:
    """An engine with the plugin's targets and rules; one for all, as making it takes seconds."""
    return RuleRunner(
        rules=[
            *core.rules(),
            *register.rules(),
            QueryRule(Targets, (Addresses,)),
            QueryRule(UnexpandedTargets, (Addresses,)),
            QueryRule(GoBinary, (GoBinaryRequest,)),
            QueryRule(GoTest, (GoTestRequest,)),
            QueryRule(AllGoTests, ()),
            QueryRule(registry_bases.ReadImageLock, (registry_bases.ImageLockRequest,)),
            QueryRule(PlatformMatrix, ()),
            QueryRule(SupportToday, ()),
        ],
        target_types=[*core.target_types(), *register.target_types()],
    )


def expand(runner: RuleRunner, build: str, name: str = "hello", *options: str) -> list[str]:
    """The addresses of the targets that one target stands for."""
    runner.set_options(options)
    runner.write_files({"BUILD": f'go_module(name="mod")\n{build}', "go.mod": GO_MOD})
    targets = runner.request(Targets, [Addresses([Address("", target_name=name)])])
    return sorted(str(target.address) for target in targets)


def error(runner: RuleRunner, build: str, name: str = "hello", *options: str) -> str:
    """What expanding one target says that is wrong."""
    with pytest.raises(ExecutionError) as raised:
        expand(runner, build, name, *options)
    return str(raised.value)


def binary(fields: str) -> str:
    return f'go_cross_binary(name="hello", main="cmd/hello", {fields})'


def test_one_target_per_platform_in_its_canonical_name(runner: RuleRunner) -> None:
    fields = 'platforms=["linux/arm64", "linux/arm/v6", "windows/amd64"]'
    assert expand(runner, binary(fields)) == [
        "//:hello#linux/arm/v6",
        "//:hello#linux/arm64",
        "//:hello#windows/amd64",
    ]


def test_a_set_of_platforms_and_an_exclusion(runner: RuleRunner) -> None:
    sets = '--multiarch-sets={"two": ["linux/amd64", "linux/s390x"]}'
    fields = 'platforms=["@two", "linux/386"], exclude=["linux/s390x"]'
    assert expand(runner, binary(fields), "hello", sets) == [
        "//:hello#linux/386",
        "//:hello#linux/amd64",
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ('platforms=["linux/amd46"]', ["linux/amd46", "linux/amd64"]),
        ('platforms=["linux/sparc64"]', ["linux/sparc64"]),
        ('platforms=["plan9/s390x"]', ["plan9/s390x"]),
        ('platforms=["linux/arm/v9"]', ["linux/arm/v9", "v7"]),
        ('platforms=["@sever"]', ["@sever"]),
        ('platforms=["linux/amd64", "linux/amd64"]', ["linux/amd64", "twice"]),
        ('platforms=["linux/arm", "linux/arm/v7"]', ["linux/arm/v7", "twice"]),
        ('platforms=["linux/amd64"], exclude=["linux/amd64"]', ["exclude", "matrix is empty"]),
        (
            'platforms=["linux/amd64"], overrides={"linux/arm64": {"ldflags": ["-s"]}}',
            ["overrides", "linux/arm64", "not among the platforms: linux/amd64"],
        ),
        (
            'platforms=["linux/arm/v7"], '
            'overrides={"linux/arm": {"ldflags": ["-s"]}, "linux/arm/v7": {"ldflags": ["-w"]}}',
            ["overrides", "linux/arm/v7", "twice"],
        ),
    ],
)
def test_platforms_that_make_no_sense(runner: RuleRunner, fields: str, said: Sequence[str]) -> None:
    text = error(runner, binary(fields))
    assert "//:hello" in text
    for part in said:
        assert part in text


def parse(runner: RuleRunner, files: dict[str, str], directory: str = "") -> GoBinary:
    """The value of a binary for linux/amd64."""
    runner.set_options([])
    runner.write_files({"BUILD": "", "inner/BUILD": "", **files})
    address = Address(directory, target_name="hello", generated_name="linux/amd64")
    return runner.request(GoBinary, [GoBinaryRequest(address)])


@pytest.mark.parametrize(
    ("files", "directory", "said"),
    [
        (
            {"a/BUILD": 'go_cross_binary(name="hello", main="x", platforms=["linux/amd64"])'},
            "a",
            r"a:hello#linux/amd64: `main` is `a/x`, and neither .* has a `go_module`\. Write",
        ),
        (
            {"BUILD": 'go_cross_binary(name="hello", main="../x", platforms=["linux/amd64"])'},
            "",
            r"//:hello#linux/amd64: `main` leaves the repository: '\.\./x'",
        ),
    ],
)
def test_a_main_that_no_module_holds(
    runner: RuleRunner, files: dict[str, str], directory: str, said: str
) -> None:
    with pytest.raises(ExecutionError) as raised:
        parse(runner, files, directory)
    assert re.search(said, str(raised.value))


def test_the_nearest_module_owns_a_main(runner: RuleRunner) -> None:
    build = 'go_cross_binary(name="hello", main="cmd", platforms=["linux/amd64"])'
    files = {
        "BUILD": 'go_module(name="mod")',
        "go.mod": GO_MOD,
        "inner/BUILD": f'go_module(name="mod")\n{build}',
        "inner/go.mod": GO_MOD,
    }
    found = parse(runner, files, "inner")
    assert (found.module, found.main, found.pattern) == ("inner", "inner/cmd", "./cmd")
    assert found.output_path == "inner/hello/linux/amd64/hello"


def go_test(runner: RuleRunner, fields: str, directory: str = "inner") -> GoTest:
    """The value of a test for linux/arm/v6; `inner` has a module and the root has none."""
    runner.set_options([])
    runner.write_files({"BUILD": "", "inner/go.mod": GO_MOD, "inner/BUILD": ""})
    module = 'go_module(name="mod")\n' if directory == "inner" else ""
    test = f'go_cross_test(name="t", platforms=["linux/arm/v6"], {fields})\n'
    runner.write_files({f"{directory}/BUILD": module + test})
    address = Address(directory, target_name="t", generated_name="linux/arm/v6")
    return runner.request(GoTest, [GoTestRequest(address)])


def test_a_test_has_its_package_and_module(runner: RuleRunner) -> None:
    found = go_test(runner, 'package="web", build_tags=["b", "a"]')
    assert (found.module, found.package, found.pattern) == ("inner", "inner/web", "./web")
    assert found.settings.tags == ("a", "b")
    assert found.file_name == "web.test"
    assert found.cgo is None
    assert go_test(runner, "").pattern == "."
    native = go_test(runner, 'cgo="static"')
    assert native.settings.cgo
    assert native.cgo is not None
    assert native.cgo.c.linkage == "static"
    named = go_test(runner, 'binary="e2e.test"')
    assert named.output_path == "inner/t/linux/arm/v6/e2e.test"


@pytest.mark.parametrize(
    ("fields", "directory", "said"),
    [
        (
            'package="../../x"',
            "inner",
            r"inner:t#linux/arm/v6: `package` leaves the repository: '\.\./x'",
        ),
        (
            "race=True",
            "inner",
            r'inner:t#linux/arm/v6: `race` is True, .* and `cgo` is "off"\. Set cgo="dynamic"',
        ),
        (
            'race=True, cgo="dynamic"',
            "inner",
            "inner:t#linux/arm/v6: `race` is True, but Go has no race detector on `linux/arm/v6`",
        ),
        (
            'package="x"',
            "bare",
            r"bare:t#linux/arm/v6: `package` is `bare/x`, and neither .* has a `go_module`\. Write",
        ),
        (
            'binary="bin/e2e.test"',
            "inner",
            r"inner:t#linux/arm/v6: `binary` is 'bin/e2e.test', which has a slash; it takes the",
        ),
    ],
)
def test_tests_that_make_no_sense(
    runner: RuleRunner, fields: str, directory: str, said: str
) -> None:
    with pytest.raises(ExecutionError, match=said):
        go_test(runner, fields, directory)
    # It does not take the others with it.
    assert runner.request(AllGoTests, []).tests == ()


IMAGE = 'multiarch_image(name="image", instructions=["FROM scratch"], {})\n'


def test_an_image_takes_the_platforms_of_its_binaries(runner: RuleRunner) -> None:
    build = IMAGE.format('binaries=[":hello"]') + binary('platforms=["linux/amd64", "linux/s390x"]')
    assert expand(runner, build, "image") == ["//:image#linux/amd64", "//:image#linux/s390x"]


def test_an_image_of_something_else_than_binaries(runner: RuleRunner) -> None:
    text = error(runner, IMAGE.format('binaries=[":mod"]'), "image")
    assert "//:image: `binaries` names //:mod, a `go_module`" in text
    assert "takes `go_cross_binary` and `c_cross_binary` targets" in text


DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("", "takes exactly one of `reference` (an image in a registry), `references` (one per "
             "platform) and `sources` (an OCI layout in the repository); it has none of them."),
        ('reference="debian:12", sources=["base.tar"]', "it has `reference` and `sources`."),
        (f'reference="debian@{DIGEST}", missing_hint="make it"',
         "`missing_hint` says how to make the files of `sources`, and there are none: it has "
         "`reference`. Remove it."),
        ('reference="Debian"', "//:b: `reference`: 'Debian' is not an image reference: 'Debian' is "
                               "not a repository"),
        ('references={"linux/amd46": "debian:12"}', "//:b: `references`: unknown platform "
                                                    "'linux/amd46'. Did you mean"),
        ('references={"linux/amd64": "debian@12"}', "//:b: `references`: 'debian@12' is not"),
    ],
)  # fmt: skip
def test_a_base_has_one_origin(runner: RuleRunner, fields: str, said: str) -> None:
    text = error(runner, f'image_base(name="b", {fields})', "b")
    assert "//:b: " in text
    assert said in text


def test_a_base_of_each_origin(runner: RuleRunner) -> None:
    for fields in (
        f'reference="debian@{DIGEST}"',
        'references={"linux/arm": "registry.example.com/arm32v7/x:1"}',
        'sources=["base.tar"], missing_hint="make it"',
    ):
        assert expand(runner, f'image_base(name="b", {fields})', "b") == ["//:b"]


def base_reference(runner: RuleRunner, fields: str, platform: str) -> str:
    """The reference that a platform gets of an `image_base`."""
    runner.set_options([])
    runner.write_files({"BUILD": f'image_base(name="b", {fields})'})
    base = runner.get_target(Address("", target_name="b"))
    return str(registry_bases.reference_for(base, Platform.parse(platform)))


def test_each_platform_gets_its_reference(runner: RuleRunner) -> None:
    fields = 'references={"linux/arm/v6": "example.com/v6:1", "linux/amd64": "example.com/amd64"}'
    assert base_reference(runner, 'reference="debian"', "linux/s390x") == (
        "docker.io/library/debian:latest"
    )
    assert base_reference(runner, fields, "linux/amd64/v3") == "example.com/amd64:latest"
    assert base_reference(runner, fields, "linux/arm/v7") == "example.com/v6:1"
    said = r"//:b: the base has no image for `linux/arm/v5`; its `references` have linux/arm/v6, li"
    with pytest.raises(MultiarchError, match=said):
        base_reference(runner, fields, "linux/arm/v5")


LOCK = """
version: 1
images:
  docker.io/library/debian:12:
    digest: sha256:{0}
    platforms: {{linux/amd64: "sha256:{0}"}}
"""


def read_lock(runner: RuleRunner, text: str) -> ImageLock:
    runner.set_options([])
    runner.write_files({"images.lock.yaml": text})
    read = runner.request(registry_bases.ReadImageLock, [registry_bases.ImageLockRequest()])
    return read.lock


def test_the_lock_is_read_and_each_mistake_names_the_file(runner: RuleRunner) -> None:
    assert list(read_lock(runner, LOCK.format("0" * 64)).images) == ["docker.io/library/debian:12"]
    for text, said in (
        ("images: [", r"images\.lock\.yaml: not YAML: .* line 1, column"),
        ("version: 2\nimages: {}", r"images\.lock\.yaml: the lock has the version 2"),
        (LOCK.format("0"), r"images\.lock\.yaml: the lock cannot be used"),
    ):
        with pytest.raises(ExecutionError, match=said):
            read_lock(runner, text)


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "images.lock.yaml"
    write_atomically(file, "one\n")
    file.chmod(0o640)
    write_atomically(file, "two\n")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("two\n", 0o640)

    def full(handle: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, "three\n")
    assert [(f.name, f.read_text()) for f in tmp_path.iterdir()] == [(file.name, "two\n")]


def test_two_binaries_of_one_name_are_not_one_file_of_an_image(runner: RuleRunner) -> None:
    platform = "linux/amd64"
    runner.write_files(
        {
            f"{name}/{file}": text
            for name in ("a", "b")
            for file, text in (
                ("BUILD", 'go_module(name="mod")\ngo_cross_binary(name="hello")\n'),
                ("go.mod", GO_MOD),
            )
        }
    )
    runner.set_options([f"--multiarch-default-platforms=['{platform}']"])
    one, other = (
        runner.request(
            GoBinary,
            [GoBinaryRequest(Address(name, target_name="hello", generated_name=platform))],
        )
        for name in ("a", "b")
    )
    image = Address("img")
    check_names(image, [one])
    said = (
        "img: `binaries` names a:hello#linux/amd64 and b:hello#linux/amd64, which would both be "
        "`bin/hello` in the context. Rename one of the two targets."
    )
    with pytest.raises(MultiarchError, match=re.escape(said)):
        check_names(image, [one, other])


FILES_OPTION = '--multiarch-platform-files=["platforms.yaml"]'


def test_a_platform_file_has_sets_levels_and_deactivations(runner: RuleRunner) -> None:
    text = """\
sets:
  big: [linux/s390x, linux/ppc64]
support:
  linux/ppc64: experimental
deactivated:
  linux/arm:
    issue: https://example.com/7
    until: 2999-01-31
"""
    runner.write_files({"platforms.yaml": text})
    assert expand(runner, binary('platforms=["@big"]'), "hello", FILES_OPTION) == [
        "//:hello#linux/ppc64",
        "//:hello#linux/s390x",
    ]
    support = runner.request(SupportToday, []).support
    assert support.is_experimental(Platform.parse("linux/ppc64"))
    assert str(support.deactivation(Platform.parse("linux/arm/v7"))) == (
        "linux/arm/v7 is deactivated until 2999-01-31 (https://example.com/7)"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sets:\n  a: [x\n", r"platforms\.yaml:3: this is not YAML: "),
        ("sets:\n  a: []\n  a: []\n", r"platforms\.yaml:3: `a` is written twice"),
        ("sets:\n\n  a: x\n", r"platforms\.yaml:3: the set `a` is not a list of platforms: 'x'"),
        ("support:\n  linux/arm: bad\n", r"platforms\.yaml:2: .* `linux/arm` is 'bad'"),
        (
            "deactivated:\n  linux/arm:\n    issue: x\n    until: soon\n",
            r"platforms\.yaml:4: the `until` of `linux/arm` is 'soon'; it is a day",
        ),
        ("- x\n", r"platforms\.yaml:1: a platform file holds the tables"),
    ],
)
def test_mistakes_in_a_platform_file(runner: RuleRunner, text: str, said: str) -> None:
    runner.set_options([FILES_OPTION])
    runner.write_files({"platforms.yaml": text})
    with pytest.raises(ExecutionError, match=said):
        runner.request(PlatformMatrix, [])


def test_a_set_of_a_file_and_of_pants_toml(runner: RuleRunner) -> None:
    runner.set_options([FILES_OPTION, '--multiarch-sets={"a": ["linux/amd64"]}'])
    runner.write_files({"platforms.yaml": "sets:\n  a: []\n"})
    said = r"platforms\.yaml:2: `sets` has `a`, which \[multiarch\]\.sets has as well"
    with pytest.raises(ExecutionError, match=said):
        runner.request(PlatformMatrix, [])


def test_a_deactivation_whose_day_has_passed(runner: RuleRunner) -> None:
    entry = '{"linux/arm": {"issue": "https://example.com/7", "until": "2020-01-31"}}'
    runner.set_options([f"--multiarch-deactivated={entry}"])
    said = r"linux/arm/v7 was deactivated until 2020-01-31 \(https://example.com/7\), and today is"
    with pytest.raises(ExecutionError, match=said):
        runner.request(SupportToday, [])
