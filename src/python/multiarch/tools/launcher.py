"""How this machine starts a program of a platform: by itself, or by an emulator."""

from __future__ import annotations

from multiarch.core.emulation import is_native
from multiarch.core.platforms import Platform
from multiarch.tools.engines.host import EngineMissing, Host, emulator


def launcher(host: Host, platform: Platform) -> tuple[str, ...]:
    """What stands before the program in its command: an emulator, or nothing.

    Raises EngineMissing that says what the machine lacks.
    """
    here = host.platform
    if is_native(here, platform) or (here.os, here.arch) == (platform.os, platform.arch):
        return ()
    if here.os != "linux" or platform.os != "linux":
        raise EngineMissing(
            f"programs for `{platform}` do not run on this {here} machine, and no emulator runs "
            f"them: QEMU emulates linux on linux. Run them on a {platform.os} machine."
        )
    program = emulator(host, platform)
    return () if program is None else (program,)
