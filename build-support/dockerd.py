#!/usr/bin/env python3
"""Run a Docker engine of our own in DIR, with every installed QEMU registered for it alone.

It listens on DIR/docker.sock. It runs in a user namespace with a binfmt_misc of its own (Linux
6.7), so nothing is registered on this machine; its containers have no network. Once one has run,
pulls may fail: the thread that made its network cannot go back to this machine's, which another
user namespace owns. For root; needs dockerd and qemu-user-static.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src/python"))

from multiarch.core.emulation import is_native, qemu_names
from multiarch.core.platforms import Platform
from multiarch.tools.engines import namespace
from multiarch.tools.engines.host import Host

ARCHITECTURES = ("386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x")
FOREVER = 10**9


def main() -> int:
    """Run dockerd until it is told to end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("dir", type=Path, help="where its socket, images and containers are")
    folder: Path = parser.parse_args().dir.absolute()
    host = Host(os.environ, {}, FOREVER, True)
    emulators = []
    for arch in ARCHITECTURES:
        platform = Platform.parse(f"linux/{arch}")
        program = host.which(*qemu_names(platform))
        if program and not is_native(host.platform, platform):
            emulators.append((platform, program))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    def serve() -> None:
        # runc takes what a user namespace forbids as given, unless USER is root.
        os.execvpe(
            "dockerd",
            ["dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false",
             # It may not be switched on from a namespace, and no container has a network.
             "--ip-forward=false",
             "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec",
             "--pidfile", f"{folder}/pid", "-H", f"unix://{folder}/docker.sock"],
            {**os.environ, "USER": "nobody"},
        )  # fmt: skip

    namespace.call(serve, namespace.Sandbox(tuple(emulators), network=True), host)
    return 0


if __name__ == "__main__":
    sys.exit(main())
