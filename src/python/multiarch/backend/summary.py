"""Prints one summary at the end of a run, and writes a page about it, from what rules delivered.

A rule whose answer was remembered does not run again, so the rows come from a rule that is
computed anew in each run, and reach the end of the run as its workunit's metadata.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
from multiarch.core.report import Report, ReportCell, Span, render_report, sizes_of
from multiarch.core.summary import Notice, SummaryRow, render, render_notices

logger = logging.getLogger(__name__)

_KEY = "multiarch_summary_row"
_NOTICES = "multiarch_notices"
_CELLS = "multiarch_report_cells"


@dataclass(frozen=True)
class DeliveryRequest:
    """One output that a package rule delivers; `runs` say when its last process ran."""

    kind: str
    target: str
    platform: str
    size: int
    digest: str
    runs: tuple[ProcessResultMetadata, ...]
    note: str = ""


@dataclass(frozen=True)
class Delivery(EngineAwareReturnType):
    """A row of the summary; `seconds` is how long its last process took when it ran."""

    row: SummaryRow
    seconds: float = 0.0

    def cacheable(self) -> bool:
        """Never: each run has its own summary."""
        return False

    def metadata(self) -> dict[str, Any]:
        """Carries the row to the end of the run."""
        row = self.row
        state = "built" if row.built else "cached"
        cell = ReportCell(
            row.kind, row.target, row.platform, state, self.seconds, row.size, row.digest
        )
        return {_KEY: asdict(row), _CELLS: [asdict(cell)]}


@rule(desc="Deliver", level=LogLevel.DEBUG)
async def deliver(request: DeliveryRequest, run_id: RunId) -> Delivery:
    ran = ProcessResultMetadata.Source.RAN
    return Delivery(
        SummaryRow(
            request.kind,
            request.target,
            request.platform,
            request.size,
            request.digest,
            built=any(run.source(run_id) == ran for run in request.runs),
            note=request.note,
        ),
        seconds=sum(seconds_of(run) for run in request.runs),
    )


def seconds_of(run: ProcessResultMetadata | None) -> float:
    """How long a process took when it ran, be it in this run or before."""
    return (run.total_elapsed_ms or 0) / 1000 if run else 0.0


@dataclass(frozen=True)
class ReportRequest:
    """What the page about this run is to show."""

    cells: tuple[ReportCell, ...]


@dataclass(frozen=True)
class Reported(EngineAwareReturnType):
    """Cells of the page."""

    cells: tuple[ReportCell, ...]

    def cacheable(self) -> bool:
        """Never: each run has its own page."""
        return False

    def metadata(self) -> dict[str, Any]:
        """Carries the cells to the end of the run."""
        return {_CELLS: [asdict(cell) for cell in self.cells]}


@rule(desc="Report", level=LogLevel.DEBUG)
async def give_report(request: ReportRequest, run_id: RunId) -> Reported:
    del run_id
    return Reported(request.cells)


@dataclass(frozen=True)
class NoticesRequest:
    """What a rule has to say at the end of the run."""

    notices: tuple[Notice, ...]


@dataclass(frozen=True)
class Notices(EngineAwareReturnType):
    """Warnings of this run."""

    notices: tuple[Notice, ...]

    def cacheable(self) -> bool:
        """Never: each run has its own warnings."""
        return False

    def metadata(self) -> dict[str, Any]:
        """Carries the warnings to the end of the run."""
        return {_NOTICES: [asdict(notice) for notice in self.notices]}


@rule(desc="Notice", level=LogLevel.DEBUG)
async def give_notice(request: NoticesRequest, run_id: RunId) -> Notices:
    del run_id
    return Notices(request.notices)


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
        self.rows: list[SummaryRow] = []
        self.notices: list[Notice] = []
        self.cells: list[ReportCell] = []
        self.spans: list[tuple[str, float, float]] = []
        self.report_file = report_file

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
        del started_workunits, context
        for workunit in completed_workunits:
            row = workunit.get("metadata", {}).get(_KEY)
            if row is not None:
                self.rows.append(SummaryRow(**row))
            cells = workunit.get("metadata", {}).get(_CELLS, ())
            self.cells += [ReportCell(**cell) for cell in cells]
            span = _span(workunit)
            self.spans += [span] if span else []
            notices = workunit.get("metadata", {}).get(_NOTICES, ())
            self.notices += [Notice(**notice) for notice in notices]
        if finished and self.rows:
            logger.info("Packaged:\n%s", render(self.rows))
        if finished:
            for text in render_notices(self.notices):
                logger.warning("%s", text)
        if finished and self.report_file:
            self.write_report(Path(self.report_file))

    def write_report(self, file: Path) -> None:
        """Write the page, if this run has anything to show."""
        cells = (*self.cells, *notice_cells(self.notices))
        if not cells:
            return
        first = min((start for _, start, _ in self.spans), default=0.0)
        spans = tuple(Span(text, start - first, seconds) for text, start, seconds in self.spans)
        try:
            before = sizes_of(file.read_text(errors="replace")) if file.is_file() else {}
            page = render_report(Report("Multi-platform build", cells, spans, before))
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
