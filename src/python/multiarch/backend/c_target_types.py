"""Fields of every target that C is compiled for."""

from __future__ import annotations

from pants.engine.target import StringField, StringSequenceField
from pants.util.strutil import help_text


class BinaryPlatformField(StringField):
    """The platform of a generated binary, whatever its language."""

    alias = "platform"
    required = True
    help = "The platform of this binary."


class CCompilerField(StringField):
    """Which C compiler."""

    alias = "cc"
    help = help_text(
        """
        The C compiler: `zig`, or a GCC of this machine by its name (`aarch64-linux-gnu-gcc`).
        Default: `[c-toolchain].compilers` of the platform.
        """
    )


class CxxCompilerField(StringField):
    """Which C++ compiler."""

    alias = "cxx"
    help = help_text(
        """
        The C++ compiler of this machine, where `cc` is a GCC. Default: the one beside it, such as
        `aarch64-linux-gnu-g++`.
        """
    )


class CflagsField(StringSequenceField):
    """Compiler flags."""

    alias = "cflags"
    default = ()
    help = 'Further flags for the C and C++ compiler, one element each: `["-DNDEBUG"]`.'


class CLdflagsField(StringSequenceField):
    """Linker flags."""

    alias = "c_ldflags"
    default = ()
    help = 'Further flags for the C linker, one element each: `["-lm"]`.'


class LibcField(StringField):
    """Which C library."""

    alias = "libc"
    help = help_text(
        """
        The C library that zig links on linux: `musl`, or `glibc-2.N` with the oldest version to run
        on. Default: `[c-toolchain].libc` of the platform, else musl for static files and glibc-2.31
        for dynamic ones.
        """
    )
