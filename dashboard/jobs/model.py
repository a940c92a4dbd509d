"""What a job is: a stage somebody wants run, and what has become of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobState(StrEnum):
    """Where a job stands. ``lost``: what watched over it ended without a word."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def active(self) -> bool:
        """Whether something may still come of it."""
        return self in ACTIVE

    @property
    def at_work(self) -> bool:
        """Whether processes of it may be there."""
        return self in (JobState.RUNNING, JobState.STOPPING)


ACTIVE = (JobState.QUEUED, JobState.RUNNING, JobState.STOPPING)


@dataclass(frozen=True)
class Order:
    """What is to be done.

    Attributes
    ----------
    stage : key of the command. parameters : every parameter of the stage, by name, as plain JSON values.
    engine : where it runs, as parameters of ``Engine``; empty for a stage that knows no engine.
    granules : only these; all when empty.
    results : parameters that take the result of another job, by its place among those ordered together or, once it is
    in the queue, by its number.
    cores : of this machine, that it keeps busy.
    """

    stage: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    engine: Mapping[str, Any] = field(default_factory=dict)
    granules: tuple[str, ...] = ()
    results: Mapping[str, int] = field(default_factory=dict)
    cores: int = 1


@dataclass(frozen=True)
class Job:
    """One job as it is recorded; instants in UTC.

    Attributes
    ----------
    who : who launched it. host : the machine that it runs on.
    chain : number of the first of the jobs that were ordered with it, its own when it was alone.
    needs : jobs that must be done before it. after : jobs that must have ended before it.
    reason : one line about an end that is not ``done``. result : run or snapshot that it made.
    snapshot, model : the snapshot it works from and the model, as far as they are known.
    commit : version of the code, with the commit where it is known. token : what every process of it bears.
    pid, began : process that watches over it, or is to start it as long as ``beat`` is 0, and when that process was
    made, s since its machine began; 0 before there is one.
    beat : grows as long as that process lives. stop_by : who asked it to end. status : exit status of the command.
    """

    id: int
    stage: str
    parameters: dict[str, Any]
    engine: dict[str, Any]
    granules: tuple[str, ...]
    results: dict[str, int]
    cores: int
    who: str
    host: str
    chain: int
    needs: tuple[int, ...]
    after: tuple[int, ...]
    state: JobState
    queued_at: datetime
    token: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str = ""
    result: str = ""
    snapshot: str = ""
    model: str = ""
    commit: str = ""
    pid: int = 0
    began: float = 0.0
    beat: int = 0
    beat_at: datetime | None = None
    stop_by: str = ""
    stop_at: datetime | None = None
    status: int | None = None

    @property
    def order(self) -> Order:
        """What it was asked to do."""
        return Order(self.stage, self.parameters, self.engine, self.granules, self.results, self.cores)

    @property
    def title(self) -> str:
        """Its number and its stage."""
        return f"#{self.id} {self.stage}"


def same_work(one: Order, other: Order) -> bool:
    """Whether two orders ask for the same."""
    return (one.stage, dict(one.parameters), dict(one.engine), one.granules, dict(one.results)) == (
        (other.stage, dict(other.parameters), dict(other.engine), other.granules, dict(other.results))
    )


def by_id(jobs: Sequence[Job]) -> dict[int, Job]:
    """Jobs by their numbers."""
    return {job.id: job for job in jobs}
