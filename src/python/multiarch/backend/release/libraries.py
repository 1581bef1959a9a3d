"""The libraries that reach buckets: optional, pinned, and fetched when a release goes there.

Each set is a requirements file beside this module, with versions and hashes, that
`build-support/lock_requirements.py` makes.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.util_rules.pex import Pex, PexLayout, PexRequest
from pants.backend.python.util_rules.pex_environment import PythonExecutable
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.util.logging import LogLevel

from multiarch.backend.pins import WHEELS
from multiarch.backend.sandbox import (
    ToolSources,
    ToolSourcesRequest,
    Wheel,
    WheelRequest,
)

# Each library is a folder of its own, as two may have files of one name.
_START = (
    "import glob, runpy, sys; root = sys.argv[1]; "
    "sys.path[:0] = [root + '/.tools', *sorted(glob.glob(root + '/.libraries/*')), "
    "*glob.glob(root + '/.wheels')]; sys.argv[:] = sys.argv[2:]; "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True)
class LibrariesRequest:
    """The libraries of one requirements file: `fsspec`, `s3fs` or `gcsfs`."""

    name: str


@dataclass(frozen=True)
class Libraries:
    """Each library, unpacked, in a folder of its own."""

    digest: Digest


@dataclass(frozen=True)
class PublishToolRequest:
    """One of `multiarch.tools`, to run with the user's own environment and some libraries."""

    module: str
    request: str
    libraries: str
    files: Digest
    wheels: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishTool:
    """Its files, and its command line; `{chroot}` stands for where they are."""

    digest: Digest
    argv: tuple[str, ...]


@rule(desc="Fetch libraries for a release's place", level=LogLevel.DEBUG)
async def fetch_libraries(request: LibrariesRequest) -> Libraries:
    name = f"{request.name}-requirements.txt"
    text = pkgutil.get_data("multiarch.backend.release", name) or b""
    inputs = await Get(Digest, CreateDigest([FileContent("requirements.txt", text)]))
    pex = await Get(
        Pex,
        PexRequest(
            output_filename="libraries.pex",
            internal_only=True,
            layout=PexLayout.LOOSE,
            python=PythonExecutable(sys.executable, fingerprint=sys.version),
            additional_inputs=inputs,
            additional_args=("-r", "requirements.txt", "--intransitive"),
            description=f"Fetch {request.name} and what it needs from the package index",
        ),
    )
    found = await Get(Digest, DigestSubset(pex.digest, PathGlobs(["libraries.pex/.deps/**"])))
    return Libraries(await Get(Digest, RemovePrefix(found, "libraries.pex/.deps")))


@rule(level=LogLevel.DEBUG)
async def publish_tool(request: PublishToolRequest) -> PublishTool:
    sources, libraries, written, *wheels = await MultiGet(
        Get(ToolSources, ToolSourcesRequest(request.module)),
        Get(Libraries, LibrariesRequest(request.libraries)),
        Get(Digest, CreateDigest([FileContent("request.json", request.request.encode())])),
        *(Get(Wheel, WheelRequest(name, next(iter(WHEELS[name])))) for name in request.wheels),
    )
    merged = await Get(Digest, MergeDigests(wheel.digest for wheel in wheels))
    parts = await MultiGet(
        Get(Digest, AddPrefix(sources.digest, ".tools")),
        Get(Digest, AddPrefix(libraries.digest, ".libraries")),
        Get(Digest, AddPrefix(merged, ".wheels")),
    )
    digest = await Get(Digest, MergeDigests((*parts, written, request.files)))
    start = (sys.executable, "-ISB", "-c", _START, "{chroot}")
    return PublishTool(digest, (*start, request.module, "{chroot}/request.json"))


def rules() -> Iterable[object]:
    return collect_rules()
