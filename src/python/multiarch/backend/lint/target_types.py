"""The `skip_` fields of the linters."""

from __future__ import annotations

from pants.engine.target import BoolField


class SkipHardCodedPlatformsField(BoolField):
    """Whether the files of a target may name one platform."""

    alias = "skip_hard_coded_platforms"
    default = False
    help = "Do not look for hard-coded platforms in the files of this target."


class SkipDockerfileTrapsField(BoolField):
    """Whether the Dockerfile of an image is left alone."""

    alias = "skip_dockerfile_traps"
    default = False
    help = "Do not look for cross-platform traps in the Dockerfile of this image."


class SkipAtomicAlignmentField(BoolField):
    """Whether the packages of a module are left alone."""

    alias = "skip_atomic_alignment"
    default = False
    help = "Do not check the alignment of 64-bit atomics in the programs of this module."
