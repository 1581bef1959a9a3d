"""Decides the tests that need no engine: on an image's config and its merged file tree.

As in container-structure-test: `$NAME` in paths is the image's own variable; a link at the end of a
path is looked at itself by `fileExistenceTests`, and followed by `fileContentTests`. Links before
the end are always followed, within the image.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from multiarch.core.errors import did_you_mean
from multiarch.core.oci.layer import Entry
from multiarch.core.structure_test.definitions import (
    Command,
    Definition,
    FileContent,
    FileExistence,
    Licence,
    Metadata,
    Variable,
)
from multiarch.core.structure_test.patterns import compiled
from multiarch.core.structure_test.results import Result, quoted

_DEBIAN_DOCS = "usr/share/doc"
# What a licence text may not name, and the package that names it without being under it.
_REFUSED_LICENCES = ("AGPL", "WTFPL")
_ALLOWED_PACKAGES = ("libgnutls30",)
_EXECUTABLE_BITS = {"owner": 0o100, "group": 0o010, "other": 0o001, "any": 0o111}
_MAX_LINKS = 40
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Image:
    """An image as a file: the `config` object of its config, and its files by path."""

    config: Mapping[str, Any]
    entries: Mapping[str, Entry]
    read: Callable[[Entry], bytes]

    @property
    def env(self) -> dict[str, str]:
        """The environment, by name."""
        pairs = (item.partition("=") for item in self.config.get("Env") or ())
        return {name: value for name, _, value in pairs}

    def find(self, path: str, *, follow: bool) -> Entry | None:
        """The entry at a path, links before its end followed; `follow` follows one at its end.

        None when there is none, or when links go round in a circle.
        """
        parts, at, links = _parts(path), "", 0
        while parts:
            name = parts.pop(0)
            if name == "..":
                at = posixpath.dirname(at)
                continue
            inner = posixpath.join(at, name)
            entry = self.entries.get(inner)
            if entry and entry.link and (parts or follow):
                links += 1
                if links > _MAX_LINKS:
                    return None
                at = "" if entry.link.startswith("/") else at
                parts = [*_parts(entry.link), *parts]
                continue
            if entry is None and not self._holds(inner):
                return None
            at = inner
        return self.entries.get(at) or Entry(at, 0o755, is_directory=True)

    def _holds(self, path: str) -> bool:
        """Whether a directory is there only because of what is below it."""
        return any(other.startswith(f"{path}/") for other in self.entries)

    def text(self, path: str) -> str | None:
        """A file's text, links followed; None when there is no such file."""
        entry = self.find(path, follow=True)
        if entry is None or entry.is_directory:
            return None
        return self.read(entry).decode("utf-8", "replace")


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def substituted(text: str, env: Mapping[str, str]) -> str:
    """Put the image's own variables in the place of `$NAME` and `${NAME}`; unknown ones are empty.

    >>> substituted("$HOME/.profile", {"HOME": "/root"})
    '/root/.profile'
    """
    return _VARIABLE.sub(lambda match: env.get(match[1] or match[2], ""), text)


def prepared(command: Command, env: Mapping[str, str]) -> Command:
    """The command with the image's own variables put into its arguments and its environment."""
    return replace(
        command,
        argv=tuple(substituted(part, env) for part in command.argv),
        env=tuple((name, substituted(value, env)) for name, value in command.env),
    )


def file_mode(entry: Entry) -> str:
    """A mode as Go's `FileMode` writes it, which container-structure-test compares.

    >>> file_mode(Entry("tmp", 0o1777, is_directory=True))
    'dtrwxrwxrwx'
    """
    kinds = [(entry.is_directory, "d"), (bool(entry.link), "L")]
    kinds += [(bool(entry.mode & bit), c) for bit, c in ((0o4000, "u"), (0o2000, "g"))]
    kinds += [(bool(entry.mode & 0o1000), "t")]
    mode = 0o777 if entry.link else entry.mode
    bits = "".join(c if mode >> (8 - n) & 1 else "-" for n, c in enumerate("rwxrwxrwx"))
    return ("".join(letter for found, letter in kinds if found) or "-") + bits


def check(definition: Definition, image: Image) -> tuple[Result, ...]:
    """The results of all tests but the commands, in the order written."""
    results = [
        *(Result("file existence", t.name, existence(t, image)) for t in definition.existence),
        *(Result("file content", t.name, content(t, image)) for t in definition.content),
    ]
    if definition.metadata:
        results.append(Result("metadata", "", metadata(definition.metadata, image)))
    results += [Result("licence", licence_name(t), licence(t, image)) for t in definition.licences]
    return tuple(results)


def licence_name(test: Licence) -> str:
    """What a licence test is called, as it has no name of its own."""
    return ", ".join((*(("Debian's packages",) if test.debian else ()), *test.files))


def existence(test: FileExistence, image: Image) -> tuple[str, ...]:
    """What is wrong with a path."""
    path = substituted(test.path, image.env)
    entry = image.find(path, follow=False)
    if not test.should_exist:
        return (f"expected no {path}; got {file_mode(entry)}",) if entry else ()
    if entry is None:
        paths = (f"/{p}" for p in image.entries)
        return (f"expected {path}; got no such file.{did_you_mean(path, paths)}",)
    problems, mode = [], file_mode(entry)
    if test.permissions and mode != test.permissions:
        problems.append(f"expected {path} to have the mode {test.permissions}; got {mode}")
    if test.executable_by and not entry.mode & _EXECUTABLE_BITS[test.executable_by]:
        problems.append(f"expected {path} to be executable by {test.executable_by}; got {mode}")
    for what, wanted, found in (("uid", test.uid, entry.uid), ("gid", test.gid, entry.gid)):
        if wanted is not None and wanted != found:
            problems.append(f"expected {path} to have the {what} {wanted}; got {found}")
    return tuple(problems)


