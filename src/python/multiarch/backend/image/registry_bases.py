"""Pulls bases from registries: each platform's image is one cached result, named by its digest.

What the machine has for registries (the folder of Docker's configuration, proxies, authorities) is
noted in a named cache by a process of this Pants run, and is in no key. Credentials are read by the
process that pulls, and by nothing else.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml
from pants.build_graph.address import Address
from pants.engine.fs import Digest, DigestContents, PathGlobs, Paths
from pants.engine.internals.graph import Owners, OwnersRequest
from pants.engine.internals.synthetic_targets import SyntheticAddressMaps, SyntheticTargetsRequest
from pants.engine.internals.target_adaptor import TargetAdaptor
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    InferDependenciesRequest,
    InferredDependencies,
    Target,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionRule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

from multiarch.backend.image.runs import DOCKER_WHEELS
from multiarch.backend.image.target_types import (
    ImageBaseDependenciesField,
    ImageBaseReferenceField,
    ImageBaseReferencesField,
    ImageLockTarget,
)
from multiarch.backend.sandbox import (
    HostNote,
    LocalEnvironmentVars,
    Noted,
    ToolProcess,
    request_json,
    run_tool,
)
from multiarch.backend.subsystems.multiarch_registry import MultiarchRegistrySubsystem
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.lock import ImageLock
from multiarch.core.oci.reference import Reference
from multiarch.core.oci.selection import candidates
from multiarch.core.platforms import Platform
from multiarch.tools.yaml_document import bounded_loader

UPDATE = "./pants update-image-lock"
CACHE = FrozenDict({"multiarch_registry": ".registry"})
HOST_FILE = ".registry/host.json"
# What proxies, authorities, Docker's configuration and its helpers are found by: no secrets.
_PASSED = (
    *("PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_CONFIG"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "GNUPGHOME", "PASSWORD_STORE_DIR", "AWS_PROFILE"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"),
    *("CLOUDSDK_CONFIG", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_CONFIG_DIR"),
)


@dataclass(frozen=True)
class RegistryHostRequest:
    """Note what the machine has for registries."""


@dataclass(frozen=True)
class RegistryHost:
    """Says that it was noted."""


@dataclass(frozen=True)
class ImageLockRequest:
    """Read the lock of images."""


@dataclass(frozen=True)
class ReadImageLock:
    """The lock, empty where there is no file yet."""

    lock: ImageLock
    path: str


@dataclass(frozen=True)
class PullBaseRequest:
    """One platform's image of an `image_base` in a registry."""

    address: Address
    platform: str


@dataclass(frozen=True)
class PulledBase:
    """The image as an OCI layout in the folder `layout`; `reference` as the target has it."""

    digest: Digest
    reference: str


@rule(desc="Note what the machine has for registries", level=LogLevel.DEBUG)
async def note_registry_host(
    _: RegistryHostRequest,
    local: LocalEnvironmentVars,
    options: MultiarchRegistrySubsystem,
) -> RegistryHost:
    note = {
        "environment": {name: local.variables[name] for name in _PASSED if name in local.variables},
        "insecure": list(options.insecure),
        "ca_file": options.ca_file,
    }
    what, text = "what the machine has for registries", json.dumps(note, sort_keys=True)
    await Get(Noted, HostNote(what, text, CACHE, ".registry", "host.json"))
    return RegistryHost()


@rule(level=LogLevel.DEBUG)
async def read_image_lock(
    _: ImageLockRequest, options: MultiarchRegistrySubsystem
) -> ReadImageLock:
    path = options.lock_file
    contents = await Get(DigestContents, PathGlobs([path]))
    if not contents:
        return ReadImageLock(ImageLock(), path)
    try:
        value = yaml.load(contents[0].content, Loader=bounded_loader())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise MultiarchError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    return ReadImageLock(ImageLock.parse(value, where=path), path)


def references(base: Target) -> dict[str, Reference]:
    """What an `image_base` has in registries: by platform, or under "" for all; empty for files."""
    one = base[ImageBaseReferenceField].value
    if one:
        return {"": Reference.parse(one)}
    many: Mapping[str, str] = base[ImageBaseReferencesField].value or {}
    return {str(Platform.parse(p)): Reference.parse(text) for p, text in many.items()}


