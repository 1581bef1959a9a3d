"""Where a target is published: its fields, the stamps and the redirects."""

from __future__ import annotations

import json

import pytest
from multiarch.backend import register
from multiarch.backend.image.built_image import BuiltImage
from multiarch.backend.manifest_list.publish import image_names, repositories
from multiarch.backend.publication import Names, NamesRequest
from multiarch.core.platforms import Platform
from pants.build_graph.address import Address
from pants.core import register as core
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.rules import QueryRule
from pants.testutil.rule_runner import RuleRunner

REDIRECT = '--multiarch-publish-redirect={"registry.example.com/team": "localhost:5000/try"}'


@pytest.fixture(scope="module")
def runner() -> RuleRunner:
    """An engine with the plugin's targets and rules."""
    return RuleRunner(
        rules=[
            *core.rules(),
            *register.rules(),
            QueryRule(Names, (NamesRequest,)),
        ],
        target_types=[*core.target_types(), *register.target_types()],
    )


def names(runner: RuleRunner, repository: str, *tags: str, options: tuple[str, ...] = ()) -> Names:
    """Where a target with these fields is published."""
    runner.set_options(["--multiarch-version=1.0+x", *options])
    request = NamesRequest(Address("img", target_name="list"), repository, tags, "tags")
    return runner.request(Names, [request])


def test_stamps_and_redirects(runner: RuleRunner) -> None:
    found = names(runner, "registry.example.com/team/hello", "{version}", "latest")
    assert found.text == (
        "registry.example.com/team/hello:1.0_x, registry.example.com/team/hello:latest"
    )
    moved = names(runner, "registry.example.com/team/hello", options=(REDIRECT,))
    assert moved.text == "localhost:5000/try/hello"
    other = names(runner, "registry.example.com/teams/hello", options=(REDIRECT,))
    assert other.text == "registry.example.com/teams/hello"


@pytest.mark.parametrize(
    ("repository", "tag", "said"),
    [
        (
            "registry.example.com/x",
            "a b",
            r"img:list: `tags`: 'a b' is not a tag of a registry: it",
        ),
        (
            "registry.example.com/x",
            "{ver}",
            r"img:list: `tags`: '\{ver\}' uses \{ver\}, which is n",
        ),
        ("registry.example.com/X", "a", r"img:list: `repository`: .* 'X' is not a repository"),
        ("registry.example.com/x:1", "a", r"img:list: `repository`: .* with a tag or digest; expe"),
    ],
)
def test_mistakes(runner: RuleRunner, repository: str, tag: str, said: str) -> None:
    with pytest.raises(ExecutionError, match=said):
        names(runner, repository, tag)


def test_a_redirect_to_no_repository(runner: RuleRunner) -> None:
    option = '--multiarch-publish-redirect={"registry.example.com": "localhost:5000/Try"}'
    said = r"`\[multiarch-publish\] redirect`: .*'Try/team/hello' is not a repository"
    with pytest.raises(ExecutionError, match=said):
        names(runner, "registry.example.com/team/hello", options=(option,))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", ("localhost:5000/try/hello-armv6",)),
        ('image_names="{repository}:{tag}-{arch}", ', ("localhost:5000/try/hello",)),
        ('image_names="", ', ("localhost:5000/try/hello",)),
    ],
)
def test_where_an_image_may_be_already(
    runner: RuleRunner, fields: str, expected: tuple[str, ...]
) -> None:
    runner.set_options([REDIRECT])
    build = (
        f'multiarch_image(name="image", instructions=["FROM scratch"], {fields}'
        'repository="registry.example.com/team/hello", platforms=["linux/arm/v6"])'
    )
    runner.write_files({"BUILD": build})
    image = runner.get_target(Address("", target_name="image", generated_name="linux/arm/v6"))
    found = runner.request(Names, [image_names(image)])
    assert repositories(image, found) == expected


def test_two_versions_of_windows_are_two_files() -> None:
    def slug(**platform: str) -> str:
        metadata = json.dumps({"descriptor": {"platform": platform}})
        windows = Platform.parse("windows/amd64")
        return BuiltImage(Address("img"), windows, EMPTY_DIGEST, metadata, ()).slug

    assert slug(os="windows") == "windows-amd64"
    assert slug(**{"os.version": "10.0.20348.2700"}) == "windows-amd64-10.0.20348.2700"
