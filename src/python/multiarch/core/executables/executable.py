"""What the headers of one executable file say, in one value for all formats."""

from __future__ import annotations

from dataclasses import dataclass

from multiarch.core.executables.build_info import BuildInfo


@dataclass(frozen=True)
class Executable:
    """One program or shared library, as its own headers describe it.

    `format` is ELF, Mach-O, PE, XCOFF, Plan 9 or WebAssembly. `os` is a GOOS, and empty where
    the headers name none, as in most ELF files for Linux. `arch` is a GOARCH, or another
    name for what Go has no port to. `bits` is 32 or 64, `endian` little or big, `machine` the
    format's own number, `flags` ELF's e_flags. `dynamic` says that it has a dynamic section.
    `runpath` holds where ELF files themselves say that their libraries are.

    `arm_arch` and `mips_float` are None where the file does not say: the architecture that
    ARM code needs (5 to 9), and whether MIPS code is `hardfloat` or `softfloat`.
    """

    format: str
    arch: str
    bits: int
    endian: str
    machine: int
    os: str = ""
    flags: int = 0
    interpreter: str | None = None
    needed: tuple[str, ...] = ()
    dynamic: bool = False
    runpath: tuple[str, ...] = ()
    arm_arch: int | None = None
    mips_float: str | None = None
    build_info: BuildInfo | None = None

    @property
    def is_static(self) -> bool:
        """Whether it starts without an interpreter and without any other library."""
        return self.interpreter is None and not self.needed

    @property
    def is_go(self) -> bool:
        """Whether it carries Go build info; Go writes none into WebAssembly."""
        return self.build_info is not None

    @property
    def loaded(self) -> tuple[str, ...]:
        """What must be where it runs: the interpreter, and the needed libraries."""
        return (*((self.interpreter,) if self.interpreter else ()), *self.needed)

    def __str__(self) -> str:
        return f"{self.format}, {self.bits}-bit {self.endian}-endian, machine {self.machine:#x}"
