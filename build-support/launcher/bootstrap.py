"""Set up what `./pants` and `build-support/check.py` run: environments pinned by version and hash.

Standard library only, and any Python from 3.7 on, because it runs before anything is installed.
Everything it makes is below one cache folder, outside the checkout:

    environments/NAME-KEY/      a virtual environment; KEY is a hash of all that it was made from
    environments/NAME-KEY.lock  held while NAME-KEY is being made
    logs/NAME-KEY.log           what pip said
    ready/KEY                   a finished set-up, as shell assignments for `./pants`
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Optional, Sequence

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REQUIREMENTS = ROOT / "3rdparty" / "python"
PYTHON = (3, 9)

# Marks a finished environment. A virtual environment names its own folder in its scripts, so it
# cannot be made elsewhere and renamed: it is made in place, under a lock, and this comes last.
COMPLETE = ".complete"

# Settings that would send pip's or Python's work somewhere else than into the environment.
MISLEADING = ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH")

PROBE = """
import json, os, sys
try:
    import ensurepip, venv
    whole = True
except ImportError:
    whole = False
base = os.path.join(sys.base_prefix, "bin", "python%d.%d" % sys.version_info[:2])
print(json.dumps({
    "implementation": sys.implementation.name,
    "version": sys.version_info[:3],
    "executable": os.path.realpath(base if os.path.exists(base) else sys.executable),
    "whole": whole,
}))
"""


class BootstrapError(Exception):
    """A set-up that cannot go on; the text says what to do about it."""


class Interpreter(NamedTuple):
    """A CPython that Pants can run on."""

    executable: str
    version: tuple[int, int, int]


Run = Callable[[Sequence[str]], None]


def say(text: str) -> None:
    """Tell the user, on stderr, so that a command's own output stays clean."""
    for line in text.splitlines():
        print(f"[pants] {line}", file=sys.stderr, flush=True)


def cache_root(environ: Mapping[str, str]) -> Path:
    """The folder that all set-ups are kept in; `./pants` computes the same."""
    if environ.get("MULTIARCH_CACHE"):
        return Path(environ["MULTIARCH_CACHE"]).absolute()
    base = environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base).absolute() / "pants-multiarch"


def candidates(environ: Mapping[str, str]) -> Iterator[str]:
    """Where a CPython 3.9 may be, best first: PATH, then pyenv's folder, then uv's."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))
    for name in ("python{}.{}".format(*PYTHON), "python3", "python"):
        found = shutil.which(name, path=environ.get("PATH", ""))
        if found:
            yield found
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    wanted = "{}.{}".format(*PYTHON)
    for folder in (*pyenv.glob(f"{wanted}.*"), *uv.glob(f"cpython-{wanted}.*")):
        yield str(folder / "bin" / f"python{wanted}")


def probe(executable: str) -> tuple[Optional[Interpreter], str]:
    """Ask a Python what it is: the interpreter, or None and the reason why it will not do."""
    try:
        done = subprocess.run(
            [executable, "-I", "-c", PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
        answer = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None, "does not run"
    version = tuple(answer["version"])
    if answer["implementation"] != "cpython" or version[:2] != PYTHON:
        return None, "is {} {}".format(answer["implementation"], ".".join(map(str, version)))
    if not answer["whole"]:
        return None, "lacks venv and ensurepip (apt-get install python3.9-venv)"
    return Interpreter(answer["executable"], version), ""


def find_python(environ: Mapping[str, str]) -> Interpreter:
    """Find the CPython 3.9 that everything runs on; MULTIARCH_PYTHON overrides the search."""
    chosen = environ.get("MULTIARCH_PYTHON")
    if chosen:
        interpreter, reason = probe(chosen)
        if interpreter is None:
            raise BootstrapError(
                f"MULTIARCH_PYTHON names {chosen}, which {reason}; a CPython 3.9 is needed.\n"
                "Name another one, or unset it to have PATH, pyenv and uv searched."
            )
        return interpreter
    rejected = {}
    for executable in candidates(environ):
        interpreter, reason = probe(executable)
        if interpreter is not None:
            return interpreter
        rejected[executable] = reason
    text = (HERE / "no-python.txt").read_text().replace("error: ", "", 1).rstrip()
    looked = [f"  {executable} {reason}" for executable, reason in rejected.items()]
    raise BootstrapError("\n".join([text, *(["Looked at:", *looked] if looked else [])]))


def environment_key(locks: Iterable[bytes], interpreter: Interpreter, source: bytes) -> str:
    """Name an environment after all that goes into it; anything else is another environment."""
    parts = {
        "locks": [hashlib.sha256(lock).hexdigest() for lock in locks],
        "interpreter": interpreter,
        "machine": [platform.system(), platform.machine()],
        "source": hashlib.sha256(source).hexdigest(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def pinned_version(lock: str, name: str) -> str:
    """The version that a requirements file pins for one distribution."""
    match = re.search(rf"^{re.escape(name)}==(\S+)", lock, re.MULTILINE | re.IGNORECASE)
    if not match:
        raise BootstrapError(f"no line pins {name} in the requirements file; regenerate it")
    return match.group(1)


def requirement_lines(lock: str, name: str) -> str:
    """One distribution's entry in a requirements file: its line and its hashes."""
    version = pinned_version(lock, name)
    entries = re.split(r"(?<!\\)\n", lock)
    return next(e for e in entries if e.lower().startswith(f"{name}=={version}".lower())) + "\n"


