"""Collects the build context of an image: the files of its dependencies, and its Dockerfile."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestContents,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    DependenciesRequest,
    HydratedSources,
    HydrateSourcesRequest,
    SourcesField,
    Target,
    Targets,
)
from pants.util.logging import LogLevel

from multiarch.backend.c_target_types import BinaryPlatformField
from multiarch.backend.image.built_image import image_target
from multiarch.backend.image.target_types import (
    ImageBaseSourcesField,
    ImageDependenciesField,
    ImageDockerfileField,
    ImageInstructionsField,
    ImagePlatformField,
)
from multiarch.core.errors import MultiarchError


@dataclass(frozen=True)
class ContextRequest:
    """The build context of one platform's image."""

    address: Address


@dataclass(frozen=True)
class Context:
    """The context's files below `context/`, and the Dockerfile at `dockerfile` with its text."""

    digest: Digest
    dockerfile: str
    text: str


def context_path(path: str, directory: str) -> str:
    """Where a dependency's file is in the context: relative to the BUILD file if it is below."""
    prefix = f"{directory}/"
    return path[len(prefix) :] if directory and path.startswith(prefix) else path


def in_context(target: Target) -> bool:
    """Whether a dependency's files are in the context: not those that have ways of their own."""
    own = (ImageBaseSourcesField, BinaryPlatformField, ImagePlatformField)
    return target.has_field(SourcesField) and not any(target.has_field(field) for field in own)


async def _context_files(target: Target) -> Digest:
    directory = target.address.spec_path
    dependencies = await Get(Targets, DependenciesRequest(target[ImageDependenciesField]))
    sources = await Get(
        SourceFiles, SourceFilesRequest(d[SourcesField] for d in dependencies if in_context(d))
    )
    inside = [f for f in sources.snapshot.files if context_path(f, directory) != f]
    outside = [f for f in sources.snapshot.files if context_path(f, directory) == f]
    near, far = await MultiGet(
        Get(Digest, DigestSubset(sources.snapshot.digest, PathGlobs(inside))),
        Get(Digest, DigestSubset(sources.snapshot.digest, PathGlobs(outside))),
    )
    near = await Get(Digest, RemovePrefix(near, directory if inside else ""))
    ignore = await Get(Digest, PathGlobs([posixpath.join(directory, ".dockerignore")]))
    ignore = await Get(Digest, RemovePrefix(ignore, directory))
    return await Get(Digest, MergeDigests((near, far, ignore)))


async def _dockerfile(target: Target) -> FileContent:
    instructions = target[ImageInstructionsField].value
    if instructions:
        return FileContent("dockerfile/instructions", "\n".join(instructions).encode() + b"\n")
    sources = await Get(HydratedSources, HydrateSourcesRequest(target[ImageDockerfileField]))
    contents = await Get(DigestContents, Digest, sources.snapshot.digest)
    if not contents:
        raise MultiarchError(
            f"{target.address}: there is no {target[ImageDockerfileField].value!r} in "
            f"{target.address.spec_path or '.'!r}. Write one, name another with `source`, or give "
            "`instructions`."
        )
    return FileContent(f"dockerfile/{contents[0].path}", contents[0].content)


@rule(level=LogLevel.DEBUG)
async def collect_context(request: ContextRequest) -> Context:
    target = await image_target(request.address)
    dockerfile = await _dockerfile(target)
    files = await _context_files(target)
    context, written = await MultiGet(
        Get(Digest, AddPrefix(files, "context")),
        Get(Digest, CreateDigest([dockerfile])),
    )
    digest = await Get(Digest, MergeDigests((context, written)))
    return Context(digest, dockerfile.path, dockerfile.content.decode(errors="replace"))


def rules() -> Iterable[object]:
    return collect_rules()
