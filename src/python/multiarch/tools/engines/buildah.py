"""buildah: runs one RUN without a daemon, as root or as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from multiarch.core.oci.layout import blob_path
from multiarch.core.platforms import Platform
from multiarch.core.structure_test.checks import Outcome
from multiarch.tools.engines.host import (
    HOSTNAME,
    Host,
    RunError,
    RunTimeout,
    check_layers_below,
    commands_own,
    failure,
)

NAME = "buildah"
# The first that works here: overlay needs a file system below it that can carry it.
_STORAGE_DRIVERS = ("overlay", "vfs")
_POLICY = {"default": [{"type": "insecureAcceptAnything"}]}


def missing(host: Host) -> str | None:
    """Why buildah cannot be used here, and how to get it; None when it can."""
    if host.which(NAME) is None:
        return "buildah is not in PATH (Debian and Ubuntu: `apt-get install buildah`)"
    return None


class Buildah:
    """One RUN, with storage of its own below `work`."""

    def __init__(self, host: Host, work: Path) -> None:
        self.work = work
        self.program = host.which(NAME) or NAME
        self.driver = _STORAGE_DRIVERS[0]
        self.log = work / "output"
        self.environment = {
            "PATH": host.environment.get("PATH", os.defpath),
            "HOME": str(work),
            "XDG_RUNTIME_DIR": str(work),
            # The namespaces are made already; it need not make its own.
            "_CONTAINERS_USERNS_CONFIGURED": "done",
        }

    def run(
        self, image: Path, request: Mapping[str, Any], mounts: Sequence[str], env: Mapping[str, str]
    ) -> None:
        """Run the command on the image; its layer is then `layer.tar` below `work`."""
        self.write_policy()
        container = self.start(image, Platform.parse(request["platform"]))
        settings = [part for n, v in sorted(env.items()) for part in ("--env", f"{n}={v}")]
        volumes = [part for mount in mounts for part in ("--volume", mount)]
        command = self.command(
            "run", "--isolation", "chroot", "--network", "host", "--hostname", HOSTNAME,
            *settings, *volumes, container, "--", *request["argv"],
        )  # fmt: skip
        with open(self.log, "wb") as log:
            code = subprocess.call(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if code != 0:
            raise RunError(failure(self.log, code))
        self.take_layer(container, request["diff_ids"])

    def write_policy(self) -> None:
        """Write which images it may open: all, as ours are not signed."""
        (self.work / "policy.json").write_text(json.dumps(_POLICY))

    def remove_storage(self) -> None:
        """Remove what was made by the users of the namespace, who alone can."""
        for name in ("root", "runroot"):
            shutil.rmtree(self.work / name, ignore_errors=True)

    def command(self, verb: str, *argv: str) -> list[str]:
        """buildah's command line."""
        storage = ("--root", str(self.work / "root"), "--runroot", str(self.work / "runroot"))
        return [self.program, *storage, "--storage-driver", self.driver, verb, *argv]

    def start(self, image: Path, platform: Platform) -> str:
        """Make a container of the image, with the first storage that works."""
        problems = []
        for self.driver in _STORAGE_DRIVERS:
            made = self.quiet(
                "from", "--signature-policy", str(self.work / "policy.json"), "--os", platform.os,
                "--arch", platform.arch, f"oci-archive:{image}",
            )  # fmt: skip
            if made.returncode == 0:
                return made.stdout.split()[-1]
            problems.append(f"{self.driver}: {made.stderr.strip()}")
        raise RunError("buildah cannot open the image:\n" + "\n".join(problems))

    def quiet(self, verb: str, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run buildah for what it prints."""
        return subprocess.run(
            self.command(verb, *argv), env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )  # fmt: skip

    def again(self, container: str) -> str:
        """Make one more container of the image that this one was made of."""
        image = self.quiet("inspect", "--format", "{{.FromImageID}}", container)
        made = self.quiet("from", "--pull-never", image.stdout.strip())
        if image.returncode != 0 or made.returncode != 0:
            raise RunError(f"buildah cannot open the image again:\n{image.stderr}{made.stderr}")
        return made.stdout.split()[-1]

    def execute(
        self, container: str, argv: Sequence[str], env: Mapping[str, str], timeout: int
    ) -> Outcome:
        """Run a command in a container; raises RunTimeout, and leaves what still runs."""
        settings = [part for n, v in env.items() for part in ("--env", f"{n}={v}")]
        command = self.command(
            "run", "--isolation", "chroot", "--network", "host", "--hostname", HOSTNAME,
            *settings, container, "--", *argv,
        )  # fmt: skip
        printed = [self.work / name for name in ("stdout", "stderr")]
        # Files, not pipes: what a command leaves running would hold a pipe open.
        with open(printed[0], "wb") as out, open(printed[1], "wb") as err:
            process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise RunTimeout(timeout) from None
        stdout, stderr = (file.read_text(errors="replace") for file in printed)
        return Outcome(code, stdout, commands_own(stderr))

    def take_layer(self, container: str, diff_ids: Sequence[str]) -> None:
        """Write the layer that the container has over its image."""
        out = self.work / "out"
        made = self.quiet(
            "commit", "--signature-policy", str(self.work / "policy.json"),
            "--disable-compression", "--format", "oci", "--quiet", container, f"oci:{out}:run",
        )  # fmt: skip
        if made.returncode != 0:
            raise RunError(f"buildah cannot commit what the command left:\n{made.stderr.strip()}")
        (entry,) = json.loads((out / "index.json").read_text())["manifests"]
        manifest = json.loads((out / blob_path(entry["digest"])).read_text())
        config = json.loads((out / blob_path(manifest["config"]["digest"])).read_text())
        found = config["rootfs"]["diff_ids"]
        check_layers_below(NAME, found, diff_ids)
        (out / blob_path(manifest["layers"][-1]["digest"])).rename(self.work / "layer.tar")
