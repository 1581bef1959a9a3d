"""Generates an image's tests, one per platform, and runs them in `./pants test`."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pants.build_graph.address import Address, AddressInput
from pants.core.goals.test import TestFieldSet, TestRequest, TestResult, TestSubsystem
from pants.core.util_rules.environments import EnvironmentField
from pants.core.util_rules.source_files import SourceFiles, SourceFilesRequest
from pants.engine.addresses import UnparsedAddressInputs
from pants.engine.fs import (
    EMPTY_FILE_DIGEST,
    CreateDigest,
    Digest,
    DigestContents,
    DigestSubset,
    FileContent,
    FileDigest,
    MergeDigests,
    PathGlobs,
    Snapshot,
)
from pants.engine.internals.session import RunId
from pants.engine.process import (
    FallibleProcessResult,
    Process,
    ProcessCacheScope,
    ProcessResultMetadata,
)
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import (
    FieldSet,
    GeneratedTargets,
    GenerateTargetsRequest,
    InferDependenciesRequest,
    InferredDependencies,
    InvalidFieldException,
    Targets,
)
from pants.engine.unions import UnionMembership, UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.go_cross_binary.rules import deactivated
from multiarch.backend.image.built_image import BuildImageRequest, BuiltImage
from multiarch.backend.image.runs import (
    DOCKER_WHEELS,
    EngineHost,
    EngineHostRequest,
    run_with_engine,
)
from multiarch.backend.image.target_types import ImagePlatformField
from multiarch.backend.image_test.target_types import (
    ImageTestAddressField,
    ImageTestDependenciesField,
    ImageTestImageField,
    ImageTestPlatformTarget,
    ImageTestSourceField,
    ImageTestTarget,
    ImageTestTimeoutField,
)
from multiarch.backend.platforms import SupportToday
from multiarch.backend.sandbox import ToolProcess, request_json
from multiarch.backend.subsystems.multiarch_engine import MultiarchEngineSubsystem
from multiarch.backend.subsystems.multiarch_image_test import MultiarchImageTestSubsystem
from multiarch.backend.summary import NoticesRequest, Said, tested_cell
from multiarch.core.platforms import Platform
from multiarch.core.structure_test.results import Result, is_failed, junit_xml, report
from multiarch.core.summary import Notice
from multiarch.core.support import Support
from multiarch.tools.engines.host import MISSING_EXIT_CODE
from multiarch.tools.image_commands import FAILED_EXIT_CODE

logger = logging.getLogger(__name__)


class GenerateImageTestsRequest(GenerateTargetsRequest):
    """Generate one target per platform of an `image_test`'s image."""

    generate_from = ImageTestTarget


@rule(desc="Generate the targets of `image_test`", level=LogLevel.DEBUG)
async def generate_image_tests(
    request: GenerateImageTestsRequest, union_membership: UnionMembership
) -> GeneratedTargets:
    generator, address = request.generator, request.template_address
    inputs = UnparsedAddressInputs(
        (generator[ImageTestImageField].value or "",),
        owning_address=address,
        description_of_origin=f"the `image` of {address}",
    )
    images = await Get(Targets, UnparsedAddressInputs, inputs)
    for image in images:
        if not image.has_field(ImagePlatformField):
            raise InvalidFieldException(
                f"{address}: `image` names {image.address}, a `{image.alias}`; it takes a "
                "`multiarch_image`, or one platform of it."
            )
    return GeneratedTargets(
        generator,
        [
            ImageTestPlatformTarget(
                {**request.template, ImageTestAddressField.alias: str(image.address)},
                address.create_generated(image[ImagePlatformField].value or ""),
                union_membership,
            )
            for image in images
        ],
    )


async def image_address(address: Address, field: ImageTestAddressField) -> Address:
    """The image that a generated test is of; a helper of rules."""
    return await Get(
        Address,
        AddressInput,
        AddressInput.parse(field.value or "", description_of_origin=f"the `image` of {address}"),
    )


