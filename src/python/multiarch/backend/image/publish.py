"""Publishes one platform's image, by the repository of its `multiarch_image`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.publish import PublishFieldSet, PublishProcesses, PublishRequest
from pants.engine.rules import Get, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.image.target_types import (
    ImageNamesField,
    ImagePlatformField,
    ImageRepositoryField,
    ImageTagsField,
)
from multiarch.backend.publication import NamesRequest, PublicationRequest, not_published


class PublishImageRequest(PublishRequest):
    """One platform's image to publish."""


@dataclass(frozen=True)
class PublishImageFieldSet(PublishFieldSet):
    """What `publish` needs of a platform's image."""

    publish_request_type = PublishImageRequest
    required_fields = (ImagePlatformField,)

    platform: ImagePlatformField
    repository: ImageRepositoryField
    tags: ImageTagsField
    image_names: ImageNamesField


@rule(level=LogLevel.DEBUG)
async def publish_image(request: PublishImageRequest) -> PublishProcesses:
    fields = request.field_set
    if not fields.repository.value:
        return not_published(fields.address, "it has no `repository`")
    layouts = [(a.relpath, p.digest) for p in request.packages for a in p.artifacts if a.relpath]
    if not layouts:
        return not_published(fields.address, "there is no image: see the warnings")
    ((layout, digest),) = layouts
    names = NamesRequest(
        fields.address, fields.repository.value, fields.tags.value or (), fields.tags.alias
    )
    return await Get(
        PublishProcesses,
        PublicationRequest(names, fields.image_names.value or "", layout, digest),
    )


def rules() -> Iterable[object]:
    return (*collect_rules(), *PublishImageFieldSet.rules())
