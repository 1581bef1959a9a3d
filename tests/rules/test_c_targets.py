"""A mistake in what says how C is compiled names the target or option, and what is allowed."""

from __future__ import annotations

import pytest
from multiarch.backend import register
from multiarch.backend.c_cross_binary.rules import BuildCBinaryRequest
from multiarch.backend.c_toolchain import CToolchain, CToolchainRequest, Zig, ZigRequest
from multiarch.backend.go_build.binaries import GoBinary, GoBinaryRequest
from multiarch.backend.go_build.link import BuiltBinary
from multiarch.core.c.options import COptions, Libc
from multiarch.core.platforms import Platform
from pants.build_graph.address import Address
from pants.core import register as core
from pants.engine.addresses import Addresses
from pants.engine.internals.scheduler import ExecutionError
from pants.engine.rules import QueryRule
from pants.engine.target import Targets
from pants.testutil.rule_runner import RuleRunner


@pytest.fixture(scope="module")
def runner() -> RuleRunner:
    """An engine with the plugin's targets and rules; one for all, as making it takes seconds."""
    return RuleRunner(
        rules=[
            *core.rules(),
            *register.rules(),
            QueryRule(Targets, (Addresses,)),
            QueryRule(GoBinary, (GoBinaryRequest,)),
            QueryRule(BuiltBinary, (BuildCBinaryRequest,)),
            QueryRule(CToolchain, (CToolchainRequest,)),
            QueryRule(Zig, (ZigRequest,)),
        ],
        target_types=[*core.target_types(), *register.target_types()],
    )


def binary(runner: RuleRunner, fields: str, platform: str, *options: str) -> GoBinary:
    """The value of a Go binary for one platform."""
    runner.set_options(options)
    build = f'go_cross_binary(name="app", platforms=["{platform}"], {fields})'
    runner.write_files(
        {"BUILD": f'go_module(name="mod")\n{build}', "go.mod": "module example.test/c\n\ngo 1.25\n"}
    )
    name = str(Platform.parse(platform))
    address = Address("", target_name="app", generated_name=name)
    return runner.request(GoBinary, [GoBinaryRequest(address)])


def error(runner: RuleRunner, fields: str, platform: str, *options: str) -> str:
    """What is wrong with it."""
    with pytest.raises(ExecutionError, match=r"c-toolchain|//:app") as raised:
        binary(runner, fields, platform, *options)
    return str(raised.value)


def test_without_a_word_no_c_takes_part(runner: RuleRunner) -> None:
    found = binary(runner, "", "linux/amd64")
    assert (found.cgo, found.settings.cgo) == (None, False)


def test_targets_win_over_options(runner: RuleRunner) -> None:
    options = (
        '--c-toolchain-cflags={"linux/arm": ["-DA"], "linux/amd64": ["-DB"]}',
        '--c-toolchain-ldflags={"linux/arm/v7": ["-lz"]}',
        '--c-toolchain-libc={"linux/arm": "glibc-2.28"}',
    )
    fields = 'cgo="dynamic", cflags=["-DC"]'
    found = binary(runner, fields, "linux/arm", *options).cgo
    assert found is not None
    assert (found.c.cflags, found.c.ldflags) == (("-DA", "-DC"), ("-lz",))
    assert found.c.libc == Libc("glibc", "2.28")
    found = binary(runner, f'{fields}, libc="musl"', "linux/arm", *options).cgo
    assert found is not None
    assert found.c.libc == Libc("musl")


def test_a_gcc_by_option_or_by_field(runner: RuleRunner) -> None:
    gcc = '--c-toolchain-compilers={"linux/s390x": "gcc"}'
    name = '--c-toolchain-gcc-programs={"linux/s390x": "s390x-linux-gnu-gcc-12"}'
    for fields, options, cc, cxx in (
        ("", (gcc,), "s390x-linux-gnu-gcc", "s390x-linux-gnu-g++"),
        ("", (gcc, name), "s390x-linux-gnu-gcc-12", "s390x-linux-gnu-g++-12"),
        (', cc="my-gcc"', (), "my-gcc", "my-g++"),
        (', cxx="my-cxx"', (gcc,), "s390x-linux-gnu-gcc", "my-cxx"),
        (', cc="zig"', (gcc,), "", ""),
    ):
        found = binary(runner, f'cgo="static"{fields}', "linux/s390x", *options)
        assert found.cgo is not None
        assert (found.cgo.c.cc, found.cgo.c.cxx) == (cc, cxx)
        # A static glibc cannot look up names.
        assert found.settings.tags == (("netgo", "osusergo") if cc else ())


def test_the_file_of_a_library(runner: RuleRunner) -> None:
    found = binary(runner, 'cgo="dynamic", linkmode="c-shared"', "linux/arm64")
    assert found.output_path == "app/linux/arm64/libapp.so"