def reference_for(base: Target, platform: Platform) -> Reference:
    """The reference of the image that a platform gets; raises MultiarchError with what there is."""
    found = references(base)
    for name in ("", *map(str, candidates(platform))):
        if name in found:
            return found[name]
    raise MultiarchError(
        f"{base.address}: the base has no image for `{platform}`; its `references` have "
        f"{', '.join(found)}."
    )


def tags(base: Target) -> tuple[Reference, ...]:
    """The references of an `image_base` that a lock has to pin."""
    return tuple(r for r in references(base).values() if not r.digest)


async def base_target(address: Address) -> Target:
    """An `image_base` by its address; a helper of rules."""
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(address, description_of_origin="`bases`")
    )
    return wrapped.target


@rule(desc="Pull a base", level=LogLevel.DEBUG)
async def pull_base(request: PullBaseRequest) -> PulledBase:
    base = await base_target(request.address)
    platform = Platform.parse(request.platform)
    reference = reference_for(base, platform)
    pinned = reference
    if not reference.digest:
        read = await Get(ReadImageLock, ImageLockRequest())
        where = f"{base.address}: `reference`"
        locked = read.lock.find(reference, where=where, update=UPDATE)
        digest = locked.choose(platform, where=f"{base.address}: {reference} in {read.path}")
        pinned = reference.pinned(digest)
    await Get(RegistryHost, RegistryHostRequest())
    value = {
        "reference": f"{pinned.name}@{pinned.digest}",
        "platform": request.platform,
        "host": HOST_FILE,
        "output": "layout",
    }
    tool = ToolProcess(
        "multiarch.tools.pull",
        request_json(value),
        f"Pull {reference} for {platform}",
        output_directories=("layout",),
        wheels=DOCKER_WHEELS,
        caches=CACHE,
        local=True,
    )
    result = await run_tool(tool)
    if result.exit_code != 0:
        problem = result.stderr.decode(errors="replace").strip()
        raise MultiarchError(f"{base.address}: {problem}")
    return PulledBase(result.output_digest, str(reference))


@dataclass(frozen=True)
class ImageLockTargetsRequest(SyntheticTargetsRequest):
    """The lock of images is a target without a line in a BUILD file."""

    path: str = SyntheticTargetsRequest.SINGLE_REQUEST_FOR_ALL_TARGETS


@rule(level=LogLevel.DEBUG)
async def image_lock_target(
    request: ImageLockTargetsRequest, options: MultiarchRegistrySubsystem
) -> SyntheticAddressMaps:
    found = await Get(Paths, PathGlobs([options.lock_file]))
    if not found.files:
        return SyntheticAddressMaps()
    folder, name = posixpath.split(options.lock_file)
    adaptor = TargetAdaptor(
        ImageLockTarget.alias,
        name="image-lock",
        source=name,
        __description_of_origin__="`[multiarch-registry] lock_file`",
    )
    return SyntheticAddressMaps.for_targets_request(
        request, [(posixpath.join(folder, "BUILD.image-lock"), (adaptor,))]
    )


@dataclass(frozen=True)
class ImageBaseDependenciesFieldSet(FieldSet):
    """Bases that a tag names depend on the lock."""

    required_fields = (ImageBaseDependenciesField, ImageBaseReferenceField)

    dependencies: ImageBaseDependenciesField


class InferImageBaseDependencies(InferDependenciesRequest):
    """Infer the lock of images, so that a change of it selects what stands on its bases."""

    infer_from = ImageBaseDependenciesFieldSet


@rule(level=LogLevel.DEBUG)
async def infer_image_base_dependencies(
    request: InferImageBaseDependencies, options: MultiarchRegistrySubsystem
) -> InferredDependencies:
    base = await base_target(request.field_set.address)
    if not tags(base):
        return InferredDependencies(())
    return InferredDependencies(await Get(Owners, OwnersRequest((options.lock_file,))))


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *ImageLockTargetsRequest.rules(),
        UnionRule(InferDependenciesRequest, InferImageBaseDependencies),
    )
