"""The `multiarch_image` and `image_base` targets, and the per-platform images."""

from __future__ import annotations

from collections.abc import Callable

from pants.build_graph.address import Address
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.fs import GlobMatchErrorBehavior
from pants.engine.target import (
    COMMON_TARGET_FIELDS,
    Dependencies,
    DictStringToStringField,
    InvalidFieldException,
    InvalidTargetException,
    MultipleSourcesField,
    OptionalSingleSourceField,
    SingleSourceField,
    SpecialCasedDependencies,
    StringField,
    StringSequenceField,
    Target,
    TargetGenerator,
)
from pants.util.frozendict import FrozenDict
from pants.util.strutil import help_text

from multiarch.backend.command_line import NamedToRunField
from multiarch.backend.go_cross_binary.target_types import ExcludeField, PlatformsField
from multiarch.backend.lint.target_types import (
    SkipDockerfileTrapsField,
    SkipHardCodedPlatformsField,
)
from multiarch.core.errors import MultiarchError
from multiarch.core.oci.names import DEFAULT_IMAGE_NAMES
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform


class ImageBaseSourcesField(MultipleSourcesField):
    """The files of an OCI layout folder, or one tar."""

    alias = "sources"
    help = help_text(
        """
        An OCI layout in the repository: the files of its folder (`sources=["base/**"]`), or one
        tar of it (`sources=["base.tar"]`).
        """
    )


class ImageBaseReferenceField(StringField):
    """An image of a registry, for every platform that it has."""

    alias = "reference"
    help = help_text(
        """
        An image in a registry: `registry.example.com/debian@sha256:...`, or a tag
        (`registry.example.com/debian:12`) that the lock of images pins
        (`[multiarch-registry] lock_file`, written by `pants update-image-lock`).
        """
    )

    @classmethod
    def compute_value(cls, raw_value: str | None, address: Address) -> str | None:
        value = super().compute_value(raw_value, address)
        if value is not None:
            _check(Reference.parse, value, address, cls.alias)
        return value


class ImageBaseReferencesField(DictStringToStringField):
    """Images of registries, one per platform."""

    alias = "references"
    help = help_text(
        """
        Images in registries, where each platform has one of its own:
        `{"linux/arm/v7": "registry.example.com/arm32v7/busybox:1.36"}`.
        """
    )

    @classmethod
    def compute_value(
        cls, raw_value: dict[str, str] | None, address: Address
    ) -> FrozenDict[str, str] | None:
        value = super().compute_value(raw_value, address)
        for platform, reference in (value or {}).items():
            _check(Platform.parse, platform, address, cls.alias)
            _check(Reference.parse, reference, address, cls.alias)
        return value


def _check(parse: Callable[[str], object], text: str, address: Address, alias: str) -> None:
    try:
        parse(text)
    except MultiarchError as error:
        raise InvalidFieldException(f"{address}: `{alias}`: {error}") from error


class ImageBaseDependenciesField(Dependencies):
    """What a base depends on: the lock of images, for a tag."""


class ImageBaseHintField(StringField):
    """How to get the files where they are not committed."""

    alias = "missing_hint"
    help = help_text(
        """
        For a base whose files are made on the machine: what to run to make them. Where they are
        missing, the images on it are left out with this hint, as where an engine is missing
        (`[multiarch-engine] missing_engine`). Without it, missing files are an error.
        """
    )


