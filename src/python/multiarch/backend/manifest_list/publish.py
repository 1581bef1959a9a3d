"""Publishes a manifest list with its images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.core.goals.publish import PublishFieldSet, PublishProcesses, PublishRequest
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.fs import AddPrefix, Digest, MergeDigests
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import Target, Targets
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.image.target_types import (
    ImageNamesField,
    ImagePlatformField,
    ImageRepositoryField,
    ImageTagsField,
)
from multiarch.backend.manifest_list.target_types import (
    AttestationsField,
    ListTagsField,
    ManifestListImagesField,
    RepositoryField,
)
from multiarch.backend.publication import (
    Names,
    NamesRequest,
    PublicationRequest,
    not_published,
)
from multiarch.backend.release.attestations import Attestations, AttestationsRequest
from multiarch.core.oci.descriptor import OCI, Descriptor
from multiarch.core.oci.publication import Naming, Node, repository_of
from multiarch.core.platforms import Platform


class PublishManifestListRequest(PublishRequest):
    """A list to publish."""


@dataclass(frozen=True)
class PublishManifestListFieldSet(PublishFieldSet):
    """What `publish` needs of a list."""

    publish_request_type = PublishManifestListRequest
    required_fields = (ManifestListImagesField,)

    images: ManifestListImagesField
    repository: RepositoryField
    tags: ListTagsField
    image_names: ImageNamesField
    attestations: AttestationsField


@rule(level=LogLevel.DEBUG)
async def publish_manifest_list(request: PublishManifestListRequest) -> PublishProcesses:
    fields = request.field_set
    if not fields.repository.value:
        return not_published(fields.address, "it has no `repository`")
    # The first is the layout of the list; it has all that the tars of its images have.
    layouts = [(a.relpath, p.digest) for p in request.packages for a in p.artifacts if a.relpath]
    if not layouts:
        return not_published(fields.address, "there is no list: see the warnings")
    layout, digest = layouts[0]
    names = NamesRequest(
        fields.address, fields.repository.value, fields.tags.value or (), fields.tags.alias
    )
    if fields.attestations.value:
        # Their blobs lie beside those of the list, and what `package` writes has none of them.
        stated = (await Get(Names, NamesRequest, names)).each
        made = await Get(Attestations, AttestationsRequest(fields.address, stated))
        beside = await Get(Digest, AddPrefix(made.digest, layout))
        digest = await Get(Digest, MergeDigests((digest, beside)))
    images = await Get(Targets, UnparsedAddressInputs, fields.images.to_unparsed_address_inputs())
    named = [image for image in images if image[ImageRepositoryField].value]
    found = await MultiGet(Get(Names, NamesRequest, image_names(image)) for image in named)
    nearby: dict[str, tuple[str, ...]] = {}
    for image, its in zip(named, found):
        platform = image[ImagePlatformField].value or ""
        nearby[platform] = (*nearby.get(platform, ()), *repositories(image, its))
    return await Get(
        PublishProcesses,
        PublicationRequest(
            names, fields.image_names.value or "", layout, digest, FrozenDict(nearby)
        ),
    )


def image_names(image: Target) -> NamesRequest:
    """Where an image publishes itself."""
    tags = image[ImageTagsField]
    return NamesRequest(
        image.address, image[ImageRepositoryField].value or "", tags.value or (), tags.alias
    )


def repositories(image: Target, names: Names) -> tuple[str, ...]:
    """The repositories that an image publishes itself to."""
    platform = Platform.parse(image[ImagePlatformField].value or "")
    node = Node(Descriptor(OCI.manifest, "", 0, platform))
    naming = Naming(names.repository, names.tags, image[ImageNamesField].value or "")
    tags = naming.images(node, where=f"{image.address}: `image_names`")
    found = [repository_of(tag.reference).name for tag in tags] or [names.repository.name]
    return tuple(dict.fromkeys(found))


def rules() -> Iterable[object]:
    return (*collect_rules(), *PublishManifestListFieldSet.rules())
