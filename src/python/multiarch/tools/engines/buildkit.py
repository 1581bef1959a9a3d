"""BuildKit: runs one RUN with mounts in a Docker engine, through the engine's command line.

The engine may be on another machine: what a mount shows is sent to it, as secrets are, which stay
in its memory. Source: Docker's Dockerfile reference, "RUN --mount"; `docker build`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from multiarch.core.platforms import Platform
from multiarch.tools.engines.docker_engine import Docker, no_emulator
from multiarch.tools.engines.host import (
    HOSTNAME,
    EngineMissing,
    Host,
    RunError,
    RunTimeout,
    failure,
    secret_file,
)

# A line that the command printed, as `--progress=plain` shows it: step, seconds, text.
_PRINTED = re.compile(r"#\d+ \d+\.\d+ ?(.*)")
_EXIT_CODE = re.compile(r"exit code: (\d+)")


def program(host: Host) -> tuple[str, dict[str, str]]:
    """Docker's command line and its environment; raises EngineMissing where it has no BuildKit."""
    environment = {**host.environment, "DOCKER_BUILDKIT": "1"}
    found = host.which("docker")
    if found is not None:
        # Without BuildKit (from Docker 23 on, without buildx) the command does not know the flag.
        asked = subprocess.run(
            [found, "build", "--help"], env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )  # fmt: skip
        if "--secret" in asked.stdout:
            return found, environment
    what = "no docker in PATH" if found is None else f"{found} has no BuildKit"
    raise EngineMissing(
        "RUN --mount needs buildah (`[multiarch-engine] engine`) or Docker's command line with "
        f"BuildKit (its plugin buildx; Debian: `apt-get install docker-buildx`): {what}"
    )


def run(
    engine: Docker, image: Path, step: Mapping[str, Any], env: Mapping[str, str], *, network: bool
) -> None:
    """Run the command on the image; its layer is then `layer.tar` below the engine's `work`."""
    docker, environment = program(engine.host)
    context = engine.work / "build"
    context.mkdir()
    name = f"multiarch-run:{uuid.uuid4().hex}"
    asked = [
        _mount(engine.host, mount, str(number), image.parent, context)
        for number, mount in enumerate(step["mounts"])
    ]
    shown = [mount for mount in asked if mount is not None]
    text = dockerfile(name, [mount for mount, _ in shown], step["argv"], env)
    (context / "Dockerfile").write_text(text)
    platform = Platform.parse(step["platform"])
    parts = (platform.os, platform.arch, platform.oci_variant)
    # An engine may run without its bridge: its containers then have no network at all.
    bridges = [n for n in engine.client.networks.list() if n.name == "bridge"]
    loaded = engine.load(image)
    made = []
    try:
        loaded.tag(*name.split(":"))
        result = context.parent / "image-id"
        command = [
            docker, "build", "--progress=plain", "--no-cache", f"--iidfile={result}",
            "--platform", "/".join(filter(None, parts)),
            "--network", "default" if network and bridges else "none",
            *(part for n, v in sorted(env.items()) for part in ("--build-arg", f"{n}={v}")),
            "--build-arg", f"BUILDKIT_SANDBOX_HOSTNAME={HOSTNAME}",
            *(part for _, secret in shown if secret for part in ("--secret", secret)),
            str(context),
        ]  # fmt: skip
        _build(engine, command, environment, platform)
        made.append(engine.client.images.get(result.read_text().strip()))
        engine.take_layer(made[0], step["diff_ids"])
    finally:
        engine.client.images.remove(name, noprune=True)
        for image_ in (*made, loaded):
            engine.remove(image_)


def dockerfile(
    base: str, mounts: Sequence[str], argv: Sequence[str], variables: Iterable[str]
) -> str:
    """The Dockerfile of one RUN; `variables` are build arguments, which the command sees.

    >>> print(dockerfile("base", ["type=tmpfs,target=/x"], ["/bin/true"], ["QEMU_CPU"]), end="")
    FROM base
    ARG QEMU_CPU
    RUN --mount=type=tmpfs,target=/x ["/bin/true"]
    """
    run_ = " ".join(["RUN", *(f"--mount={mount}" for mount in mounts), json.dumps(list(argv))])
    return "\n".join([f"FROM {base}", *(f"ARG {name}" for name in sorted(variables)), run_, ""])


def _mount(
    host: Host, mount: Mapping[str, Any], name: str, sources: Path, context: Path
) -> tuple[str, str] | None:
    """The values of `--mount` and, for a secret, of `--secret`; None for a secret not there."""
    kind, target = mount["kind"], mount["target"]
    if kind == "secret":
        file = secret_file(host, mount)
        mode = mount["mode"] or "0444"
        flag = f"type=secret,id={name},target={target},mode={mode},required=true"
        return None if file is None else (flag, f"id={name},src={file}")
    if kind == "bind":
        source, copy = sources / mount["source"], context / name
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True)
        else:
            shutil.copyfile(source, copy)
            shutil.copymode(source, copy)
        return f"type=bind,source={name},target={target}", ""
    if kind == "cache":
        return f"type=cache,id={mount['id']},target={target}", ""
    return f"type=tmpfs,target={target}", ""


def _build(
    engine: Docker, command: Sequence[str], environment: Mapping[str, str], platform: Platform
) -> None:
    """Run `docker build`; raises RunError with the last lines of the command in it."""
    log, timeout = engine.work / "output", engine.host.timeout
    with open(log, "wb") as out:
        try:
            code = subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                timeout=timeout,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            # The engine stops what a client that is gone had asked for.
            raise RunTimeout(timeout) from None
    if code == 0:
        return
    text = log.read_text(errors="replace")
    if "exec format error" in text.lower():
        raise no_emulator(platform)
    ended = _EXIT_CODE.search(text)
    if ended is None:
        raise RunError(f"docker build says:\n{text.strip()}")
    printed = (_PRINTED.fullmatch(line) for line in text.splitlines())
    log.write_text("\n".join(line.group(1) for line in printed if line))
    raise RunError(failure(log, int(ended.group(1))))