def explain(output: str, log: Path) -> str:
    """Turn pip's last words into what a user can do."""
    lines = [line for line in output.splitlines() if line.strip()]
    if "DO NOT MATCH THE HASHES" in output:
        detail = [line.strip() for line in lines if re.search(r"Expected sha256|Got ", line)]
        source = [line.strip() for line in lines if " from " in line and "--hash" not in line]
        return "\n".join(
            [
                "a package is not the one that was pinned: its sha256 differs. Nothing was kept.",
                *source[-1:],
                *detail[:4],
                "If the package index is a mirror or a proxy, it serves other files; if the",
                "requirements file was edited, restore it or run build-support/"
                "lock_requirements.py.",
                f"pip's output: {log}",
            ]
        )
    if re.search(r"connection broken|Max retries|Failed to establish|from versions: none", output):
        head = "the package index could not be reached, or lacks a pinned package."
    elif "No space left" in output:
        head = "the disk is full."
    else:
        head = "pip failed."
    return "\n".join(
        [
            head,
            *("  " + line.strip()[:160] for line in lines[-4:]),
            "pip's own settings apply (pip config, PIP_INDEX_URL, PIP_CERT, HTTPS_PROXY);",
            "what was downloaded is kept, so a second try goes on from there.",
            f"pip's output: {log}",
        ]
    )


class _Steps:
    """Runs the commands that make an environment, keeping a log and showing progress."""

    def __init__(self, log: Path, lock: int, total: int) -> None:
        self.log, self.lock, self.total = log, lock, total
        self.seen, self.shown = 0, time.monotonic()

    def progress(self, line: str) -> None:
        """Show what matters of pip's output, at most one line of counting in three seconds."""
        self.seen += line.startswith("Collecting ")
        if "Retrying (" in line:
            say("  no answer from the package index, trying again ...")
        elif re.match(r"\s+Downloading .*\(\d\d+\.\d MB\)", line):
            say("  " + line.strip())
        elif line.startswith("Installing collected packages"):
            say(f"  unpacking {self.total} packages ...")
        elif line.startswith("Collecting ") and time.monotonic() - self.shown > 3:
            self.shown = time.monotonic()
            say(f"  {self.seen} of {self.total} packages ...")

    def run(self, argv: Sequence[str]) -> None:
        """Run one command to its end; BootstrapError when it fails."""
        environ = {k: v for k, v in os.environ.items() if k not in MISLEADING}
        environ.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
        output = []
        # The child holds the lock too: should this process be killed, another one waits until the
        # child has stopped writing.
        process = subprocess.Popen(
            argv,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(self.lock,),
            universal_newlines=True,
        )
        with process, self.log.open("a") as log:
            assert process.stdout is not None
            for line in process.stdout:
                log.write(line)
                log.flush()
                output.append(line)
                self.progress(line)
        if process.returncode:
            raise BootstrapError(explain("".join(output), self.log))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock file at `path`, so that one process at a time makes an environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(str(path), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("waiting for another run that is setting up the same ...")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def is_complete(folder: Path) -> bool:
    """Whether an environment was finished, and its interpreter is still there."""
    return (folder / COMPLETE).exists() and (folder / "bin" / "python").exists()


def environment(
    name: str,
    title: str,
    locks: Sequence[Path],
    interpreter: Interpreter,
    finish: Callable[[Path, Run], None] = lambda folder, run: None,
) -> Path:
    """Make the virtual environment with exactly what the requirements files pin, or find it made.

    `finish` adds what is not a package, before the environment counts as complete.
    """
    contents = [lock.read_bytes() for lock in locks]
    key = environment_key(contents, interpreter, Path(__file__).read_bytes())
    cache = cache_root(os.environ)
    folder = cache / "environments" / f"{name}-{key}"
    if is_complete(folder):
        return folder
    with locked(folder.with_name(folder.name + ".lock")) as lock:
        if is_complete(folder):
            return folder
        if folder.exists():
            say(f"removing what an interrupted run left in {folder}")
            shutil.rmtree(folder)
        log = cache / "logs" / f"{folder.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        total = sum(len(re.findall(rb"^\S+==", content, re.MULTILINE)) for content in contents)
        steps = _Steps(log, lock, total)
        version = ".".join(map(str, interpreter.version))
        say(f"installing {title} on CPython {version} ({interpreter.executable}) ...")
        python = str(folder / "bin" / "python")
        options = [part for path in locks for part in ("-r", str(path))]
        pip = [python, "-I", "-m", "pip", "install", "--require-hashes", "--no-deps", *options]
        try:
            steps.run([interpreter.executable, "-I", "-m", "venv", str(folder)])
            steps.run(pip)
            finish(folder, steps.run)
        except BootstrapError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / COMPLETE).touch()
    return folder


