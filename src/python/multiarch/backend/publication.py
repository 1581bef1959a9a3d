"""Publishes what was packaged: one process per target, on the bytes that `package` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.core.goals.publish import PublishPackages, PublishProcesses
from pants.engine.env_vars import CompleteEnvironmentVars
from pants.engine.fs import Digest, DigestSubset, PathGlobs
from pants.engine.process import InteractiveProcess
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.image.local import LocalTool, LocalToolRequest
from multiarch.backend.image.registry_bases import CACHE
from multiarch.backend.image.runs import DOCKER_WHEELS
from multiarch.backend.sandbox import request_json
from multiarch.backend.subsystems.multiarch_publish import MultiarchPublishSubsystem
from multiarch.backend.subsystems.multiarch_registry import MultiarchRegistrySubsystem
from multiarch.backend.version import stamps_in
from multiarch.core.oci.names import REDIRECT, parse_repository, parse_tag, redirected
from multiarch.core.oci.reference import Reference
from multiarch.core.stamps import fill_text


@dataclass(frozen=True)
class NamesRequest:
    """The fields that say where a target is published; `tags_alias` is what its tags are called."""

    address: Address
    repository: str
    tags: tuple[str, ...]
    tags_alias: str


@dataclass(frozen=True)
class Names:
    """The repository to publish to, redirected, and the tags with their stamps filled in."""

    repository: Reference
    tags: tuple[str, ...]

    @property
    def each(self) -> tuple[str, ...]:
        """The names with a tag each."""
        return tuple(f"{self.repository.name}:{tag}" for tag in self.tags)

    @property
    def text(self) -> str:
        """All of it, for people."""
        return ", ".join(self.each) or self.repository.name


@rule(level=LogLevel.DEBUG)
async def resolve_names(request: NamesRequest, options: MultiarchPublishSubsystem) -> Names:
    repository = parse_repository(request.repository, where=f"{request.address}: `repository`")
    where = f"{request.address}: `{request.tags_alias}`"
    stamps = await stamps_in(request.tags)
    return Names(
        redirected(repository, options.redirect, where=REDIRECT),
        tuple(parse_tag(fill_text(tag, stamps, where=where), where=where) for tag in request.tags),
    )


@dataclass(frozen=True)
class RegistryToolRequest:
    """One of `multiarch.tools` that talks to registries as the user, in the foreground.

    `request` is its JSON, to which is added what the options say; `files` is what it reads.
    """

    module: str
    request: str
    files: Digest


@dataclass(frozen=True)
class RegistryTool:
    """The process."""

    process: InteractiveProcess


@rule(level=LogLevel.DEBUG)
async def registry_tool(
    request: RegistryToolRequest,
    environment: CompleteEnvironmentVars,
    registry: MultiarchRegistrySubsystem,
    options: MultiarchPublishSubsystem,
) -> RegistryTool:
    value = {
        **json.loads(request.request),
        "movable_tags": list(options.movable_tags),
        "insecure": list(registry.insecure),
        "ca_file": registry.ca_file,
        "dry_run": options.dry_run,
        "sign_command": list(options.sign_command),
        "journal": ".registry/pushed",
    }
    tool = await Get(
        LocalTool,
        LocalToolRequest(request.module, request_json(value), request.files, DOCKER_WHEELS),
    )
    return RegistryTool(
        InteractiveProcess(
            tool.argv,
            env=environment,
            input_digest=tool.digest,
            immutable_input_digests=tool.immutable,
            append_only_caches=CACHE,
            run_in_workspace=True,
        )
    )


@dataclass(frozen=True)
class PublicationRequest:
    """A packaged target to publish: an OCI layout at `layout` of `digest`.

    `nearby` has, by platform, repositories that may have the image's blobs.
    """

    names: NamesRequest
    image_names: str
    layout: str
    digest: Digest
    nearby: FrozenDict[str, tuple[str, ...]] = FrozenDict()


@rule(level=LogLevel.DEBUG)
async def publish_layout(
    request: PublicationRequest, options: MultiarchPublishSubsystem
) -> PublishProcesses:
    address = request.names.address
    globs = PathGlobs([request.layout, f"{request.layout}/**"])
    names, files = await MultiGet(
        Get(Names, NamesRequest, request.names),
        Get(Digest, DigestSubset(request.digest, globs)),
    )
    value = {
        "address": str(address),
        "layout": request.layout,
        "repository": names.repository.name,
        "tags": list(names.tags),
        "image_names": request.image_names,
        "nearby": {platform: list(texts) for platform, texts in request.nearby.items()},
    }
    tool = await Get(
        RegistryTool,
        RegistryToolRequest("multiarch.tools.publish", request_json(value), files),
    )
    note = " (dry run: nothing was sent)" if options.dry_run else ""
    return PublishProcesses([PublishPackages((str(address),), tool.process, f"{names.text}{note}")])


def not_published(address: Address, reason: str) -> PublishProcesses:
    """Nothing to publish, and why."""
    return PublishProcesses([PublishPackages((str(address),), None, f"({reason})")])


def rules() -> Iterable[object]:
    return collect_rules()
