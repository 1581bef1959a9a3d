"""Names of images where a registry has no manifest lists: `NAME-ARCH:TAG`, as Kubernetes has them.

A test that runs in a cluster picks the image of its platform by such a name. The Go example has
the same in `about.Build.Image`.
"""

from __future__ import annotations

from dataclasses import replace

from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform


def arch_suffix(platform: Platform) -> str:
    """What stands for a platform in a name; a default variant and linux are left out.

    >>> [arch_suffix(Platform.parse(p)) for p in ("linux/arm64", "linux/arm/v7", "linux/arm/v6")]
    ['arm64', 'arm', 'armv6']
    >>> arch_suffix(Platform.parse("windows/amd64"))
    'windows-amd64'
    """
    default = Platform.parse(f"{platform.os}/{platform.arch}").variant
    variant = "" if platform.variant == default else platform.variant or ""
    system = "" if platform.os == "linux" else f"{platform.os}-"
    return f"{system}{platform.arch}{variant}"


def arch_reference(reference: Reference, platform: Platform) -> Reference:
    """The image of one platform where the list of that name would be; it has no digest.

    >>> pause = Reference.parse("registry.example.com/fleet/pause:1.2")
    >>> str(arch_reference(pause, Platform.parse("linux/s390x")))
    'registry.example.com/fleet/pause-s390x:1.2'
    """
    repository = f"{reference.repository}-{arch_suffix(platform)}"
    return replace(reference, repository=repository, digest="")
