"""`[multiarch-go-test]`: whether and how Go tests are run."""

from __future__ import annotations

from pants.option.option_types import ArgsListOption, SkipOption
from pants.option.subsystem import Subsystem


class MultiarchGoTestSubsystem(Subsystem):
    """Whether `test` runs Go tests, and their arguments."""

    options_scope = "multiarch-go-test"
    name = "go_cross_test"
    help = "Go tests on every platform: `go_cross_test` targets."

    skip = SkipOption("test")
    args = ArgsListOption(
        example="-run=TestName -short",
        tool_name="the tests of `go_cross_test`",
        passthrough=True,
    )
