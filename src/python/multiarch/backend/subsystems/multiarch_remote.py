"""`[multiarch-remote]`: what the workers of a cluster have."""

from __future__ import annotations

from pants.option.option_types import StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap


class MultiarchRemoteSubsystem(Subsystem):
    """What the plugin may use on the workers that execute its processes."""

    options_scope = "multiarch-remote"
    help = help_text(
        """
        Remote execution of the plugin's processes.

        A worker needs `/bin/sh` with its standard utilities and a CPython; all else travels with
        each process. What uses something of one machine runs on the machine that Pants runs on:
        engines and emulators, registries, `go mod download`, a Go or GCC that is installed.
        """
    )

    python = StrOption(
        default="/usr/bin/python3",
        help=softwrap(
            """
            The CPython of the workers, 3.9 or newer, as they name it. Its standard library is
            enough: the compiled packages that tools need are fetched for its version.
            """
        ),
    )
    engine_environment = StrOption(
        default="",
        help=softwrap(
            """
            The environment (a name of `[environments-preview].names`) whose workers have what RUN,
            the commands of `image_test` and the tests of foreign platforms need: an engine, QEMU.
            Empty: all that runs on the machine that Pants runs on. Secrets are only there.
            """
        ),
    )
