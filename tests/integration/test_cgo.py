"""Programs with C code: on each platform with zig and with Debian's GCCs, run, and reproducible."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from platform import machine

import bootstrap
import pytest
from multiarch.core.c.gcc import gcc_program
from multiarch.core.platforms import Platform

from tests.integration.scratch import Repository, debian, require, require_docker, started
from tests.integration.test_examples import claim, cpu, docker_platform, emulator, image_name

pytestmark = pytest.mark.integration

ARCHES = (*("386", "amd64", "arm/v5", "arm/v6", "arm/v7", "arm64", "ppc64le", "riscv64", "s390x"),)
LINUX = tuple(Platform.parse(f"linux/{arch}") for arch in ARCHES)
# These have a Debian root as their base.
DEBIAN = (*("linux/amd64", "linux/arm/v5", "linux/arm/v7", "linux/arm64"), "linux/ppc64le")
ON_DEBIAN = tuple(Platform.parse(p) for p in (*DEBIAN, "linux/s390x"))
# Those of them whose GCC makes a dynamic program, too.
GCC_ON_DEBIAN = (Platform.parse("linux/arm/v7"),)


def gcc_overrides(platforms: tuple[Platform, ...]) -> str:
    """The `overrides` that name each platform's GCC."""
    named = {str(p): {"cc": gcc_program(p, where="")} for p in platforms}
    return f"platforms={list(named)!r}, overrides={named!r}"


BUILD = f"""
go_module(name="mod")
go_cross_binary(name="zig", cgo="static", platforms={[str(p) for p in LINUX]!r} + ["windows/amd64"])
go_cross_binary(name="gcc", cgo="static", {gcc_overrides(LINUX)})
go_cross_binary(name="dynamic", cgo="dynamic", platforms={[str(p) for p in ON_DEBIAN]!r})
go_cross_binary(name="glibc", cgo="dynamic", {gcc_overrides(GCC_ON_DEBIAN)})
"""
IMAGES = """
image_base(name="debian", sources=["debian.tar"])
multiarch_image(
    name="image", binaries=["app:dynamic"], bases=[":debian"],
    instructions=["FROM debian", "COPY bin/dynamic /app", 'ENTRYPOINT ["/app"]'],
)
multiarch_image(
    name="glibc", binaries=["app:glibc"], bases=[":debian"],
    instructions=["FROM debian", "COPY bin/glibc /app", 'ENTRYPOINT ["/app"]'],
)
multiarch_image(
    name="empty", binaries=["app:dynamic"], platforms=["linux/amd64"],
    instructions=["FROM scratch", "COPY bin/dynamic /app", 'ENTRYPOINT ["/app"]'],
)
"""


def fill(found: Repository) -> None:
    """Write the sources of the example `nodeinfo`, and targets for each compiler."""
    examples = bootstrap.ROOT / "examples"
    shutil.copytree(examples / "server", found.root / "server")
    shutil.copytree(examples / "nodeinfo", found.root / "app")
    for build in found.root.rglob("BUILD"):
        build.unlink()
    found.configure(platforms=("linux/amd64",))
    found.write("server/BUILD", 'go_module(name="mod")\n')
    found.write("app/BUILD", BUILD)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """The example's sources, with a target for each compiler and kind of file."""
    found = Repository(tmp_path_factory.mktemp("cgo"))
    fill(found)
    yield found
    found.stop()


def built(repository: Repository, name: str, platform: Platform) -> Path:
    """Where a binary is."""
    return repository.root / f"dist/app/{name}" / platform.path / name


