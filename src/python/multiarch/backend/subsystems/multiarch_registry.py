"""`[multiarch-registry]`: how registries are spoken to, and where the lock of images is."""

from __future__ import annotations

from pants.option.option_types import StrListOption, StrOption
from pants.option.subsystem import Subsystem
from pants.util.strutil import help_text, softwrap


class MultiarchRegistrySubsystem(Subsystem):
    """Registries that bases come from."""

    options_scope = "multiarch-registry"
    help = help_text(
        """
        Registries of images.

        They are spoken to by HTTPS. Credentials are those of Docker: `config.json` in the folder
        DOCKER_CONFIG, or in `~/.docker`, and the helpers that it names. They are in no key, log
        or result.
        """
    )

    lock_file = StrOption(
        default="images.lock.yaml",
        help=softwrap(
            """
            The lock of images, relative to the repository's root: which digest each tag stands
            for. `pants update-image-lock` writes it.
            """
        ),
    )
    insecure = StrListOption(
        default=[],
        help="Registries that are spoken to without TLS, such as `localhost:5000`.",
    )
    ca_file = StrOption(
        default="",
        help=softwrap(
            """
            A file of certificates (PEM) to trust for registries besides those that the system
            trusts. `%(buildroot)s` stands for the repository's root.
            """
        ),
    )