class ImageBaseTarget(Target):
    """An image to build on."""

    alias = "image_base"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ImageBaseReferenceField,
        ImageBaseReferencesField,
        ImageBaseSourcesField,
        ImageBaseHintField,
        ImageBaseDependenciesField,
    )
    help = help_text(
        """
        An image that other images are built `FROM`: in a registry, or an OCI layout folder or tar
        in the repository. It has exactly one of `reference`, `references` and `sources`.

        A Dockerfile names it by its target name (`FROM base`), where `bases=[":base"]` says which
        target that is; or by its reference. Its layers are used as they are, byte for byte.
        """
    )

    def validate(self) -> None:
        """It has exactly one origin."""
        kinds = (ImageBaseReferenceField, ImageBaseReferencesField, ImageBaseSourcesField)
        given = [f"`{kind.alias}`" for kind in kinds if self[kind].value]
        if len(given) != 1:
            raise InvalidTargetException(
                f"{self.address}: an `image_base` takes exactly one of `reference` (an image in a "
                "registry), `references` (one per platform) and `sources` (an OCI layout in the "
                f"repository); it has {' and '.join(given) or 'none of them'}."
            )
        if self[ImageBaseHintField].value and not self[ImageBaseSourcesField].value:
            raise InvalidTargetException(
                f"{self.address}: `missing_hint` says how to make the files of `sources`, and "
                f"there are none: it has {given[0]}. Remove it."
            )


class ImageLockSourceField(SingleSourceField):
    """The lock's file."""

    help = "The lock of images."


class ImageLockTarget(Target):
    """The lock of images, which needs no line in a BUILD file."""

    alias = "_image_lock"
    core_fields = (*COMMON_TARGET_FIELDS, ImageLockSourceField, Dependencies)
    help = "The lock of images (`[multiarch-registry] lock_file`)."


class ImageDockerfileField(OptionalSingleSourceField):
    """The Dockerfile."""

    alias = "source"
    default = "Dockerfile"
    # An image with `instructions` has no file. Who needs one says so itself.
    default_glob_match_error_behavior = GlobMatchErrorBehavior.ignore
    help = "The Dockerfile, relative to the BUILD file, whose directory is the build context."


class ImageInstructionsField(StringSequenceField):
    """A Dockerfile written in the BUILD file."""

    alias = "instructions"
    help = help_text(
        """
        The lines of a Dockerfile, instead of `source`:
        `["FROM scratch", "COPY bin/hello /hello", 'ENTRYPOINT ["/hello"]']`.
        """
    )


class ImageBinariesField(SpecialCasedDependencies):
    """Binaries that the image's context holds."""

    alias = "binaries"
    help = help_text(
        """
        `go_cross_binary` targets. Each platform's own binary is in that platform's context as
        `bin/NAME` (`bin/NAME.exe` for windows).
        """
    )


class ImageBasesField(SpecialCasedDependencies):
    """Bases that the Dockerfile names."""

    alias = "bases"
    help = help_text(
        """
        What the Dockerfile's FROM lines name by target name: `image_base` targets, or other
        `multiarch_image` targets, whose image of the same platform is then the base.
        """
    )


class ImageBuildArgsField(DictStringToStringField):
    """Values of the Dockerfile's ARGs."""

    alias = "build_args"
    help = help_text(
        """
        Values for the Dockerfile's `ARG`s: `{"PORT": "8080"}`. `{version}` and `{revision}` stand
        for the options of `[multiarch]`.
        """
    )


class ImageTargetStageField(StringField):
    """The stage to build."""

    alias = "target_stage"
    help = "The stage of the Dockerfile to build; default: the last."


class ImageCapabilitiesField(DictStringToStringField):
    """File capabilities."""

    alias = "capabilities"
    help = help_text(
        """
        File capabilities, in the words of `setcap`: `{"/server": "cap_net_bind_service=ep"}` lets
        the server bind to port 80 as an ordinary user. Written into a layer, without an engine.
        """
    )


class ImageLabelsField(DictStringToStringField):
    """Labels of the image's config."""

    alias = "labels"
    help = "Labels to add to those of the Dockerfile. `{version}` and `{revision}` are filled in."


class ImageFormatField(StringField):
    """The manifest's format."""

    alias = "format"
    default = "oci"
    valid_choices = ("oci", "docker")
    help = help_text(
        """
        `oci`: an OCI image manifest. `docker`: a Docker image manifest, version 2, schema 2, for
        a `manifest_list` of the same format.
        """
    )


