"""The `manifest_list` target."""

from __future__ import annotations

from pants.core.util_rules.environments import EnvironmentField
from pants.engine.target import (
    BoolField,
    Dependencies,
    DescriptionField,
    DictStringToStringField,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
)
from pants.util.strutil import help_text

from multiarch.backend.image.target_types import ImageNamesField


class ManifestListImagesField(SpecialCasedDependencies):
    """The images of the list."""

    alias = "images"
    required = True
    help = help_text(
        """
        `multiarch_image` targets: all platforms of each, or single ones (`":image#linux/arm64"`).
        Each platform may come from one of them only.
        """
    )


class RepositoryField(StringField):
    """The repository that the tags are in."""

    alias = "repository"
    help = help_text(
        """
        The repository of the list's name, such as `registry.example.com/team/hello`, to which
        `pants publish` publishes the list and its images. Without it, they are not published.
        """
    )


class ListTagsField(StringSequenceField):
    """The tags of the list; it takes the place of Pants' own `tags`, which only label a target."""

    alias = "tags"
    default = ("{version}",)
    help = help_text(
        """
        The tags of the list in its repository. `{version}` and `{revision}` are filled in, and
        `+` becomes `_`, which a tag may hold. (Not Pants' `tags`: this target has none.)
        """
    )


class AnnotationsField(DictStringToStringField):
    """Annotations of the index."""

    alias = "annotations"
    help = "OCI annotations of the index. `{version}` and `{revision}` are filled in."


class ManifestListFormatField(StringField):
    """The list's format."""

    alias = "format"
    default = "oci"
    valid_choices = ("oci", "docker")
    help = help_text(
        """
        `oci`: an OCI image index. `docker`: a Docker manifest list, whose images must have
        `format="docker"` too.
        """
    )


class AttestationsField(BoolField):
    """Whether a list is published with attestations."""

    alias = "attestations"
    default = False
    help = help_text(
        """
        Whether `pants publish` attaches to each image its SPDX 2.3 bill of materials, and to each
        image and the list their SLSA v1 provenance. They are OCI artifacts that refer to a digest,
        which stays the same; they are there before any tag is set. None of them is signed.
        """
    )


class ManifestListDependenciesField(Dependencies):
    """The images of a list, inferred from `images`."""


class ManifestListTarget(Target):
    """One name for the images of all platforms."""

    alias = "manifest_list"
    core_fields = (
        DescriptionField,
        ManifestListImagesField,
        RepositoryField,
        ListTagsField,
        ImageNamesField,
        AnnotationsField,
        ManifestListFormatField,
        AttestationsField,
        ManifestListDependenciesField,
        EnvironmentField,
    )
    help = help_text(
        """
        An image index over the images of several platforms: who pulls its name gets the image
        of their own platform.

        Packaged to `dist/DIR/NAME/`: `NAME.oci/` is an OCI layout that holds the index and all
        its images, and `NAME-OS-ARCH[-VARIANT].tar` what `docker load` takes for each platform.
        """
    )
