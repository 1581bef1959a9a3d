"""`pants tailor`: writes a target for each module, program, Dockerfile and package with tests."""

from __future__ import annotations

import logging
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml
from pants.core.goals.tailor import PutativeTarget, PutativeTargets, PutativeTargetsRequest
from pants.core.target_types import FilesGeneratorTarget
from pants.engine.fs import DigestContents, PathGlobs, Paths
from pants.engine.rules import Get, MultiGet, collect_rules, rule
from pants.engine.target import AllTargets
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.go_build.binaries import GoModules
from multiarch.backend.go_build.candidates import Candidates, CandidatesRequest
from multiarch.backend.go_cross_binary.target_types import GoBinaryMainField, GoCrossBinaryTarget
from multiarch.backend.go_cross_test.target_types import GoCrossTestTarget, GoTestPackageField
from multiarch.backend.go_module.target_types import GoModuleTarget
from multiarch.backend.image.target_types import ImageDockerfileField, MultiarchImageTarget
from multiarch.backend.manifest_list.target_types import ManifestListTarget
from multiarch.backend.platforms import PlatformMatrix
from multiarch.core.dockerfile.errors import DockerfileError
from multiarch.core.dockerfile.wants import wants
from multiarch.core.found_matrices import (
    GORELEASER_FILES,
    FoundMatrix,
    goreleaser_matrices,
    matrix_for,
    script_matrix,
)
from multiarch.core.platforms import Platform, PlatformError
from multiarch.tools.yaml_document import bounded_loader

logger = logging.getLogger(__name__)

_MAIN = re.compile(rb"^package[ \t]+main\b", re.M)
_IGNORED = frozenset(("vendor", "testdata"))
# Where projects keep their list of platforms, as Kubernetes does in hack/lib/golang.sh.
_SCRIPTS = ("Makefile", "hack/*.sh", "hack/**/*.sh", "build/*.sh", "scripts/*.sh", "script/*")


@dataclass(frozen=True)
class PutativeGoTargetsRequest(PutativeTargetsRequest):
    """Look for modules, programs and tests that no target builds yet."""


@dataclass(frozen=True)
class PutativeImagesRequest(PutativeTargetsRequest):
    """Look for Dockerfiles that no target builds yet."""


@dataclass(frozen=True)
class FoundMatricesRequest:
    """Read the platforms that files of other build tools name."""


@dataclass(frozen=True)
class FoundMatrices:
    """What they name, those of GoReleaser first."""

    matrices: tuple[FoundMatrix, ...]


@dataclass(frozen=True)
class ProgramsRequest:
    """Look for programs without a target in these directories."""

    dirs: tuple[str, ...]


@dataclass(frozen=True)
class Programs:
    """Targets to write for programs; `names` has those of targets that are there as well."""

    putative: tuple[PutativeTarget, ...]
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TestsRequest:
    """Look for packages in these directories whose tests have no target."""

    __test__ = False

    dirs: tuple[str, ...]


@dataclass(frozen=True)
class Tests:
    """Targets to write for them."""

    putative: tuple[PutativeTarget, ...]


def is_candidate(path: str, *, tests: bool = False) -> bool:
    """Whether Go itself would look at the file: not below vendor, testdata, `_x` or `.x`."""
    parts = path.split("/")
    hidden = any(part[0] in "._" for part in parts)
    return not hidden and not _IGNORED & set(parts) and path.endswith("_test.go") == tests


@rule(level=LogLevel.DEBUG)
async def read_matrices(_: FoundMatricesRequest) -> FoundMatrices:
    releaser, scripts = await MultiGet(
        Get(DigestContents, PathGlobs([f"**/{name}" for name in GORELEASER_FILES])),
        Get(DigestContents, PathGlobs(_SCRIPTS)),
    )
    found: list[FoundMatrix] = []
    for file in releaser:
        try:
            document = yaml.load(file.content, Loader=bounded_loader())
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            logger.warning("tailor: %s is not YAML and was not read: %s", file.path, error)
            continue
        found += goreleaser_matrices(document, file.path)
    for file in scripts:
        matrix = script_matrix(file.content.decode(errors="replace"), file.path)
        found += [matrix] if matrix else []
    return FoundMatrices(tuple(found))


def _program(
    main: str,
    wanted: tuple[Platform, ...],
    builds: tuple[Platform, ...],
    matrix: FoundMatrix | None,
) -> PutativeTarget:
    """The target of one program, with its platforms where they are not the default ones."""
    kwargs = {}
    comments = [f"# The platforms of {matrix.file}."] if matrix else []
    if matrix or builds != wanted:
        kwargs["platforms"] = tuple(map(str, builds))
    return PutativeTarget.for_target_type(
        GoCrossBinaryTarget,
        path=main,
        name=posixpath.basename(main) or "main",
        triggering_sources=(),
        kwargs=kwargs,
        comments=comments,
    )


