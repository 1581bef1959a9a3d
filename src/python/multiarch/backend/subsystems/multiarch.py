"""`[multiarch]`: the platforms this repository builds for, and the version it stamps."""

from __future__ import annotations

from typing import Any

from pants.option.option_types import DictOption, StrListOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap

DEFAULT_PLATFORMS = (
    "linux/amd64",
    "linux/arm/v6",
    "linux/arm/v7",
    "linux/arm64",
    "linux/ppc64le",
    "linux/s390x",
    "linux/riscv64",
)


class MultiarchSubsystem(Subsystem):
    """The repository's platform matrix."""

    options_scope = "multiarch"
    help = help_text(
        """
        Platforms of Go binaries, images and manifest lists.

        A platform is `os/arch` or `os/arch/variant`: `linux/amd64`, `linux/arm/v6`,
        `linux/amd64/v3`. A set is a name for several of them; targets refer to it as `@name`.
        """
    )

    default_platforms = StrListOption(
        default=list(DEFAULT_PLATFORMS),
        help=softwrap(
            """
            The platforms of every target that has no `platforms` field of its own.
            May name sets (`@server`).
            """
        ),
    )
    sets = DictOption["list[str]"](
        default={},
        help=softwrap(
            """
            Named sets of platforms, such as
            `{"server": ["linux/amd64", "linux/arm64"], "client": ["darwin/arm64"]}`.
            Targets use them as `platforms=["@server", "windows/amd64"]`.
            """
        ),
    )
    support = DictOption[str](
        default={},
        help=softwrap(
            """
            The support level of platforms: `{"linux/riscv64": "experimental"}`. A failure on a
            `supported` platform (the default) fails the run. One on an `experimental` platform is
            reported, and the run goes on without it.
            """
        ),
    )
    deactivated = DictOption[Any](
        default={},
        help=softwrap(
            """
            Platforms that are skipped everywhere for a time, each with the issue that tracks it:
            `{"linux/ppc64le": {"issue": "https://...", "until": "2030-01-31"}}`. Once that day
            has passed, the entry is an error.
            """
        ),
    )
    platform_files = StrListOption(
        default=[],
        help=softwrap(
            """
            YAML files of the repository with the tables `sets`, `support` and `deactivated`, in
            the form of the options of these names. What a file defines may stand nowhere else.
            """
        ),
    )
    version = StrOption(
        default="0.0.0-dev",
        help=softwrap(
            """
            What `{version}` stands for in `x_defs`, image labels and manifest list tags.
            Only links and images depend on it; no compile does.
            """
        ),
    )
    revision = StrOption(
        default="",
        help="The source revision stated in image annotations (`{revision}` in `x_defs`).",
    )
    source_url = StrOption(
        default="", help="The address of the source repository, stated in image annotations."
    )
    source_date_epoch = StrOption(
        default="0",
        help="Seconds since 1970 used for every timestamp in an image, for reproducible bytes.",
    )
    report_file = StrOption(
        default="",
        help=softwrap(
            """
            Where `package`, `check` and `test` write a page about the run: targets by platforms
            with state, time, size and digest, the log of each failure, and a time line
            (`"dist/multiarch.html"`). Sizes are compared with the page that is there. Empty
            means no page.
            """
        ),
    )
    goproxy = StrOption(
        default="",
        help=softwrap(
            """
            Where third-party modules that are not vendored come from, in the syntax of Go's
            GOPROXY (`file:///path`, `https://...`). Empty means Go's own default. Every module
            is verified against go.sum, wherever it comes from.
            """
        ),
    )

    @property
    def stamps(self) -> dict[str, str]:
        """What may stand in braces in a stamped value."""
        return {"version": self.version, "revision": self.revision}
