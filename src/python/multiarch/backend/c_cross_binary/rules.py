"""Generates a C program's targets, compiles and packages them, and finds any binary by address."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.core.goals.package import BuiltPackage, PackageFieldSet
from pants.core.util_rules.environments import EnvironmentField
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    CreateDigest,
    Digest,
    FileContent,
    MergeDigests,
    RemovePrefix,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import Process
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.target import (
    GeneratedTargets,
    GenerateTargetsRequest,
    HydratedSources,
    HydrateSourcesRequest,
    WrappedTarget,
    WrappedTargetRequest,
)
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.c_cross_binary.target_types import (
    CBinaryPlatformField,
    CCrossBinaryPlatformTarget,
    CCrossBinaryTarget,
    CLinkageField,
    CSourcesField,
)
from multiarch.backend.c_options import c_options
from multiarch.backend.c_target_types import CflagsField
from multiarch.backend.c_toolchain import CToolchain, CToolchainRequest
from multiarch.backend.go_build.binaries import GoBinary, GoBinaryRequest
from multiarch.backend.go_build.compile import RUN_SCRIPT
from multiarch.backend.go_build.link import (
    BuildBinaryRequest,
    BuiltBinary,
    failed_binary,
    verified_binary,
)
from multiarch.backend.go_cross_binary.rules import (
    deactivated,
    not_packaged,
    packaged_binary,
    platform_targets,
)
from multiarch.backend.platforms import PlatformMatrix, SupportToday
from multiarch.backend.relocation import output_path
from multiarch.backend.sandbox import CACHE_ANSWER_MILLIS, SHELL_PATH, run_process, said
from multiarch.backend.subsystems.c_toolchain import CToolchainSubsystem
from multiarch.backend.summary import NoticesRequest, Said
from multiarch.backend.version import stamps_in
from multiarch.core.c.options import COptions
from multiarch.core.c.program import advice_for, compile_script
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform
from multiarch.core.stamps import fill_text


class GenerateCBinariesRequest(GenerateTargetsRequest):
    """Generate one target per platform of a `c_cross_binary`."""

    generate_from = CCrossBinaryTarget


@rule(desc="Generate the targets of `c_cross_binary`", level=LogLevel.DEBUG)
async def generate_c_binaries(
    request: GenerateCBinariesRequest,
    platforms: PlatformMatrix,
    union_membership: UnionMembership,
) -> GeneratedTargets:
    return platform_targets(request, platforms, union_membership, CCrossBinaryPlatformTarget)


@dataclass(frozen=True)
class CBinary:
    """One platform's C program: everything its fields say, parsed."""

    address: Address
    platform: Platform
    options: COptions

    @property
    def file_name(self) -> str:
        """The executable's name: `pause`, or `pause.exe` for windows."""
        return self.address.target_name + self.platform.executable_suffix

    @property
    def output_path(self) -> str:
        """Where it goes below dist/."""
        return output_path(self.address, self.platform, self.file_name)


@dataclass(frozen=True)
class BuildCBinaryRequest(EngineAwareParameter):
    """One C program to compile, link and verify."""

    address: Address

    def debug_hint(self) -> str:
        """Shown beside the rule in the terminal."""
        return str(self.address)


@dataclass(frozen=True)
class BinaryAtRequest:
    """The binary of a per-platform target, whatever its language."""

    address: Address


@rule(level=LogLevel.DEBUG)
async def build_binary_at(request: BinaryAtRequest) -> BuiltBinary:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="`binaries`")
    )
    if wrapped.target.has_field(CBinaryPlatformField):
        return await Get(BuiltBinary, BuildCBinaryRequest(request.address))
    binary = await Get(GoBinary, GoBinaryRequest(request.address))
    return await Get(BuiltBinary, BuildBinaryRequest(binary))


@rule(desc="Build a C program", level=LogLevel.DEBUG)
async def build_c_binary(
    request: BuildCBinaryRequest, subsystem: CToolchainSubsystem
) -> BuiltBinary:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="the C build")
    )
    target, where = wrapped.target, f"{request.address}: `{CflagsField.alias}`"
    platform = Platform.parse(target[CBinaryPlatformField].value or "")
    linkage = target[CLinkageField].value or ""
    binary = CBinary(request.address, platform, c_options(target, platform, linkage, subsystem))
    sources = await Get(HydratedSources, HydrateSourcesRequest(target[CSourcesField]))
    files = [f for f in sources.snapshot.files if f.endswith(".c")]
    if not files:
        raise MultiarchError(
            f"{request.address}: `sources` has no .c file. Name the C files of the program."
        )
    compiler = await Get(CToolchain, CToolchainRequest(platform, binary.options))
    stamps = await stamps_in(binary.options.cflags)
    cflags = [fill_text(f, stamps, where=where) for f in binary.options.cflags]
    # In a folder of its own: a directory of sources may have the program's name.
    output = f"_out/{binary.file_name}"
    script = compile_script(files, output, platform, binary.options, cflags)
    written = await Get(Digest, CreateDigest([FileContent("run.sh", script.encode())]))
    process = Process(
        RUN_SCRIPT,
        description=f"Compile {request.address}",
        input_digest=await Get(Digest, MergeDigests((sources.snapshot.digest, written))),
        immutable_input_digests=compiler.mounts,
        env={"PATH": SHELL_PATH, "MULTIARCH_C_COMPILER": compiler.identity},
        output_files=(output,),
        remote_cache_speculation_delay_millis=CACHE_ANSWER_MILLIS,
    )
    result = await run_process(process, local=binary.options.compiler == "gcc")
    if result.exit_code != 0:
        words = said(result)
        return failed_binary(binary, words + advice_for(words, binary.options, platform))
    digest = await Get(Digest, RemovePrefix(result.output_digest, "_out"))
    return await verified_binary(
        binary, digest, result.metadata, cgo=binary.options.linkage, go=False
    )


@dataclass(frozen=True)
class PackageCBinaryFieldSet(PackageFieldSet):
    """What `package` needs of a platform's C program."""

    required_fields = (CBinaryPlatformField,)

    platform: CBinaryPlatformField
    environment: EnvironmentField


@rule(level=LogLevel.DEBUG)
async def package_c_binary(field_set: PackageCBinaryFieldSet, today: SupportToday) -> BuiltPackage:
    support, platform = today.support, Platform.parse(field_set.platform.value or "")
    if skipped := deactivated(support, field_set.address, platform):
        await Get(Said, NoticesRequest(str(field_set.address), skipped))
        return BuiltPackage(EMPTY_DIGEST, ())
    built = await Get(BuiltBinary, BuildCBinaryRequest(field_set.address))
    if built.failures and support.is_experimental(platform):
        return await not_packaged(built)
    if built.failures:
        said = "\n".join(f"{f.import_path} [{f.platform}]\n{f.message}" for f in built.failures)
        raise MultiarchError(f"A C program does not build:\n{said}")
    return await packaged_binary(built, support)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(GenerateTargetsRequest, GenerateCBinariesRequest),
        UnionRule(PackageFieldSet, PackageCBinaryFieldSet),
    )