@rule(desc="Find Go programs without a target", level=LogLevel.DEBUG)
async def find_programs(
    request: ProgramsRequest, targets: AllTargets, modules: GoModules, platforms: PlatformMatrix
) -> Programs:
    globs = PutativeGoTargetsRequest(request.dirs)
    found, sources, matrices = await MultiGet(
        Get(Paths, PathGlobs, globs.path_globs("go.mod")),
        Get(Paths, PathGlobs, globs.path_globs("*.go")),
        Get(FoundMatrices, FoundMatricesRequest()),
    )
    owners = GoModules(
        modules.directories | {posixpath.dirname(f) for f in found.files if is_candidate(f)}
    )
    contents = await Get(DigestContents, PathGlobs([f for f in sources.files if is_candidate(f)]))
    known = {
        posixpath.normpath(
            posixpath.join(t.address.spec_path, t[GoBinaryMainField].value or ".")
        ): t
        for t in targets
        if t.has_field(GoBinaryMainField)
    }
    mains = {posixpath.dirname(f.path) for f in contents if _MAIN.search(f.content)}
    try:
        default = platforms.expand(None, (), where="[multiarch].default_platforms")
    except PlatformError as error:
        logger.warning("tailor: no programs: %s", error)
        return Programs((), ())
    wanted: dict[str, dict[str, tuple[Platform, ...]]] = {}
    chosen = {}
    for main in sorted(m for m in mains if (m or ".") not in known):
        if (module := owners.owner(main)) is not None:
            chosen[main] = matrix_for(main, matrices.matrices)
            matrix = chosen[main]
            wanted.setdefault(module, {})[main] = matrix.platforms if matrix else default
    answers = await MultiGet(
        Get(Candidates, CandidatesRequest(module, tuple(found.items())))
        for module, found in wanted.items()
    )
    putative = []
    for answer, members in zip(answers, wanted.values()):
        for main, asked in members.items():
            builds = asked if answer.problem else answer.builds[main]
            if builds:
                putative.append(_program(main, asked, builds, chosen[main]))
            else:
                name = posixpath.basename(main) or "main"
                target = f'go_cross_binary(name="{name}"'
                _say_why_not("program", main, target, answer.reasons[main])
        if answer.problem:
            logger.warning("tailor: whether these programs build is not known: %s", answer.problem)
    names = [(t.address.target_name, t.address.spec_path) for t in known.values()]
    return Programs(tuple(putative), (*names, *((p.name, p.path) for p in putative)))


def _say_why_not(what: str, directory: str, target: str, reason: str) -> None:
    """What builds on none of its platforms gets no target, but a word."""
    advice = ""
    if "uses cgo" in reason:
        advice = (
            f'\nIt needs a C compiler: write {target}, cgo="static"), or cgo="dynamic" '
            '(docs/how-to.md, "Build with C code").'
        )
    logger.warning(
        "tailor: no target for the %s in %s: %s%s", what, directory or ".", reason, advice
    )


@rule(desc="Find Go tests without a target", level=LogLevel.DEBUG)
async def find_tests(
    request: TestsRequest, targets: AllTargets, modules: GoModules, platforms: PlatformMatrix
) -> Tests:
    globs = PutativeGoTargetsRequest(request.dirs)
    found, sources = await MultiGet(
        Get(Paths, PathGlobs, globs.path_globs("go.mod")),
        Get(Paths, PathGlobs, globs.path_globs("*_test.go")),
    )
    owners = GoModules(
        modules.directories | {posixpath.dirname(f) for f in found.files if is_candidate(f)}
    )
    known = {
        posixpath.normpath(posixpath.join(t.address.spec_path, t[GoTestPackageField].value or "."))
        for t in targets
        if t.has_field(GoTestPackageField)
    }
    try:
        default = platforms.expand(None, (), where="[multiarch].default_platforms")
    except PlatformError as error:
        logger.warning("tailor: no tests: %s", error)
        return Tests(())
    wanted: dict[str, list[str]] = {}
    for package in sorted(
        {posixpath.dirname(f) for f in sources.files if is_candidate(f, tests=True)}
    ):
        module = owners.owner(package)
        if (package or ".") not in known and module is not None:
            wanted.setdefault(module, []).append(package)
    answers = await MultiGet(
        Get(
            Candidates, CandidatesRequest(module, tuple((p, default) for p in packages), tests=True)
        )
        for module, packages in wanted.items()
    )
    putative = []
    for answer, packages in zip(answers, wanted.values()):
        for package in packages:
            builds = default if answer.problem else answer.builds[package]
            if not builds:
                target = 'go_cross_test(name="test"'
                _say_why_not("tests", package, target, answer.reasons[package])
                continue
            putative.append(
                PutativeTarget.for_target_type(
                    GoCrossTestTarget,
                    path=package,
                    name="test",
                    triggering_sources=(),
                    kwargs={} if builds == default else {"platforms": tuple(map(str, builds))},
                )
            )
        if answer.problem:
            logger.warning("tailor: whether these tests build is not known: %s", answer.problem)
    return Tests(tuple(putative))


