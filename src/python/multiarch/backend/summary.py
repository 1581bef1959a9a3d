"""Prints one summary at the end of a run, and writes a page about it, from what rules delivered.

A rule whose answer was remembered does not run again, so the rows come from a rule that is
computed anew in each run, and reach the end of the run as its workunit's metadata. When Pants
looks whether it may still use what it remembers, it first computes what the rule said the last
time, and then runs the rule, which may say something else. So the last word of a subject counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pants.build_graph.address import Address
from pants.engine.engine_aware import EngineAwareReturnType
from pants.engine.internals.session import RunId
from pants.engine.process import ProcessResultMetadata
from pants.engine.rules import collect_rules, rule
from pants.engine.streaming_workunit_handler import (
    StreamingWorkunitContext,
    WorkunitsCallback,
    WorkunitsCallbackFactory,
    WorkunitsCallbackFactoryRequest,
)
from pants.engine.unions import UnionRule
from pants.util.logging import LogLevel

from multiarch.backend.subsystems.multiarch import MultiarchSubsystem
from multiarch.core.platforms import Platform
from multiarch.core.report import Report, ReportCell, Span, render_report, sizes_of
from multiarch.core.summary import Notice, SummaryRow, render, render_notices

logger = logging.getLogger(__name__)

_KEY = "multiarch_said"


@dataclass(frozen=True)
class DeliveryRequest:
    """One output that a package rule delivers; `runs` say when its last process ran."""

    subject: Address
    kind: str
    target: str
    platform: str
    size: int
    digest: str
    runs: tuple[ProcessResultMetadata, ...]
    note: str = ""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class NoticesRequest:
    """What a rule has to say at the end of the run, in place of an output.

    `cells` are for the page about the run.
    """

    subject: str
    notices: tuple[Notice, ...]
    cells: tuple[ReportCell, ...] = ()


@dataclass(frozen=True)
class Said(EngineAwareReturnType):
    """What one subject, a packaged target, a check or a test, has to say in this run.

    Two of one subject are equal, whatever they say. Nobody reads the value, and "built" becomes
    "cached" in the next run. Were that a change, the rule that asked would run again. Pants would
    then drop its look at the rest of what that rule has used, which is the whole build of the
    target, and would run all those rules again instead of finding them unchanged.
    """

    subject: str
    row: SummaryRow | None = field(compare=False)
    notices: tuple[Notice, ...] = field(compare=False)
    cells: tuple[ReportCell, ...] = field(default=(), compare=False)

    def cacheable(self) -> bool:
        """Never: each run has its own summary."""
        return False

    def metadata(self) -> dict[str, Any]:
        """Carries it to the end of the run."""
        return {_KEY: asdict(self)}


@rule(desc="Deliver", level=LogLevel.DEBUG)
async def deliver(request: DeliveryRequest, run_id: RunId) -> Said:
    ran = ProcessResultMetadata.Source.RAN
    row = SummaryRow(
        request.kind,
        request.target,
        request.platform,
        request.size,
        request.digest,
        built=any(run.source(run_id) == ran for run in request.runs),
        note=request.note,
    )
    cell = ReportCell(
        row.kind,
        row.target,
        row.platform,
        "built" if row.built else "cached",
        sum(seconds_of(run) for run in request.runs),
        row.size,
        row.digest,
    )
    return Said(str(request.subject), row, request.notices, (cell,))


def seconds_of(run: ProcessResultMetadata | None) -> float:
    """How long a process took when it ran, be it in this run or before."""
    return (run.total_elapsed_ms or 0) / 1000 if run else 0.0


def tested_cell(
    address: Address,
    platform: Platform,
    run: ProcessResultMetadata | None,
    run_id: RunId,
    *,
    failure: str,
) -> ReportCell:
    """How the page shows the tests of one platform; `failure` is empty where they passed.

    Without a `run` they were not even started.
    """
    cached = run is not None and run.source(run_id) != ProcessResultMetadata.Source.RAN
    return ReportCell(
        "test",
        str(address.maybe_convert_to_target_generator()),
        str(platform),
        "failed" if failure else "cached" if cached else "passed",
        seconds_of(run),
        log=failure,
    )


@rule(desc="Notice", level=LogLevel.DEBUG)
async def give_notice(request: NoticesRequest, run_id: RunId) -> Said:
    del run_id
    return Said(request.subject, None, request.notices, request.cells)


def _span(workunit: dict[str, Any]) -> tuple[str, float, float] | None:
    """The description, start and time of a process that ran; None for any other workunit."""
    ran = workunit.get("name") in ("run_local_process", "run_remote_process")
    if not ran or "duration_secs" not in workunit:
        return None
    start = workunit["start_secs"] + workunit["start_nanos"] / 1e9
    seconds = workunit["duration_secs"] + workunit["duration_nanos"] / 1e9
    return str(workunit.get("description") or "a process"), start, seconds


def notice_cells(notices: Iterable[Notice]) -> list[ReportCell]:
    """What was left out, or may fail, as the page shows it."""
    return [
        ReportCell(
            "target",
            notice.target,
            notice.platform,
            "failed" if notice.kind == "experimental" else "skipped",
            log=f"{notice.kind}: {notice.reason}",
        )
        for notice in notices
    ]


class SummaryCallback(WorkunitsCallback):
    """Collects rows while the run goes on, and prints them when it ends.

    With the name of a file, it writes the page about the run there.
    """

    def __init__(self, report_file: str = "") -> None:
        self.report_file = report_file
        self.spans: list[tuple[str, float, float]] = []
        # By subject: when it was said, and what.
        self.said: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}

    @property
    def can_finish_async(self) -> bool:
        """No: the summary belongs to this run's terminal."""
        return False

    def __call__(
        self,
        *,
        started_workunits: tuple[dict[str, Any], ...],
        completed_workunits: tuple[dict[str, Any], ...],
        finished: bool,
        context: StreamingWorkunitContext,
    ) -> None:
        del started_workunits
        for workunit in completed_workunits:
            span = _span(workunit)
            self.spans += [span] if span else []
            value = workunit.get("metadata", {}).get(_KEY)
            if value is not None:
                began = (workunit["start_secs"], workunit["start_nanos"])
                known = self.said.get(value["subject"])
                if known is None or known[0] <= began:
                    self.said[value["subject"]] = (began, value)
        if finished:
            failed = context.run_tracker.run_information()["outcome"] != "SUCCESS"
            self.print(failed=failed)

    def print(self, *, failed: bool) -> None:
        """Print the table of all outputs, and the warnings."""
        values = [value for _, value in self.said.values()]
        rows = [SummaryRow(**value["row"]) for value in values if value["row"] is not None]
        if rows:
            title = "Built in a run that failed" if failed else "Packaged"
            logger.info("%s:\n%s", title, render(rows))
        notices = [Notice(**notice) for value in values for notice in value["notices"]]
        for text in render_notices(notices):
            logger.warning("%s", text)
        cells = [ReportCell(**cell) for value in values for cell in value["cells"]]
        if self.report_file and (cells or notices):
            self.write_report(Path(self.report_file), [*cells, *notice_cells(notices)])

    def write_report(self, file: Path, cells: Iterable[ReportCell]) -> None:
        """Write the page."""
        first = min((start for _, start, _ in self.spans), default=0.0)
        spans = tuple(Span(text, start - first, seconds) for text, start, seconds in self.spans)
        try:
            before = sizes_of(file.read_text(errors="replace")) if file.is_file() else {}
            page = render_report(Report("Multi-platform build", tuple(cells), spans, before))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(page)
        except OSError as error:
            logger.warning("[multiarch].report_file: the page was not written: %s", error)
            return
        logger.info("Wrote %s", file)


@dataclass(frozen=True)
class SummaryCallbackFactoryRequest:
    """Installs the callback."""


@rule
async def construct_summary_callback(
    _: SummaryCallbackFactoryRequest, multiarch: MultiarchSubsystem
) -> WorkunitsCallbackFactory:
    file = multiarch.report_file
    return WorkunitsCallbackFactory(lambda: SummaryCallback(file))


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(WorkunitsCallbackFactoryRequest, SummaryCallbackFactoryRequest),
    )