@dataclass(frozen=True)
class ImageTestDependenciesFieldSet(FieldSet):
    """Tests have their image inferred."""

    required_fields = (ImageTestDependenciesField, ImageTestAddressField)

    dependencies: ImageTestDependenciesField
    image: ImageTestAddressField


class InferImageTestDependencies(InferDependenciesRequest):
    """Infer the image of one platform."""

    infer_from = ImageTestDependenciesFieldSet


@rule(level=LogLevel.DEBUG)
async def infer_image_test_dependencies(
    request: InferImageTestDependencies,
) -> InferredDependencies:
    return InferredDependencies(
        [await image_address(request.field_set.address, request.field_set.image)]
    )


@dataclass(frozen=True)
class ImageTestFieldSet(TestFieldSet):
    """What `test` needs of a platform's test."""

    required_fields = (ImageTestSourceField, ImageTestAddressField)

    sources: ImageTestSourceField
    image: ImageTestAddressField
    environment: EnvironmentField
    timeout: ImageTestTimeoutField


class ImageTestRequest(TestRequest):
    """Test the image of one platform."""

    tool_subsystem = MultiarchImageTestSubsystem  # type: ignore[assignment]
    field_set_type = ImageTestFieldSet


@dataclass(frozen=True)
class CommandsRequest:
    """The commands of one platform's tests; `inputs` holds the image's tar and `commands.json`."""

    address: Address
    platform: str
    inputs: Digest
    timeout: int
    cache_scope: ProcessCacheScope


@dataclass(frozen=True)
class RanCommands:
    """What came of the commands; `missing` says why no engine here could run them."""

    results: str
    missing: str
    problem: str
    run: ProcessResultMetadata


@rule(desc="Run the commands of an image's tests", level=LogLevel.DEBUG)
async def run_commands(request: CommandsRequest, options: MultiarchEngineSubsystem) -> RanCommands:
    host = await Get(EngineHost, EngineHostRequest())
    value = {
        "image": "image.tar",
        "commands": "commands.json",
        "platform": request.platform,
        "host": ".engine/host.json",
        "engines": options.tried(),
        "timeout": request.timeout,
        "results": "results.json",
    }
    tool = ToolProcess(
        "multiarch.tools.image_commands",
        request_json(value),
        f"Run the commands of {request.address}",
        input_digest=request.inputs,
        output_files=("results.json",),
        wheels=DOCKER_WHEELS,
        cache_scope=request.cache_scope,
    )
    result = await run_with_engine(tool, host)
    problem = result.stderr.decode(errors="replace").strip()
    if result.exit_code == MISSING_EXIT_CODE:
        return RanCommands("", problem, "", result.metadata)
    if result.exit_code not in (0, FAILED_EXIT_CODE):
        return RanCommands("", "", problem, result.metadata)
    contents = await Get(DigestContents, Digest, result.output_digest)
    return RanCommands(contents[0].content.decode(), "", "", result.metadata)


def shown_result(
    field_set: ImageTestFieldSet,
    options: TestSubsystem,
    text: str,
    failed: bool,
    run: ProcessResultMetadata,
    reports: Snapshot | None,
) -> TestResult:
    """What `test` shows of one platform's test."""
    return TestResult(
        exit_code=int(failed),
        stdout=text,
        stdout_digest=_file_digest(text),
        stderr="",
        stderr_digest=EMPTY_FILE_DIGEST,
        addresses=(field_set.address,),
        output_setting=options.output,
        result_metadata=run,
        xml_results=reports,
    )


def _file_digest(text: str) -> FileDigest:
    data = text.encode()
    return FileDigest(hashlib.sha256(data).hexdigest(), len(data))


def parsed(text: str) -> list[Result]:
    """Read the results that a tool wrote."""
    return [Result.from_json(value) for value in json.loads(text)]


def excuse(support: Support, address: Address, platform: Platform, text: str) -> tuple[Notice, ...]:
    """The notice of a failure that does not fail the run; empty where it does."""
    if not support.is_experimental(platform):
        return ()
    return (Notice("experimental", str(address), str(platform), text.strip()),)


