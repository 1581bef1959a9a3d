"""`[multiarch-publish]`: how `pants publish` and `pants promote` treat a registry."""

from __future__ import annotations

from pants.option.option_types import BoolOption, DictOption, StrListOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap


class MultiarchPublishSubsystem(Subsystem):
    """What is published where, and what has to be done before a tag moves."""

    options_scope = "multiarch-publish"
    help = help_text(
        """
        Publishing images and manifest lists (`pants publish`, `pants promote`).

        What a registry has is not sent again, and tags are set last: after everything before them
        was found there. `[multiarch-registry]` says how registries are spoken to.
        """
    )

    dry_run = BoolOption(
        default=False,
        help="Print what would be sent, mounted and tagged, and send nothing.",
    )
    movable_tags = StrListOption(
        default=["latest"],
        help=softwrap(
            """
            Tags that may be taken from another digest, as patterns (`latest`, `*-dev`). Any other
            tag that stands for another digest in the registry is an error, before anything is sent.
            The tag is meant as the target has it, also where an image's name puts more around it.
            """
        ),
    )
    redirect = DictOption[str](
        default={},
        help=softwrap(
            """
            Where to publish instead: `{"registry.example.com/team": "localhost:5000/try"}`. Each
            key is a registry, or the first parts of a repository; the longest that fits counts.
            """
        ),
    )
    sign_command = StrListOption(
        default=[],
        help=softwrap(
            """
            A command, such as `["cosign", "sign", "--yes", "{reference}"]`, that is called with
            each image and list (`REPOSITORY@DIGEST`) that gets a tag, when all of it is in the
            registry. When it fails, no tag moves.
            """
        ),
    )
