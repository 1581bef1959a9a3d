"""`[multiarch-release]`: what a release may be made of."""

from __future__ import annotations

from pants.option.option_types import BoolOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import softwrap


class MultiarchReleaseSubsystem(Subsystem):
    """What a release may be made of."""

    options_scope = "multiarch-release"
    help = "What a `release` may be made of."

    allow_dirty = BoolOption(
        default=False,
        help=softwrap(
            """
            Make and publish a release of a tree with changes that no commit has. It can then not
            be made again, and its version ends in `-dirty`.
            """
        ),
    )
