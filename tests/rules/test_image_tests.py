"""`image_test`: one test per platform of its image, its mistakes, and what `pants run` may run."""

from __future__ import annotations

import pytest
from multiarch.backend import register
from multiarch.backend.goals.load_image import loaded_name
from multiarch.backend.image.assembly import build_platform
from multiarch.backend.image.local import RunImageFieldSet
from multiarch.core.platforms import Platform
from pants.build_graph.address import Address
from pants.core import register as core
from pants.engine.addresses import Addresses
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.rules import QueryRule
from pants.engine.target import Dependencies, DependenciesRequest, Target, Targets
from pants.testutil.rule_runner import RuleRunner

IMAGE = (
    'multiarch_image(name="image", instructions=["FROM scratch"], '
    'platforms=["linux/amd64", "linux/arm64", "linux/s390x"])\n'
)
FOREIGN = "linux/s390x"


@pytest.fixture(scope="module")
def runner() -> RuleRunner:
    """An engine with the plugin's targets and rules."""
    return RuleRunner(
        rules=[
            *core.rules(),
            *register.rules(),
            QueryRule(Targets, (Addresses,)),
            QueryRule(Addresses, (DependenciesRequest,)),
        ],
        target_types=[*core.target_types(), *register.target_types()],
    )


def expand(runner: RuleRunner, build: str, *names: str) -> list[Target]:
    runner.write_files({"img/BUILD": build, "img/t.yaml": ""})
    addresses = Addresses([Address("img", target_name=name) for name in names])
    return sorted(runner.request(Targets, [addresses]), key=lambda t: t.address)


def test_a_test_of_each_platform_depends_on_its_image_alone(runner: RuleRunner) -> None:
    runner.set_options([])
    tests = expand(runner, IMAGE + 'image_test(name="t", image=":image", source="t.yaml")', "t")
    assert [str(test.address) for test in tests] == [
        "img:t#linux/amd64",
        "img:t#linux/arm64",
        "img:t#linux/s390x",
    ]
    found = runner.request(Addresses, [DependenciesRequest(tests[1][Dependencies])])
    assert [str(address) for address in found] == ["img:image#linux/arm64"]


def test_a_test_of_one_platform(runner: RuleRunner) -> None:
    runner.set_options([])
    build = IMAGE + 'image_test(name="t", image=":image#linux/arm64", source="t.yaml", timeout=3)'
    assert [str(t.address) for t in expand(runner, build, "t")] == ["img:t#linux/arm64"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ('image=":f", source="t.yaml"', "img:t: `image` names img:f, a `file`; it takes a "),
        ('source="t.yaml"', "The 'image' field in target img:t must be defined"),
        ('image=":image", source="t.yaml", timeout=0', "timeout.* must be greater than zero"),
    ],
)
def test_each_mistake_names_the_field(runner: RuleRunner, fields: str, message: str) -> None:
    runner.set_options([])
    build = f'{IMAGE}file(name="f", source="t.yaml")\nimage_test(name="t", {fields})'
    with pytest.raises(ExecutionError, match=message):
        expand(runner, build, "t")


def runnable(runner: RuleRunner, *argv: str) -> list[str]:
    runner.set_options(argv)
    images = expand(runner, IMAGE, "image")
    return [t.address.generated_name or "" for t in images if RunImageFieldSet.is_applicable(t)]


def test_run_takes_the_hosts_platform_unless_another_is_named(runner: RuleRunner) -> None:
    here = str(build_platform())
    assert runnable(runner, "run", "img:image") == [here]
    assert sorted(runnable(runner, "run", f"img:image#{FOREIGN}")) == sorted({here, FOREIGN})
    # Other goals see the targets that they always see.
    assert runnable(runner, "list", f"img:image#{FOREIGN}") == [here]
    assert runnable(runner, "run", f"other:image#{FOREIGN}") == [here]


@pytest.mark.parametrize(
    ("version", "name"),
    [("1.2+x", "img/image:1.2_x-linux-arm-v6"), ("", "img/image:linux-arm-v6")],
)
def test_an_image_is_loaded_under_its_version(version: str, name: str) -> None:
    platform = Platform.parse("linux/arm/v6")
    address = Address("img", target_name="image", generated_name=str(platform))
    assert loaded_name(address, platform, version) == name
