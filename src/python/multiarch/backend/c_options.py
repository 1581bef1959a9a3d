"""What a target and `[c-toolchain]` together say of the C of one platform."""

from __future__ import annotations

from pants.engine.target import Target

from multiarch.backend.c_target_types import (
    CCompilerField,
    CflagsField,
    CLdflagsField,
    CxxCompilerField,
    LibcField,
)
from multiarch.backend.subsystems.c_toolchain import CToolchainSubsystem
from multiarch.core.c.gcc import cxx_of, gcc_program
from multiarch.core.c.options import CError, COptions, Libc, parse_libc
from multiarch.core.c.zig import zig_target
from multiarch.core.platforms import Platform


def c_options(
    target: Target, platform: Platform, linkage: str, toolchain: CToolchainSubsystem
) -> COptions:
    """Parse the C fields of a target; raises CError that names the target and the field."""
    where = str(target.address)
    named = target[CCompilerField].value
    compiler = toolchain.compiler(platform)
    cc = toolchain.of(toolchain.gcc_programs, "gcc_programs", platform, "")
    if named:
        compiler, cc = ("zig", "") if named == "zig" else ("gcc", named)
    libc, cxx = target[LibcField].value, target.get(CxxCompilerField).value
    if compiler == "gcc":
        if libc:
            raise CError(
                f"{where}: `libc` is {libc!r}, but only zig has a choice of C libraries; a GCC has "
                "its own. Take `libc` out, or use zig."
            )
        cc = cc or gcc_program(platform, where=where)
        chosen = Libc("system")
    else:
        if cxx:
            raise CError(
                f"{where}: `cxx` is {cxx!r}, but the C compiler is zig, which compiles C++ too. "
                "Name the GCC beside it in `cc`, or take `cxx` out."
            )
        text = libc or toolchain.of(toolchain.libc, "libc", platform, "")
        chosen = parse_libc(text, platform, static=linkage == "static", where=where)
        zig_target(platform, chosen, where=where)
    return COptions(
        linkage=linkage,
        compiler=compiler,
        libc=chosen,
        cc=cc,
        cxx=cxx or (cxx_of(cc) if cc else ""),
        cflags=(
            *toolchain.of(toolchain.cflags, "cflags", platform, []),
            *(target[CflagsField].value or ()),
        ),
        ldflags=(
            *toolchain.of(toolchain.ldflags, "ldflags", platform, []),
            *(target[CLdflagsField].value or ()),
        ),
        sysroot=toolchain.of(toolchain.sysroots, "sysroots", platform, ""),
    )
