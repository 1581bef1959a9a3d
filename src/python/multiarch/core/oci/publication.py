"""Publications: what is pushed where, in which order, and what of it a registry still lacks.

A plan says which manifest is to be in which repository, and which tags are to name it. What the
registry answers turns it into actions: blobs first, then images, then what lists them, tags last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from types import MappingProxyType

from multiarch.core.errors import bullets
from multiarch.core.oci.descriptor import Descriptor, OciError
from multiarch.core.oci.names import arch_name, image_name
from multiarch.core.oci.reference import Reference

# A repository's name (`registry.example.com/team/hello`) and a digest.
Place = tuple[str, str]


@dataclass(frozen=True)
class Node:
    """An image's manifest with its config and layers, or an index with its children.

    `nearby` names repositories that may have the blobs already. An artifact has the digest of its
    `subject`, and its type.
    """

    descriptor: Descriptor
    blobs: tuple[Descriptor, ...] = ()
    children: tuple[Node, ...] = ()
    nearby: tuple[Reference, ...] = ()
    subject: str = ""
    artifact_type: str = ""

    @property
    def height(self) -> int:
        """0 for an image, and one more than the highest child for an index."""
        return 1 + max(child.height for child in self.children) if self.children else 0

    @property
    def what(self) -> str:
        """What it is, for people."""
        if self.children:
            return "index"
        if self.subject:
            return f"{self.artifact_type or 'artifact'} about {self.subject} as"
        return f"image {self.descriptor.platform}" if self.descriptor.platform else "manifest"


@dataclass(frozen=True)
class Placement:
    """One manifest in one repository; one that is `attached` comes after all the others."""

    repository: Reference
    node: Node
    attached: bool = False

    @property
    def place(self) -> Place:
        """Its key."""
        return self.repository.name, self.node.descriptor.digest

    @property
    def order(self) -> tuple[bool, int]:
        """Sorts manifests: what names others comes after them."""
        return self.attached, self.node.height


@dataclass(frozen=True)
class Tag:
    """A name with the digest that it is to have; a `movable` one may have another one before."""

    reference: Reference
    movable: bool = False

    @property
    def name(self) -> str:
        """The name without the digest."""
        return f"{self.reference.name}:{self.reference.tag}"


@dataclass(frozen=True)
class Plan:
    """Manifests, children before what lists them, artifacts last; and tags, images' first."""

    placements: tuple[Placement, ...]
    tags: tuple[Tag, ...]


@dataclass(frozen=True)
class Naming:
    """How a publication is named: its repository, its tags, and the template of its images' names.

    `movable` holds patterns of tags that may move; an empty `template` gives images no names.
    """

    repository: Reference
    tags: tuple[str, ...]
    template: str
    movable: tuple[str, ...] = ()

    def images(self, node: Node, *, where: str) -> tuple[Tag, ...]:
        """The names of one platform's image."""
        descriptor = node.descriptor
        if not self.template or descriptor.platform is None:
            return ()
        arch = arch_name(descriptor.platform, descriptor.os_version)
        found = (
            (tag, image_name(self.template, self.repository, tag, arch=arch, where=where))
            for tag in self.tags
        )
        return tuple(
            Tag(reference.pinned(descriptor.digest), self.may_move(tag)) for tag, reference in found
        )

    def may_move(self, tag: str) -> bool:
        """Whether a tag may be taken from another digest."""
        return any(fnmatchcase(tag, pattern) for pattern in self.movable)


def plan(root: Node, naming: Naming, *, where: str) -> Plan:
    """Plan to publish an image, or an index with its images.

    An index and all below it are in its repository; images also in that of their own name. An
    image alone is in that of its name, or by its digest where it has none. Raises OciError for two
    images of one name.
    """
    placements: list[Placement] = []
    tags: list[Tag] = []
    images = list(_images(root))
    for node in images:
        names = naming.images(node, where=where)
        if root.children or not names:
            placements.append(Placement(naming.repository, node))
        placements += [Placement(repository_of(tag.reference), node) for tag in names]
        tags += names
    if root.children:
        placements += [Placement(naming.repository, node) for node in _indexes(root)]
        for text in naming.tags:
            reference = replace(naming.repository, tag=text, digest=root.descriptor.digest)
            tags.append(Tag(reference, naming.may_move(text)))
    _check_names(tags, where=where)
    return _ordered(placements, tags)


def with_attached(found: Plan, attached: Iterable[Node]) -> Plan:
    """The plan with artifacts, in each repository that gets their subjects."""
    placements = [
        Placement(placement.repository, node, attached=True)
        for node in attached
        for placement in found.placements
        if placement.node.descriptor.digest == node.subject
    ]
    return _ordered((*placements, *found.placements), found.tags)


def merged(plans: Iterable[Plan], *, where: str) -> Plan:
    """One plan of several, so that no tag moves before everything is there."""
    plans = tuple(plans)
    tags = [tag for plan in plans for tag in plan.tags]
    _check_names(tags, where=where)
    return _ordered([p for plan in plans for p in plan.placements], tags)


def repository_of(reference: Reference) -> Reference:
    """A reference's repository alone."""
    return replace(reference, tag="", digest="")


def _ordered(placements: Iterable[Placement], tags: Iterable[Tag]) -> Plan:
    unique = {placement.place: placement for placement in placements}
    return Plan(
        tuple(sorted(unique.values(), key=lambda placement: placement.order)),
        tuple(dict.fromkeys(tags)),
    )


def _images(node: Node) -> Iterable[Node]:
    if not node.children:
        yield node
    for child in node.children:
        yield from _images(child)


def _indexes(node: Node) -> Iterable[Node]:
    for child in node.children:
        yield from _indexes(child)
    if node.children:
        yield node


