"""The tests that a container-structure-test file holds, schema version 2.0.0.

Source: container-structure-test, README, "Command Tests", "File Existence Tests", "File Content
Tests", "Metadata Test", "License Tests". Patterns are Go's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, TypeVar

from multiarch.core.errors import MultiarchError, did_you_mean
from multiarch.core.structure_test.document import LIST, MAP, SCALAR, Node
from multiarch.core.structure_test.patterns import PatternError, compiled

SCHEMA_VERSION = "2.0.0"
EXECUTABLE_BY = ("owner", "group", "other", "any")
_T = TypeVar("_T")


class DefinitionError(MultiarchError):
    """Says everything that is wrong with a file of tests, each with its line."""


@dataclass(frozen=True)
class Variable:
    """A name and its value; `is_regex` makes the value a pattern to search for."""

    key: str
    value: str
    is_regex: bool = False


@dataclass(frozen=True)
class FileExistence:
    """Whether a path is there, with which mode (as `ls` writes it) and owner."""

    name: str
    path: str
    should_exist: bool = True
    permissions: str = ""
    uid: int | None = None
    gid: int | None = None
    executable_by: str = ""


@dataclass(frozen=True)
class FileContent:
    """Patterns that a file's text must have, and must not have."""

    name: str
    path: str
    expected: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metadata:
    """What the image's config must say; None is not compared."""

    env: tuple[Variable, ...] = ()
    unbound_env: tuple[str, ...] = ()
    labels: tuple[Variable, ...] = ()
    exposed_ports: tuple[str, ...] = ()
    unexposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    unmounted_volumes: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    workdir: str | None = None
    user: str | None = None


