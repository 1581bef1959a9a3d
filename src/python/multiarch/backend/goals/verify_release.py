"""`verify-release`: reads a published release and checks all that it says of itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Any

from pants.base.specs import Specs
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import EMPTY_DIGEST, Digest, DigestContents, DigestSubset, PathGlobs, Workspace
from pants.engine.goal import Goal, GoalSubsystem
from pants.engine.process import InteractiveProcess, InteractiveProcessResult
from pants.engine.rules import Effect, Get, MultiGet, collect_rules, goal_rule
from pants.engine.target import FilteredTargets, Target
from pants.option.option_types import BoolOption, StrOption
from pants.util.strutil import help_text, softwrap

from multiarch.backend.image.runs import DOCKER_WHEELS
from multiarch.backend.release.libraries import PublishTool, PublishToolRequest
from multiarch.backend.release.rules import BuildReleaseRequest, BuiltRelease
from multiarch.backend.release.target_types import ReleaseDestinationsField, ReleaseMembersField
from multiarch.backend.sandbox import request_json
from multiarch.backend.subsystems.multiarch_publish import MultiarchPublishSubsystem
from multiarch.backend.subsystems.multiarch_registry import MultiarchRegistrySubsystem
from multiarch.backend.subsystems.multiarch_release import MultiarchReleaseSubsystem
from multiarch.backend.version import SourceVersionRequest
from multiarch.core.errors import MultiarchError
from multiarch.core.release.layout import SHA256SUMS
from multiarch.core.version import SourceVersion
from multiarch.tools.release_store import PROTOCOLS, protocol


class VerifyReleaseSubsystem(GoalSubsystem):
    """Options of `verify-release`."""

    name = "verify-release"
    help = help_text(
        """
        Verify a published release: sums and their signature, platforms, bills of materials,
        provenance, and the digests and attestations that registries have under its names. Without
        `--place`: at the `destinations` of the `release` targets that are named, in the version
        that this tree has.
        """
    )

    place = StrOption(
        default="",
        help=softwrap(
            """
            The folder of one version: a path, `s3://BUCKET/release/v1.36.0`, or `gs://...`.
            """
        ),
    )
    registries = BoolOption(
        default=True,
        help=softwrap(
            """
            Ask registries for the names of manifest lists. One that does not answer is reported
            and is no failure; one that has another digest, or none, is, and so are attestations
            that are wrong or not there.
            """
        ),
    )
    rebuild = BoolOption(
        default=False,
        help="Build the `release` target that is named again, and compare all of its files.",
    )


class VerifyRelease(Goal):
    """The goal `verify-release`."""

    subsystem_cls = VerifyReleaseSubsystem
    environment_behavior = Goal.EnvironmentBehavior.LOCAL_ONLY


async def _rebuilt(target: Target) -> str:
    """The SHA256SUMS of a release that is built again; a helper of rules."""
    built = await Get(BuiltRelease, BuildReleaseRequest(target.address))
    if built.problem:
        raise MultiarchError(f"{target.address}: {built.problem}")
    file = await Get(Digest, DigestSubset(built.digest, PathGlobs([SHA256SUMS])))
    contents = await Get(DigestContents, Digest, file)
    return contents[0].content.decode()


def places_of(
    releases: list[Target], place: str, version: str, *, rebuild: bool
) -> list[tuple[str, Target | None]]:
    """What to verify, with the target to build again; raises MultiarchError for what is not clear.

    `place` is the option, `version` this tree's.
    """
    if rebuild and len(releases) != 1:
        raise MultiarchError(
            "verify-release: `--rebuild` builds one `release` target, and "
            f"{len(releases)} are named. Name one."
        )
    again = releases[0] if rebuild else None
    if place:
        return [(place.rstrip("/"), again)]
    found = [
        (posixpath.join(destination, version), again)
        for target in releases
        for destination in target[ReleaseDestinationsField].value or ()
    ]
    if not found:
        raise MultiarchError(
            "verify-release: there is nothing to verify. Name a release by `--place=FOLDER`, or "
            "`release` targets that have `destinations`."
        )
    return found


@goal_rule
async def verify_release(
    specs: Specs,
    options: VerifyReleaseSubsystem,
    registry: MultiarchRegistrySubsystem,
    publish: MultiarchPublishSubsystem,
    release: MultiarchReleaseSubsystem,
    environment: CompleteEnvironmentVars,
    _workspace: Workspace,  # Without it, a goal may not start what has effects.
) -> VerifyRelease:
    targets = await Get(FilteredTargets, Specs, specs)
    releases = [target for target in targets if target.has_field(ReleaseMembersField)]
    version = ""
    if not options.place:
        version = (await Get(SourceVersion, SourceVersionRequest())).version
    found = places_of(releases, options.place, version, rebuild=options.rebuild)
    places: list[dict[str, Any]] = []
    for url, target in found:
        rebuilt = None if target is None else await _rebuilt(target)
        places.append({"url": url, "rebuilt": rebuilt})
    by_library: dict[str, list[dict[str, Any]]] = {}
    for value in places:
        by_library.setdefault(PROTOCOLS[protocol(value["url"])], []).append(value)
    tools = await MultiGet(
        Get(
            PublishTool,
            PublishToolRequest(
                "multiarch.tools.verify_release",
                request_json(
                    {
                        "places": values,
                        "registries": options.registries,
                        "insecure": list(registry.insecure),
                        "ca_file": registry.ca_file,
                        "redirect": dict(publish.redirect),
                        "verify_command": list(release.verify_command),
                    }
                ),
                library,
                EMPTY_DIGEST,
                ("pyyaml", *DOCKER_WHEELS),
            ),
        )
        for library, values in by_library.items()
    )
    exit_code = 0
    for tool in tools:
        process = InteractiveProcess(
            tool.argv, env=environment, input_digest=tool.digest, run_in_workspace=True
        )
        result = await Effect(InteractiveProcessResult, InteractiveProcess, process)
        exit_code = exit_code or result.exit_code
    return VerifyRelease(exit_code)


def rules() -> Iterable[object]:
    return collect_rules()