@rule(desc="Test an image", level=LogLevel.DEBUG)
async def test_image(
    batch: ImageTestRequest.Batch[ImageTestFieldSet, Any],
    options: TestSubsystem,
    today: SupportToday,
    run_id: RunId,
) -> TestResult:
    field_set, support = batch.single_element, today.support
    address, subject = field_set.address, f"the tests {field_set.address}"
    nothing = TestResult.no_tests_found(address, options.output)
    platform = Platform.parse(address.generated_name or "")
    if skipped := deactivated(support, address, platform):
        await Get(Said, NoticesRequest(subject, skipped))
        return nothing
    scope = ProcessCacheScope.PER_SESSION if options.force else ProcessCacheScope.SUCCESSFUL
    built, sources, host = await MultiGet(
        Get(BuiltImage, BuildImageRequest(await image_address(address, field_set.image))),
        Get(SourceFiles, SourceFilesRequest([field_set.sources])),
        Get(EngineHost, EngineHostRequest()),
    )
    if built.skipped:
        logger.warning("Left out: %s: its image was left out: %s", address, built.skipped)
        return nothing
    image = await Get(Digest, DigestSubset(built.digest, PathGlobs(["image.tar"])))
    (file,) = sources.snapshot.files
    value = {
        "image": "image.tar",
        "file": file,
        "commands": "commands.json",
        "results": "results.json",
    }
    process = await Get(
        Process,
        ToolProcess(
            "multiarch.tools.image_test",
            request_json(value),
            f"Test the image of {address}",
            input_digest=await Get(Digest, MergeDigests((image, sources.snapshot.digest))),
            output_files=("commands.json", "results.json"),
            wheels=("pyyaml", "zstandard"),
            cache_scope=scope,
        ),
    )
    checked = await Get(FallibleProcessResult, Process, process)
    if checked.exit_code != 0:
        text = checked.stderr.decode(errors="replace").strip() + "\n"
        cell = tested_cell(address, platform, checked.metadata, run_id, failure=text)
        excused = excuse(support, address, platform, text)
        await Get(Said, NoticesRequest(subject, excused, (cell,)))
        if excused:
            return nothing
        return shown_result(field_set, options, text, True, checked.metadata, None)
    contents = {
        f.path: f.content.decode() for f in await Get(DigestContents, Digest, checked.output_digest)
    }
    results, run = parsed(contents["results.json"]), checked.metadata
    names = [command["name"] for command in json.loads(contents["commands.json"])]
    if names:
        given = await Get(Digest, DigestSubset(checked.output_digest, PathGlobs(["commands.json"])))
        inputs = await Get(Digest, MergeDigests((image, given)))
        timeout = field_set.timeout.value or 0
        ran = await Get(
            RanCommands, CommandsRequest(address, str(platform), inputs, timeout, scope)
        )
        run = ran.run
        if ran.missing and not host.missing_is_error:
            logger.warning("Left out: the commands of %s: %s", address, ran.missing)
            results += [Result("command", name, skipped=ran.missing) for name in names]
        elif ran.missing or ran.problem:
            problem = ran.missing or ran.problem
            results += [Result("command", name, (problem,)) for name in names]
        else:
            results += parsed(ran.results)
    title = f"{file} on {platform}"
    xml = FileContent(f"{address.path_safe_spec}.xml", junit_xml(str(address), results))
    reports = await Get(Snapshot, CreateDigest([xml])) if options.report else None
    text, failed = report(title, results), is_failed(results)
    cell = tested_cell(address, platform, run, run_id, failure=text if failed else "")
    excused = excuse(support, address, platform, text) if failed else ()
    await Get(Said, NoticesRequest(subject, excused, (cell,)))
    if excused:
        return nothing
    return shown_result(field_set, options, text, failed, run, reports)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        *ImageTestRequest.rules(),
        UnionRule(GenerateTargetsRequest, GenerateImageTestsRequest),
        UnionRule(InferDependenciesRequest, InferImageTestDependencies),
    )
