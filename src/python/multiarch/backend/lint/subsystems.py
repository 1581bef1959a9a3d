"""The linters' scopes: `--multiarch-hard-coded-platforms-skip`, and so on."""

from __future__ import annotations

from pants.option.option_types import SkipOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text


class HardCodedPlatforms(Subsystem):
    """Looks for one platform where all are meant."""

    options_scope = "multiarch-hard-coded-platforms"
    name = "the linter of hard-coded platforms"
    help = help_text(
        """
        Finds a single platform that is written into Dockerfiles, Go, shell, YAML and BUILD files
        (`linux/amd64`, `-amd64`, `x86_64`). Tables of several architectures, comparisons and
        comments are no findings.
        """
    )

    skip = SkipOption("lint")


class DockerfileTraps(Subsystem):
    """Looks for what makes a Dockerfile wrong on some platforms."""

    options_scope = "multiarch-dockerfile-traps"
    name = "the linter of Dockerfiles"
    help = help_text(
        """
        Finds what makes a Dockerfile right on one platform and wrong or slow on others:
        downloads for one architecture, `--platform` with a fixed value, a stage that compiles
        under emulation or for the machine that builds, and a `TARGETARCH` that is not declared.
        """
    )

    skip = SkipOption("lint")


class AtomicAlignment(Subsystem):
    """Looks for 64-bit atomics that panic on 32-bit platforms."""

    options_scope = "multiarch-atomic-alignment"
    name = "the linter of 64-bit atomics"
    help = help_text(
        """
        Finds fields that `sync/atomic` uses as 64-bit words and that are not aligned to 64 bits on
        a 32-bit platform of the matrix, where the program would panic.
        """
    )

    skip = SkipOption("lint")
