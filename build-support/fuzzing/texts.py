"""Targets that read texts and files of a repository: Dockerfiles, Go sources, YAML, executables."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from random import Random
from typing import Any

import yaml
from multiarch.core.dockerfile import stages as dockerfile
from multiarch.core.dockerfile.config_steps import CONFIG_KEYWORDS, ConfigSteps
from multiarch.core.dockerfile.patterns import ignore_rules, ignored, matches
from multiarch.core.dockerfile.run_step import DEFAULT_SHELL, run_step
from multiarch.core.dockerfile.stages import Stage
from multiarch.core.dockerfile.syntax import Source, parse
from multiarch.core.dockerfile.wants import wants
from multiarch.core.errors import MultiarchError
from multiarch.core.executables.archives import members, read_object
from multiarch.core.executables.inspection import inspect
from multiarch.core.executables.loading import missing_files
from multiarch.core.executables.reader import ExecutableError
from multiarch.core.executables.verification import verify
from multiarch.core.found_matrices import goreleaser_matrices, matrix_for, script_matrix
from multiarch.core.golang.compile import CWD, WORK, Outputs, compile_plan
from multiarch.core.golang.modfile import local_directories, requires_modules
from multiarch.core.golang.packages import package_from_json
from multiarch.core.golang.settings import BuildSettings
from multiarch.core.golang.shell import script
from multiarch.core.golang.skeleton import skeleton
from multiarch.core.oci.config import ImageConfig
from multiarch.core.oci.reference import Reference
from multiarch.core.platforms import Platform, expand
from multiarch.core.structure_test.checks import Image, check
from multiarch.core.structure_test.definitions import parse_definition
from multiarch.core.structure_test.patterns import compiled
from multiarch.tools.yaml_document import read_yaml

from fuzzing import mutation
from fuzzing.target import Target, Wrong
from tests.unit.executables import samples
from tests.unit.executables.samples import Elf, MachO, Pe

_AMD64 = Platform.parse("linux/amd64")
_DOCKERFILE = r"""# syntax=docker/dockerfile:1
ARG VERSION=1 OTHER
FROM --platform=$BUILDPLATFORM golang:$VERSION AS build
ARG TARGETARCH
ENV A=1 B="two $A" C='$x'
WORKDIR /src/${TARGETARCH:-none}
COPY --chown=1:2 --chmod=0755 a*.txt "b c" ./
COPY <<EOF /etc/${A##*.}
text $A
EOF
RUN --mount=type=cache,target=/c,id=x --mount=type=secret,id=s,required=true \
    --network=none echo $A \
    # comment
    && true
FROM build AS two
ADD --link x.tar /y/
HEALTHCHECK --interval=1m30s --retries=3 CMD ["/h"]
ONBUILD RUN true
FROM scratch
COPY --from=build ["/a", "/b/"]
COPY --from=0 /x /y
EXPOSE 80 53/udp 8000-8010
LABEL a=b "c d"="e f"
VOLUME ["/v"]
USER 1:1
SHELL ["/bin/sh", "-c"]
STOPSIGNAL SIGINT
ENTRYPOINT ["/x"]
CMD x y
"""
_WORDS = (
    *("FROM ", "RUN ", "COPY ", "ADD ", "ARG ", "ENV ", "ONBUILD ", "--from=", "--mount=type="),
    *("--chmod=", "${A:-", "${A#", "${A%%*", "$", '"', "'", "\\\n", "`", '["', '"]', "AS ", "<<E"),
    *("# escape=`\n", "HEALTHCHECK ", "--retries=²", "EXPOSE ", "1-99999999", "*", "**/", "[!a"),
    *("LABEL ", "=", "--platform=", "0", "²", "type=bind,from=,source=..", "SHELL ", "[]", "\x85"),
    *("--mount=type=cache,target=/x,id=.. ", "--x=²", "["),
)
_FILES = ("a", "a.txt", "a/b/c.go", "src/a*.txt", "vendor/x/y", "[a]", "a" * 200, "a/" * 40 + "b")


def make_dockerfile(rng: Random) -> str:
    """A Dockerfile with other lines and words."""
    return mutation.mutate_text(rng, _DOCKERFILE, _WORDS)


def run_dockerfile(text: str, folder: Path) -> None:
    """Read every instruction, as an image's assembly and tailor do."""
    for function in (_instructions, _wants):
        try:
            function(text, "Dockerfile")
        except MultiarchError as error:
            if "Dockerfile:" not in str(error):
                raise Wrong(f"an error that names no line: {error}") from None


def _wants(text: str, file: str) -> None:
    found = wants(text, file, _AMD64)
    found.problem(found.binaries(), found.files())


def _instructions(text: str, file: str) -> None:
    source = parse(text, file=file)
    found = dockerfile.stages(source, target=_AMD64, build=_AMD64, build_args={"VERSION": "2"})
    dockerfile.outside(dockerfile.needed(found, source, ""), _AMD64)
    for stage in found:
        _stage(source, stage)


def _stage(source: Source, stage: Stage) -> None:
    config, steps = ImageConfig(stage.platform), ConfigSteps(source)
    variables = dict(stage.arguments)
    for instruction in stage.instructions:
        if instruction.keyword in CONFIG_KEYWORDS:
            config = steps.apply(config, instruction, variables)
            json.dumps(config.as_json(0))
        elif instruction.keyword in ("COPY", "ADD"):
            step = dockerfile.copy_step(source, instruction, variables)
            for pattern in step.sources:
                any(matches(pattern, file) for file in _FILES)
        elif instruction.keyword == "ARG":
            for name, value in dockerfile.declared(source, instruction, variables):
                variables[name] = value or ""
        elif instruction.keyword == "RUN":
            run = run_step(source, instruction, shell=DEFAULT_SHELL, variables=variables)
            for mount in run.mounts:
                if mount.kind == "cache" and mount.id.strip("/") in ("", ".", ".."):
                    raise Wrong(f"the cache {mount.id!r} is outside of the caches")


def make_ignore(rng: Random) -> str:
    """A .dockerignore."""
    text = "# all\n*\n!src/**/*.go\n**/vendor\n/a?[a-z]\n\n!README.md\nb/**\n"
    return mutation.mutate_text(rng, text, ("**", "*", "!", "/", "[", "]", "[^", "\\", "?", "../"))


def run_ignore(text: str, folder: Path) -> None:
    """Apply its rules."""
    rules = ignore_rules(text)
    for path in _FILES:
        ignored(path, rules)


def _with_info(**settings: str) -> bytes:
    return samples.go_blob(samples.go_text(**settings))


_EXECUTABLES = (
    Elf(go=_with_info(GOARCH="amd64", GOOS="linux")).bytes(),
    Elf(needed=("libc.so.6", "libm.so.6"), interpreter="/lib64/ld-linux-x86-64.so.2").bytes(),
    Elf(machine=0x28, bits=32, go=_with_info(GOARM="7")).bytes(),
    Elf(
        machine=0x28,
        bits=32,
        sections=(samples.Section(".ARM.attributes", samples.arm_attributes(6, 9), 0x70000003),),
    ).bytes(),
    Elf(machine=0x16, big=True, needed=("a",)).bytes(),
    Elf(machine=0x08, bits=32, big=True).bytes(),
    MachO(go=_with_info(GOARCH="arm64")).bytes(),
    MachO(bits=32, big=True, machine=0x12, version=None).bytes(),
    Pe(go=_with_info(GOARCH="amd64"), needed=("kernel32.dll", "a.dll")).bytes(),
    Pe(machine=0x14C, bits=32).bytes(),
    samples.xcoff(go=_with_info(GOARCH="ppc64")),
    samples.plan9(go=_with_info(GOARCH="amd64")),
    samples.plan9(0x1EB),
    samples.wasm(),
)


def make_executable(rng: Random) -> bytes:
    """An executable of each format with other bytes in its headers."""
    data = rng.choice(_EXECUTABLES)
    head = rng.choice((len(data), 64, 256))
    return mutation.mutate_bytes(rng, data[:head]) + data[head:]


def run_executable(data: bytes, folder: Path) -> None:
    """Inspect and verify it, and look for what it needs."""
    try:
        found = inspect(data)
    except ExecutableError:
        return
    if found is not None:
        verify(found, _AMD64, expect_static=True)
        missing_files(found, "/bin/x", lambda path: len(path) % 2 == 0, ["/a"])


def make_archive(rng: Random) -> bytes:
    """An archive of object files, in GNU's and in BSD's form."""
    body = Elf(type=1).bytes()
    head = b"%-16s%-12d%-6d%-6d%-8o%-10d`\n"
    names = (b"a.o/", b"/7", b"#1/4", b"//", b"/", b"x")
    data = b"!<arch>\n"
    for _ in range(rng.randrange(1, 5)):
        content = rng.choice((body, b"long_name.o/\n", b"abc\0" + body, b""))
        data += head % (rng.choice(names), 0, 0, 0, 0o644, len(content)) + content
        data += b"\n" * (len(content) % 2)
    return mutation.mutate_bytes(rng, data)


def run_archive(data: bytes, folder: Path) -> None:
    """Read each member's header."""
    for _, content in members(data):
        read_object(content)


_NAMES = ("ImportPath", "Imports")
_REFUSED = "!\"#$%&'()*,:;<=>?[\\]^`{|}\ufffd"
_PACKAGE = {
    "ImportPath": "example.test/m/a", "Name": "a", "Dir": "m/a", "Kind": "local",
    "Module": {"Path": "example.test/m", "Version": "v1.0.0", "GoVersion": "1.25"},
    "GoFiles": ["a.go", "b.go"], "SFiles": ["x_linux_amd64.s"], "HFiles": ["x_linux_amd64.h"],
    "SysoFiles": ["r.syso"], "EmbedPatterns": ["all:data", "*.txt"],
    "EmbedFiles": ["data/.x", "a.txt"], "Imports": ["fmt", "v/x"], "ImportMap": {"x": "v/x"},
}  # fmt: skip


def make_golist(rng: Random) -> dict[str, Any]:
    """A package of `go list`. Its structure is Go's own; its texts are the repository's."""
    value = json.loads(json.dumps(_PACKAGE))
    for _ in range(rng.randint(1, 4)):
        key = rng.choice([key for key in value if isinstance(value[key], (str, list))])
        text = mutation.string(rng).replace("\0", "")
        if key in _NAMES:
            # Go refuses to import what has any of these in its name.
            text = "".join(c for c in text if c not in _REFUSED and c.isprintable() and c != " ")
        if isinstance(value[key], list):
            at = rng.randrange(len(value[key]))
            old = value[key][at]
            made = rng.choice((text, old + text, text + old))
            # Go refuses to embed a file with an empty part of its name.
            value[key][at] = "/".join(filter(None, made.split("/"))) or "a"
        elif key != "Kind":
            value[key] += text
    return value


def run_golist(value: dict[str, Any], folder: Path) -> None:
    """Plan its compile: the shell sees each argument as one word, and no other command."""
    package = package_from_json(value)
    settings = BuildSettings(platform=_AMD64, go_version="1.27.3")
    exports = dict.fromkeys(package.imports, "x.x")
    plan = compile_plan(package, settings, exports, Outputs("out.x", "out.a"))
    text = script(plan)
    words = ["set", "-eu"]
    words += [word for copy in plan.copies for word in ("cp", *copy)]
    words += [word.replace(CWD, "$PWD") for command in plan.commands for word in command]
    words += [word for m in plan.archive_members for word in ("append", plan.archive, m)]
    head, function, rest = text.partition("append() {")
    body = head + rest.partition("\n}\n")[2] if function else text
    if shlex.split(body) != words:
        raise Wrong(f"the shell sees {shlex.split(body)}, and not {words}")
    for line in dict(plan.files)[f"{WORK}/importcfg"].split("\n"):
        if line and not line.startswith(("# ", "importmap ", "packagefile ")):
            raise Wrong(f"importcfg has the line {line!r}")


_GO = """// Copyright.
/* A comment. */
//go:build linux && (amd64 || !cgo)
package /* a */ main // b

import "fmt"
import (
	"embed" // c
	. "os"; _ `x/y`
	z /* d */ "a/b"
)

//go:embed data/* "b c"
var files embed.FS

func main() { fmt.Println("/*", `//`, '"') }
"""
_GO_WORDS = (
    *("package ", "import ", "import (", ")", "/*", "*/", "//", "/**/", "/* */ ", '"', "`", ";"),
    *("//go:embed ", "//go:build ", "\\", "'", ".", "_ ", "/* *", "**/", "\r", "\ufeff", "\v"),
)
_MOD = """module example.test/m

go 1.25

require (
	example.test/a v1.0.0 // indirect
	example.test/b v1.0.0
)
replace example.test/a => ../a
replace example.test/b v1.0.0 => example.test/c v1.0.0
use ./x
use (
	.
	../y
)
"""


def make_source(rng: Random) -> dict[str, str]:
    """A Go file and a go.mod."""
    words = ("replace ", "=>", "use ", "require ", "(", ")", '"', "//", "../")
    return {
        "go": mutation.mutate_text(rng, _GO, _GO_WORDS),
        "mod": mutation.mutate_text(rng, _MOD, words),
    }


def run_source(value: dict[str, str], folder: Path) -> None:
    """Read each; what is kept of a Go file is the file, or its head."""
    data = value["go"].encode("utf-8", "surrogatepass")
    for name in ("a.go", "a.s", "go.mod", "x"):
        kept = skeleton(name, data)
        if len(kept) > len(data) + 1:
            raise Wrong("what is kept of a file is longer than the file")
    local_directories(value["mod"], "m")
    requires_modules(value["mod"])


_TESTS = """schemaVersion: 2.0.0
globalEnvVars: [{key: A, value: b}]
fileExistenceTests:
  - {name: a, path: /etc/passwd, shouldExist: true, permissions: '-rw-r--r--', uid: 0, gid: 0,
     isExecutableBy: any}
fileContentTests:
  - name: b
    path: /$A/passwd
    expectedContents: ['^root:.*(?i)x$', '[[:alpha:]]+\\d{2,3}', '(?P<n>a|b)*?']
    excludedContents: ["x"]
commandTests:
  - {name: c, command: sh, args: [-c, x], setup: [[a, b]], envVars: [{key: A, value: b}],
     expectedOutput: ['a'], exitCode: 1}
metadataTest:
  env: [{key: A, value: 'b', isRegex: true}]
  labels: &l [{key: A, value: 'b'}]
  exposedPorts: ["80"]
  entrypoint: [a]
  workdir: /
licenseTests: [{debian: true, files: [/a]}]
"""
_YAML = (
    *("&a ", "*a", "*l", "[*a, *a]", "<<: *l", "? ", "- ", ": ", "!!binary ", "|\n", "---\n", "%Y"),
    *("(?", "(?i)", "{1000}", "{2,1}", "[[:x:]]", "\\pL", "\\x{110000}", "(?<a>", "a*?+", "[^"),
    *("0o7", "1e3", "~", "true", "2.0.0", "{", "}", "[", "]", "'", '"', "#", "\\Q", "(?P<n>"),
    *("\\8", "²"),
)


def bomb(levels: int) -> str:
    """YAML in which each line names the line above ten times."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def make_tests(rng: Random) -> str:
    """A file of container structure tests."""
    if rng.random() < 0.02:
        return bomb(rng.choice((3, 30))) + _TESTS
    if rng.random() < 0.02:
        return mutation.nested(rng.choice((50, 2000)))
    return mutation.mutate_text(rng, _TESTS, _YAML)


def run_tests(text: str, folder: Path) -> None:
    """Read it, and decide it on an image that has nothing."""
    definition = parse_definition(read_yaml(text, file="tests.yaml"), file="tests.yaml")
    for test in definition.content:
        for pattern in (*test.expected, *test.excluded):
            compiled(pattern)
    check(definition, Image({"Env": ["A=etc"]}, {}, lambda entry: b""))


_RELEASER = """version: 2
builds:
  - id: a
    main: ./cmd/a
    goos: [linux, windows]
    goarch: [amd64, arm]
    goarm: [6, "7"]
    ignore: [{goos: windows, goarch: arm}]
  - {dir: b, targets: [linux_amd64_v1, linux_arm_6, windows_386]}
"""
_SCRIPT = """#!/bin/sh
readonly KUBE_SERVER_PLATFORMS=(
  linux/amd64
  linux/arm/v7 # old
)
PLATFORMS ?= linux/amd64,linux/arm64 \\
  windows/amd64
"""


def make_matrix(rng: Random) -> dict[str, str]:
    """A GoReleaser file and a script."""
    words = ("&a ", "*a", "[*a, *a]", "{a: b}", "null", "3", "linux_", "goos: ", "- ", "targets: ")
    text = mutation.mutate_text(rng, _RELEASER, words)
    if rng.random() < 0.05:
        levels = rng.choice((3, 9))
        last = f"*a{levels - 1}"
        text = bomb(levels) + f"builds: [{{goos: {last}}}, {{targets: [{last}], main: {last}}}]\n"
    tokens = ("PLATFORMS=", "linux/arm/v7 ", "#", "\\\n", " ", "\n", "(", '"', ",")
    return {"releaser": text, "script": mutation.mutate_text(rng, _SCRIPT, tokens)}


def run_matrix(value: dict[str, str], folder: Path) -> None:
    """Read both."""
    found: list[Any] = []
    try:
        document = yaml.safe_load(value["releaser"])
    except (yaml.YAMLError, ValueError, RecursionError):
        document = None
    found += goreleaser_matrices(document, "x/.goreleaser.yaml")
    one = script_matrix(value["script"], "hack/build.sh")
    found += [one] if one else []
    matrix_for("cmd/a", found)


def make_name(rng: Random) -> list[str]:
    """Names of platforms, sets and images."""
    words = ("linux", "/", "arm", "v7", "@", "@set", ":", ".", "²", "localhost:5000", "sha256:")
    digest = "sha256:" + "0" * 64
    seeds = ("linux/arm/v7", "@set", "windows/amd64", f"registry.example.com:5000/a/b:1@{digest}")
    return [mutation.mutate_text(rng, rng.choice(seeds), words) for _ in range(3)]


def run_name(names: list[str], folder: Path) -> None:
    """What is read is written in a form that is read to the same."""
    for name in names:
        for read in (Platform.parse, Reference.parse):
            try:
                found: Any = read(name)
            except MultiarchError:
                continue
            if read(str(found)) != found:
                raise Wrong(f"{name!r} is read as {found}, and that as something else")
    expand(names, {"set": ["linux/amd64"]}, where="x")


TARGETS = (
    Target(
        "dockerfiles",
        "a Dockerfile is read, or refused with a MultiarchError that names the line; no cache of a "
        "RUN is outside of the caches",
        make_dockerfile,
        run_dockerfile,
        (),
    ),
    Target(
        "dockerignores",
        "every text has rules, which are applied in bounded time",
        make_ignore,
        run_ignore,
        (),
    ),
    Target(
        "executables",
        "a file is described, or refused with an ExecutableError",
        make_executable,
        run_executable,
        (),
    ),
    Target(
        "object-archives",
        "each member is described, or refused with an ExecutableError",
        make_archive,
        run_archive,
        (ExecutableError,),
    ),
    Target(
        "go-list",
        "whatever the texts in the answer of `go list` are, the shell sees each as one word, and "
        "importcfg has no lines of another kind",
        make_golist,
        run_golist,
        (MultiarchError,),
    ),
    Target(
        "go-sources",
        "every file has a skeleton, made in bounded time",
        make_source,
        run_source,
        (),
    ),
    Target(
        "structure-tests",
        "a file of tests is read, or refused with a MultiarchError",
        make_tests,
        run_tests,
        (MultiarchError,),
    ),
    Target(
        "matrices",
        "every file of another tool has matrices, maybe none",
        make_matrix,
        run_matrix,
        (),
    ),
    Target(
        "names",
        "a platform or a reference is read to what it is written as, or refused with a "
        "MultiarchError",
        make_name,
        run_name,
        (MultiarchError,),
    ),
)
