"""`[multiarch-engine]`: which engine executes RUN, and what it may do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from pants.option.option_types import (
    BoolOption,
    DictOption,
    EnumOption,
    IntOption,
    StrListOption,
)
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap

from multiarch.core.errors import MultiarchError


class Engine(Enum):
    """Which engine executes RUN, and the commands of images' tests."""

    AUTO = "auto"
    BUILDAH = "buildah"
    DOCKER = "docker"


class MissingEngine(Enum):
    """What happens to an image whose RUN no engine can execute."""

    AUTO = "auto"
    SKIP = "skip"
    ERROR = "error"


class MultiarchEngineSubsystem(Subsystem):
    """How images with RUN are built."""

    options_scope = "multiarch-engine"
    help = help_text(
        """
        Images whose Dockerfile has RUN.

        Everything but RUN is done without an engine. Each RUN is executed by buildah or Docker,
        under QEMU for a foreign platform, and what it changed becomes a layer with the same bytes
        whichever engine made it.
        """
    )

    engine = EnumOption(
        default=Engine.AUTO,
        help=softwrap(
            """
            The engine that executes RUN and the commands of `image_test`: `buildah` (no daemon,
            also without root), `docker` (the engine that DOCKER_HOST names), or `auto`: the first
            of `order` that can do it on this machine.
            """
        ),
    )
    order = StrListOption(
        default=[Engine.BUILDAH.value, Engine.DOCKER.value],
        help=softwrap(
            """
            The engines that `engine = "auto"` tries, in this order, say `["docker", "buildah"]`.
            One that is not in it is not used.
            """
        ),
    )
    missing_engine = EnumOption(
        default=MissingEngine.AUTO,
        help=softwrap(
            """
            Where no engine or emulator can execute a RUN: `error`, or `skip` the image with a
            warning that says what is missing, the lists that need it, and commands of tests.
            `auto` is `error` where the environment has `CI`, else `skip`.
            """
        ),
    )
    run_timeout = IntOption(default=3600, help="Seconds after which one RUN is stopped.")
    run_network = BoolOption(
        default=True,
        help=softwrap(
            """
            Whether RUN, and a command of `image_test`, has the machine's network. A single RUN
            does without it by `RUN --network=none`.
            """
        ),
    )
    secrets = DictOption[str](
        default={},
        help=softwrap(
            """
            Files for `RUN --mount=type=secret,id=NAME`: `{"token": "/path/to/token"}`. Neither
            path nor content is part of a layer, a cache key or a log.
            """
        ),
    )

    def tried(self) -> list[str]:
        """The engines that may execute something, the first that can is used; MultiarchError."""
        if self.engine != Engine.AUTO:
            return [self.engine.value]
        known = {Engine.BUILDAH.value, Engine.DOCKER.value}
        names = list(self.order)
        if not names or len(known.intersection(names)) != len(names):
            raise MultiarchError(
                f"the option `[multiarch-engine].order` is {names}: name one engine or both, each "
                "once: `buildah`, `docker`."
            )
        return names

    def is_error(self, environment: Mapping[str, str]) -> bool:
        """Whether a missing engine fails the run."""
        if self.missing_engine == MissingEngine.AUTO:
            return bool(environment.get("CI"))
        return self.missing_engine == MissingEngine.ERROR
