"""Prints one summary at the end of a run, from what the package rules say they delivered.

A rule whose answer was remembered does not run again, so the rows come from a rule that is
computed anew in each run, and reach the end of the run as its workunit's metadata.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
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

from multiarch.core.summary import SummaryRow, render

logger = logging.getLogger(__name__)

_KEY = "multiarch_summary_row"


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
    """A row of the summary."""

    row: SummaryRow

    def cacheable(self) -> bool:
        """Never: each run has its own summary."""
        return False

    def metadata(self) -> dict[str, Any]:
        """Carries the row to the end of the run."""
        return {_KEY: asdict(self.row)}


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
        )
    )


class SummaryCallback(WorkunitsCallback):
    """Collects rows while the run goes on and prints them when it ends."""

    def __init__(self) -> None:
        self.rows: list[SummaryRow] = []

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
        if finished and self.rows:
            logger.info("Packaged:\n%s", render(self.rows))


@dataclass(frozen=True)
class SummaryCallbackFactoryRequest:
    """Installs the callback."""


@rule
async def construct_summary_callback(_: SummaryCallbackFactoryRequest) -> WorkunitsCallbackFactory:
    return WorkunitsCallbackFactory(SummaryCallback)


def rules() -> Iterable[object]:
    return (
        *collect_rules(),
        UnionRule(WorkunitsCallbackFactoryRequest, SummaryCallbackFactoryRequest),
    )
