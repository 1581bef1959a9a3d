"""A file of tests is read with its lines, and every mistake in it is named at once."""

from __future__ import annotations

import pytest
from multiarch.core.structure_test.definitions import (
    Command,
    Definition,
    DefinitionError,
    FileContent,
    FileExistence,
    Licence,
    Metadata,
    Variable,
    parse_definition,
)
from multiarch.tools.yaml_document import read_yaml

HEAD = 'schemaVersion: "2.0.0"\n'
ALL = (
    HEAD
    + """
globalEnvVars: [{key: A, value: 1}]
fileExistenceTests:
  - {name: e, path: /e, shouldExist: true, permissions: "-rwxr-xr-x", uid: 1, gid: 2,
     isExecutableBy: group}
fileContentTests:
  - {name: c, path: /c, expectedContents: ["a+"], excludedContents: ["b"]}
metadataTest:
  envVars: [{key: E, value: ".*", isRegex: true}]
  unboundEnvVars: [{key: U}]
  labels: [{key: L, value: v}]
  exposedPorts: [80]
  unexposedPorts: ["81"]
  volumes: [/v]
  unmountedVolumes: [/w]
  entrypoint: []
  cmd: [x]
  workdir: /
  user: "5"
licenseTests:
  - debian: true
    files: [/l]
commandTests:
  - name: r
    setup: [[s, 1]]
    teardown: [[t]]
    command: r
    args: [-v]
    envVars: [{key: B, value: $PATH:/x}]
    expectedOutput: [eo]
    excludedOutput: [xo]
    expectedError: [ee]
    excludedError: [xe]
    exitCode: 3
"""
)


def parse(text: str) -> Definition:
    return parse_definition(read_yaml(text, file="t.yaml"), file="t.yaml")


def problems(text: str) -> list[str]:
    with pytest.raises(DefinitionError, match=r"t\.yaml:") as raised:
        parse(text)
    return str(raised.value).splitlines()


def test_every_field_is_read() -> None:
    command = Command(
        "r", ("r", "-v"), (("s", "1"),), (("t",),), (("A", "1"), ("B", "$PATH:/x")),
        ("eo",), ("xo",), ("ee",), ("xe",), 3,
    )  # fmt: skip
    assert parse(ALL) == Definition(
        (FileExistence("e", "/e", True, "-rwxr-xr-x", 1, 2, "group"),),
        (FileContent("c", "/c", ("a+",), ("b",)),),
        Metadata(
            (Variable("E", ".*", True),), ("U",), (Variable("L", "v"),), ("80",), ("81",),
            ("/v",), ("/w",), (), ("x",), "/", "5",
        ),
        (Licence(True, ("/l",)),),
        (command,),
    )  # fmt: skip


def test_what_is_not_said_has_the_formats_own_defaults() -> None:
    found = parse(HEAD + "fileExistenceTests: [{name: e, path: /e}]\nmetadataTest: {cmd: [x]}\n")
    assert found.existence == (FileExistence("e", "/e", True, "", None, None, ""),)
    assert found.metadata == Metadata(cmd=("x",))
    assert found.metadata.entrypoint is None


def test_anchors_and_merge_keys_work() -> None:
    text = HEAD + "fileExistenceTests:\n- &a {name: a, path: /a}\n- {<<: *a, path: /b}\n"
    assert [t.path for t in parse(text).existence] == ["/a", "/b"]


def test_every_problem_is_named_with_its_line() -> None:
    text = HEAD + (
        "fileExistenceTests:\n"
        "  - name: x\n"
        "    path: /x\n"
        "    shouldexist: true\n"
        "    uid: root\n"
        "    isExecutableBy: user\n"
        "  - path: /y\n"
        "fileContentTest: []\n"
        "commandTests:\n"
        "  - {name: c, command: c, expectedOutput: ['(?=x)'], setup: [x], exitCode: -1}\n"
    )
    assert problems(text) == [
        "t.yaml:5: `fileExistenceTests`[0]: unknown key `shouldexist`. Did you mean `shouldExist`? "
        "There are name, path, shouldExist, permissions, uid, gid, isExecutableBy.",
        "t.yaml:6: `fileExistenceTests`[0]: `uid`: expected a whole number, found 'root'",
        "t.yaml:7: `fileExistenceTests`[0]: `isExecutableBy`: expected one of owner, group, other, "
        "any, found 'user'.",
        "t.yaml:8: `fileExistenceTests`[1] needs `name`",
        "t.yaml:9: unknown key `fileContentTest`. Did you mean `fileContentTests` or "
        "`fileExistenceTests` or `metadataTest`? There are schemaVersion, globalEnvVars, "
        "fileExistenceTests, fileContentTests, metadataTest, licenseTests, commandTests.",
        "t.yaml:11: `commandTests`[0]: `exitCode`: expected a whole number, found '-1'",
        "t.yaml:11: `commandTests`[0]: `expectedOutput`[0]: the pattern '(?=x)': Go has no '(?=x': "
        "neither lookarounds nor conditions nor comments",
        "t.yaml:11: `commandTests`[0]: `setup`[0]: expected a list, found 'x'",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "t.yaml:1: not YAML: while parsing a flow node"),
        ("a:\n\t- b\n", "t.yaml:2: not YAML: while scanning"),
        ("", "t.yaml:1: the file is empty"),
        ("- x\n", "t.yaml:1: the file: expected a mapping, found a list"),
        ("a: &a [*a]\n", "t.yaml:1: not YAML: an alias within itself"),
        ("fileContentTests: []\n", "`schemaVersion` must be '2.0.0'; it is missing"),
        ("schemaVersion: 1.0.0\n", "`schemaVersion` must be '2.0.0'; found '1.0.0'"),
        (HEAD, "there are no tests; write one of fileExistenceTests, fileContentTests"),
        (HEAD + "fileExistenceTests: {}\n", "`fileExistenceTests`: expected a list, found a map"),
        (HEAD + "licenseTests: [{}]\n", "`licenseTests`[0] needs `debian: true` or `files`"),
        (
            HEAD + "fileContentTests: [{name: c, path: /c}]\n",
            "`fileContentTests`[0] needs `expectedContents` or `excludedContents`",
        ),
        (
            HEAD + "fileExistenceTests: [{name: c, path: /c, shouldExist: false, uid: 0}]\n",
            "`fileExistenceTests`[0]: `uid` of a file that should not exist",
        ),
        (
            HEAD + "fileExistenceTests: [{name: c, path: /c, permissions: 0755}]\n",
            "`permissions`: expected a mode such as '-rwxr-xr-x', found '0755'",
        ),
        (HEAD + "metadataTest: {user: a, user: b}\n", "`metadataTest`: `user` is there twice"),
        (
            HEAD + "fileExistenceTests: [{name: c, path: /c, shouldExist: maybe}]\n",
            "`shouldExist`: expected true or false, found 'maybe'",
        ),
    ],
)
def test_each_mistake(text: str, problem: str) -> None:
    assert any(problem in line for line in problems(text)), problems(text)
