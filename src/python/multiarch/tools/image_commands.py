"""Runs the commands of an image's tests in containers of the finished image, under QEMU if need be.

Request: `{"image", "commands", "platform", "host", "engines", "timeout", "results"}`: the image's
tar; the commands, as `multiarch.tools.image_test` wrote them; what the host has, which is no part
of any key; the engines to try; the seconds that each command may take. `results` becomes a
list as that tool writes it. Each test has a new container, with the image's user, variables and
working directory but not its entrypoint; its setup and teardown run in the same one. Exit code 3
says that an engine or an emulator is missing, 4 that a test failed.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

from multiarch.core.emulation import qemu_settings
from multiarch.core.platforms import Platform
from multiarch.core.structure_test.checks import Outcome, command_problems
from multiarch.core.structure_test.definitions import Command
from multiarch.core.structure_test.results import Result, is_failed, quoted
from multiarch.tools.engines import buildah, docker_engine, namespace
from multiarch.tools.engines.choice import with_first
from multiarch.tools.engines.host import (
    MISSING_EXIT_CODE,
    EngineMissing,
    Host,
    RunTimeout,
    emulator,
)
from multiarch.tools.image_names import rename
from multiarch.tools.process import run

FAILED_EXIT_CODE = 4
# What an engine may take besides the commands, to unpack the image.
_ENGINE_SECONDS = 600
# Runs one command of a container: its arguments, variables and seconds.
_Execute = Callable[[Sequence[str], Mapping[str, str], int], Outcome]


def main(request: Mapping[str, Any]) -> None:
    """Run the commands of one request."""
    value = json.loads(Path(request["host"]).read_text())
    commands = [Command.from_json(c) for c in json.loads(Path(request["commands"]).read_text())]
    timeout: int = request["timeout"]
    count = sum(1 + len(c.setup) + len(c.teardown) for c in commands)
    limit = timeout * count + _ENGINE_SECONDS
    host = Host(value["environment"], {}, limit, value["network"])
    platform = Platform.parse(request["platform"])
    work = Path(tempfile.mkdtemp(dir=".", prefix="engine-")).absolute()
    image = Path(request["image"]).absolute()
    try:
        results = with_first(
            request["engines"],
            host,
            "commands of an image",
            lambda engine: _WITH[engine](host, work, image, platform, commands, timeout),
        )
    except EngineMissing as error:
        print(error, file=sys.stderr)
        sys.exit(MISSING_EXIT_CODE)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    written = json.dumps([result.as_json() for result in results], indent=1)
    Path(request["results"]).write_text(written + "\n")
    if is_failed(results):
        sys.exit(FAILED_EXIT_CODE)


def result_of(command: Command, platform: Platform, execute: _Execute, timeout: int) -> Result:
    """Run one test's setup, command and teardown, and decide on the command."""
    env = {**dict(command.env), **qemu_settings(platform)}
    problems: tuple[str, ...] = ()
    what = ""
    try:
        for what, steps in (("setup", command.setup), ("", ()), ("teardown", command.teardown)):
            if not what:
                problems = command_problems(command, execute(command.argv, env, timeout))
            for argv in steps:
                outcome = execute(argv, env, timeout)
                if outcome.exit_code != 0:
                    printed = quoted("\n".join(filter(None, (outcome.stdout, outcome.stderr))))
                    text = f"the {what} {list(argv)} ended with exit code {outcome.exit_code}"
                    return Result("command", command.name, (*problems, f"{text}:\n{printed}"))
    except RunTimeout:
        part = f"the {what}" if what else "the command"
        text = f"{part} did not end within {timeout} s (`timeout`) and was stopped"
        problems = (*problems, text)
    return Result("command", command.name, problems)


def with_buildah(
    host: Host,
    work: Path,
    image: Path,
    platform: Platform,
    commands: Sequence[Command],
    timeout: int,
) -> list[Result]:
    """Run the tests by buildah, in namespaces of its own."""
    program = emulator(host, platform)
    emulators = () if program is None else ((platform, program),)
    engine, told = buildah.Buildah(host, work), work / "results.json"
    engine.write_policy()

    def execute() -> None:
        namespace.adopt()
        results = []
        container = ""
        try:
            for command in commands:
                container = (
                    engine.again(container) if container else engine.start(image, platform)
                )  # fmt: skip

                def run_in(
                    argv: Sequence[str], env: Mapping[str, str], seconds: int, name: str = container
                ) -> Outcome:
                    return engine.execute(name, argv, env, seconds)

                results.append(result_of(command, platform, run_in, timeout).as_json())
                # What it left running, or what hangs.
                namespace.kill_all()
            told.write_text(json.dumps(results))
        finally:
            engine.remove_storage()

    namespace.call(execute, namespace.Sandbox(emulators, host.network), host)
    return [Result.from_json(value) for value in json.loads(told.read_text())]


def with_docker(
    host: Host,
    work: Path,
    image: Path,
    platform: Platform,
    commands: Sequence[Command],
    timeout: int,
) -> list[Result]:
    """Run the tests by a Docker engine."""
    engine = docker_engine.Docker(host, work)
    results = []
    # Without a name: the user's own image of that name stays what it is.
    rename(image, work / "nameless.tar", ())
    before = engine.image_ids()
    loaded = engine.load(work / "nameless.tar")
    try:
        for command in commands:
            container = docker_engine.DockerContainer(engine, loaded, platform, host.network)
            try:
                results.append(result_of(command, platform, container.execute, timeout))
            finally:
                container.remove()
    finally:
        if loaded.id not in before:
            engine.remove(loaded)
    return results


_WITH = {buildah.NAME: with_buildah, docker_engine.NAME: with_docker}

if __name__ == "__main__":
    sys.exit(run(main))