def said(program: Path, platform: Platform) -> str:
    """What a program prints on its platform."""
    emulated = [emulator(platform), "-L", "/nonexistent"]
    if platform.arch == "386" and machine() == "x86_64":
        # Any x86-64 kernel runs it. Debian's QEMU 7.2 crashes a 386 program, also of plain C, that
        # takes signals in several threads, as Go's do: it gives back another thread's segment.
        emulated = []
    result = subprocess.run(
        [*emulated, program, "localhost"],
        env={"PATH": "/usr/bin", **cpu(platform)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("compiler", ["zig", "gcc"])
def test_a_static_program_runs_on_each_platform(repository: Repository, compiler: str) -> None:
    if compiler == "gcc":
        for platform in LINUX:
            require(gcc_program(platform, where=""))
    printed = repository.pants("package", f"app:{compiler}").stderr
    for platform in LINUX:
        lines = said(built(repository, compiler, platform), platform).splitlines()
        assert claim(platform) in lines[0]
        assert lines[1].startswith("C library: musl" if compiler == "zig" else "C library: glibc 2")
        assert lines[2].startswith("user: ")
        assert "127.0.0.1" in lines[3]
    rows = [line for line in printed.splitlines() if line.startswith("binary")]
    assert all("static" in row for row in rows if "linux/" in row)
    if compiler == "gcc":
        note = "without the C library: net (netgo), os/user (osusergo)"
        assert len([row for row in rows if note in row]) == len(LINUX)
    else:
        windows = repository.root / "dist/app/zig/windows/amd64/zig.exe"
        assert windows.read_bytes()[:2] == b"MZ"


def test_a_dynamic_program_runs_in_docker_on_debian(repository: Repository) -> None:
    require_docker()
    shutil.copyfile(debian(), repository.root / "debian.tar")
    repository.write("BUILD", IMAGES)
    printed = repository.pants("package", ":image", ":glibc", "app:dynamic").stderr
    loader = "dynamic: /lib/ld-linux-aarch64.so.1, "
    (row,) = (r for r in printed.splitlines() if r.startswith("binary") and "linux/arm64" in r)
    assert loader in row
    assert "libc.so.6" in row.partition(loader)[2]
    images = [("image", p) for p in ON_DEBIAN] + [("glibc", p) for p in GCC_ON_DEBIAN]
    for name, platform in images:
        lines = in_docker(
            repository.root / f"dist/{name}" / platform.path / f"{name}.tar", platform
        )
        assert claim(platform) in lines[0]
        assert lines[1].startswith("C library: glibc 2.")
        assert lines[2] == "user: root (0)"
        assert "127.0.0.1" in lines[3]


def in_docker(tar: Path, platform: Platform) -> list[str]:
    """What an image's program prints in Docker, which is given the emulator."""
    docker = require("docker")
    subprocess.run([docker, "load", "-q", "-i", tar], check=True, capture_output=True)
    settings = [p for key, value in cpu(platform).items() for p in ("-e", f"{key}={value}")]
    result = subprocess.run(
        [docker, "run", "--rm", "--init", "--platform", docker_platform(platform),
         "-v", f"{emulator(platform)}:/.qemu:ro", *settings, "--entrypoint", "/.qemu",
         image_name(tar), "/app", "localhost"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_an_image_without_the_loader_is_an_error_that_names_it(repository: Repository) -> None:
    repository.write("BUILD", IMAGES)
    result = repository.pants("package", ":empty", check=False)
    assert result.returncode == 1
    assert (
        "//:empty#linux/amd64: 'COPY bin/dynamic /app' puts a dynamic file on an empty base that "
        "lacks what it needs to start on `linux/amd64`:\n"
    ) in result.stderr
    assert "/app needs /lib64/ld-linux-x86-64.so.2, " in result.stderr
    assert 'link the program statically (cgo="static").' in result.stderr


def test_only_binaries_whose_compiler_changed_are_built_again(repository: Repository) -> None:
    targets = [f"app:zig#linux/{arch}" for arch in ("amd64", "arm/v6")]
    repository.pants("package", *targets, "app:gcc#linux/arm/v6")
    assert builds(repository.pants("package", *targets)) == []
    # The machine's store may know every build of a run before; none had this token.
    token = secrets.token_hex(8)
    flags = f'--c-toolchain-cflags={{"linux/arm/v6": ["-DOTHER=x{token}"]}}'
    ran = builds(repository.pants(flags, "package", *targets))
    # The C library does not depend on the flags of programs.
    assert ran == ["Build app:zig#linux/arm/v6 with cgo"]
    other = '--c-toolchain-compilers={"linux/arm/v6": "gcc"}'
    ran = builds(repository.pants(flags, other, "package", *targets))
    assert ran == ["Build app:zig#linux/arm/v6 with cgo"]
    edited = repository.root / "app/page.c"
    text = edited.read_text()
    assert '"musl"' in text
    edited.write_text(text.replace('"musl"', f'"musl {token}"'))
    try:
        ran = builds(repository.pants("package", "app:zig#linux/arm/v6", "app:gcc#linux/arm/v6"))
    finally:
        edited.write_text(text)
    # Neither std nor a C library: they do not depend on it.
    assert ran == ["Build app:gcc#linux/arm/v6 with cgo", "Build app:zig#linux/arm/v6 with cgo"]


def builds(result: subprocess.CompletedProcess[str]) -> list[str]:
    """What was compiled or linked."""
    words = ("Build app:", "Link ", "Make the C library")
    return sorted(line for line in started(result) if line.startswith(words))


LIBRARY = {
    "go.mod": "module example.test/lib\n\ngo 1.25\n",
    "main.go": """
package main

import "C"
import "sync"

//export Answer
func Answer(n C.int) C.int { return 2 * n }

// Race is unsound on purpose.
//
//export Race
func Race() {
	var group sync.WaitGroup
	count := 0
	for range 2 {
		group.Add(1)
		go func() { defer group.Done(); count++ }()
	}
	group.Wait()
	println(count)
}

func main() { Race() }
""",
    "small/main.go": """
package main

// #cgo linux LDFLAGS: -lm
// #include <math.h>
// static double root(double x) { return sqrt(x); }
import "C"
import "fmt"

func main() { fmt.Println(C.root(1764)) }
""",
    "use/use.c": """
#include <stdio.h>
#include "libarchive.h"

int main(void) { printf("%d\\n", Answer(21)); return 0; }
""",
    "BUILD": """
go_module(name="mod")
go_cross_binary(name="shared", cgo="dynamic", linkmode="c-shared")
go_cross_binary(name="archive", cgo="dynamic", linkmode="c-archive")
go_cross_binary(name="race", cgo="dynamic", race=True)
go_cross_binary(name="pie", main="small", cgo="dynamic", linkmode="pie")
go_cross_binary(
    name="small", main="small", cgo="static",
    platforms=["windows/amd64", "windows/arm64", "darwin/amd64", "darwin/arm64"],
)
go_cross_binary(
    name="small-gcc", main="small", cgo="static", platforms=["linux/amd64", "linux/arm/v6"],
    overrides={
        "linux/amd64": {"cc": "x86_64-linux-gnu-gcc"},
        "linux/arm/v6": {"cc": "arm-linux-gnueabi-gcc"},
    },
)
go_cross_binary(name="loong", main="small", cgo="static", platforms=["linux/loong64"])
go_cross_binary(name="static-pie", main="small", cgo="static", linkmode="pie")
go_cross_binary(
    name="far-pie", main="small", cgo="dynamic", linkmode="pie", platforms=["linux/s390x"],
)
go_cross_binary(name="old", main="small", cgo="dynamic", libc="glibc-2.17")
go_cross_binary(name="new", main="small", cgo="dynamic", libc="glibc-2.36")
FAR = ["windows/amd64", "darwin/arm64"]
go_cross_binary(name="far-race", cgo="dynamic", race=True, platforms=FAR)
go_cross_binary(name="far-archive", cgo="dynamic", linkmode="c-archive", platforms=FAR)
go_cross_binary(
    name="far-shared", cgo="dynamic", linkmode="c-shared", platforms=["darwin/arm64"]
)
""",
}
# What is built in another directory, too. The module is at its root, so that Go works within it.
# More of what zig builds for linux is compared in test_examples.py.
TWICE = (
    # zig makes the C library of this Windows in half the time.
    *("small#windows/arm64", "small#darwin/arm64", "small-gcc#linux/amd64"),
    "small-gcc#linux/arm/v6",
    "pie#linux/amd64",
)
# How a file for each begins, and what stands further on there: the magic numbers and the machine.
HEADS = {
    "windows/amd64": (b"MZ", b"PE\0\0\x64\x86"),
    "windows/arm64": (b"MZ", b"PE\0\0\x64\xaa"),
    "darwin/amd64": (b"\xcf\xfa\xed\xfe\x07\0\0\x01", b"/usr/lib/libSystem.B.dylib"),
    "darwin/arm64": (b"\xcf\xfa\xed\xfe\x0c\0\0\x01", b"/usr/lib/libSystem.B.dylib"),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A library for C programs, a program with a data race, and a small one for other systems."""
    found = Repository(tmp_path_factory.mktemp("library"))
    fill_library(found)
    yield found
    found.stop()


def fill_library(found: Repository) -> None:
    """Write those."""
    found.configure(platforms=("linux/amd64",))
    for path, text in LIBRARY.items():
        found.write(path, text)


def small(repository: Repository, target: str) -> bytes:
    """The small program of a target."""
    name, _, platform = target.partition("#")
    suffix = ".exe" if platform.startswith("windows/") else ""
    return (repository.root / f"dist/{name}/{platform}/{name}{suffix}").read_bytes()


@pytest.mark.parametrize("platform", HEADS)
def test_a_program_for_another_system_is_one_of_it(library: Repository, platform: str) -> None:
    library.pants("package", f":small#{platform}")
    data = small(library, f"small#{platform}")
    begin, further = HEADS[platform]
    assert data.startswith(begin)
    assert further in data[:4096]


def test_two_directories_with_their_own_stores_give_equal_files(
    library: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for program in ("x86_64-linux-gnu-gcc", "arm-linux-gnueabi-gcc"):
        require(program)
    root = tmp_path_factory.mktemp("another") / "a directory with a longer name"
    root.mkdir()
    other = Repository(root, store=tmp_path_factory.mktemp("store"))
    fill_library(other)
    targets = [f":{target}" for target in TWICE]
    # Each has a zig of its own, at another path.
    other.pants("--no-pantsd", "package", *targets)
    library.pants("package", *targets)
    for target in TWICE:
        here, there = small(library, target), small(other, target)
        # Not the bytes, of whose difference pytest would print all.
        assert hashlib.sha256(here).digest() == hashlib.sha256(there).digest(), target
        for path in (str(root), str(library.root), "pants-sandbox", "immutable_inputs"):
            assert path.encode() not in here, f"{target} holds {path}"


def test_a_program_at_any_address_is_dynamic_for_its_loader(library: Repository) -> None:
    library.pants("package", ":pie")
    program = library.root / "dist/pie/linux/amd64/pie"
    # e_type is ET_DYN.
    assert program.read_bytes()[16:18] == b"\x03\0"
    assert subprocess.run([program], capture_output=True, text=True).stdout == "42\n"


def test_a_shared_library_is_loaded_and_called(library: Repository) -> None:
    library.pants("package", ":shared")
    folder = library.root / "dist/shared/linux/amd64"
    assert sorted(f.name for f in folder.iterdir()) == ["libshared.h", "libshared.so"]
    assert "extern int Answer(int n);" in (folder / "libshared.h").read_text()
    script = f"import ctypes; print(ctypes.CDLL({str(folder / 'libshared.so')!r}).Answer(21))"
    printed = subprocess.run(
        ["python3", "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert printed == "42\n"


def test_an_archive_is_linked_into_a_c_program(library: Repository, tmp_path: Path) -> None:
    gcc = require("x86_64-linux-gnu-gcc")
    library.pants("package", ":archive")
    folder = library.root / "dist/archive/linux/amd64"
    assert sorted(f.name for f in folder.iterdir()) == ["libarchive.a", "libarchive.h"]
    assert "extern int Answer(int n);" in (folder / "libarchive.h").read_text()
    subprocess.run(
        [gcc, "-I", folder, library.root / "use/use.c", folder / "libarchive.a", "-lpthread",
         "-o", tmp_path / "use"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert subprocess.run([tmp_path / "use"], capture_output=True, text=True).stdout == "42\n"


def test_the_race_detector_finds_a_race(library: Repository) -> None:
    library.pants("package", ":race")
    program = library.root / "dist/race/linux/amd64/race"
    result = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 66
    assert "WARNING: DATA RACE" in result.stderr


def test_the_race_detector_is_in_a_program_for_another_system(library: Repository) -> None:
    library.pants("package", ":far-race")
    for path in ("windows/amd64/far-race.exe", "darwin/arm64/far-race"):
        assert b"ThreadSanitizer" in (library.root / "dist/far-race" / path).read_bytes()


def test_libraries_for_another_system_have_its_names_and_a_header(library: Repository) -> None:
    library.pants("package", ":far-archive", ":far-shared")
    dist = library.root / "dist"
    for folder, name, begin in (
        ("far-archive/windows/amd64", "libfar-archive.a", b"!<arch>\n"),
        ("far-archive/darwin/arm64", "libfar-archive.a", b"!<arch>\n"),
        # Its file type is MH_DYLIB.
        (
            "far-shared/darwin/arm64",
            "libfar-shared.dylib",
            b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x06",
        ),
    ):
        header = name.rpartition(".")[0] + ".h"
        assert sorted(f.name for f in (dist / folder).iterdir()) == sorted([name, header])
        assert (dist / folder / name).read_bytes().startswith(begin)
        assert "extern int Answer(int n);" in (dist / folder / header).read_text()


def test_a_program_runs_where_vectors_are_missing(library: Repository) -> None:
    library.pants("package", ":loong")
    program = library.root / "dist/loong/linux/loong64/loong"
    assert said(program, Platform.parse("linux/loong64")) == "42\n"


def test_a_static_program_at_any_address_needs_no_loader(library: Repository) -> None:
    printed = library.pants("package", ":static-pie").stderr
    program = library.root / "dist/static-pie/linux/amd64/static-pie"
    assert program.read_bytes()[16:18] == b"\x03\0"
    assert subprocess.run([program], capture_output=True, text=True).stdout == "42\n"
    (row,) = (r for r in printed.splitlines() if r.startswith("binary"))
    assert row.endswith("static")


def test_a_program_at_any_address_for_another_architecture(library: Repository) -> None:
    qemu = require("qemu-s390x-static")
    require("s390x-linux-gnu-gcc")
    library.pants("package", ":far-pie")
    program = library.root / "dist/far-pie/linux/s390x/far-pie"
    assert program.read_bytes()[16:18] == b"\0\x03"
    # Where Debian has the libraries for its GCC.
    argv = [qemu, "-L", "/usr/s390x-linux-gnu", program]
    assert subprocess.run(argv, capture_output=True, text=True).stdout == "42\n"


def test_the_oldest_glibc_is_the_one_that_was_asked_for(library: Repository) -> None:
    library.pants("package", ":old", ":new")
    for name, newest in (("old", (2, 17)), ("new", (2, 34))):
        data = (library.root / f"dist/{name}/linux/amd64/{name}").read_bytes()
        asked = {tuple(map(int, v.split(b"."))) for v in re.findall(rb"GLIBC_([0-9.]+)\0", data)}
        # __libc_start_main has a new version since 2.34.
        assert max(asked) <= newest
        assert ((2, 34) in asked) == (name == "new")


MIXED = {
    "go.mod": "module example.test/mixed\n\ngo 1.25\n",
    "main.go": (
        "package main\n\n// #cgo pkg-config: answer\n// #include <answer.h>\n"
        '// #include "mixed.h"\n// int from_object(void);\nimport "C"\nimport "fmt"\n\n'
        "func main() { fmt.Println(C.from_cxx(20), C.answer(), C.from_object()) }\n"
    ),
    "mixed.h": '#ifdef __cplusplus\nextern "C"\n#endif\nint from_cxx(int n);\n',
    "mixed.cc": """
#include "mixed.h"
#include <stdexcept>
#include <string>

int from_cxx(int n) {
    try {
        throw std::runtime_error(std::string(n, 'x'));
    } catch (const std::exception &error) {
        return std::string(error.what()).size();
    }
}
""",
    "BUILD": """
go_module(name="mod")
go_cross_binary(name="mixed", cgo="dynamic")
go_cross_binary(name="no-cxx", cgo="dynamic", cc="x86_64-linux-gnu-gcc", cxx="nowhere-g++")
""",
    # Only pkg-config says where the header is, and its number.
    "root/usr/include/answer/answer.h": (
        "static inline int answer(void) { extern int answer_of(int); return answer_of(ANSWER); }\n"
    ),
    "root/usr/lib/x86_64-linux-gnu/pkgconfig/answer.pc": (
        "prefix=/usr\nName: answer\nDescription: An answer\nVersion: 1\n"
        "Cflags: -I${prefix}/include/answer -DANSWER=3\n"
        "Libs: -L${prefix}/lib/x86_64-linux-gnu -lanswer\n"
    ),
}


def test_cxx_an_object_file_and_a_library_of_the_sysroot_take_part(
    tmp_path: Path,
) -> None:
    gcc, archiver = require("x86_64-linux-gnu-gcc"), require("x86_64-linux-gnu-ar")
    require("pkg-config")
    found = Repository(tmp_path / "mixed")
    found.configure(platforms=("linux/amd64",))
    for path, text in MIXED.items():
        found.write(path, text)
    objects = {
        "object_linux_amd64.syso": "int from_object(void) { return 7; }\n",
        "../answer.o": "int answer_of(int n) { return 14 * n; }\n",
    }
    for file, text in objects.items():
        subprocess.run(
            [gcc, "-O2", "-c", "-x", "c", "-", "-o", found.root / file],
            input=text, text=True, check=True,
        )  # fmt: skip
    library = found.root / "root/usr/lib/x86_64-linux-gnu/libanswer.a"
    subprocess.run([archiver, "qc", library, tmp_path / "answer.o"], check=True)
    sysroot = '--c-toolchain-sysroots={"linux/amd64": "root"}'
    try:
        found.pants(sysroot, "package", ":mixed")
        result = found.pants(sysroot, "package", ":no-cxx", check=False)
    finally:
        found.stop()
    program = found.root / "dist/mixed/linux/amd64/mixed"
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert printed == "20 42 7\n"
    assert (
        "there is no C++ compiler for `linux/amd64`: this machine has no `nowhere-g++` in "
        in result.stderr
    )
    assert "and the program holds C++. Install it (Debian: the package g++-TRIPLE)" in result.stderr
    assert "Traceback" not in result.stderr


BROKEN = {
    "go.mod": "module example.test/broken\n\ngo 1.25\n",
    "syntax/main.go": 'package main\n\n// #include "deep.h"\nimport "C"\n\nfunc main() { C.f() }\n',
    "syntax/deep.h": "int f(void);\n",
    "syntax/deep.c": '#include "deep.h"\n\nint f(void) { return nothing; }\n',
    "missing/main.go": (
        'package main\n\n// #cgo LDFLAGS: -lnowhere\n// int f(void);\nimport "C"\n\n'
        "func main() { C.f() }\n"
    ),
    "config/main.go": ('package main\n\n// #cgo pkg-config: zlib\nimport "C"\n\nfunc main() {}\n'),
    "unclean/main.go": (
        'package main\n\nimport "C"\nimport "fmt"\n\n'
        'func main() { fmt.Printf("%d\\n", "text"); var n C.int; _ = n }\n'
    ),
    "BUILD": "".join(
        f'go_cross_binary(name="{name}", main="{name}", cgo="static")\n'
        for name in ("syntax", "missing", "config", "unclean")
    )
    + 'go_module(name="mod")\nc_cross_binary(name="program", sources=["bad.c"])\n'
    'go_cross_binary(name="apple", main="apple", cgo="static", platforms=["darwin/arm64"])\n',
    "apple/main.go": (
        "package main\n\n// #cgo LDFLAGS: -framework CoreFoundation\n// int CFNull(void);\n"
        'import "C"\n\nfunc main() { C.CFNull() }\n'
    ),
    "bad.c": "int main(void) {\n    return nothing;\n}\n",
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """Programs with mistakes."""
    found = Repository(tmp_path_factory.mktemp("broken"))
    found.configure(platforms=("linux/amd64",))
    for path, text in BROKEN.items():
        found.write(path, text)
    yield found
    found.stop()


@pytest.mark.parametrize(
    ("goal", "target", "said"),
    [
        ("package", "syntax", ["//:syntax#linux/amd64 [linux/amd64]",
                               "syntax/deep.c:3:22: error: use of undeclared identifier"]),
        ("package", "program", ["//:program#linux/amd64 [linux/amd64]",
                                "bad.c:2:12: error: use of undeclared identifier 'nothing'"]),
        ("package", "missing", ["nowhere",
                                "A static file was asked for, and there is no static library "
                                "libnowhere.a for `linux/amd64`. Put it into the module"]),
        ("package", "config", ["config/main.go: example.test/broken/config asks `pkg-config` for "
                               "zlib, which would answer for the machine that builds. Give the "
                               "platform a sysroot"]),
        ("package", "apple", ["//:apple#darwin/arm64 [darwin/arm64]",
                              "the framework CoreFoundation is a part of Apple's SDK, which zig "
                              "does not bring. Put"]),
        ("check", "syntax", ["example.test/broken/syntax does not compile on linux/amd64:",
                             "syntax/deep.c:3:22: error: use of undeclared identifier 'nothing'",
                             "1 package failed"]),
        ("check", "unclean", ["example.test/broken/unclean is not clean for go vet on linux/amd64:",
                              "unclean/main.go:6:", "format %d has arg \"text\" of wrong type"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_line(
    broken: Repository, goal: str, target: str, said: list[str]
) -> None:
    result = broken.pants(goal, f":{target}", check=False)
    assert result.returncode == 1
    printed = result.stdout + result.stderr
    for part in said:
        assert part in printed
    assert "Traceback" not in printed
    assert "/pants-sandbox" not in printed
