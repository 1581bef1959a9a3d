"""The `release` and `release_archive` targets."""

from __future__ import annotations

from pants.core.util_rules.environments import EnvironmentField
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from multiarch.core.release.publication import MARKERS


class ReleaseMembersField(SpecialCasedDependencies):
    """What a release holds."""

    alias = "members"
    required = True
    help = help_text(
        """
        What the release holds: `go_cross_binary` and `c_cross_binary` targets, as
        `bin/OS/ARCH[/VARIANT]/NAME`; `release_archive` targets; `multiarch_image` targets, as
        `images/OS/ARCH[/VARIANT]/NAME.tar` for `docker load`; `manifest_list` targets, by their
        digests; and `file` and `files` targets, under their names. All platforms of each, or
        single ones (`":hello#linux/arm64"`).
        """
    )


class ReleaseDestinationsField(StringSequenceField):
    """Where a release is published."""

    alias = "destinations"
    default = ()
    help = help_text(
        """
        Where `pants publish` puts the release: an absolute path, `file:///...`,
        `s3://BUCKET/...` or `gs://BUCKET/...`. The files go below `VERSION/` there, and the markers
        beside it. Credentials and settings are those of the user's environment.
        """
    )


class ReleaseMarkersField(StringSequenceField):
    """The markers that a release moves."""

    alias = "markers"
    default = MARKERS
    help = help_text(
        """
        The markers that publishing moves, forward only and last: `stable` (by releases without
        pre-release alone) and `latest` (by every version). Each is three files, such as
        `stable.txt`, `stable-1.txt` and `stable-1.36.txt`, which hold the version. `[]`: none.
        """
    )


class ReleaseDependenciesField(Dependencies):
    """The members of a release, inferred from `members`."""


class ReleaseTarget(Target):
    """Everything that one version consists of."""

    alias = "release"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ReleaseMembersField,
        ReleaseDestinationsField,
        ReleaseMarkersField,
        ReleaseDependenciesField,
        EnvironmentField,
    )
    help = help_text(
        """
        A release: files for every platform, `SHA256SUMS` and `SHA512SUMS`, an SPDX bill of
        materials for each artefact, SLSA provenance, and `release.yaml`, which names every
        artefact, and every platform that it lacks with the reason.

        Packaged to `dist/DIR/NAME/VERSION/`. The same commit gives the same bytes. The version
        is that of `[multiarch] version_source`.
        """
    )


class ArchiveMembersField(SpecialCasedDependencies):
    """What an archive holds."""

    alias = "members"
    required = True
    help = help_text(
        """
        `go_cross_binary` and `c_cross_binary` targets, and `file` and `files` targets, which are in
        the archive of every platform. There is an archive for each platform that a binary has.
        """
    )


class ArchiveRootField(StringField):
    """The one folder at the top of an archive."""

    alias = "root"
    help = "The one folder at the top of the archive. Default: the target's name."


class ArchiveDirectoryField(StringField):
    """Where binaries are in an archive."""

    alias = "directory"
    default = ""
    help = "Where binaries are below `root`, such as `client/bin`. Default: in `root` itself."


class ArchiveDependenciesField(Dependencies):
    """The members of an archive, inferred from `members`."""


class ReleaseArchiveTarget(Target):
    """An archive per platform, as a part of a release."""

    alias = "release_archive"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ArchiveMembersField,
        ArchiveRootField,
        ArchiveDirectoryField,
        ArchiveDependenciesField,
    )
    help = help_text(
        """
        An archive of binaries and other files per platform, for the `members` of a `release`:
        `NAME-OS-ARCH[-VARIANT].tar.gz`, and `.zip` for windows. Times, owners and modes are fixed.
        """
    )
