"""Generates a C program's targets, compiles and packages them, and finds any binary by address."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from pants.build_graph.address import Address
from pants.core.goals.package import BuiltPackage, BuiltPackageArtifact, PackageFieldSet
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestEntries,
    FileContent,
    FileEntry,
    MergeDigests,
    RemovePrefix,
)
from pants.engine.internals.native_engine import EMPTY_DIGEST
from pants.engine.process import FallibleProcessResult, Process
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    GeneratedTargets,
    GenerateTargetsRequest,
    HydratedSources,
    HydrateSourcesRequest,
    InvalidFieldException,
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
from multiarch.backend.go_build.compile import CompileFailure
from multiarch.backend.go_build.link import BuildBinaryRequest, BuiltBinary
from multiarch.backend.go_cross_binary.rules import deactivated, level_note, platform_overrides
from multiarch.backend.go_cross_binary.target_types import (
    ExcludeField,
    PlatformOverridesField,
    PlatformsField,
)
from multiarch.backend.platforms import PlatformMatrix, SupportToday
from multiarch.backend.sandbox import SHELL_PATH, ToolProcess, request_json
from multiarch.backend.subsystems.c_toolchain import CToolchainSubsystem
from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.backend.summary import Delivery, DeliveryRequest, Notices, NoticesRequest
from multiarch.core.c.options import COptions
from multiarch.core.c.program import advice_for, compile_script
from multiarch.core.errors import MultiarchError
from multiarch.core.platforms import Platform, PlatformError
from multiarch.core.stamps import fill_text
from multiarch.core.summary import Notice


class GenerateCBinariesRequest(GenerateTargetsRequest):
    """Generate one target per platform of a `c_cross_binary`."""

    generate_from = CCrossBinaryTarget


@rule(desc="Generate the targets of `c_cross_binary`", level=LogLevel.DEBUG)
async def generate_c_binaries(
    request: GenerateCBinariesRequest,
    platforms: PlatformMatrix,
    union_membership: UnionMembership,
) -> GeneratedTargets:
    generator, address = request.generator, request.template_address
    where = str(address)
    try:
        matrix = platforms.expand(
            generator[PlatformsField].value, generator[ExcludeField].value or (), where=where
        )
        overrides = platform_overrides(generator[PlatformOverridesField].value, matrix, where=where)
    except PlatformError as error:
        raise InvalidFieldException(str(error)) from error
    return GeneratedTargets(
        generator,
        [
            CCrossBinaryPlatformTarget(
                {
                    **request.template,
                    **overrides.get(platform, {}),
                    CBinaryPlatformField.alias: str(platform),
                },
                address.create_generated(str(platform)),
                union_membership,
            )
            for platform in matrix
        ],
    )


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
        """Where it goes below dist/: `DIR/NAME/OS/ARCH[/VARIANT]/FILE`."""
        parts = (self.address.spec_path, self.address.target_name, self.platform.path)
        return posixpath.join(*(p for p in parts if p), self.file_name)


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


def _failed(binary: CBinary, message: str) -> BuiltBinary:
    failure = CompileFailure(str(binary.address), str(binary.platform), message)
    return BuiltBinary(binary, EMPTY_DIGEST, failures=(failure,))


@rule(desc="Build a C program", level=LogLevel.DEBUG)
async def build_c_binary(
    request: BuildCBinaryRequest, subsystem: CToolchainSubsystem, multiarch: MultiarchSubsystem
) -> BuiltBinary:
    wrapped = await Get(
        WrappedTarget, WrappedTargetRequest(request.address, description_of_origin="the C build")
    )
    target, where = wrapped.target, f"{request.address}: `{CflagsField.alias}`"
    platform = Platform.parse(target[CBinaryPlatformField].value or "")
    linkage = target[CLinkageField].value or ""
    binary = CBinary(request.address, platform, c_options(target, platform, linkage, subsystem))
    sources, compiler = await MultiGet(
        Get(HydratedSources, HydrateSourcesRequest(target[CSourcesField])),
        Get(CToolchain, CToolchainRequest(platform, binary.options)),
    )
    files = [f for f in sources.snapshot.files if f.endswith(".c")]
    if not files:
        raise MultiarchError(
            f"{request.address}: `sources` has no .c file. Name the C files of the program."
        )
    cflags = [fill_text(f, multiarch.stamps, where=where) for f in binary.options.cflags]
    # In a folder of its own: a directory of sources may have the program's name.
    output = f"_out/{binary.file_name}"
    script = compile_script(files, output, platform, binary.options, cflags)
    written = await Get(Digest, CreateDigest([FileContent("run.sh", script.encode())]))
    result = await Get(
        FallibleProcessResult,
        Process(
            ("/bin/sh", "-c", 'sh run.sh >_log 2>&1 || { sed "s|$PWD/||g" _log >&2; exit 1; }'),
            description=f"Compile {request.address}",
            input_digest=await Get(Digest, MergeDigests((sources.snapshot.digest, written))),
            immutable_input_digests=compiler.mounts,
            env={"PATH": SHELL_PATH, "MULTIARCH_C_COMPILER": compiler.identity},
            output_files=(output,),
        ),
    )
    if result.exit_code != 0:
        words = result.stderr.decode(errors="replace").strip() or f"exit code {result.exit_code}"
        return _failed(binary, words + advice_for(words, binary.options, platform))
    digest = await Get(Digest, RemovePrefix(result.output_digest, "_out"))
    check = {
        "file": binary.file_name,
        "platform": str(platform),
        "cgo": binary.options.linkage,
        "go": False,
    }
    tool = ToolProcess(
        "multiarch.tools.verify",
        request_json(check),
        f"Verify {request.address}",
        input_digest=digest,
        level=LogLevel.DEBUG,
    )
    process = await Get(Process, ToolProcess, tool)
    verified = await Get(FallibleProcessResult, Process, process)
    if verified.exit_code != 0:
        return _failed(binary, verified.stderr.decode(errors="replace").strip())
    (entry,) = await Get(DigestEntries, Digest, digest)
    assert isinstance(entry, FileEntry)
    return BuiltBinary(
        binary,
        digest,
        entry.file_digest.serialized_bytes_length,
        entry.file_digest.fingerprint,
        link=(result.metadata,),
        linkage=verified.stdout.decode().strip(),
    )


@dataclass(frozen=True)
class PackageCBinaryFieldSet(PackageFieldSet):
    """What `package` needs of a platform's C program."""

    required_fields = (CBinaryPlatformField,)

    platform: CBinaryPlatformField


