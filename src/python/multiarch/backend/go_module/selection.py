"""Which binaries and tests `--changed-since` selects: told by their dependencies in such a run.

Pants selects what depends on the targets that own changed files. Those are whole directories, and
a package graph of now does not say what was deleted. So in a run that asks for dependents of
changes, a binary or test depends on these targets if the change can affect it, and else on
nothing. In every other run, dependencies are what `go list` says.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pants.build_graph.address import Address, AddressInput
from pants.engine.addresses import Addresses
from pants.engine.fs import Digest, DigestContents
from pants.engine.internals.graph import Owners, OwnersRequest
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    AllUnexpandedTargets,
    Dependencies,
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    SpecialCasedDependencies,
    Target,
    Targets,
    UnexpandedTargets,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import AllGoBinaries, GoModules
from multiarch.backend.go_build.tests import AllGoTests
from multiarch.backend.go_cross_binary.target_types import PlatformsField
from multiarch.backend.go_module.changes import ChangedSince, Changes, ChangesRequest
from multiarch.backend.go_module.files import ModuleSkeletons, ModuleSkeletonsRequest, join
from multiarch.backend.go_module.target_types import GoModuleTarget, GoSourcesTarget
from multiarch.backend.image_test.target_types import ImageTestImageField
from multiarch.core.golang.constraints import TagSet
from multiarch.core.golang.heads import FileHead
from multiarch.core.golang.selection import (
    Built,
    SourceTree,
    affected,
    parse_skeletons,
    source_tree,
)


@dataclass(frozen=True)
class HeadsRequest:
    """Skeletons whose heads are wanted."""

    skeletons: Digest


@dataclass(frozen=True)
class Heads:
    """The heads of source files, and the texts of go.mod and its kind, by path."""

    fingerprint: str
    heads: Mapping[str, FileHead] = field(compare=False)
    texts: Mapping[str, str] = field(compare=False)


@dataclass(frozen=True)
class SelectionRequest:
    """What of a module the changes of this run select."""

    module: str
    since: ChangedSince


@dataclass(frozen=True)
class Selection:
    """The binaries and tests of a module that the changes can affect, and who owns the changes."""

    affected: frozenset[Address]
    changed: tuple[Address, ...]

    def dependencies_of(self, address: Address) -> InferredDependencies:
        """What a binary or test depends on in this run."""
        return InferredDependencies(self.changed if address in self.affected else ())


@dataclass(frozen=True)
class ChangedTargetsRequest:
    """Ask for the targets of Go modules that own changed files."""

    since: ChangedSince


@dataclass(frozen=True)
class ChangedTargets:
    """Those targets."""

    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class NamedGenerators:
    """Targets that others name as a whole in their dependencies, by directory and name."""

    names: frozenset[tuple[str, str]]


@rule(level=LogLevel.DEBUG)
async def read_heads(request: HeadsRequest) -> Heads:
    contents = await Get(DigestContents, Digest, request.skeletons)
    heads, texts = parse_skeletons((file.path, file.content) for file in contents)
    return Heads(request.skeletons.fingerprint, heads, texts)


@rule(desc="Find what changes affect", level=LogLevel.DEBUG)
async def select(
    request: SelectionRequest,
    all_binaries: AllGoBinaries,
    all_tests: AllGoTests,
    modules: GoModules,
) -> Selection:
    found, changes, owners = await MultiGet(
        Get(ModuleSkeletons, ModuleSkeletonsRequest(request.module)),
        Get(Changes, ChangesRequest(request.since)),
        Get(ChangedTargets, ChangedTargetsRequest(request.since)),
    )
    local, vendored = await MultiGet(
        Get(Heads, HeadsRequest(found.local)), Get(Heads, HeadsRequest(found.vendored))
    )
    new_heads, new_texts = {**local.heads, **vendored.heads}, {**local.texts, **vendored.texts}
    # Sources of then are those of now but for what differs.
    then_heads, then_texts = parse_skeletons(
        (path, data) for path, data in changes.skeletons.items() if _is_of(path, found, modules)
    )
    old_heads = {p: h for p, h in new_heads.items() if p not in changes.files}
    old_texts = {p: t for p, t in new_texts.items() if p not in changes.files}
    built = {
        **{
            b.address: Built(b.main, TagSet.of(b.settings))
            for b in all_binaries.of_module(request.module)
        },
        **{
            t.address: Built(t.package, TagSet.of(t.settings), tests=True)
            for t in all_tests.of_module(request.module)
        },
    }

    def tree(heads: Mapping[str, FileHead], texts: Mapping[str, str]) -> SourceTree:
        return source_tree(
            heads, texts, found.modules, modules_txt=found.modules_txt, replaced=found.replaced
        )

    selected = affected(
        tree({**old_heads, **then_heads}, {**old_texts, **then_texts}),
        tree(new_heads, new_texts),
        request.module,
        changes.files,
        built.values(),
    )
    return Selection(
        frozenset(address for address, one in built.items() if one in selected), owners.addresses
    )


def _is_of(path: str, found: ModuleSkeletons, modules: GoModules) -> bool:
    """Whether a file is one that `go list` reads for a module; those of nested modules are not."""
    vendor = posixpath.dirname(found.modules_txt)
    root = posixpath.dirname(vendor)
    if path in (join(root, "go.work"), join(root, "go.work.sum")) or path.startswith(f"{vendor}/"):
        return True
    directories = (*found.modules, *found.replaced)
    above = [d for d in directories if not d or path.startswith(f"{d}/")]
    owner = modules.owner(posixpath.dirname(path))
    return bool(above) and len(owner or "") <= max(map(len, above))


@rule(level=LogLevel.DEBUG)
async def changed_targets(request: ChangedTargetsRequest) -> ChangedTargets:
    changes = await Get(Changes, ChangesRequest(request.since))
    owners = await Get(Owners, OwnersRequest(tuple(sorted(changes.files))))
    targets = await Get(UnexpandedTargets, Addresses(owners))
    return ChangedTargets(
        tuple(t.address for t in targets if isinstance(t, (GoModuleTarget, GoSourcesTarget)))
    )


def _names(target: Target) -> Iterable[str]:
    yield from target.get(Dependencies).value or ()
    for found in target.field_values.values():
        # Ours stand for one platform each, which is inferred.
        ours = type(found).__module__.startswith("multiarch.")
        if isinstance(found, SpecialCasedDependencies) and not ours:
            yield from found.to_unparsed_address_inputs().values


@rule(level=LogLevel.DEBUG)
async def find_named_generators(targets: AllUnexpandedTargets) -> NamedGenerators:
    found = set()
    for target in targets:
        for name in () if isinstance(target, GoSourcesTarget) else _names(target):
            if name.startswith("!"):
                continue
            parsed = AddressInput.parse(
                name,
                relative_to=target.address.spec_path,
                description_of_origin=str(target.address),
            )
            if parsed.generated_component is None:
                directory = parsed.path_component
                found.add((directory, parsed.target_component or posixpath.basename(directory)))
    return NamedGenerators(frozenset(found))


@dataclass(frozen=True)
class MatrixFieldSet(FieldSet):
    """What generates a target for each platform."""

    required_fields = (PlatformsField,)


@dataclass(frozen=True)
class ImageTestMatrixFieldSet(FieldSet):
    """What generates a test for each platform of an image."""

    required_fields = (ImageTestImageField,)


class InferMatrixDependencies(InferDependenciesRequest):
    """Infer that a matrix does not stand for its platforms when changes are selected."""

    infer_from = MatrixFieldSet


class InferImageTestMatrixDependencies(InferDependenciesRequest):
    """Infer the same for the test of an image."""

    infer_from = ImageTestMatrixFieldSet


async def _without_platforms(address: Address) -> InferredDependencies:
    """Take the platforms out of a matrix, or one that changed would select it, and so all.

    A matrix that another target names as a whole keeps them: that target must follow.
    """
    if not (await Get(ChangedSince)).is_asked:
        return InferredDependencies(())
    named = await Get(NamedGenerators)
    if (address.spec_path, address.target_name) in named.names:
        return InferredDependencies(())
    platforms = await Get(Targets, Addresses([address]))
    return InferredDependencies((), exclude=(t.address for t in platforms))


@rule(level=LogLevel.DEBUG)
async def infer_matrix_dependencies(request: InferMatrixDependencies) -> InferredDependencies:
    return await _without_platforms(request.field_set.address)


@rule(level=LogLevel.DEBUG)
async def infer_image_test_matrix_dependencies(
    request: InferImageTestMatrixDependencies,
) -> InferredDependencies:
    return await _without_platforms(request.field_set.address)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(InferDependenciesRequest, InferMatrixDependencies),
        UnionRule(InferDependenciesRequest, InferImageTestMatrixDependencies),
    )
