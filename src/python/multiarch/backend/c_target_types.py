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
        The C compiler: `zig`, or a GCC of this machine by its name (`aarch64-linux-gnu-gcc`); the
        C++ compiler is the one beside it. Default: `[c-toolchain].compilers` of the platform.
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
