"""Runs one image in Docker or podman, for `pants run`.

Arguments: a JSON file `{"platform"}` beside `image.tar`, and what the container gets as arguments.
The exit code is the container's own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from multiarch.core.emulation import is_native, qemu_settings
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform
from multiarch.tools.engines.host import Host, registered
from multiarch.tools.image_names import docker_manifest
from multiarch.tools.local_engine import find, load

# What the containers' init processes end with when the kernel cannot execute a program.
_NOT_EXECUTED = (1, 126, 255)


# Where podman looks itself, and static programs that serve it as well.
_PODMAN_INITS = ("/usr/libexec/podman/catatonit", "/usr/lib/podman/catatonit")
_INITS = ("catatonit", "tini-static", "docker-init", "dumb-init")


def podman_init(environment: Mapping[str, str], *, needed: bool) -> tuple[str, ...]:
    """The flags that give podman an init process.

    Distributions only recommend one with podman. Where there is none, a container goes without,
    unless it is `needed`: podman then says what is missing.
    """
    if any(os.access(path, os.X_OK) for path in _PODMAN_INITS):
        return ("--init",)
    for name in _INITS:
        path = shutil.which(name, path=environment.get("PATH"))
        if path is not None:
            return ("--init", "--init-path", path)
    return ("--init",) if needed else ()


def container_argv(
    engine: str,
    name: str,
    platform: Platform,
    host: Platform,
    environment: Mapping[str, str],
    *,
    terminal: bool,
) -> list[str]:
    """The arguments of `docker run` and `podman run`, up to the image's name."""
    emulated = not is_native(Platform("linux", host.arch), platform)
    settings = qemu_settings(platform) if emulated else {}
    # podman does not keep the variant of an image that it loads, and then would not find it.
    variant = "" if engine == "podman" else platform.oci_variant
    # QEMU as process 1 hangs for ever when the program dies of a signal.
    init = podman_init(environment, needed=emulated) if engine == "podman" else ("--init",)
    return [
        *("run", "--rm", *init, "-i"),
        *(("-t",) if terminal else ()),
        *("--platform", "/".join(filter(None, (platform.os, platform.arch, variant)))),
        *(part for key, value in settings.items() for part in ("-e", f"{key}={value}")),
        name,
    ]


def main(folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Load and run the image of a folder; returns the container's exit code."""
    platform = Platform.parse(json.loads((folder / "request.json").read_text())["platform"])
    host = Host(environment, {}, 0, True)
    engine, program = find("auto", "run images", environment)
    tar = folder / "image.tar"
    name = load(engine, program, tar, environment) or docker_manifest(tar)["RepoTags"][0]
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    argv = container_argv(engine, name, platform, host.platform, environment, terminal=terminal)
    process = subprocess.Popen([program, *argv, *arguments], env=environment)
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            # The engine's own client has it too, and ends the container.
            continue
    foreign = not is_native(Platform("linux", host.platform.arch), platform)
    if code in _NOT_EXECUTED and foreign and not registered(platform):
        print(
            f"The image is for `{platform}`, and no emulator is registered on this machine. If "
            "the engine said `exec format error`, an administrator of its machine registers QEMU "
            "(Debian and Ubuntu: `apt-get install qemu-user-static binfmt-support`).",
            file=sys.stderr,
        )
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]).parent, sys.argv[2:], os.environ))
    except MultiarchError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
