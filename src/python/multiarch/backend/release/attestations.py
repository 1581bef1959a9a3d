"""The attestations of a manifest list, made once for a version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.engine.fs import AddPrefix, Digest, DigestSubset, MergeDigests, PathGlobs, RemovePrefix
from pants.engine.process import Process, ProcessResult
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.manifest_list.rules import BuildManifestListRequest, BuiltManifestList
from multiarch.backend.platforms import SupportToday
from multiarch.backend.release.parts import ImageContents, ImageContentsRequest
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.backend.subsystems.multiarch_release import MultiarchReleaseSubsystem
from multiarch.backend.version import SourceVersionRequest
from multiarch.core.release.layout import image_name
from multiarch.core.version import SourceVersion


@dataclass(frozen=True)
class AttestationsRequest:
    """The list that the attestations are about, and the names that it is published by."""

    address: Address
    names: tuple[str, ...]


@dataclass(frozen=True)
class Attestations:
    """`blobs/` and `attestations.json`, as `multiarch.tools.attestations` writes them."""

    digest: Digest


@rule(level=LogLevel.DEBUG)
async def make_attestations(
    request: AttestationsRequest,
    today: SupportToday,
    multiarch: MultiarchSubsystem,
    options: MultiarchReleaseSubsystem,
) -> Attestations:
    address = request.address
    built, version = await MultiGet(
        Get(BuiltManifestList, BuildManifestListRequest(address)),
        Get(SourceVersion, SourceVersionRequest()),
    )
    contents = await MultiGet(
        Get(ImageContents, ImageContentsRequest(i.address, i.digest)) for i in built.images
    )
    index, *placed = await MultiGet(
        Get(Digest, DigestSubset(built.digest, PathGlobs(["layout/index.json"]))),
        *(Get(Digest, AddPrefix(c.digest, f"images/{n}")) for n, c in enumerate(contents)),
    )
    name = image_name(address.spec_path, address.target_name)
    value = {
        "target": str(address),
        "version": version.version,
        "revision": version.revision,
        "tree_state": version.tree_state,
        "seconds": version.seconds,
        "source_url": multiarch.source_url,
        "builder": options.builder_id,
        "names": list(request.names),
        "index": "layout/index.json",
        "images": [
            {
                "descriptor": image.descriptor,
                "size": image.size,
                "support": today.support.level(image.platform).value,
                "name": f"{name}-{image.slug}",
                "components": f"images/{number}/contents.json",
            }
            for number, image in enumerate(built.images)
        ],
        "output": "out",
    }
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.attestations",
            request_json(value),
            f"Attest what {address} is made of",
            input_digest=await Get(Digest, MergeDigests((index, *placed))),
            output_directories=("out",),
        ),
    )
    result = await Get(ProcessResult, Process, process)
    return Attestations(await Get(Digest, RemovePrefix(result.output_digest, "out")))


def rules() -> Iterable[object]:
    return collect_rules()