def _check_names(tags: Iterable[Tag], *, where: str) -> None:
    found: dict[str, str] = {}
    problems = []
    for tag in tags:
        digest = found.setdefault(tag.name, tag.reference.digest)
        if digest != tag.reference.digest:
            problems.append(f"{tag.name} would be {digest} and {tag.reference.digest}")
    if problems:
        raise OciError(
            f"{where}: one name cannot stand for two images; `image_names` tells them apart by "
            f"`{{arch}}`:\n{bullets(problems)}"
        )


@dataclass(frozen=True)
class Transfer:
    """One blob on its way to a repository; from `source` of the same registry it is mounted.

    `waits` says that the source gets it by another transfer of this run.
    """

    blob: Descriptor
    repository: Reference
    source: Reference | None = None
    waits: bool = False


@dataclass(frozen=True)
class TagMove:
    """A tag that is set: it was not there, or stood for `before`."""

    tag: Tag
    before: str = ""


@dataclass(frozen=True)
class Actions:
    """What is left to do, in this order; `present` is how many blobs and manifests are there."""

    transfers: tuple[Transfer, ...]
    placements: tuple[Placement, ...]
    moves: tuple[TagMove, ...]
    present: int = 0

    @property
    def to_sign(self) -> tuple[Reference, ...]:
        """What gets a new name, by digest, images first."""
        found = (replace(move.tag.reference, tag="") for move in self.moves)
        return tuple(dict.fromkeys(found))

    def lines(self, *, sign: bool) -> tuple[str, ...]:
        """What would happen, one line for each step."""
        found = []
        for transfer in self.transfers:
            blob = f"{transfer.blob.digest} ({transfer.blob.size} bytes)"
            way = f"mount {blob} from {transfer.source.name}" if transfer.source else f"send {blob}"
            found.append(f"{way} to {transfer.repository.name}")
        for placement in self.placements:
            node = placement.node
            found.append(f"put {node.what} {placement.repository.name}@{node.descriptor.digest}")
        if sign:
            found += [f"sign {reference}" for reference in self.to_sign]
        for move in self.moves:
            before = f"instead of {move.before}" if move.before else "new"
            found.append(f"tag {move.tag.name} as {move.tag.reference.digest} ({before})")
        return tuple(found)


def missing_placements(plan: Plan, present: Collection[Place]) -> tuple[Placement, ...]:
    """The manifests that are not in their repositories yet."""
    return tuple(p for p in plan.placements if p.place not in present)


def wanted_blobs(placements: Iterable[Placement]) -> tuple[tuple[Reference, Descriptor], ...]:
    """The blobs that manifests need in their repositories, each once."""
    found = {
        (placement.repository.name, blob.digest): (placement.repository, blob)
        for placement in placements
        for blob in placement.node.blobs
    }
    return tuple(found.values())


def present_blobs(placements: Iterable[Placement], missing: Collection[Placement]) -> set[Place]:
    """The blobs that must be there, as the manifests that need them are."""
    there = [placement for placement in placements if placement not in missing]
    return {(repository.name, blob.digest) for repository, blob in wanted_blobs(there)}


def nearby_places(
    absent: Collection[tuple[Reference, Descriptor]],
    placements: Iterable[Placement],
    seen: Mapping[tuple[str, str], Reference] = MappingProxyType({}),
) -> tuple[tuple[Reference, Descriptor], ...]:
    """Where else in the same registry an absent blob may be.

    `seen` has, by registry and digest, a repository that got a blob before.
    """
    lacking = {(repository.name, blob.digest) for repository, blob in absent}
    found: dict[Place, tuple[Reference, Descriptor]] = {}
    for placement in placements:
        registry = placement.repository.registry
        for blob in placement.node.blobs:
            if (placement.repository.name, blob.digest) not in lacking:
                continue
            before = seen.get((registry, blob.digest))
            for place in (*placement.node.nearby, *((before,) if before else ())):
                key = (place.name, blob.digest)
                if place.registry == registry and key not in lacking:
                    found[key] = (place, blob)
    return tuple(found.values())


def transfers(
    absent: Sequence[tuple[Reference, Descriptor]],
    present: Iterable[Place],
) -> tuple[Transfer, ...]:
    """How each absent blob gets to its repository: sent once to a registry, else mounted."""
    sources: dict[tuple[str, str], Reference] = {}
    for name, digest in sorted(present):
        registry, _, path = name.partition("/")
        sources.setdefault((registry, digest), Reference(registry, path))
    found, sent = [], set()
    for repository, blob in absent:
        key = (repository.registry, blob.digest)
        source = sources.setdefault(key, repository)
        if source == repository:
            sent.add(key)
            found.append(Transfer(blob, repository))
        else:
            found.append(Transfer(blob, repository, source, key in sent))
    return tuple(sorted(found, key=lambda transfer: transfer.waits))


def tag_moves(tags: Iterable[Tag], found: Mapping[str, str]) -> tuple[TagMove, ...]:
    """The tags to set, given what they stand for now; raises OciError for those that must not move.

    `found` has a digest by the name of each tag that is there.
    """
    moves, problems = [], []
    for tag in tags:
        before = found.get(tag.name, "")
        if before == tag.reference.digest:
            continue
        if before and not tag.movable:
            problems.append(f"{tag.name} is {before}, and would become {tag.reference.digest}")
        moves.append(TagMove(tag, before))
    if problems:
        raise OciError(
            "a tag that was published does not move:\n"
            f"{bullets(problems)}\n"
            "Publish under another version, or name the tag in `[multiarch-publish] movable_tags`. "
            "No tag was moved."
        )
    return tuple(moves)
