"""Jobs and orders that are made up: every parameter as by default but for what a test says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dashboard.jobs.model import Job, JobState, Order
from processing.stages import SECTIONS

HERE = "here"


def order(stage: str, cores: int = 1, results: dict[str, int] | None = None, **parameters: Any) -> Order:
    kind = SECTIONS.get(stage)
    values = kind().values_dict() if kind else {}
    return Order(stage, values | parameters, {}, (), results or {}, cores)


def job(number: int, stage: str = "resample", state: str = "queued", **facts: Any) -> Job:
    """One job; ``parameters`` among the ``facts`` are added to the stage's defaults."""
    values = dict(order(stage).parameters) | facts.pop("parameters", {})
    plain: dict[str, Any] = {"engine": {}, "granules": (), "results": {}, "cores": 1, "who": "ada", "host": HERE}
    plain |= {"chain": number, "needs": (), "after": (), "token": f"token-{number}"}
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Job(id=number, stage=stage, parameters=values, state=JobState(state), queued_at=at, **plain | facts)