class ImageDependenciesField(Dependencies):
    """Files of the build context."""

    help = help_text(
        """
        Targets whose files the Dockerfile copies, such as `files(name="config", ...)`. A file
        below the BUILD file's directory has its path relative to that directory; any other file
        has its path in the repository.
        """
    )


class ImageRepositoryField(StringField):
    """Where `publish` puts the images of a `multiarch_image`."""

    alias = "repository"
    help = help_text(
        """
        The repository that `pants publish` names the images after, such as
        `registry.example.com/team/hello`. Not needed for images of a `manifest_list`, which
        publishes them itself. Without it, the images are not published.
        """
    )


class ImageTagsField(StringSequenceField):
    """The tags of the images in their registry."""

    alias = "image_tags"
    default = ("{version}",)
    help = help_text(
        """
        The tags that `pants publish` gives the images, with `repository`. `{version}` and
        `{revision}` are filled in, and `+` becomes `_`.
        """
    )


class ImageNamesField(StringField):
    """The names of each platform's image in a registry."""

    alias = "image_names"
    default = DEFAULT_IMAGE_NAMES
    help = help_text(
        """
        What each platform's image is called in the registry: `{repository}-{arch}:{tag}`, or
        `{repository}:{tag}-{arch}`, or `""` for no name but the digest. `{arch}` is such as
        `arm64`, `armv6`, `amd64v3` or `windows-amd64-10.0.17763.6414`: no two images have the same.
        """
    )


class ImagePlatformField(StringField):
    """The platform of a generated image."""

    alias = "platform"
    required = True
    help = "The platform of this image; set by `multiarch_image`."


class MultiarchImagePlatformTarget(Target):
    """The image of one platform, generated by `multiarch_image`."""

    alias = "multiarch_image_platform"
    core_fields = (
        *COMMON_TARGET_FIELDS,
        ImageDockerfileField,
        ImageInstructionsField,
        ImageBinariesField,
        ImageBasesField,
        ImageBuildArgsField,
        ImageTargetStageField,
        ImageLabelsField,
        ImageCapabilitiesField,
        ImageFormatField,
        ImageDependenciesField,
        ImageRepositoryField,
        ImageTagsField,
        ImageNamesField,
        ImagePlatformField,
        SkipHardCodedPlatformsField,
        SkipDockerfileTrapsField,
        EnvironmentField,
    )
    help = "An image of one platform. Generated by `multiarch_image`: `:image#linux/arm64`."


class NamedImagePlatformTarget(Target):
    """The same image, while `pants run` runs it by its own address: it may be a foreign one."""

    alias = MultiarchImagePlatformTarget.alias
    core_fields = (*MultiarchImagePlatformTarget.core_fields, NamedToRunField)
    help = MultiarchImagePlatformTarget.help


class MultiarchImageTarget(TargetGenerator):
    """One image per platform."""

    alias = "multiarch_image"
    generated_target_cls = MultiarchImagePlatformTarget
    core_fields = (*COMMON_TARGET_FIELDS, PlatformsField, ExcludeField)
    copied_fields = COMMON_TARGET_FIELDS
    moved_fields = (
        ImageDockerfileField,
        ImageInstructionsField,
        ImageBinariesField,
        ImageBasesField,
        ImageBuildArgsField,
        ImageTargetStageField,
        ImageLabelsField,
        ImageCapabilitiesField,
        ImageFormatField,
        ImageDependenciesField,
        ImageRepositoryField,
        ImageTagsField,
        ImageNamesField,
        SkipHardCodedPlatformsField,
        SkipDockerfileTrapsField,
        EnvironmentField,
    )
    help = help_text(
        """
        One image per platform, from one Dockerfile.

        A Dockerfile without RUN is assembled for every platform on any machine: no engine, no
        emulator, and the same bytes each time. RUN is executed by buildah or Docker, under QEMU
        for a foreign platform (`[multiarch-engine]`). `platforms` defaults to those that all
        `binaries` share. Packaged to `dist/DIR/NAME/OS/ARCH[/VARIANT]/NAME.tar`: one tar that is
        an OCI layout and that `docker load` takes.
        """
    )
