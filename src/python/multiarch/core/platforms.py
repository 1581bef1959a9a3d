"""Platforms: what `os/arch[/variant]` means to Go, to OCI, in paths and in cache keys.

There is no other table of platforms. Which `os/arch` pairs exist is Go's own answer
(`multiarch.core.go_ports`, generated from `go tool dist list -json`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from multiarch.core.errors import MultiarchError, bullets, did_you_mean
from multiarch.core.go_ports import PORTS


class PlatformError(MultiarchError):
    """Says why a text is not a platform, or a list of texts not a platform matrix."""


@dataclass(frozen=True)
class Microarchitecture:
    """How one GOARCH names its variants: Go's variable, and each variant's value for it.

    `variants` maps our variant names to the variable's values; `default` is Go's own default.
    `go_since` holds the first Go minor version that knows the variable, such as (1, 23).
    Source: https://go.dev/wiki/MinimumRequirements and `go help environment`.
    """

    variable: str
    default: str
    variants: Mapping[str, str]


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_ARM64_MINORS = tuple(f"v{a}.{b}" for a, last in ((8, 9), (9, 5)) for b in range(last + 1))

MICROARCHITECTURES: Mapping[str, Microarchitecture] = {
    "386": Microarchitecture("GO386", "sse2", _same("sse2", "softfloat")),
    "amd64": Microarchitecture("GOAMD64", "v1", _same("v1", "v2", "v3", "v4")),
    "arm": Microarchitecture("GOARM", "v7", {"v5": "5", "v6": "6", "v7": "7"}),
    "arm64": Microarchitecture(
        "GOARM64", "v8", {"v8": "v8.0", "v9": "v9.0", **_same(*_ARM64_MINORS)}
    ),
    "mips": Microarchitecture("GOMIPS", "hardfloat", _same("hardfloat", "softfloat")),
    "mipsle": Microarchitecture("GOMIPS", "hardfloat", _same("hardfloat", "softfloat")),
    "mips64": Microarchitecture("GOMIPS64", "hardfloat", _same("hardfloat", "softfloat")),
    "mips64le": Microarchitecture("GOMIPS64", "hardfloat", _same("hardfloat", "softfloat")),
    "ppc64": Microarchitecture("GOPPC64", "power8", _same("power8", "power9", "power10")),
    "ppc64le": Microarchitecture("GOPPC64", "power8", _same("power8", "power9", "power10")),
    "riscv64": Microarchitecture(
        "GORISCV64", "rva20u64", _same("rva20u64", "rva22u64", "rva23u64")
    ),
}

# Spellings of the same variant, folded while parsing so that one platform has one key.
_VARIANT_ALIASES: Mapping[tuple[str, str], str] = {
    ("arm64", "v8.0"): "v8",
    ("arm64", "v9.0"): "v9",
    ("arm64", "8"): "v8",
    ("arm", "5"): "v5",
    ("arm", "6"): "v6",
    ("arm", "7"): "v7",
}

# The names uname, Debian and others use; only ever offered as a suggestion.
_FOREIGN_ARCH_NAMES: Mapping[str, str] = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "i386": "386",
    "i686": "386",
    "x86": "386",
    "aarch64": "arm64",
    "armhf": "arm/v7",
    "armv7l": "arm/v7",
    "armv7": "arm/v7",
    "armv6": "arm/v6",
    "armel": "arm/v5",
    "powerpc64le": "ppc64le",
    "ppc64el": "ppc64le",
    "macos": "darwin",
}

_PART = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")


@dataclass(frozen=True, order=True)
class Platform:
    """One platform of the matrix, in its normal form; drives Go, OCI, paths, tags and cache keys.

    `variant` is always set where the architecture has variants (`v7` for a plain `arm`), and
    None elsewhere. Make one with `Platform.parse`.
    """

    os: str
    arch: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os/arch[/variant]`; raises `PlatformError` that offers the nearest name.

        >>> str(Platform.parse("linux/arm"))
        'linux/arm/v7'
        >>> str(Platform.parse("linux/arm64/v8"))
        'linux/arm64'
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(_PART.match(part) for part in parts):
            raise PlatformError(
                f"{text!r} is not a platform: expected `os/arch` or `os/arch/variant`, "
                "such as `linux/amd64` or `linux/arm/v6`."
            )
        os, arch = parts[0], parts[1]
        if (os, arch) not in PORTS:
            raise PlatformError(_unknown_port(text, os, arch))
        return cls(os, arch, _variant(text, arch, parts[2] if len(parts) == 3 else None))

    def __str__(self) -> str:
        return "/".join(self.parts)

    @property
    def parts(self) -> tuple[str, ...]:
        """The normal form's parts: a default variant is left out, except for 32-bit arm."""
        micro = MICROARCHITECTURES.get(self.arch)
        if self.variant is None or (self.arch != "arm" and micro and self.variant == micro.default):
            return (self.os, self.arch)
        return (self.os, self.arch, self.variant)

    @property
    def path(self) -> str:
        """The relative directory of this platform's outputs: `linux/arm/v6`."""
        return "/".join(self.parts)

    @property
    def slug(self) -> str:
        """The normal form for file names and image tags: `linux-arm-v6`."""
        return "-".join(self.parts)

    @property
    def go_env(self) -> tuple[tuple[str, str], ...]:
        """The environment that selects this platform, in the order of Go's build info."""
        micro = MICROARCHITECTURES.get(self.arch)
        env = (("GOARCH", self.arch), ("GOOS", self.os))
        if micro is None or self.variant is None:
            return env
        return (*env, (micro.variable, micro.variants[self.variant]))

    @property
    def oci_variant(self) -> str | None:
        """The variant of the OCI platform: arm and arm64 always have one, amd64 from v2 on.

        Source: OCI image-spec, image-index.md, "Platform Variants".
        """
        if self.arch in ("arm", "arm64"):
            return self.variant
        return self.parts[2] if len(self.parts) == 3 else None

    @property
    def oci(self) -> dict[str, str]:
        """The OCI platform object, its keys in the specification's order."""
        platform = {"architecture": self.arch, "os": self.os}
        if self.oci_variant is not None:
            platform["variant"] = self.oci_variant
        return platform

    @property
    def executable_suffix(self) -> str:
        """What an executable's name ends in: `.exe` on Windows, `.wasm` on wasm, else nothing."""
        if self.os == "windows":
            return ".exe"
        return ".wasm" if self.arch == "wasm" else ""

    @property
    def cgo_supported(self) -> bool:
        """Whether Go's distribution supports cgo there."""
        return PORTS[self.os, self.arch].cgo


