"""`[multiarch-release]`: what a release may be made of, who makes it and who signs it."""

from __future__ import annotations

from pants.option.option_types import BoolOption, StrListOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import softwrap


class MultiarchReleaseSubsystem(Subsystem):
    """What a release may be made of, who makes it and who signs it."""

    options_scope = "multiarch-release"
    help = "What a `release` may be made of, who makes it and who signs it."

    allow_dirty = BoolOption(
        default=False,
        help=softwrap(
            """
            Make and publish a release of a tree with changes that no commit has. It can then not
            be made again, and its version ends in `-dirty`.
            """
        ),
    )
    builder_id = StrOption(
        default="urn:pants-multiarch:builder:local",
        help=softwrap(
            """
            The URI that provenance names as the builder, in a release and beside images: the CI
            system that may make releases.
            """
        ),
    )
    sign_command = StrListOption(
        default=[],
        help=softwrap(
            """
            A command, such as `["gpg", "--batch", "--armor", "--output", "{signature}",
            "--detach-sign", "{file}"]`, that signs `SHA256SUMS` of a release which is published:
            `{file}`. It has to write the signature to `{signature}`. The signature is sent as
            `SHA256SUMS.sig`. When the command fails, nothing is sent.
            """
        ),
    )
    verify_command = StrListOption(
        default=[],
        help=softwrap(
            """
            A command, such as `["gpg", "--batch", "--verify", "{signature}", "{file}"]`, that
            `verify-release` calls with `SHA256SUMS` and its signature. When it fails, or a release
            has no signature, the release is not what it should be.
            """
        ),
    )
