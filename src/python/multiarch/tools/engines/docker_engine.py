"""Docker: runs one RUN through the engine's API, wherever the engine is."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from multiarch.core.platforms import Platform
from multiarch.core.structure_test.checks import Outcome
from multiarch.tools.engines.host import (
    HOSTNAME,
    EngineMissing,
    Host,
    RunError,
    RunTimeout,
    check_layers_below,
    failure,
)

NAME = "docker"
_LABEL = {"org.pants-multiarch.run": "1"}


def client(host: Host) -> Any:
    """Connect to the engine that the user's environment names; raises EngineMissing."""
    import docker

    try:
        found = docker.from_env(environment=dict(host.environment), timeout=host.timeout)
        found.ping()
    except Exception as error:
        where = host.environment.get("DOCKER_HOST", "the default socket")
        raise EngineMissing(
            f"no Docker engine answers at {where} (DOCKER_HOST says which): {error}"
        ) from None
    return found


def missing(host: Host) -> str | None:
    """Why Docker cannot be used here; None when it can."""
    try:
        client(host).close()
    except EngineMissing as error:
        return str(error)
    return None


class Docker:
    """One RUN in a container that is removed afterwards, with the images it needed."""

    def __init__(self, host: Host, work: Path) -> None:
        self.host, self.work = host, work
        self.client = client(host)

    def run(
        self, image: Path, request: Mapping[str, Any], network: bool, env: Mapping[str, str]
    ) -> None:
        """Run the command on the image; its layer is then `layer.tar` below `work`."""
        import docker.errors

        platform = Platform.parse(request["platform"])
        loaded = self.load(image)
        made: list[Any] = []
        container = None
        try:
            container = self.client.containers.create(
                loaded.id, command=list(request["argv"]), entrypoint=[], environment=dict(env),
                network_mode=None if network else "none", init=True, hostname=HOSTNAME,
                labels=_LABEL,
            )  # fmt: skip
            self.wait(container, platform)
            made.append(container.commit())
            self.take_layer(made[0], request["diff_ids"])
        except docker.errors.APIError as error:
            if "exec format error" in str(error):
                raise no_emulator(platform) from None
            raise RunError(f"the Docker engine says: {error.explanation or error}") from None
        finally:
            if container is not None:
                container.remove(force=True, v=True)
            for image_ in (*made, loaded):
                self.remove(image_)

    def image_ids(self) -> set[str]:
        """The images that the engine has."""
        return {image.id for image in self.client.images.list()}

    def load(self, image: Path) -> Any:
        """Give the engine an image that is one tar."""
        with open(image, "rb") as file:
            (loaded,) = self.client.images.load(file)
        return loaded

    def remove(self, image: Any) -> None:
        """Remove an image of ours; another run at the same time may still need it."""
        import docker.errors

        try:
            # Its parents have no name either; each is removed by who loaded it.
            self.client.images.remove(image.id, noprune=True)
        except docker.errors.APIError:
            return

    def wait(self, container: Any, platform: Platform) -> None:
        """Start the container and wait for its end; raises RunError with its last lines."""
        import requests

        container.start()
        try:
            code = container.wait(timeout=self.host.timeout)["StatusCode"]
        except requests.exceptions.RequestException:
            container.kill()
            raise RunTimeout(self.host.timeout) from None
        if code != 0:
            log = self.work / "output"
            log.write_bytes(container.logs())
            if "exec format error" in log.read_text(errors="replace").lower():
                raise no_emulator(platform)
            raise RunError(failure(log, code))

    def take_layer(self, image: Any, diff_ids: Sequence[str]) -> None:
        """Write the layer that the committed image has over the one it began with."""
        found = image.attrs["RootFS"]["Layers"]
        check_layers_below("Docker", found, diff_ids)
        saved = self.work / "saved.tar"
        with open(saved, "wb") as out:
            for chunk in image.save(chunk_size=1 << 20):
                out.write(chunk)
        with tarfile.open(saved) as archive:
            manifest = archive.extractfile("manifest.json")
            assert manifest is not None
            layer = archive.extractfile(json.load(manifest)[0]["Layers"][-1])
            assert layer is not None
            (self.work / "layer.tar").write_bytes(layer.read())


class DockerContainer:
    """One container after another, each with the files that the one before left."""

    def __init__(self, docker: Docker, image: Any, platform: Platform, network: bool) -> None:
        self.docker, self.image, self.platform, self.network = docker, image, platform, network
        self.last: Any = None
        self.made: list[Any] = []

    def execute(self, argv: Sequence[str], env: Mapping[str, str], timeout: int) -> Outcome:
        """Run a command under an init process; raises RunTimeout, and EngineMissing."""
        import docker.errors
        import requests

        try:
            if self.last is not None:
                self.image = self.last.commit()
                self.made.append(self.image)
                self.last.remove(force=True, v=True)
            self.last = self.docker.client.containers.create(
                self.image.id, command=list(argv), entrypoint=[], environment=dict(env),
                network_mode=None if self.network else "none", init=True, hostname=HOSTNAME,
                labels=_LABEL,
            )  # fmt: skip
            self.last.start()
            code = self.last.wait(timeout=timeout)["StatusCode"]
        except docker.errors.APIError as error:
            if "exec format error" in str(error):
                raise no_emulator(self.platform) from None
            raise RunError(f"the Docker engine says: {error.explanation or error}") from None
        except requests.exceptions.RequestException:
            self.last.kill()
            raise RunTimeout(timeout) from None
        stdout, stderr = (
            self.last.logs(stdout=name == "stdout", stderr=name == "stderr").decode(
                "utf-8", "replace"
            )
            for name in ("stdout", "stderr")
        )
        if code != 0 and "exec format error" in stderr.lower():
            raise no_emulator(self.platform)
        return Outcome(code, stdout, stderr)

    def remove(self) -> None:
        """Remove the container, and the images that were made between commands."""
        if self.last is not None:
            self.last.remove(force=True, v=True)
        for image in reversed(self.made):
            self.docker.remove(image)


def no_emulator(platform: Platform) -> EngineMissing:
    """The error of an engine whose machine cannot run a platform's programs."""
    return EngineMissing(
        f"the Docker engine cannot run programs for `{platform}`: nothing is registered for it in "
        "the engine's binfmt_misc. An administrator of the engine's machine registers QEMU "
        "(Debian and Ubuntu: `apt-get install qemu-user-static binfmt-support`); Docker Desktop "
        "has it already."
    )
