"""One platform's image as a result that other rules ask for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pants.build_graph.address import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import Digest
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import ProcessResultMetadata
from pants.engine.rules import Get
from pants.engine.target import Target, WrappedTarget, WrappedTargetRequest

from multiarch.core.platforms import Platform


@dataclass(frozen=True)
class BuildImageRequest(EngineAwareParameter):
    """One platform's image to assemble."""

    address: Address

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.address)


@dataclass(frozen=True)
class BuiltImage:
    """One platform's image: `image.tar`, an OCI layout that `docker load` takes, and `image.json`.

    `metadata` is the text of the latter, as `multiarch.tools.assemble` writes it. `skipped` says
    why there is no image: this machine has no engine for its RUN, or not its base.
    """

    address: Address
    platform: Platform
    digest: Digest
    metadata: str
    runs: tuple[ProcessResultMetadata, ...]
    skipped: str = ""

    @classmethod
    def left_out(cls, address: Address, platform: Platform, reason: str) -> BuiltImage:
        """No image, and why."""
        return cls(address, platform, EMPTY_DIGEST, "", (), reason)

    @property
    def descriptor(self) -> dict[str, Any]:
        """The manifest's descriptor: mediaType, digest, size, platform."""
        found: dict[str, Any] = json.loads(self.metadata)["descriptor"]
        return found

    @property
    def slug(self) -> str:
        """The platform for file names; with the version of windows, of which a list has several."""
        version = self.descriptor["platform"].get("os.version", "")
        return f"{self.platform.slug}-{version}" if version else self.platform.slug

    @property
    def size(self) -> int:
        """The compressed size of all its layers, in bytes."""
        return sum(int(layer["size"]) for layer in json.loads(self.metadata)["layers"])


async def image_target(address: Address) -> Target:
    """One of the targets that `multiarch_image` generates; a helper of rules."""
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(address, description_of_origin="`multiarch_image`")
    )
    return wrapped.target