@dataclass(frozen=True)
class Licence:
    """Files whose licences are looked at: Debian's copyright files, and others by path."""

    debian: bool = False
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Command:
    """A command to run in a container of the image, and what it must print."""

    name: str
    argv: tuple[str, ...]
    setup: tuple[tuple[str, ...], ...] = ()
    teardown: tuple[tuple[str, ...], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    expected_output: tuple[str, ...] = ()
    excluded_output: tuple[str, ...] = ()
    expected_error: tuple[str, ...] = ()
    excluded_error: tuple[str, ...] = ()
    exit_code: int = 0

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Command:
        """Read what `dataclasses.asdict` and JSON made of it."""

        def frozen(part: Any) -> Any:
            return tuple(map(frozen, part)) if isinstance(part, list) else part

        return cls(**{name: frozen(part) for name, part in value.items()})


@dataclass(frozen=True)
class Definition:
    """All tests of one file."""

    existence: tuple[FileExistence, ...] = ()
    content: tuple[FileContent, ...] = ()
    metadata: Metadata | None = None
    licences: tuple[Licence, ...] = ()
    commands: tuple[Command, ...] = ()


def parse_definition(root: Node, *, file: str) -> Definition:
    """Read a document; raises DefinitionError with every problem and its line."""
    reader = _Reader(file)
    found = reader.definition(root)
    if reader.problems:
        ordered = sorted(reader.problems)
        raise DefinitionError("\n".join(f"{file}:{line}: {text}" for line, text in ordered))
    return found


_Parse = Callable[["_Reader", Node, str], Any]


class _Reader:
    """Turns nodes into values, and collects what is wrong."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[tuple[int, str]] = []

    def problem(self, node: Node, text: str) -> None:
        self.problems.append((node.line, text))

    def fields(self, node: Node, where: str, known: Mapping[str, _Parse]) -> dict[str, Any]:
        """The values of a mapping's keys, read by the key's own function."""
        if node.kind != MAP:
            self.problem(node, f"{where or 'the file'}: expected a mapping, found {node.found}")
            return {}
        found: dict[str, Any] = {}
        for key, line, value in node.entries:
            label = f"{where}: `{key}`" if where else f"`{key}`"
            if key not in known:
                text = f"{where}: unknown key `{key}`" if where else f"unknown key `{key}`"
                hint = did_you_mean(key, known)
                self.problems.append((line, f"{text}.{hint} There are {', '.join(known)}."))
            elif key in found:
                self.problems.append((line, f"{label} is there twice"))
            elif not value.is_null:
                found[key] = known[key](self, value, label)
        return found

    def definition(self, root: Node) -> Definition:
        found = self.fields(root, "", _SECTIONS)
        version = found.get("schemaVersion")
        if version != SCHEMA_VERSION and root.kind == MAP:
            says = f"found {version!r}" if version else "it is missing"
            self.problem(root, f"`schemaVersion` must be {SCHEMA_VERSION!r}; {says}")
        sections = [name for name in _SECTIONS if name.endswith(("Test", "Tests"))]
        if root.kind == MAP and not any(found.get(name) for name in sections):
            self.problem(root, f"there are no tests; write one of {', '.join(sections)}")
        shared = tuple((v.key, v.value) for v in found.get("globalEnvVars", ()))
        commands = tuple(
            Command(**{**vars(command), "env": (*shared, *command.env)})
            for command in found.get("commandTests", ())
        )
        return Definition(
            found.get("fileExistenceTests", ()),
            found.get("fileContentTests", ()),
            found.get("metadataTest"),
            found.get("licenseTests", ()),
            commands,
        )

    def required(self, node: Node, where: str, found: Mapping[str, Any], *keys: str) -> bool:
        missing = [key for key in keys if not found.get(key)]
        if node.kind == MAP and missing:
            self.problem(node, f"{where} needs {' and '.join(f'`{key}`' for key in missing)}")
        return not missing

    def existence(self, node: Node, where: str) -> FileExistence | None:
        found = self.fields(node, where, _EXISTENCE)
        if not self.required(node, where, found, "name", "path"):
            return None
        about = set(found) & {"permissions", "uid", "gid", "isExecutableBy"}
        if found.get("shouldExist") is False and about:
            said = ", ".join(f"`{key}`" for key in sorted(about))
            self.problem(node, f"{where}: {said} of a file that should not exist")
        return FileExistence(
            found["name"], found["path"], found.get("shouldExist", True),
            found.get("permissions", ""), found.get("uid"), found.get("gid"),
            found.get("isExecutableBy", ""),
        )  # fmt: skip

    def content(self, node: Node, where: str) -> FileContent | None:
        found = self.fields(node, where, _CONTENT)
        if not self.required(node, where, found, "name", "path"):
            return None
        expected = found.get("expectedContents", ())
        excluded = found.get("excludedContents", ())
        if not expected and not excluded:
            self.problem(node, f"{where} needs `expectedContents` or `excludedContents`")
        return FileContent(found["name"], found["path"], expected, excluded)

    def metadata(self, node: Node, where: str) -> Metadata:
        found = self.fields(node, where, _METADATA)
        return Metadata(
            (*found.get("env", ()), *found.get("envVars", ())),
            tuple(v.key for v in found.get("unboundEnvVars", ())),
            found.get("labels", ()), found.get("exposedPorts", ()),
            found.get("unexposedPorts", ()), found.get("volumes", ()),
            found.get("unmountedVolumes", ()), found.get("entrypoint"), found.get("cmd"),
            found.get("workdir"), found.get("user"),
        )  # fmt: skip

    def licence(self, node: Node, where: str) -> Licence:
        found = self.fields(node, where, {"debian": _Reader.flag, "files": _Reader.texts})
        licence = Licence(found.get("debian", False), found.get("files", ()))
        if node.kind == MAP and licence == Licence():
            self.problem(node, f"{where} needs `debian: true` or `files`")
        return licence

    def command(self, node: Node, where: str) -> Command | None:
        found = self.fields(node, where, _COMMAND)
        if not self.required(node, where, found, "name", "command"):
            return None
        return Command(
            found["name"], (found["command"], *found.get("args", ())), found.get("setup", ()),
            found.get("teardown", ()),
            tuple((v.key, v.value) for v in found.get("envVars", ())),
            found.get("expectedOutput", ()), found.get("excludedOutput", ()),
            found.get("expectedError", ()), found.get("excludedError", ()),
            found.get("exitCode", 0),
        )  # fmt: skip

    def variable(self, node: Node, where: str) -> Variable | None:
        known = {"key": _Reader.text, "value": _Reader.text, "isRegex": _Reader.flag}
        found = self.fields(node, where, known)
        if not self.required(node, where, found, "key"):
            return None
        if found.get("isRegex"):
            self.check_pattern(node, where, found.get("value", ""))
        return Variable(found["key"], found.get("value", ""), found.get("isRegex", False))

    def check_pattern(self, node: Node, where: str, pattern: str) -> None:
        try:
            compiled(pattern)
        except PatternError as error:
            self.problem(node, f"{where}: {error}")

    def text(self, node: Node, where: str) -> str:
        if node.kind != SCALAR or node.is_null:
            self.problem(node, f"{where}: expected text, found {node.found}")
            return ""
        return node.text

    def flag(self, node: Node, where: str) -> bool:
        if node.type != "bool" or node.text.lower() not in ("true", "false"):
            self.problem(node, f"{where}: expected true or false, found {node.found}")
        return node.text.lower() == "true"

    def number(self, node: Node, where: str) -> int:
        if node.type != "int" or not node.text.isdecimal():
            self.problem(node, f"{where}: expected a whole number, found {node.found}")
            return 0
        return int(node.text)

    def executable_by(self, node: Node, where: str) -> str:
        text = self.text(node, where)
        if text and text not in EXECUTABLE_BY:
            allowed = ", ".join(EXECUTABLE_BY)
            hint = did_you_mean(text, EXECUTABLE_BY)
            self.problem(node, f"{where}: expected one of {allowed}, found {text!r}.{hint}")
        return text

    def mode(self, node: Node, where: str) -> str:
        text = self.text(node, where)
        if text and (len(text) < 10 or set(text[-9:]) - set("rwx-")):
            self.problem(
                node, f"{where}: expected a mode such as '-rwxr-xr-x', found {text!r}"
            )  # fmt: skip
        return text

    def pattern(self, node: Node, where: str) -> str:
        text = self.text(node, where)
        self.check_pattern(node, where, text)
        return text

    def listed(
        self, node: Node, where: str, item: Callable[[_Reader, Node, str], _T | None]
    ) -> tuple[_T, ...]:
        """A list, each item read by its own function; what is None had a problem."""
        if node.kind != LIST:
            self.problem(node, f"{where}: expected a list, found {node.found}")
            return ()
        read = [item(self, part, f"{where}[{n}]") for n, part in enumerate(node.items)]
        return tuple(part for part in read if part is not None)

    def texts(self, node: Node, where: str) -> tuple[str, ...]:
        return self.listed(node, where, _Reader.text)

    def argv(self, node: Node, where: str) -> tuple[str, ...]:
        found = self.texts(node, where)
        if node.kind == LIST and not found:
            self.problem(node, f"{where}: the command is empty")
        return found


def _list_of(item: Callable[[_Reader, Node, str], _T | None]) -> _Parse:
    def read(reader: _Reader, node: Node, where: str) -> tuple[_T, ...]:
        return reader.listed(node, where, item)

    return read


_PATTERNS, _VARIABLES = _list_of(_Reader.pattern), _list_of(_Reader.variable)
_COMMANDS = _list_of(_Reader.argv)
_SECTIONS: Mapping[str, _Parse] = {
    "schemaVersion": _Reader.text,
    "globalEnvVars": _VARIABLES,
    "fileExistenceTests": _list_of(_Reader.existence),
    "fileContentTests": _list_of(_Reader.content),
    "metadataTest": _Reader.metadata,
    "licenseTests": _list_of(_Reader.licence),
    "commandTests": _list_of(_Reader.command),
}
_EXISTENCE: Mapping[str, _Parse] = {
    "name": _Reader.text,
    "path": _Reader.text,
    "shouldExist": _Reader.flag,
    "permissions": _Reader.mode,
    "uid": _Reader.number,
    "gid": _Reader.number,
    "isExecutableBy": _Reader.executable_by,
}
_CONTENT: Mapping[str, _Parse] = {
    "name": _Reader.text,
    "path": _Reader.text,
    "expectedContents": _PATTERNS,
    "excludedContents": _PATTERNS,
}
_METADATA: Mapping[str, _Parse] = {
    "env": _VARIABLES,
    "envVars": _VARIABLES,
    "unboundEnvVars": _VARIABLES,
    "labels": _VARIABLES,
    "exposedPorts": _Reader.texts,
    "unexposedPorts": _Reader.texts,
    "volumes": _Reader.texts,
    "unmountedVolumes": _Reader.texts,
    "entrypoint": _Reader.texts,
    "cmd": _Reader.texts,
    "workdir": _Reader.text,
    "user": _Reader.text,
}
_COMMAND: Mapping[str, _Parse] = {
    "name": _Reader.text,
    "setup": _COMMANDS,
    "teardown": _COMMANDS,
    "command": _Reader.text,
    "args": _Reader.texts,
    "envVars": _VARIABLES,
    "expectedOutput": _PATTERNS,
    "excludedOutput": _PATTERNS,
    "expectedError": _PATTERNS,
    "excludedError": _PATTERNS,
    "exitCode": _Reader.number,
}
