"""`[c-toolchain]`: which C compiler, C library and sysroot each platform has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pants.option.option_types import DictOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap

from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform, PlatformError

COMPILERS = ("zig", "gcc")
_T = TypeVar("_T")


class CToolchainSubsystem(Subsystem):
    """C compilers by platform."""

    options_scope = "c-toolchain"
    help = help_text(
        """
        The C compilers of binaries with cgo and of C programs. zig, from the Python package index,
        is pinned as Go is, and reaches most platforms. A GCC of the host is possible, and then
        its version is a part of every key.

        A platform in these options is written as in `platforms`: `linux/arm/v6`.
        """
    )

    zig_version = StrOption(default="0.17.1", help="The version of zig.")
    known_zig_wheels = DictOption["list[str]"](
        default={},
        help=softwrap(
            """
            The sha256 sums of the `ziglang` wheels of further versions, one per host platform:
            `{"0.17.2": ["SHA256", ...]}`.
            """
        ),
    )
    compilers = DictOption[str](
        default={},
        help=softwrap(
            """
            Platforms that have another compiler than zig: `{"linux/s390x": "gcc"}` takes the GCC of
            this machine.
            """
        ),
    )
    gcc_programs = DictOption[str](
        default={},
        help=softwrap(
            """
            The GCC of a platform, where it is not called as Debian calls it:
            `{"linux/s390x": "s390x-linux-gnu-gcc-12"}`. It is looked for in /usr/local/bin,
            /usr/bin and /bin.
            """
        ),
    )
    libc = DictOption[str](
        default={},
        help=softwrap(
            """
            The C library that zig links on a platform, `musl` or `glibc-2.N`:
            `{"linux/amd64": "glibc-2.28"}`. Default: musl for static files, glibc-2.31 for
            dynamic ones.
            """
        ),
    )
    cflags = DictOption["list[str]"](
        default={},
        help='Further flags for the C and C++ compiler on a platform: `{"linux/amd64": ["-O3"]}`.',
    )
    ldflags = DictOption["list[str]"](
        default={}, help='Further flags for the C linker on a platform: `{"linux/amd64": ["-lz"]}`.'
    )
    sysroots = DictOption[str](
        default={},
        help=softwrap(
            """
            A directory of the repository with headers and libraries for a platform, laid out as
            its root directory (`usr/include`, `usr/lib`): `{"linux/arm64": "sysroots/arm64"}`.
            `pkg-config` is used only with one.
            """
        ),
    )

    def of(self, option: Mapping[str, _T], name: str, platform: Platform, default: _T) -> _T:
        """What an option says of a platform; raises MultiarchError for what is no platform."""
        found: dict[Platform, _T] = {}
        for key, value in option.items():
            try:
                found[Platform.parse(key)] = value
            except PlatformError as error:
                raise MultiarchError(f"[c-toolchain].{name}: {error}") from None
        return found.get(platform, default)

    def compiler(self, platform: Platform) -> str:
        """The compiler of a platform, `zig` or `gcc`; raises MultiarchError for another word."""
        value = self.of(self.compilers, "compilers", platform, COMPILERS[0])
        if value not in COMPILERS:
            raise MultiarchError(
                f'[c-toolchain].compilers: "{platform}" has {value!r}; allowed are '
                f"{' and '.join(COMPILERS)}."
            )
        return value