def add_native_client(folder: Path) -> Path:
    """Put Pants' native client, which is shipped without its executable bit, into bin/."""
    [shipped] = folder.glob("lib/python3.*/site-packages/pants/bin/native_client")
    client = folder / "bin" / "pants-client"
    shutil.copyfile(str(shipped), str(client))
    client.chmod(0o755)
    return client


def add_pex_cli(folder: Path, run: Run) -> Path:
    """Build the `pex` program that Pants resolves requirements with, from the pinned wheel.

    Pants would download it from its project's releases; the same code from the package index needs
    no other host. The same wheel gives the same bytes, so all machines share one cache entry.
    """
    lock = (REQUIREMENTS / "pants-requirements.txt").read_text()
    python = str(folder / "bin" / "python")
    output = folder / "pex-cli" / "pex"
    with tempfile.TemporaryDirectory(dir=str(folder)) as scratch:
        wanted = Path(scratch, "pex.txt")
        wanted.write_text(requirement_lines(lock, "pex"))
        pip = [python, "-I", "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
        run([*pip, "-r", str(wanted), "-d", scratch])
        pex = [str(folder / "bin" / "pex"), "pex==" + pinned_version(lock, "pex"), "-c", "pex"]
        options = ["--no-index", "-f", scratch, "--pex-root", scratch + "/root", "--disable-cache"]
        run([*pex, *options, "-o", str(output)])
    return output


def finish_pants(folder: Path, run: Run) -> None:
    """Complete the environment that Pants runs in."""
    add_native_client(folder)
    say("preparing pex, which resolves Python requirements ...")
    add_pex_cli(folder, run)


def pants_platform(system: str, machine: str) -> str:
    """Pants' own name for a host, as in the keys of its known_versions options."""
    systems = {"Linux": "linux", "Darwin": "macos"}
    machines = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
    try:
        return f"{systems[system]}_{machines[machine]}"
    except KeyError:
        raise BootstrapError(
            f"Pants has no build for {system} on {machine}; it has them for Linux and macOS,"
            " on x86_64 and arm64."
        ) from None


def ready_text(folder: Path, interpreter: Interpreter, host: str) -> str:
    """The shell assignments with which `./pants` starts Pants in a finished environment."""
    lock = (REQUIREMENTS / "pants-requirements.txt").read_text()
    pex = folder / "pex-cli" / "pex"
    digest = hashlib.sha256(pex.read_bytes()).hexdigest()
    known = f"v{pinned_version(lock, 'pex')}|{host}|{digest}|{pex.stat().st_size}"
    internal = {
        "client": str(folder / "bin" / "pants-client"),
        "python39": str(folder / "bin" / "python"),
        "pex_cli": str(pex),
    }
    exported = {
        "_PANTS_SERVER_EXE": str(folder / "bin" / "pants"),
        "NO_SCIE_WARNING": "1",
    }
    # Pants' own options, which whoever sets them in the environment may override.
    options = {
        "PANTS_PEX_CLI_URL_TEMPLATE": pex.as_uri(),
        "PANTS_PEX_CLI_KNOWN_VERSIONS": repr([known]),
        # Tests and tools run on the interpreter that Pants itself was found to work on.
        "PANTS_PYTHON_BOOTSTRAP_SEARCH_PATH": repr(
            [os.path.dirname(interpreter.executable), "<PATH>"]
        ),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in internal.items()]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in exported.items()]
    for name, value in options.items():
        lines.append(f'[ -n "${{{name}+set}}" ] || export {name}={shlex.quote(value)}')
    return "\n".join(lines) + "\n"


def set_up_pants(ready: Path) -> None:
    """Make everything that `./pants` needs and write the file that says where it is."""
    host = pants_platform(platform.system(), platform.machine())
    interpreter = find_python(os.environ)
    lock = REQUIREMENTS / "pants-requirements.txt"
    version = pinned_version(lock.read_text(), "pantsbuild.pants")
    started = time.monotonic()
    folder = environment("pants", f"Pants {version}", [lock], interpreter, finish_pants)
    ready.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=str(ready.parent), delete=False) as stream:
        stream.write(ready_text(folder, interpreter, host))
    os.replace(stream.name, str(ready))
    say(f"ready after {time.monotonic() - started:.0f} s; starting Pants takes some seconds once")


def guarded(action: Callable[[], int]) -> int:
    """Run an action; what goes wrong becomes one readable message and an exit code."""
    try:
        return action()
    except BootstrapError as error:
        say(f"error: {error}")
    except OSError as error:
        say(
            f"error: {error.strerror}: {error.filename}\n"
            f"The set-up is kept in {cache_root(os.environ)}; MULTIARCH_CACHE names another folder."
        )
    except KeyboardInterrupt:
        say("interrupted; the next run goes on from here")
        return 130
    return 1


def main(argv: Sequence[str]) -> int:
    """`./pants` calls this with the path of the file to write when all is ready."""
    set_up_pants(Path(argv[0]).absolute())
    return 0


if __name__ == "__main__":
    sys.exit(guarded(lambda: main(sys.argv[1:])))
