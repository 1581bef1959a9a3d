"""Every kind of test is decided on a tree and a config, and says what it expected and got."""

from __future__ import annotations

import xml.etree.ElementTree
from typing import Any

import pytest
from multiarch.core.oci.layer import Entry
from multiarch.core.structure_test.checks import (
    Image,
    Outcome,
    check,
    command_problems,
    content,
    existence,
    file_mode,
    licence,
    metadata,
    prepared,
    substituted,
)
from multiarch.core.structure_test.definitions import (
    Command,
    Definition,
    FileContent,
    FileExistence,
    Licence,
    Metadata,
    Variable,
)
from multiarch.core.structure_test.results import Result, is_failed, junit_xml, quoted, report

ENTRIES = (
    Entry("bin", link="usr/bin"),
    Entry("usr/bin/sh", link="dash"),
    Entry("usr/bin/dash", 0o755, content=b"\x7fELF\xff"),
    Entry("usr/bin/su", 0o4755, uid=3, gid=4),
    Entry("etc/app.conf", 0o640, content=b"port = 80\nname = x\n"),
    Entry("etc/loop", link="/etc/loop"),
    Entry("etc/gone", link="nowhere"),
    Entry("etc/up", link="../../../etc/app.conf"),
    Entry("tmp", 0o1777, is_directory=True),
    Entry("usr/share/doc/a/copyright", content=b"MIT"),
    Entry("usr/share/doc/b/copyright", content=b"the agpl-3"),
    Entry("usr/share/doc/c", 0o755, is_directory=True),
    Entry("usr/share/doc/libgnutls30/copyright", content=b"AGPL"),
)
CONFIG: dict[str, Any] = {
    "Env": ["HOME=/etc", "EMPTY="],
    "Labels": {"title": "x y"},
    "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
    "Volumes": {"/v": {}},
    "Entrypoint": ["/x"],
    "WorkingDir": "/w",
    "User": "5:6",
}
IMAGE = Image(CONFIG, {entry.path: entry for entry in ENTRIES}, lambda entry: entry.content)


@pytest.mark.parametrize(
    ("test", "problems"),
    [
        (FileExistence("n", "/etc/app.conf", True, "-rw-r-----", 0, 0), ()),
        (FileExistence("n", "/bin/dash", executable_by="other"), ()),
        (FileExistence("n", "$HOME/app.conf"), ()),
        (FileExistence("n", "/usr"), ()),
        (FileExistence("n", "/"), ()),
        (FileExistence("n", "/bin/sh", permissions="Lrwxrwxrwx"), ()),
        (FileExistence("n", "/etc/gone"), ()),
        (FileExistence("n", "/nope", False), ()),
        (FileExistence("n", "/etc/app.conf/x", False), ()),
        (FileExistence("n", "/etc/loop/x", False), ()),
        (FileExistence("n", "/tmp", False), ("expected no /tmp; got dtrwxrwxrwx",)),
        (
            FileExistence("n", "/etc/app.cnf"),
            (
                "expected /etc/app.cnf; got no such file. Did you mean `/etc/app.conf` or "
                "`/etc/up` or `/etc/loop`?",
            ),
        ),
        (
            FileExistence("n", "/bin/su", True, "-rwxr-xr-x", 0, 0),
            (
                "expected /bin/su to have the mode -rwxr-xr-x; got urwxr-xr-x",
                "expected /bin/su to have the uid 0; got 3",
                "expected /bin/su to have the gid 0; got 4",
            ),
        ),
        (
            FileExistence("n", "/etc/app.conf", executable_by="any"),
            ("expected /etc/app.conf to be executable by any; got -rw-r-----",),
        ),
    ],
)
def test_existence(test: FileExistence, problems: tuple[str, ...]) -> None:
    assert existence(test, IMAGE) == problems


@pytest.mark.parametrize(
    ("test", "problems"),
    [
        (FileContent("n", "/etc/app.conf", (r"(?m)^port = \d+$",), ("secret",)), ()),
        (FileContent("n", "/etc/up", ("port",)), ()),
        (
            FileContent("n", "/etc/app.conf", ("^name",), ("(?i)PORT",)),
            (
                "expected /etc/app.conf to match `^name`; got:\n  | port = 80\n  | name = x",
                "expected /etc/app.conf not to match `(?i)PORT`; got 'port'",
            ),
        ),
        (FileContent("n", "/tmp", ("x",)), ("expected the text of /tmp; got a directory.",)),
        (FileContent("n", "/q", ("x",)), ("expected the text of /q; got no such file.",)),
        (FileContent("n", "/etc/gone", ("x",)), ("expected the text of /etc/gone; got no such",)),
        (FileContent("n", "/etc/loop", ("x",)), ("expected the text of /etc/loop; got no such",)),
    ],
)
def test_content(test: FileContent, problems: tuple[str, ...]) -> None:
    found = content(test, IMAGE)
    assert len(found) == len(problems)
    assert all(f.startswith(p) for f, p in zip(found, problems)), found


