"""Platforms: parsed once into a normal form, and every mistake answered with the nearest name."""

from __future__ import annotations

import pytest
from multiarch.core.platforms import Platform, PlatformError, expand, host_platform

SETS = {"server": ["linux/amd64", "linux/arm64"], "small": ["linux/arm64", "linux/arm/v6"]}


@pytest.mark.parametrize(
    ("text", "normal", "env", "oci"),
    [
        ("linux/arm", "linux/arm/v7", ("GOARM", "7"), ("arm", "v7")),
        ("linux/arm/v5", "linux/arm/v5", ("GOARM", "5"), ("arm", "v5")),
        ("linux/arm64", "linux/arm64", ("GOARM64", "v8.0"), ("arm64", "v8")),
        ("linux/arm64/v8", "linux/arm64", ("GOARM64", "v8.0"), ("arm64", "v8")),
        ("linux/arm64/v9", "linux/arm64/v9", ("GOARM64", "v9.0"), ("arm64", "v9")),
        ("linux/amd64/v1", "linux/amd64", ("GOAMD64", "v1"), ("amd64", None)),
        ("linux/amd64/v3", "linux/amd64/v3", ("GOAMD64", "v3"), ("amd64", "v3")),
        ("linux/386", "linux/386", ("GO386", "sse2"), ("386", None)),
        ("linux/mips", "linux/mips", ("GOMIPS", "hardfloat"), ("mips", None)),
        ("linux/mips64le/softfloat", "linux/mips64le/softfloat", ("GOMIPS64", "softfloat"), None),
        ("linux/ppc64le/power9", "linux/ppc64le/power9", ("GOPPC64", "power9"), None),
        ("linux/riscv64", "linux/riscv64", ("GORISCV64", "rva20u64"), ("riscv64", None)),
    ],
)
def test_a_platform_has_one_normal_form(
    text: str, normal: str, env: tuple[str, str], oci: tuple[str, str | None] | None
) -> None:
    platform = Platform.parse(text)
    assert str(platform) == platform.path == normal
    assert platform.slug == normal.replace("/", "-")
    assert Platform.parse(normal) == platform
    assert platform.go_env[2:] == (env,)
    if oci:
        assert (platform.oci["architecture"], platform.oci.get("variant")) == oci


def test_an_architecture_without_variants() -> None:
    platform = Platform.parse("linux/s390x")
    assert platform.variant is None
    assert platform.go_env == (("GOARCH", "s390x"), ("GOOS", "linux"))
    assert platform.oci == {"architecture": "s390x", "os": "linux"}


def test_executables_end_as_their_system_wants() -> None:
    assert Platform.parse("windows/amd64").executable_suffix == ".exe"
    assert Platform.parse("js/wasm").executable_suffix == ".wasm"
    assert Platform.parse("linux/amd64").executable_suffix == ""


def test_variants_are_different_platforms() -> None:
    names = ("linux/arm/v6", "linux/arm/v7", "linux/amd64", "linux/amd64/v3")
    assert len({Platform.parse(n).path for n in names}) == 4
    assert len({Platform.parse(n).slug for n in names}) == 4


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("linux", "expected `os/arch` or `os/arch/variant`"),
        ("linux/arm/v6/x", "expected `os/arch`"),
        ("Linux/amd64", "expected `os/arch`"),
        ("linux/amd46", "Did you mean `linux/amd64`"),
        ("linux/x86_64", "Did you mean `linux/amd64`"),
        ("linux/aarch64", "Did you mean `linux/arm64`"),
        ("macos/arm64", "Did you mean `darwin/arm64`"),
        (
            "windows/s390x",
            "Go has no platform 'windows/s390x'; for windows it has 386, amd64, arm64",
        ),
        ("zz/qq", "`go tool dist list` names all of them"),
        ("linux/arm/v9", "arm has no variant 'v9'; it has v5, v6, v7"),
        ("linux/s390x/z1", "s390x has no variants"),
    ],
)
def test_what_is_no_platform_gets_the_nearest_name(text: str, error: str) -> None:
    with pytest.raises(PlatformError, match="(?s)" + error.replace("(", r"\(")):
        Platform.parse(text)


def names(platforms: tuple[Platform, ...]) -> list[str]:
    return [str(p) for p in platforms]


def test_sets_and_platforms_make_a_matrix_in_the_order_written() -> None:
    found = expand(["@server", "windows/amd64"], SETS, exclude=["linux/arm64"], where="//a:b")
    assert names(found) == ["linux/amd64", "windows/amd64"]


def test_two_sets_may_overlap() -> None:
    found = expand(["@server", "@small"], SETS, where="//a:b")
    assert names(found) == ["linux/amd64", "linux/arm64", "linux/arm/v6"]


@pytest.mark.parametrize(
    ("platforms", "exclude", "error"),
    [
        (["@servr"], [], "unknown platform set `@servr`.*Did you mean `@server`"),
        (["linux/amd64", "linux/amd64/v1"], [], "`linux/amd64` is listed twice"),
        (["@server", "linux/amd64"], [], "`linux/amd64` is listed twice, by `@server`"),
        (["@server"], ["linux/s390x"], "`exclude` names `linux/s390x`, which is not among"),
        (["@server"], ["@server"], "the platform matrix is empty after `exclude`"),
        ([], [], "the platform matrix is empty"),
        (["linux/amd46"], [], "//a:b: the platforms are not usable"),
    ],
)
def test_a_matrix_that_is_not_usable_says_why(
    platforms: list[str], exclude: list[str], error: str
) -> None:
    with pytest.raises(PlatformError, match=f"(?s){error}"):
        expand(platforms, SETS, exclude=exclude, where="//a:b")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(PlatformError, match=r"(?s)amd46.*`@nope`"):
        expand(["linux/amd46", "@nope"], SETS, where="//a:b")


def test_a_platform_in_a_set_names_the_set() -> None:
    with pytest.raises(PlatformError, match="in the set `@bad`"):
        expand(["@bad"], {"bad": ["linux/amd46"]}, where="//a:b")


def test_the_host_by_its_own_names() -> None:
    assert str(host_platform("Linux", "x86_64")) == "linux/amd64"
    assert str(host_platform("Darwin", "arm64")) == "darwin/arm64"