def _variant(text: str, arch: str, variant: str | None) -> str | None:
    micro = MICROARCHITECTURES.get(arch)
    if variant is None:
        return micro.default if micro else None
    if micro is None:
        raise PlatformError(
            f"{text!r} is not a platform: {arch} has no variants; write it without `/{variant}`."
        )
    variant = _VARIANT_ALIASES.get((arch, variant), variant)
    if variant not in micro.variants:
        allowed = ", ".join(v for v in micro.variants if (arch, v) not in _VARIANT_ALIASES)
        raise PlatformError(
            f"{text!r} is not a platform: {arch} has no variant {variant!r}; "
            f"it has {allowed}.{did_you_mean(variant, micro.variants)}"
        )
    return variant


def _unknown_port(text: str, os: str, arch: str) -> str:
    systems = {port[0] for port in PORTS}
    arch_hint = _FOREIGN_ARCH_NAMES.get(arch)
    os_hint = _FOREIGN_ARCH_NAMES.get(os, os)
    if arch_hint or os_hint != os:
        return f"unknown platform {text!r}. Did you mean `{os_hint}/{arch_hint or arch}`?"
    if os in systems and any(arch == port[1] for port in PORTS):
        allowed = ", ".join(sorted(port[1] for port in PORTS if port[0] == os))
        return f"Go has no platform {text!r}; for {os} it has {allowed}."
    known = [f"{port[0]}/{port[1]}" for port in PORTS]
    hint = did_you_mean(f"{os}/{arch}", known)
    return f"unknown platform {text!r}.{hint or ' `go tool dist list` names all of them.'}"


def host_platform(system: str, machine: str) -> Platform:
    """Name the platform of a host from what `platform.system()` and `.machine()` say of it."""
    arch = _FOREIGN_ARCH_NAMES.get(machine.lower(), machine.lower())
    return Platform.parse(f"{system.lower()}/{arch}")


def expand(
    names: Sequence[str],
    sets: Mapping[str, Sequence[str]],
    *,
    exclude: Sequence[str] = (),
    where: str,
) -> tuple[Platform, ...]:
    """Turn a `platforms` field into the platform matrix, in the order written.

    `names` holds platforms and `@set` names; `exclude` too. `where` names the target and field
    for the error. Every problem is collected into one `PlatformError`: unknown platforms and
    sets, a platform named twice (sets may overlap), excludes that exclude nothing, and a matrix
    that is empty.
    """
    problems: list[str] = []
    wanted = _resolve(names, sets, problems)
    seen: dict[Platform, str] = {}
    for platform, source in wanted:
        if platform in seen and not _overlap(source, seen[platform]):
            problems.append(
                f"`{platform}` is listed twice, by `{seen[platform]}` and by `{source}`."
            )
        seen.setdefault(platform, source)
    dropped = dict(_resolve(exclude, sets, problems))
    for platform, source in dropped.items():
        if platform not in seen and not source.startswith("@"):
            problems.append(
                f"`exclude` names `{platform}`, which is not among the platforms: "
                f"{', '.join(map(str, seen)) or 'there are none'}."
            )
    matrix = tuple(platform for platform in seen if platform not in dropped)
    if not problems and not matrix:
        problems.append(
            "the platform matrix is empty"
            + (" after `exclude`" if exclude else "")
            + "; name at least one platform or set."
        )
    if problems:
        raise PlatformError(f"{where}: the platforms are not usable:\n{bullets(problems)}")
    return matrix


def _overlap(one: str, other: str) -> bool:
    """Whether two sets overlap: their union is meant. One platform named twice is a mistake."""
    return one != other and one[0] == other[0] == "@"


def _resolve(
    names: Iterable[str], sets: Mapping[str, Sequence[str]], problems: list[str]
) -> list[tuple[Platform, str]]:
    """Parse names and sets; returns each platform with the name that brought it."""
    found: list[tuple[Platform, str]] = []
    for name in names:
        if name.startswith("@") and name[1:] not in sets:
            known = ", ".join(f"@{s}" for s in sorted(sets)) or "none"
            problems.append(
                f"unknown platform set `{name}`; `[multiarch].sets` has {known}."
                + did_you_mean(name, [f"@{s}" for s in sets])
            )
            continue
        for text in sets[name[1:]] if name.startswith("@") else (name,):
            try:
                found.append((Platform.parse(text), name))
            except PlatformError as error:
                origin = f" (in the set `{name}`)" if name.startswith("@") else ""
                problems.append(f"{error}{origin}")
    return found
