"""The plan of one package's compile: which files to write and which commands to run.

A plan is for a sandbox: every path is relative to it, and `CWD` stands for its absolute path,
which the compiler must be given to be able to trim it. Source: cmd/go/internal/work/gc.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from multiarch.core.golang.embeds import embedcfg, resolve
from multiarch.core.golang.packages import Package
from multiarch.core.golang.settings import BuildSettings

# Replaced by the sandbox's absolute path when a command runs.
CWD = "@CWD@"
# Where the trimmed GOROOT is mounted.
GOROOT = ".go"
# Scratch directory of a compile; `go build` calls it objdir.
WORK = "_work"

# Packages with declarations that package runtime implements (cmd/go, gc.go).
_FORWARD_DECLARED = frozenset(
    [
        "bytes",
        "internal/poll",
        "net",
        "os",
        "runtime/metrics",
        "runtime/pprof",
        "runtime/trace",
        "sync",
        "syscall",
        "time",
    ]
)

# Systems and architectures without debug information (cmd/go, gc.go).
_NO_DWARF = frozenset(("plan9", "wasm"))


@dataclass(frozen=True)
class Plan:
    """Files to write before, and commands to run in order; `archive_members` are appended last.

    `copies` are (from, to) pairs made before the commands.
    """

    files: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, ...], ...]
    copies: tuple[tuple[str, str], ...] = ()
    archive: str = ""
    archive_members: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outputs:
    """Where a compile puts the export data for dependents and the archive for the link."""

    export: str
    archive: str


def tool(settings: BuildSettings, name: str) -> str:
    """The path of one of the toolchain's programs; the toolchain's layout is made by us."""
    del settings
    return f"{CWD}/{GOROOT}/tool/{name}"


def trim_dir(package: Package) -> str:
    """What -trimpath shows in place of the package's directory (cmd/go, Action.trimpath)."""
    module = package.module
    if module is not None and module.version:
        return f"{module.path}@{module.version}{package.import_path.removeprefix(module.path)}"
    return package.import_path


def trimpath(package: Package, work: str) -> str:
    """The compiler's -trimpath: the source directory renamed, the scratch directory removed."""
    source = f"{CWD}/{package.dir}" if package.dir else CWD
    return f"{source}=>{trim_dir(package)};{CWD}/{work}=>"


def language(package: Package, settings: BuildSettings) -> str:
    """The -lang of a package: its module's go line, go1.16 without one, else the toolchain's."""
    if package.module is None:
        return f"go1.{settings.minor}"
    version = package.module.go_version or "1.16"
    return "go" + ".".join(version.split("rc")[0].split("beta")[0].split(".")[:2])


def importcfg(package: Package, exports: Mapping[str, str]) -> str:
    """The compiler's -importcfg: the export data of the direct imports, and vendored renames."""
    lines = ["# import config"]
    lines += [f"importmap {raw}={final}" for raw, final in package.import_map if raw != final]
    lines += [f"packagefile {i}={exports[i]}" for i in sorted(set(package.imports))]
    return "\n".join(lines) + "\n"


def compile_plan(
    package: Package,
    settings: BuildSettings,
    exports: Mapping[str, str],
    outputs: Outputs,
    *,
    main_gcflags: tuple[str, ...] = (),
    work: str = WORK,
    concurrency: int = 1,
) -> Plan:
    """Plan the compile of one package.

    `exports` maps each import path to its export data's path. The plan leaves export data at
    `outputs.export` and the archive, with assembled objects appended, at `outputs.archive`.
    """
    source = f"{CWD}/{package.dir}" if package.dir else CWD
    files = [(f"{work}/importcfg", importcfg(package, exports))]
    commands: list[tuple[str, ...]] = []
    flags: list[str] = []
    if package.embed_patterns:
        patterns = resolve(package.embed_patterns, package.embed_files)
        files.append((f"{work}/embedcfg", embedcfg(patterns, source)))
        flags += ["-embedcfg", f"{work}/embedcfg"]
    if package.s_files:
        # -gensymabis reads this empty file; the compile then writes the real one over it.
        files.append((f"{work}/go_asm.h", ""))
        commands.append(_asm(package, settings, work, "-gensymabis", f"{work}/symabis"))
        flags += ["-symabis", f"{work}/symabis", "-asmhdr", f"{work}/go_asm.h"]
    commands.append(
        (
            tool(settings, "compile"),
            *("-o", outputs.export, "-linkobj", outputs.archive),
            *("-trimpath", trimpath(package, work)),
            *_compile_flags(package, settings),
            *settings.code_flags,
            *settings.gcflags,
            *main_gcflags,
            *(("-c", str(concurrency)) if concurrency > 1 else ()),
            *("-nolocalimports", "-importcfg", f"{work}/importcfg", "-pack"),
            *flags,
            *(f"{source}/{name}" for name in package.go_files),
        )
    )
    members = []
    for name in package.s_files:
        member = f"{work}/{name.removesuffix('.s')}.o"
        commands.append(_asm(package, settings, work, "", member, name))
        members.append(member)
    members += [f"{package.dir}/{n}" if package.dir else n for n in package.syso_files]
    copies = _header_copies(package, settings, work)
    return Plan(tuple(files), tuple(commands), copies, outputs.archive, tuple(members))


def _compile_flags(package: Package, settings: BuildSettings) -> tuple[str, ...]:
    std = package.kind == "std"
    whole = not (package.s_files or package.syso_files) and not (
        std and package.import_path in _FORWARD_DECLARED
    )
    return (
        *("-p", "main" if package.name == "main" else package.import_path),
        f"-lang={language(package, settings)}",
        *(("-std",) if std else ()),
        *(("-complete",) if whole else ()),
        *(("-dwarf=false",) if {settings.platform.os, settings.platform.arch} & _NO_DWARF else ()),
        *("-goversion", settings.go_version),
        *((f"-pgoprofile={settings.pgo}",) if settings.pgo else ()),
    )


def _asm(
    package: Package, settings: BuildSettings, work: str, mode: str, output: str, file: str = ""
) -> tuple[str, ...]:
    source = f"{CWD}/{package.dir}" if package.dir else CWD
    std = package.kind == "std" and settings.minor >= 27
    return (
        tool(settings, "asm"),
        *("-p", "main" if package.name == "main" else package.import_path),
        *("-trimpath", trimpath(package, work)),
        *("-I", f"{CWD}/{work}/", "-I", f"{CWD}/{GOROOT}/include"),
        *settings.asm_defines,
        *settings.code_flags,
        *(("-std",) if std else ()),
        *((mode,) if mode else ()),
        *("-o", output),
        *(f"{source}/{name}" for name in ((file,) if file else package.s_files)),
    )


def _header_copies(
    package: Package, settings: BuildSettings, work: str
) -> tuple[tuple[str, str], ...]:
    """`x_linux_amd64.h` is also known as `x_GOOS_GOARCH.h` (cmd/go, Builder.build)."""
    os, arch = settings.platform.os, settings.platform.arch
    renames = ((f"_{os}_{arch}", "_GOOS_GOARCH"), (f"_{arch}", "_GOARCH"), (f"_{os}", "_GOOS"))
    copies = []
    for name in package.h_files if package.s_files else ():
        stem, _, extension = name.rpartition(".")
        for suffix, generic in renames:
            if stem.endswith(suffix):
                source = f"{package.dir}/{name}" if package.dir else name
                copies.append((source, f"{work}/{stem.removesuffix(suffix)}{generic}.{extension}"))
                break
    return tuple(copies)
