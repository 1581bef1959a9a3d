"""`[multiarch-image-test]`: whether images are tested."""

from __future__ import annotations

from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem


class MultiarchImageTestSubsystem(Subsystem):
    """Whether `test` tests images."""

    options_scope = "multiarch-image-test"
    name = "image_test"
    help = "The tests of images: `image_test` targets."

    skip = SkipOption("test")