@rule(level=LogLevel.DEBUG)
async def package_c_binary(field_set: PackageCBinaryFieldSet, today: SupportToday) -> BuiltPackage:
    support, platform = today.support, Platform.parse(field_set.platform.value or "")
    if skipped := deactivated(support, field_set.address, platform):
        await Get(Notices, NoticesRequest(skipped))
        return BuiltPackage(EMPTY_DIGEST, ())
    built = await Get(BuiltBinary, BuildCBinaryRequest(field_set.address))
    if built.failures and support.is_experimental(platform):
        notices = tuple(
            Notice("experimental", f.import_path, f.platform, f.message) for f in built.failures
        )
        await Get(Notices, NoticesRequest(notices))
        return BuiltPackage(EMPTY_DIGEST, ())
    if built.failures:
        said = "\n".join(f"{f.import_path} [{f.platform}]\n{f.message}" for f in built.failures)
        raise MultiarchError(f"A C program does not build:\n{said}")
    binary = built.binary
    digest, _ = await MultiGet(
        Get(Digest, AddPrefix(built.digest, posixpath.dirname(binary.output_path))),
        Get(
            Delivery,
            DeliveryRequest(
                "binary",
                str(binary.address.maybe_convert_to_target_generator()),
                str(binary.platform),
                built.size,
                built.sha256,
                built.link,
                "; ".join(filter(None, (level_note(support, platform), built.linkage))),
            ),
        ),
    )
    return BuiltPackage(digest, (BuiltPackageArtifact(binary.output_path),))


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(GenerateTargetsRequest, GenerateCBinariesRequest),
        UnionRule(PackageFieldSet, PackageCBinaryFieldSet),
    )
