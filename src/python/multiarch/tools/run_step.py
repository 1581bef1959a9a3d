"""Executes one RUN by an engine, and keeps the layer that it made.

Request: `{"image", "run", "host", "engines", "output"}`: the image so far and `run.json`, both as
`multiarch.tools.assemble` wrote them; a JSON file with what the host has, which is no part of any
key; the engines to try. `output` becomes the engine's layer, not compressed and not yet
normal. Exit code 3 says that an engine or an emulator is missing.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.emulation import qemu_settings
from multiarch.core.platforms import Platform
from multiarch.tools.engines import buildah, buildkit, docker_engine, namespace
from multiarch.tools.engines.choice import with_first
from multiarch.tools.engines.host import (
    MISSING_EXIT_CODE,
    EngineMissing,
    Host,
    RunError,
    emulator,
    masked,
    secret_file,
)
from multiarch.tools.process import run


def main(request: Mapping[str, Any]) -> None:
    """Execute the RUN of one request."""
    value = json.loads(Path(request["host"]).read_text())
    host = Host(value["environment"], value["secrets"], value["timeout"], value["network"])
    step = json.loads(Path(request["run"]).read_text())
    image = Path(request["image"]).absolute()
    work = Path(tempfile.mkdtemp(dir=".", prefix="engine-")).absolute()
    try:
        with_first(
            request["engines"],
            host,
            "RUN",
            lambda engine: _WITH[engine](host, work, image, step),
        )
        shutil.copyfile(work / "layer.tar", request["output"])
    except RunError as error:
        text = masked(str(error), host, step["mounts"])
        raise (error if text == str(error) else RunError(text)) from None
    except EngineMissing as error:
        print(error, file=sys.stderr)
        sys.exit(MISSING_EXIT_CODE)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def with_buildah(host: Host, work: Path, image: Path, step: Mapping[str, Any]) -> None:
    """Execute the RUN by buildah, in namespaces of its own."""
    platform = Platform.parse(step["platform"])
    network = host.network and step["network"] != "none"
    program = emulator(host, platform)
    emulators = () if program is None else ((platform, program),)
    sandbox = namespace.Sandbox(emulators, network)
    engine = buildah.Buildah(host, work)
    asked = (mount_volume(mount, host, work, image.parent) for mount in step["mounts"])
    mounts = [volume for volume in asked if volume is not None]
    env = qemu_settings(platform)

    def execute() -> None:
        try:
            engine.run(image, step, mounts, env)
        finally:
            engine.remove_storage()

    namespace.call(execute, sandbox, host)


def mount_volume(mount: Mapping[str, Any], host: Host, work: Path, folder: Path) -> str | None:
    """A mount as `buildah run --volume` takes it; None for a missing secret that may be missing."""
    target, kind = mount["target"], mount["kind"]
    if kind == "secret":
        file = secret_file(host, mount)
        if file is None:
            return None
        copy = work / f"secret-{mount['id'].replace('/', '-')}"
        shutil.copyfile(file, copy)
        copy.chmod(int(mount["mode"] or "0444", 8))
        return f"{copy}:{target}:ro"
    if kind == "bind":
        return f"{folder / mount['source']}:{target}:ro"
    scratch = work / "mounts" / str(abs(hash(target)))
    if kind == "cache":
        scratch = Path(".engine/caches").absolute() / mount["id"].strip("/").replace("/", "-")
    scratch.mkdir(parents=True, exist_ok=True)
    return f"{scratch}:{target}:rw"


def with_docker(host: Host, work: Path, image: Path, step: Mapping[str, Any]) -> None:
    """Execute the RUN by a Docker engine."""
    platform = Platform.parse(step["platform"])
    network = host.network and step["network"] != "none"
    env = qemu_settings(platform)
    engine = docker_engine.Docker(host, work)
    if step["mounts"]:
        buildkit.run(engine, image, step, env, network=network)
    else:
        engine.run(image, step, network, env)


_WITH = {buildah.NAME: with_buildah, docker_engine.NAME: with_docker}

if __name__ == "__main__":
    sys.exit(run(main))
