"""Runs one Go test binary, by an emulator where it is for another machine.

Request: `{"binary", "directory", "platform", "arguments", "timeout", "environment", "host",
"title", "results", "profile"}`: paths are relative to the sandbox, `timeout` is in seconds, `host`
is the JSON file with what the machine has. What the tests print is printed; `results` becomes their
JUnit XML, and `profile`, if it is not null, their coverage profile.
Exit code 3 says that the emulator is missing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multiarch.core.emulation import qemu_settings
from multiarch.core.golang.test_output import VERBOSE, junit_xml, parse, readable
from multiarch.core.platforms import Platform
from multiarch.tools.engines.host import MISSING_EXIT_CODE, EngineMissing, Host
from multiarch.tools.launcher import launcher
from multiarch.tools.process import run

# How long a program may take to say what it was doing, once its own timeout has struck.
_GRACE = 15


def execute(command: list[str], directory: Path, env: Mapping[str, str], limit: int) -> str:
    """Run the program and all it starts, to its end or the limit.

    Prints what it printed, and returns what is wrong; the empty string where all is well.
    """
    with open("_output", "w+b") as output:
        process = subprocess.Popen(
            command, cwd=directory, env=dict(env), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            return f"the tests did not end within {limit} s and were stopped"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code < 0:
        return f"the program was ended by {signal.Signals(-code).name}"
    return f"the program ended with exit code {code}" if code else ""


def main(request: Mapping[str, Any]) -> None:
    """Run the tests of one request."""
    value = json.loads(Path(request["host"]).read_text())
    host = Host(value["environment"], {}, value["timeout"], value["network"])
    platform = Platform.parse(request["platform"])
    try:
        before = launcher(host, platform)
    except EngineMissing as error:
        print(error, file=sys.stderr)
        sys.exit(MISSING_EXIT_CODE)
    for name in (".home", ".tmp", request["directory"]):
        os.makedirs(name, exist_ok=True)
    timeout = request["timeout"]
    command = [
        *before,
        os.path.abspath(request["binary"]),
        *("-test.paniconexit0", f"-test.timeout={timeout}s", VERBOSE),
        *request["arguments"],
    ]
    if request["profile"]:
        command.append(f"-test.coverprofile={os.path.abspath(request['profile'])}")
    env = {
        "HOME": os.path.abspath(".home"),
        "TMPDIR": os.path.abspath(".tmp"),
        **request["environment"],
        **qemu_settings(platform),
        "PWD": os.path.abspath(request["directory"]),
    }
    problem = execute(command, Path(request["directory"]), env, timeout + _GRACE)
    text = Path("_output").read_bytes().decode(errors="replace")
    sys.stdout.write(readable(text))
    if problem:
        print(f"{request['title']}: {problem}")
    failure = f"{problem}\n{text[-2000:]}" if problem else ""
    Path(request["results"]).write_bytes(junit_xml(request["title"], parse(text), failure=failure))
    if problem:
        sys.exit(1)


if __name__ == "__main__":
    sys.exit(run(main))
