"""`pants publish` of a release: to a folder, S3 or Google Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.publish import (
    PublishFieldSet,
    PublishPackages,
    PublishProcesses,
    PublishRequest,
)
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import AddPrefix, Digest
from pants.engine.process import InteractiveProcess
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.release.libraries import PublishTool, PublishToolRequest
from multiarch.backend.release.rules import demanded_release
from multiarch.backend.release.target_types import (
    ReleaseDestinationsField,
    ReleaseMarkersField,
    ReleaseMembersField,
)
from multiarch.backend.sandbox import request_json
from multiarch.backend.subsystems.multiarch_publish import MultiarchPublishSubsystem
from multiarch.backend.subsystems.multiarch_release import MultiarchReleaseSubsystem
from multiarch.core.errors import MultiarchError, did_you_mean
from multiarch.core.release.publication import MARKERS
from multiarch.tools.release_store import PROTOCOLS, protocol


class PublishReleaseRequest(PublishRequest):
    """A release to publish."""


@dataclass(frozen=True)
class PublishReleaseFieldSet(PublishFieldSet):
    """What `publish` needs of a release."""

    publish_request_type = PublishReleaseRequest
    required_fields = (ReleaseMembersField, ReleaseDestinationsField)

    destinations: ReleaseDestinationsField
    markers: ReleaseMarkersField


@rule(desc="Publish a release", level=LogLevel.DEBUG)
async def publish_release(
    request: PublishReleaseRequest,
    environment: CompleteEnvironmentVars,
    options: MultiarchPublishSubsystem,
    release: MultiarchReleaseSubsystem,
) -> PublishProcesses:
    field_set = request.field_set
    address, markers = field_set.address, field_set.markers.value or ()
    for marker in markers:
        if marker not in MARKERS:
            raise MultiarchError(
                f"{address}: `markers` names {marker!r}; it takes {', '.join(MARKERS)}."
                + did_you_mean(marker, MARKERS)
            )
    built = await demanded_release(address)
    name = f"{address} {built.version}"
    destinations = field_set.destinations.value or ()
    if not destinations:
        reason = "because it has no `destinations`"
        return PublishProcesses([PublishPackages((name,), description=reason)])
    files = await Get(Digest, AddPrefix(built.digest, "release"))
    tools = await MultiGet(
        Get(
            PublishTool,
            PublishToolRequest(
                "multiarch.tools.upload_release",
                request_json(
                    {
                        "release": "release",
                        "version": built.version,
                        "destination": destination,
                        "markers": list(markers),
                        "dry_run": options.dry_run,
                        "sign_command": list(release.sign_command),
                    }
                ),
                PROTOCOLS[protocol(destination)],
                files,
            ),
        )
        for destination in destinations
    )
    return PublishProcesses(
        PublishPackages(
            (name,),
            InteractiveProcess(
                tool.argv, env=environment, input_digest=tool.digest, run_in_workspace=True
            ),
            destination,
        )
        for tool, destination in zip(tools, destinations)
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *PublishReleaseFieldSet.rules())
