"""What `test --use-coverage` shows and writes: a profile per platform, and one over all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from pants.core.goals.test import (
    ConsoleCoverageReport,
    CoverageData,
    CoverageDataCollection,
    CoverageReports,
    FilesystemCoverageReport,
)
from pants.core.util_rules.distdir import DistDir
from pants.engine.fs import CreateDigest, FileContent, Snapshot
from pants.engine.rules import Get, collect_rules, rule
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.core.golang.coverage_profile import (
    Profile,
    merged,
    parse_profile,
    profile_text,
    render_coverage,
)
from multiarch.core.platforms import Platform

PROFILE = "cover.out"


@dataclass(frozen=True)
class GoCrossCoverageData(CoverageData):
    """What the tests of one package covered on one platform, as their program wrote it."""

    platform: Platform
    profile: str


class GoCrossCoverageDataCollection(CoverageDataCollection[GoCrossCoverageData]):
    """That of all tests of a run."""

    element_type = GoCrossCoverageData


@rule(desc="Merge the coverage of Go tests", level=LogLevel.DEBUG)
async def merge_coverage(
    collection: GoCrossCoverageDataCollection, distdir: DistDir
) -> CoverageReports:
    found: dict[Platform, list[Profile]] = {}
    for data in collection:
        found.setdefault(data.platform, []).append(parse_profile(data.profile))
    profiles = {platform: merged(parts) for platform, parts in found.items()}
    texts = {f"{platform.path}/{PROFILE}": profiles[platform] for platform in profiles}
    texts[PROFILE] = merged(profiles.values())
    files = [FileContent(path, profile_text(p).encode()) for path, p in texts.items()]
    snapshot = await Get(Snapshot, CreateDigest(files))
    directory = distdir.relpath / "coverage/go"
    return CoverageReports(
        (
            ConsoleCoverageReport(
                coverage_insufficient=False, report=render_coverage(profiles).rstrip()
            ),
            FilesystemCoverageReport(
                coverage_insufficient=False,
                result_snapshot=snapshot,
                directory_to_materialize_to=directory,
                report_file=PurePath(directory, PROFILE),
                report_type="go_cover",
            ),
        )
    )


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(CoverageDataCollection, GoCrossCoverageDataCollection),
    )
