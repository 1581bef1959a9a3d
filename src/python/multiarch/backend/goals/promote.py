"""`pants promote`: gives images and lists of a registry other names, by digest."""

from __future__ import annotations

from collections.abc import Iterable

from pants.engine.fs import Workspace
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import InteractiveProcess, InteractiveProcessResult
from pants.engine.rules import Effect, Get, collect_rules, goal_rule
from pants.option.option_types import StrListOption, StrOption
from pants.util.strutil import help_text, softwrap

from multiarch.backend.publication import RegistryTool, RegistryToolRequest
from multiarch.backend.sandbox import request_json
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.names import DEFAULT_IMAGE_NAMES

_EXAMPLE = (
    "--promote-copy=registry.example.com/staging/hello:1.4.0-rc.1="
    "registry.example.com/team/hello:1.4.0"
)


class PromoteSubsystem(GoalSubsystem):
    """Options of `promote`."""

    name = "promote"
    help = help_text(
        f"""
        Copy images and manifest lists from one repository to another: the same bytes, by digest,
        with what is attached to them. Nothing is built. Blobs are mounted within a registry, and
        sent to another one. Tags are set last.

        For example: `./pants promote {_EXAMPLE}`. The options of `[multiarch-publish]` apply,
        `redirect` excepted.
        """
    )

    copy = StrListOption(
        default=[],
        help=softwrap(
            """
            What to copy where, as `SOURCE=TARGET`: a tag or digest (`REPOSITORY@sha256:...`), and
            the `REPOSITORY:TAG` that it gets. May be given several times: no tag is then set
            before all is copied.
            """
        ),
    )
    image_names = StrOption(
        default=DEFAULT_IMAGE_NAMES,
        help="What each image of a list is called in the new place, as in `manifest_list`.",
    )


class Promote(Goal):
    """The goal `promote`."""

    subsystem_cls = PromoteSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


@goal_rule
async def promote(
    options: PromoteSubsystem,
    _workspace: Workspace,  # Without it, a goal may not start what has effects.
) -> Promote:
    if not options.copy:
        raise MultiarchError(f"there is nothing to promote: give `{_EXAMPLE}`.")
    wrong = [text for text in options.copy if text.count("=") != 1]
    if wrong:
        raise MultiarchError(
            f"`--promote-copy` takes `SOURCE=TARGET`, found {', '.join(map(repr, wrong))}. For "
            f"example: `{_EXAMPLE}`."
        )
    value = {
        "copies": [text.split("=") for text in options.copy],
        "image_names": options.image_names,
    }
    tool = await Get(
        RegistryTool,
        RegistryToolRequest("multiarch.tools.promote", request_json(value), EMPTY_DIGEST),
    )
    result = await Effect(InteractiveProcessResult, InteractiveProcess, tool.process)
    return Promote(result.exit_code)


def rules() -> Iterable[object]:
    return collect_rules()
