"""The plan of one link: build info, import configuration and command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from multiarch.core.golang.compile import CWD, Plan, tool
from multiarch.core.golang.packages import Module, Package
from multiarch.core.golang.settings import BuildSettings

# Where a link finds which archives it reads.
IMPORTCFG = "_work/importcfg.link"
# The marks around the build info block of a binary (cmd/go/internal/modload/build.go).
_INFO_START = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
_INFO_END = bytes.fromhex("f932433186182072008242104116d8f2")


@dataclass(frozen=True)
class LinkRequest:
    """One binary: its main package, the closure it links, and what is stamped into it.

    `archives` maps the import paths of the closure to their paths. Build info names the modules
    of `packages`, and the program as `info_path`, the main package's import path if it is empty.
    """

    main: Package
    packages: Sequence[Package]
    archives: Mapping[str, str]
    output: str
    ldflags: tuple[str, ...] = ()
    x_defs: tuple[tuple[str, str], ...] = ()
    gcflags_text: str = ""
    pgo_name: str = ""
    coverage: bool = False
    info_path: str = ""


def _module_lines(word: str, module: Module) -> str:
    version = module.version or "(devel)"
    if module.replace is None:
        return f"{word}\t{module.path}\t{version}\t{module.sum}\n"
    return f"{word}\t{module.path}\t{version}\n{_module_lines('=>', module.replace)}\n"


def _quote_value(value: str) -> str:
    value = value.replace("\n", " ")
    return json.dumps(value) if any(c in value for c in ' \t\r\n"`') else value


def build_info(request: LinkRequest, settings: BuildSettings) -> str:
    """The text of the binary's build info (cmd/go, Package.setBuildInfo; runtime/debug)."""
    main = request.main
    text = f"path\t{request.info_path or main.import_path}\n"
    if main.module is not None:
        text += _module_lines("mod", main.module)
    others = {
        (p.module.path, p.module.version): p.module
        for p in request.packages
        if p.module is not None and (main.module is None or p.module.path != main.module.path)
    }
    text += "".join(_module_lines("dep", others[key]) for key in sorted(others))
    rows = _build_settings(request, settings)
    return text + "".join(f"build\t{key}={_quote_value(value)}\n" for key, value in rows)


def _build_settings(request: LinkRequest, settings: BuildSettings) -> list[tuple[str, str]]:
    """The `build` lines of build info, in cmd/go's order."""
    rows = [("-buildmode", "exe"), ("-compiler", "gc")]
    if request.gcflags_text:
        rows.append(("-gcflags", request.gcflags_text))
    if request.coverage:
        rows.append(("-cover", "true"))
    if settings.tags:
        rows.append(("-tags", ",".join(settings.tags)))
    rows.append(("-trimpath", "true"))
    if request.main.default_godebug:
        rows.append(("DefaultGODEBUG", request.main.default_godebug))
    rows += [("CGO_ENABLED", "0"), ("GOARCH", settings.platform.arch)]
    if settings.experiment:
        rows.append(("GOEXPERIMENT", settings.experiment))
    rows.append(("GOOS", settings.platform.os))
    rows += settings.platform.go_env[2:]
    if request.pgo_name:
        # cmd/go appends -pgo and then sorts all settings.
        rows = sorted([*rows, ("-pgo", request.pgo_name)])
    return rows


def _go_quote(data: bytes) -> str:
    """Quote bytes as Go's %q does, byte by byte; the linker unquotes them again."""
    out = []
    for byte in data:
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif 0x20 <= byte < 0x7F:
            out.append(char)
        else:
            out.append(f"\\x{byte:02x}")
    return '"' + "".join(out) + '"'


def link_plan(request: LinkRequest, settings: BuildSettings) -> Plan:
    """Plan the link of one binary; stamps (`x_defs`) reach the link and nothing before it."""
    info = build_info(request, settings).encode()
    lines = [f"packagefile {p}={a}" for p, a in request.archives.items()]
    lines.append(f"modinfo {_go_quote(_INFO_START + info + _INFO_END)}")
    godebug = request.main.default_godebug
    command = (
        tool(settings, "link"),
        *("-o", request.output, "-importcfg", IMPORTCFG),
        *((f"-X=runtime.godebugDefault={godebug}",) if godebug else ()),
        f"-buildmode={settings.link_buildmode}",
        "-buildid=",
        *request.ldflags,
        *(f"-X={name}={value}" for name, value in request.x_defs),
        request.archives[request.main.import_path],
    )
    return Plan(((IMPORTCFG, "\n".join(lines) + "\n"),), (command,))


__all__ = ["CWD", "LinkRequest", "build_info", "link_plan"]