def test_metadata_that_agrees() -> None:
    wanted = Metadata(
        (Variable("HOME", "/etc"), Variable("EMPTY", "")), ("NOPE",),
        (Variable("title", "^x", True),), ("80", "53/udp"), ("8080",), ("/v",), ("/w",), ("/x",),
        (), "/w", "5:6",
    )  # fmt: skip
    assert metadata(wanted, IMAGE) == ()


def test_metadata_that_disagrees_says_each() -> None:
    wanted = Metadata(
        (Variable("HOME", "/root"), Variable("HOMEE", "")), ("HOME",),
        (Variable("title", "^y", True),), ("81",), ("80",), ("/w",), ("/v",), ("/y",), ("z",),
        "/", "",
    )  # fmt: skip
    assert metadata(wanted, IMAGE) == (
        "expected the variable HOME to be '/root'; got '/etc'",
        "expected the variable HOMEE; got none. Did you mean `HOME`?",
        "expected the label title to match `^y`; got 'x y'",
        "expected no variable HOME; got '/etc'",
        "expected the port 81; got 80/tcp, 53/udp",
        "expected no port 80; got 80/tcp, 53/udp",
        "expected the volume /w; got /v",
        "expected no volume /v; got /v",
        "expected entrypoint ['/y']; got ['/x']",
        "expected cmd ['z']; got []",
        "expected workdir '/'; got '/w'",
        "expected user ''; got '5:6'",
    )


def test_licences() -> None:
    assert licence(Licence(True, ("/usr/share/doc/a/copyright", "/no")), IMAGE) == (
        "expected /usr/share/doc/b/copyright to name no AGPL; got one that does",
        "expected the licence file /usr/share/doc/c/copyright; got no such file",
        "expected the licence file /no; got no such file",
    )
    nothing = Image({}, {}, lambda entry: b"")
    assert licence(Licence(True), nothing) == (
        "expected Debian's packages in /usr/share/doc; got none",
    )


def test_commands() -> None:
    wanted = Command(
        "n", ("x",), expected_output=("^a$",), excluded_output=("z",), expected_error=("w",),
        excluded_error=("e",), exit_code=2,
    )  # fmt: skip
    assert command_problems(wanted, Outcome(2, "a", "w")) == ()
    assert command_problems(wanted, Outcome(1, "a z\n", "e\n")) == (
        "expected the exit code 2; got 1, and it printed:\n  | a z\n  | \n  | e",
        "expected stdout to match `^a$`; got:\n  | a z",
        "expected stdout not to match `z`; got 'z'",
        "expected stderr to match `w`; got:\n  | e",
        "expected stderr not to match `e`; got 'e'",
    )


def test_variables_of_the_image_are_put_into_commands() -> None:
    command = Command("n", ("$HOME/x", "${HOME}y", "$NOPE"), env=(("P", "$HOME:/b"),))
    made = prepared(command, IMAGE.env)
    assert (made.argv, made.env) == (("/etc/x", "/etcy", ""), (("P", "/etc:/b"),))
    assert substituted("a$", {}) == "a$"


@pytest.mark.parametrize(
    ("entry", "mode"),
    [
        (Entry("x", 0o644), "-rw-r--r--"),
        (Entry("x", 0o755, is_directory=True), "drwxr-xr-x"),
        (Entry("x", 0o2755, is_directory=True), "dgrwxr-xr-x"),
        (Entry("x", 0o6755), "ugrwxr-xr-x"),
        (Entry("x", link="y"), "Lrwxrwxrwx"),
    ],
)
def test_modes_as_go_writes_them(entry: Entry, mode: str) -> None:
    assert file_mode(entry) == mode


def test_results_are_in_the_order_written_and_shown_each() -> None:
    definition = Definition(
        (FileExistence("it is there", "/tmp"),),
        (FileContent("its text", "/etc/app.conf", ("nope",)),),
        Metadata(cmd=()),
        (Licence(False, ("/usr/share/doc/a/copyright",)),),
    )
    results = [*check(definition, IMAGE), Result("command", "run", skipped="no engine")]
    assert is_failed(results)
    assert [Result.from_json(r.as_json()) for r in results] == results
    assert report("t.yaml on linux/arm64", results) == (
        "t.yaml on linux/arm64: 3 passed, 1 failed, 1 not run\n"
        "  ok      file existence: it is there\n"
        "  FAILED  file content: its text\n"
        "          expected /etc/app.conf to match `nope`; got:\n"
        "            | port = 80\n"
        "            | name = x\n"
        "  ok      metadata\n"
        "  ok      licence: /usr/share/doc/a/copyright\n"
        "  not run command: run\n"
        "          no engine\n"
    )
    (suite,) = xml.etree.ElementTree.fromstring(junit_xml("x", results))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "1", "errors": "0", "skipped": "1",
    }  # fmt: skip
    assert len(suite.findall("testcase/failure")) == 1


def test_a_long_text_is_quoted_in_part() -> None:
    lines = quoted("x\n" * 30).splitlines()
    assert (len(lines), lines[-1]) == (21, "  | ... 10 more lines")
    assert quoted("") == "  | (nothing)"