@pytest.mark.parametrize(
    ("fields", "platform", "options", "said"),
    [
        (
            'cgo="static"',
            "freebsd/amd64",
            (),
            "//:app#freebsd/amd64: there is no C compiler for `freebsd/amd64`: zig has a C library "
            "for linux/386, linux/amd64, ",
        ),
        (
            'cgo="static"',
            "freebsd/amd64",
            ('--c-toolchain-compilers={"freebsd/amd64": "gcc"}',),
            "//:app#freebsd/amd64: no name of a GCC is known for `freebsd/amd64`. Name the "
            "program: ",
        ),
        (
            'cgo="static", libc="glibc-2.31"',
            "linux/amd64",
            (),
            "//:app#linux/amd64: `libc` is 'glibc-2.31', and a static file cannot be made with it",
        ),
        (
            'cgo="static", libc="musl", cc="x-gcc"',
            "linux/amd64",
            (),
            "//:app#linux/amd64: `libc` is 'musl', but only zig has a choice of C libraries; a GCC "
            "has its own. Take `libc` out, or use zig.",
        ),
        (
            'cgo="static", cxx="x-g++"',
            "linux/amd64",
            (),
            "//:app#linux/amd64: `cxx` is 'x-g++', but the C compiler is zig, which compiles C++ "
            "too. Name the GCC beside it in `cc`, or take `cxx` out.",
        ),
        (
            'cgo="dynamic", race=True',
            "linux/arm/v6",
            (),
            "//:app#linux/arm/v6: `race` is True, but Go has no race detector on `linux/arm/v6`; "
            "it has on linux/amd64, linux/arm64,",
        ),
        (
            'cgo="static", race=True',
            "linux/amd64",
            (),
            '`race` is True and `cgo` is "static", but the race detector needs a dynamic C library',
        ),
        (
            "race=True",
            "linux/amd64",
            (),
            '//:app#linux/amd64: `race` is True, which needs a C compiler, and `cgo` is "off". Set '
            'cgo="dynamic".',
        ),
        (
            'linkmode="c-archive"',
            "linux/amd64",
            (),
            "//:app#linux/amd64: `linkmode` is 'c-archive', which needs a C compiler, and `cgo` is",
        ),
        (
            'cgo="static", linkmode="c-shared"',
            "linux/amd64",
            (),
            "a library shares the C library of the program that loads it",
        ),
        (
            'cgo="static"',
            "linux/amd64",
            ('--c-toolchain-compilers={"linux/amd64": "clang"}',),
            "[c-toolchain].compilers: \"linux/amd64\" has 'clang'; allowed are zig and gcc.",
        ),
        (
            'cgo="static"',
            "linux/amd64",
            ('--c-toolchain-libc={"linux/amd46": "musl"}',),
            "[c-toolchain].libc: unknown platform 'linux/amd46'. Did you mean",
        ),
        (
            'cgo="statically"',
            "linux/amd64",
            (),
            "the 'cgo' field in target //:app#linux/amd64 must be one of ['dynamic', 'off', "
            "'static'], but 'statically' was provided.",
        ),
    ],
)
def test_what_cannot_be_built(
    runner: RuleRunner, fields: str, platform: str, options: tuple[str, ...], said: str
) -> None:
    assert said in error(runner, fields, platform, *options)


def test_a_gcc_that_this_machine_does_not_have(runner: RuleRunner) -> None:
    runner.set_options([])
    options = COptions("static", "gcc", Libc("system"), cc="no-such-gcc", cxx="no-such-g++")
    with pytest.raises(ExecutionError, match="there is no C compiler") as raised:
        runner.request(CToolchain, [CToolchainRequest(Platform.parse("linux/s390x"), options)])
    assert (
        "there is no C compiler for `linux/s390x`: this machine has no `no-such-gcc` in "
        "/usr/local/bin:/usr/bin:/bin. Install it (Debian: the package gcc-TRIPLE and "
        "libc6-dev-ARCH-cross), name another in [c-toolchain].gcc_programs, or use zig."
    ) in str(raised.value)


def test_a_zig_whose_sums_are_not_known(runner: RuleRunner) -> None:
    runner.set_options(["--c-toolchain-zig-version=0.17.2"])
    with pytest.raises(ExecutionError, match="no sha256 is known") as raised:
        runner.request(Zig, [ZigRequest()])
    assert (
        "[c-toolchain].zig_version: no sha256 is known for zig 0.17.2 from the package index; "
        "known are 0.17.1."
    ) in str(raised.value)


def c_program(runner: RuleRunner, fields: str, files: dict[str, str]) -> list[str]:
    """The addresses of the targets of a C program."""
    runner.set_options([])
    runner.write_files({"BUILD": f'c_cross_binary(name="pause", {fields})', **files})
    targets = runner.request(Targets, [Addresses([Address("", target_name="pause")])])
    return sorted(str(target.address) for target in targets)


def test_a_c_program_has_a_target_per_platform(runner: RuleRunner) -> None:
    fields = 'platforms=["linux/arm", "linux/amd64"], overrides={"linux/arm": {"cflags": ["-Os"]}}'
    assert c_program(runner, fields, {}) == ["//:pause#linux/amd64", "//:pause#linux/arm/v7"]


def test_a_c_program_without_c(runner: RuleRunner) -> None:
    (address,) = c_program(runner, 'platforms=["linux/amd64"]', {"pause.h": ""})
    assert address == "//:pause#linux/amd64"
    request = BuildCBinaryRequest(Address("", target_name="pause", generated_name="linux/amd64"))
    said = r"//:pause#linux/amd64: `sources` has no \.c file\. Name the C files of the program\."
    with pytest.raises(ExecutionError, match=said):
        runner.request(BuiltBinary, [request])