def content(test: FileContent, image: Image) -> tuple[str, ...]:
    """What is wrong with a file's text."""
    path = substituted(test.path, image.env)
    text = image.text(path)
    if text is None:
        found = "a directory" if image.find(path, follow=True) else "no such file"
        paths = (f"/{p}" for p in image.entries)
        return (f"expected the text of {path}; got {found}.{did_you_mean(path, paths)}",)
    return pattern_problems(path, text, test.expected, test.excluded)


def pattern_problems(
    what: str, text: str, expected: Iterable[str], excluded: Iterable[str]
) -> tuple[str, ...]:
    """Which patterns a text lacks, and which it has but may not."""
    problems = [
        f"expected {what} to match `{pattern}`; got:\n{quoted(text)}"
        for pattern in expected
        if not compiled(pattern).search(text)
    ]
    for pattern in excluded:
        found = compiled(pattern).search(text)
        if found:
            problems.append(f"expected {what} not to match `{pattern}`; got {found.group()!r}")
    return tuple(problems)


def metadata(test: Metadata, image: Image) -> tuple[str, ...]:
    """What is wrong with the config."""
    config = image.config
    problems = [
        *_variables("the variable", test.env, image.env),
        *_variables("the label", test.labels, config.get("Labels") or {}),
        *(f"expected no variable {n}; got {image.env[n]!r}" for n in test.unbound_env
          if n in image.env),
    ]  # fmt: skip
    ports, volumes = list(config.get("ExposedPorts") or {}), list(config.get("Volumes") or {})
    plain = [*ports, *(port.partition("/")[0] for port in ports)]
    for what, wanted, unwanted, found, shown in (
        ("port", test.exposed_ports, test.unexposed_ports, plain, ports),
        ("volume", test.volumes, test.unmounted_volumes, volumes, volumes),
    ):
        got = ", ".join(shown) or "none"
        problems += [f"expected the {what} {v}; got {got}" for v in wanted if v not in found]
        problems += [f"expected no {what} {v}; got {got}" for v in unwanted if v in found]
    for key, argv in (("Entrypoint", test.entrypoint), ("Cmd", test.cmd)):
        here = tuple(config.get(key) or ())
        if argv is not None and argv != here:
            problems.append(f"expected {key.lower()} {list(argv)}; got {list(here)}")
    for key, text in (("WorkingDir", test.workdir), ("User", test.user)):
        if text is not None and text != (config.get(key) or ""):
            name = "workdir" if key == "WorkingDir" else "user"
            problems.append(f"expected {name} {text!r}; got {config.get(key) or ''!r}")
    return tuple(problems)


def _variables(
    what: str, wanted: Sequence[Variable], found: Mapping[str, str]
) -> Iterable[str]:  # fmt: skip
    for variable in wanted:
        value = found.get(variable.key)
        if value is None:
            yield f"expected {what} {variable.key}; got none.{did_you_mean(variable.key, found)}"
        elif variable.is_regex and not compiled(variable.value).search(value):
            yield f"expected {what} {variable.key} to match `{variable.value}`; got {value!r}"
        elif not variable.is_regex and value != variable.value:
            yield f"expected {what} {variable.key} to be {variable.value!r}; got {value!r}"


def licence(test: Licence, image: Image) -> tuple[str, ...]:
    """Which licence files are missing or name a licence that is refused."""
    files, problems = list(test.files), []
    if test.debian:
        below = [p.split("/") for p in image.entries if p.startswith(f"{_DEBIAN_DOCS}/")]
        depth = _DEBIAN_DOCS.count("/") + 1
        found = {parts[depth] for parts in below}
        packages = [
            name for name in sorted(found - {*_ALLOWED_PACKAGES})
            if (entry := image.find(f"/{_DEBIAN_DOCS}/{name}", follow=False)) and entry.is_directory
        ]  # fmt: skip
        if not packages:
            problems.append(f"expected Debian's packages in /{_DEBIAN_DOCS}; got none")
        files = [*(f"/{_DEBIAN_DOCS}/{name}/copyright" for name in packages), *files]
    for file in files:
        text = image.text(file)
        if text is None:
            problems.append(f"expected the licence file {file}; got no such file")
            continue
        refused = [name for name in _REFUSED_LICENCES if name in text.upper()]
        if refused:
            problems.append(f"expected {file} to name no {' or '.join(refused)}; got one that does")
    return tuple(problems)


def command_problems(test: Command, outcome: Outcome) -> tuple[str, ...]:
    """What is wrong with what a command did."""
    problems = []
    if outcome.exit_code != test.exit_code:
        printed = "\n".join(filter(None, (outcome.stdout, outcome.stderr)))
        problems.append(
            f"expected the exit code {test.exit_code}; got {outcome.exit_code}, and it printed:\n"
            f"{quoted(printed)}"
        )
    return (
        *problems,
        *pattern_problems("stdout", outcome.stdout, test.expected_output, test.excluded_output),
        *pattern_problems("stderr", outcome.stderr, test.expected_error, test.excluded_error),
    )
