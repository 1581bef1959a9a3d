"""The `skip_` fields take files and modules from a linter, and from that linter alone."""

from __future__ import annotations

import pytest
from multiarch.backend import register
from multiarch.backend.lint.atomics import UncheckedModules
from multiarch.backend.lint.text_rules import DockerfileTrapsRequest, HardCodedPlatformsRequest
from pants.core import register as core
from pants.core.util_rules.partitions import Partitions
from pants.engine.rules import QueryRule
from pants.testutil.rule_runner import RuleRunner

FILES = {
    "go.mod": "module example.test/skips\n\ngo 1.25\n",
    "main.go": "package main\n",
    "sub/deep/x.go": "package deep\n",
    "other/go.mod": "module example.test/other\n\ngo 1.25\n",
    "other/main.go": "package main\n",
    "image/Dockerfile": "FROM scratch\n",
    "plain/Dockerfile": "FROM scratch\n",
}


@pytest.fixture(scope="module")
def runner() -> RuleRunner:
    """An engine with the linters."""
    return RuleRunner(
        rules=[
            *core.rules(),
            *register.rules(),
            QueryRule(Partitions, (HardCodedPlatformsRequest.PartitionRequest,)),
            QueryRule(Partitions, (DockerfileTrapsRequest.PartitionRequest,)),
            QueryRule(UncheckedModules, ()),
        ],
        target_types=[*core.target_types(), *register.target_types()],
    )


def looked_at(
    runner: RuleRunner, module: str = "", image: str = ""
) -> tuple[set[str], set[str], frozenset[str]]:
    """The files of the two linters of texts, and the modules that the third leaves alone."""
    runner.set_options([])
    runner.write_files(
        {
            **FILES,
            "BUILD": f'go_module(name="mod", {module})\n',
            "other/BUILD": 'go_module(name="mod")\n',
            "image/BUILD": f'multiarch_image(name="i", platforms=["linux/amd64"], {image})\n',
            "plain/BUILD": 'multiarch_image(name="i", platforms=["linux/amd64"])\n',
        }
    )
    found = []
    for request in (HardCodedPlatformsRequest, DockerfileTrapsRequest):
        partitions = runner.request(Partitions, [request.PartitionRequest(tuple(FILES))])
        found.append({file for partition in partitions for file in partition.elements})
    return found[0], found[1], runner.request(UncheckedModules, []).directories


DOCKERFILES = {"image/Dockerfile", "plain/Dockerfile"}
GO = {"main.go", "sub/deep/x.go", "other/main.go"}


def test_without_the_fields_all_files_are_looked_at(runner: RuleRunner) -> None:
    assert looked_at(runner) == (GO | DOCKERFILES, DOCKERFILES, frozenset())


def test_a_module_is_left_alone_with_all_below_it_but_another_module(runner: RuleRunner) -> None:
    platforms, traps, atomics = looked_at(runner, module="skip_hard_coded_platforms=True")
    assert platforms == {"other/main.go"}
    assert traps == DOCKERFILES
    assert atomics == frozenset()


def test_atomics_of_a_module_are_left_alone_and_its_texts_are_not(runner: RuleRunner) -> None:
    platforms, _, atomics = looked_at(runner, module="skip_atomic_alignment=True")
    assert platforms == GO | DOCKERFILES
    assert atomics == frozenset([""])


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("skip_hard_coded_platforms", (GO | {"plain/Dockerfile"}, DOCKERFILES)),
        ("skip_dockerfile_traps", (GO | DOCKERFILES, {"plain/Dockerfile"})),
    ],
)
def test_each_field_of_an_image_is_for_one_linter(
    runner: RuleRunner, field: str, expected: tuple[set[str], set[str]]
) -> None:
    assert looked_at(runner, image=f"{field}=True")[:2] == expected
