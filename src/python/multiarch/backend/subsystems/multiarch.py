"""`[multiarch]`: the platforms this repository builds for, and the version it stamps."""

from __future__ import annotations

from enum import Enum
from typing import Any

from pants.option.option_types import DictOption, EnumOption, StrListOption, StrOption
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


class VersionSource(Enum):
    """Where the version comes from."""

    OPTION = "option"
    GIT = "git"
    FILE = "file"
    ENVIRONMENT = "environment"


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
    version_source = EnumOption(
        default=VersionSource.OPTION,
        help=softwrap(
            """
            Where the version comes from. `option`: from `version`. `git`: from the nearest tag
            below the commit, as Kubernetes makes it: `v1.36.0`, or `v1.36.0-alpha.1.12+HEX` behind
            it, and `-dirty` with changes. `file`: from `version_file`. `environment`: from the
            variables KUBE_GIT_VERSION, KUBE_GIT_COMMIT, KUBE_GIT_TREE_STATE and SOURCE_DATE_EPOCH.
            """
        ),
    )
    version = StrOption(
        default="0.0.0-dev",
        help=softwrap(
            """
            What `{version}` stands for in `x_defs`, image labels and manifest list tags, where
            `version_source` is `option`. Only links and images depend on it; no compile does.
            """
        ),
    )
    version_file = StrOption(
        default="VERSION",
        help=softwrap(
            """
            The file of `version_source = "file"`: the version alone, or lines such as
            `KUBE_GIT_VERSION='v1.36.0'` with the variables of `environment`.
            """
        ),
    )
    revision = StrOption(
        default="",
        help=softwrap(
            """
            The source revision stated in image annotations (`{revision}` in `x_defs`), in place
            of that of `version_source`.
            """
        ),
    )
    source_url = StrOption(
        default="", help="The address of the source repository, stated in image annotations."
    )
    source_date_epoch = StrOption(
        default="",
        help=softwrap(
            """
            Seconds since 1970 used for every timestamp in an image or release, for reproducible
            bytes. Default: the commit's, from `version_source`, and 0 where that has none.
            """
        ),
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