@rule(desc="Find Go modules, programs and tests without a target", level=LogLevel.DEBUG)
async def find_putative_go_targets(
    request: PutativeGoTargetsRequest, modules: GoModules
) -> PutativeTargets:
    found, programs, tests = await MultiGet(
        Get(Paths, PathGlobs, request.path_globs("go.mod")),
        Get(Programs, ProgramsRequest(request.dirs)),
        Get(Tests, TestsRequest(request.dirs)),
    )
    directories = {posixpath.dirname(f) for f in found.files if is_candidate(f)}
    putative = [
        PutativeTarget.for_target_type(
            GoModuleTarget, path=directory, name="mod", triggering_sources=()
        )
        for directory in sorted(directories - modules.directories)
    ]
    return PutativeTargets((*putative, *programs.putative, *tests.putative))


def _image(
    file: str, text: str, programs: Mapping[str, str], beside: tuple[str, ...]
) -> list[PutativeTarget]:
    """The targets of one Dockerfile, if an image of this repository's own files builds from it."""
    directory, base = posixpath.split(file)
    try:
        wanted = wants(text, file, Platform.parse("linux/amd64"))
        problem = wanted.problem(programs, beside)
    except DockerfileError as error:
        problem = str(error)
    if problem:
        logger.warning("tailor: no multiarch_image for %s: %s.", file, problem.rstrip("."))
        return []
    suffix = base.partition(".")[2]
    name = f"image-{suffix}" if suffix else "image"
    kwargs: dict[str, str | int | bool | tuple[str, ...]] = {"source": base}
    found = []
    if binaries := wanted.binaries():
        kwargs["binaries"] = tuple(f"{programs[b] or '//'}:{b}" for b in binaries)
    if files := wanted.files():
        kwargs["dependencies"] = (f":{name}-files",)
        found.append(
            PutativeTarget.for_target_type(
                FilesGeneratorTarget,
                path=directory,
                name=f"{name}-files",
                triggering_sources=files,
                kwargs={"sources": files},
            )
        )
    list_name = f"list-{suffix}" if suffix else "list"
    return [
        *found,
        # Made by hand: its source is a field of the targets that it generates.
        PutativeTarget(directory, name, MultiarchImageTarget.alias, (), (), kwargs=kwargs),
        PutativeTarget.for_target_type(
            ManifestListTarget,
            path=directory,
            name=list_name,
            triggering_sources=(),
            kwargs={"images": (f":{name}",)},
        ),
    ]


@rule(desc="Find Dockerfiles without a target", level=LogLevel.DEBUG)
async def find_putative_images(
    request: PutativeImagesRequest, targets: AllTargets
) -> PutativeTargets:
    found, programs = await MultiGet(
        Get(Paths, PathGlobs, request.path_globs("Dockerfile", "Dockerfile.*")),
        Get(Programs, ProgramsRequest(request.dirs)),
    )
    known = {
        posixpath.join(t.address.spec_path, t[ImageDockerfileField].value or "Dockerfile")
        for t in targets
        if t.has_field(ImageDockerfileField)
    }
    files = sorted(
        f
        for f in found.files
        if f not in known and not f.endswith(".dockerignore") and not _IGNORED & set(f.split("/"))
    )
    contents = await Get(DigestContents, PathGlobs(files))
    beside = await MultiGet(
        Get(Paths, PathGlobs([posixpath.join(posixpath.dirname(file.path), "*")]))
        for file in contents
    )
    putative: list[PutativeTarget] = []
    for file, paths in zip(contents, beside):
        names = tuple(map(posixpath.basename, paths.files))
        text = file.content.decode(errors="replace")
        putative += _image(file.path, text, dict(programs.names), names)
    return PutativeTargets(putative)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(PutativeTargetsRequest, PutativeGoTargetsRequest),
        UnionRule(PutativeTargetsRequest, PutativeImagesRequest),
    )
