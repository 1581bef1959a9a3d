"""The `go_cross_binary` target and the per-platform targets it generates."""

from __future__ import annotations

from pants.core.util_rules.environments import EnvironmentField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    BoolField,
    Dependencies,
    DictStringToStringField,
    OverridesField,
    StringField,
    StringSequenceField,
    Target,
    TargetGenerator,
)
from pants.util.strutil import help_text

from multiarch.backend.c_target_types import (
    BinaryPlatformField,
    CCompilerField,
    CflagsField,
    CLdflagsField,
    CxxCompilerField,
    LibcField,
)
from multiarch.backend.command_line import NamedToRunField
from multiarch.core.golang.cgo import LINK_MODES


class GoBinaryMainField(StringField):
    """The directory of the main package."""

    alias = "main"
    help = help_text(
        """
        The directory of the main package, relative to the BUILD file: `main="cmd/hello"`.
        Default: the BUILD file's own directory.
        """
    )


class PlatformsField(StringSequenceField):
    """The platform matrix of a target."""

    alias = "platforms"
    help = help_text(
        """
        Platforms and sets of platforms to build for: `["@server", "windows/amd64",
        "linux/arm/v6"]`. Default: `[multiarch].default_platforms`.
        """
    )


class ExcludeField(StringSequenceField):
    """Platforms taken out of the matrix."""

    alias = "exclude"
    help = help_text(
        """
        Platforms and sets to leave out again: `exclude=["linux/s390x"]`. A platform that is not
        in `platforms` is an error, so that a stale exclude is noticed.
        """
    )


class PlatformOverridesField(OverridesField):
    """Fields that differ on some platforms."""

    help = help_text(
        """
        Other field values on some platforms:
        `overrides={"linux/arm/v6": {"build_tags": ["lite"]}}`. A key may be a tuple of platforms.
        """
    )


class BuildTagsField(StringSequenceField):
    """Go build tags."""

    alias = "build_tags"
    default = ()
    help = "Go build tags, as in `go build -tags`."


class LdflagsField(StringSequenceField):
    """Linker flags."""

    alias = "ldflags"
    default = ()
    help = help_text(
        """
        Flags for Go's linker, one element each: `["-s", "-w"]`. For `-X`, use `x_defs`.
        """
    )


class GcflagsField(StringSequenceField):
    """Compiler flags."""

    alias = "gcflags"
    default = ()
    help = help_text(
        """
        Flags for Go's compiler, for the main package alone, as with `go build -gcflags`. With
        `all=` as the first element's beginning they are for every package, std included:
        `["all=-N", "-l"]`.
        """
    )


class XDefsField(DictStringToStringField):
    """String variables set by the linker."""

    alias = "x_defs"
    help = help_text(
        """
        String variables that the linker sets: `{"main.version": "{version}"}`. In braces stand
        `version`, `revision`, and what Kubernetes stamps: `gitVersion`, `gitCommit`,
        `gitTreeState`, `gitMajor`, `gitMinor`, `buildDate`. These six together are
        `"k8s.io/component-base/version.*": "{kubernetes}"`. They come from `[multiarch]
        version_source` and reach the link alone: another version recompiles nothing, and a
        binary that names none of them does not depend on it.
        """
    )


class CgoField(StringField):
    """Whether the binary may use cgo."""

    alias = "cgo"
    default = "off"
    valid_choices = ("off", "static", "dynamic")
    help = help_text(
        """
        `off`: a pure Go program, which needs no C compiler for any platform. A package that
        cannot do without cgo is an error that names who imports it.

        `static`: with C code, and a file that needs nothing but the system. `dynamic`: with C code,
        and a file that needs the C library where it runs. Both compile C with `[c-toolchain]`.
        """
    )


class RaceField(BoolField):
    """Whether the race detector is built in."""

    alias = "race"
    default = False
    help = 'Build with Go\'s race detector, as `go build -race`. It needs `cgo="dynamic"`.'


class LinkModeField(StringField):
    """What kind of file is linked."""

    alias = "linkmode"
    default = "exe"
    valid_choices = LINK_MODES
    help = help_text(
        """
        What to make of the main package, as `go build -buildmode`: `exe`, a program; `pie`, a
        position-independent one; `c-shared` and `c-archive`, a library for C programs, with its
        header. All but `exe` need `cgo`.
        """
    )


class GoBinaryDependenciesField(Dependencies):
    """Dependencies of one platform's binary, found by `go list`."""


class GoPlatformField(StringField):
    """The platform of a generated target of Go, a binary or a test."""

    alias = "platform"
    required = True
    help = "The platform of this target."


class GoBinaryPlatformField(GoPlatformField, BinaryPlatformField):
    """The platform of a generated target."""

    help = "The platform of this binary; set by `go_cross_binary`."


class GoCrossBinaryPlatformTarget(Target):
    """The binary of one platform, generated by `go_cross_binary`."""

    alias = "go_cross_binary_platform"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        GoBinaryMainField,
        GoBinaryPlatformField,
        BuildTagsField,
        LdflagsField,
        GcflagsField,
        XDefsField,
        CgoField,
        RaceField,
        LinkModeField,
        CCompilerField,
        CxxCompilerField,
        CflagsField,
        CLdflagsField,
        LibcField,
        GoBinaryDependenciesField,
        EnvironmentField,
    )
    help = "A Go program for one platform. Generated by `go_cross_binary`: `:hello#linux/arm64`."


class NamedGoCrossBinaryPlatformTarget(GoCrossBinaryPlatformTarget):
    """The same binary, while `pants run` runs it by its own address: it may be a foreign one."""

    core_fields = (*GoCrossBinaryPlatformTarget.core_fields, NamedToRunField)  # type: ignore[assignment]


class GoCrossBinaryTarget(TargetGenerator):
    """One Go program for every platform of its matrix."""

    alias = "go_cross_binary"
    generated_target_cls = GoCrossBinaryPlatformTarget
    core_fields = (
        *COMMON_TARGET_FIELDS,
        PlatformsField,
        ExcludeField,
        PlatformOverridesField,
    )
    copied_fields = COMMON_TARGET_FIELDS
    moved_fields = (
        GoBinaryMainField,
        BuildTagsField,
        LdflagsField,
        GcflagsField,
        XDefsField,
        CgoField,
        RaceField,
        LinkModeField,
        CCompilerField,
        CxxCompilerField,
        CflagsField,
        CLdflagsField,
        LibcField,
        GoBinaryDependenciesField,
        EnvironmentField,
    )
    help = help_text(
        """
        A Go program, built for every platform of its matrix.

        Generates one target per platform, which can be named alone: `:hello#linux/arm64`.
        Packaged to `dist/DIR/NAME/OS/ARCH[/VARIANT]/NAME`, and `NAME.exe` for windows. The nearest
        `go_module` above the main package's directory says which module it is part of.
        """
    )
