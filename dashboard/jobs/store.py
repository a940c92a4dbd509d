"""The jobs of a project in its database: ordered, begun, watched over, stopped and ended by whichever process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from dashboard.jobs import processes, queue, tables
from dashboard.jobs.model import ACTIVE, Job, JobState, Order, same_work
from dashboard.jobs.tables import JOB
from processing import database
from processing.errors import InputError, LeadlineError, MissingError

HOST: Final = socket.gethostname()
_Result = TypeVar("_Result")


class JobStore:
    """The jobs of a project. Safe to share between threads, and between processes on one database.

    Raises InputError when the database cannot be opened, read or written, StaleError when a later version made it.
    """

    def __init__(self, url: str) -> None:
        self._shown, self._engine = database.open_engine(url)
        try:
            self._write(tables.prepare, prepared=False)
        except LeadlineError:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> JobStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, orders: Sequence[Order], who: str) -> list[Job]:
        """Put orders in the queue, all or none, and return their jobs.

        In an order's ``results`` stands the place among ``orders`` of the one whose result it takes. Raises InputError
        when the very same work is in the queue or at work already.
        """

        def work(connection: Connection) -> list[Job]:
            active = tables.select(connection, JOB.c.state.in_(ACTIVE))
            added: list[Job] = []
            for order in orders:
                numbered = _numbered(order, added)
                _check_new(numbered, active)
                follows = queue.has_to_follow(numbered, active)
                added.append(_insert(connection, numbered, who, follows, added))
            return added

        return self._write(work)

    def job(self, number: int) -> Job:
        """One job; raises MissingError when there is none of that number."""
        found = self._read(JOB.c.id == number)
        if not found:
            raise MissingError(f"there is no job {number}", where=self._shown)
        return found[0]

    def active(self) -> list[Job]:
        """Jobs of which something may still come, in the order in which they were ordered."""
        return self._read(JOB.c.state.in_(ACTIVE))

    def recent(self, most: int) -> list[Job]:
        """The newest ``most`` jobs and all that are active, oldest first."""
        with database.told(self._shown, "job database"), self._engine.connect() as connection:
            newest = tables.select(connection, newest=most)
            first = newest[0].id if newest else 0
            return tables.select(connection, JOB.c.state.in_(ACTIVE), JOB.c.id < first) + newest

    def claim(self, limit: int, host: str = HOST) -> list[Job]:
        """Let the queued jobs whose turn it is be running, at most ``limit`` cores of them, and return them.

        Whoever calls this must start them, and is recorded as the process that they hang on until they have given a
        sign of life. Jobs that cannot be done any more are cancelled.
        """
        own = {"pid": os.getpid(), "began": processes.began(os.getpid())}

        def work(connection: Connection) -> list[Job]:
            while gone := queue.doomed(jobs := tables.select(connection, *_worth_knowing(connection))):
                for job, why in gone:
                    _set(connection, job.id, state=JobState.CANCELLED, reason=why, ended_at=_now())
            results = {job.id: job.result for job in jobs}
            chosen = []
            for job in queue.startable(jobs, host, limit):
                taken = {name: results.get(number, "") for name, number in job.results.items()}
                values: dict[str, Any] = {"parameters": {**job.parameters, **taken}, **_named(job.stage, taken)}
                values |= own
                _set(connection, job.id, state=JobState.RUNNING, started_at=_now(), **values)
                chosen.append(job.id)
            return tables.select(connection, JOB.c.id.in_(chosen)) if chosen else []

        return self._write(work)

    def beat(self, number: int, **facts: Any) -> Job:
        """Tell that the process which watches over a job lives, with what it knows anew; the job as it stands."""

        def work(connection: Connection) -> Job:
            _set(connection, number, beat=JOB.c.beat + 1, beat_at=_now(), **facts)
            return tables.select(connection, JOB.c.id == number)[0]

        return self._write(work)

    def ask_stop(self, number: int, who: str) -> Job:
        """Ask that a job ends: one in the queue is cancelled at once, one at work is stopped by who watches over it.

        Nothing happens to one that has ended.
        """

        def work(connection: Connection) -> Job:
            job = _one(connection, number)
            if job.state is JobState.QUEUED:
                values = {"state": JobState.CANCELLED, "ended_at": _now(), "reason": f"cancelled by {who}"}
                _set(connection, number, stop_by=who, stop_at=_now(), **values)
            elif job.state is JobState.RUNNING:
                _set(connection, number, state=JobState.STOPPING, stop_by=who, stop_at=_now())
            return _one(connection, number)

        return self._write(work)

    def put_back(self, number: int) -> Job:
        """Let a job that was claimed but never begun wait in the queue again, or end where it was to be stopped."""

        def work(connection: Connection) -> Job:
            job = _one(connection, number)
            if job.state is JobState.RUNNING and not job.beat:
                _set(connection, number, state=JobState.QUEUED, started_at=None, pid=0, began=0.0)
            elif job.state is JobState.STOPPING and not job.beat:
                reason = f"cancelled by {job.stop_by}"
                _set(connection, number, state=JobState.CANCELLED, ended_at=_now(), reason=reason)
            return _one(connection, number)

        return self._write(work)

    def end(self, number: int, state: JobState, beat: int | None = None, **facts: Any) -> Job:
        """Record how a job at work ended. With ``beat``, only if it has not grown since; the job as it stands."""

        def work(connection: Connection) -> Job:
            job = _one(connection, number)
            if job.state.at_work and beat in (None, job.beat):
                _set(connection, number, state=state, ended_at=_now(), **facts)
            return _one(connection, number)

        return self._write(work)

    def _read(self, *conditions: sa.ColumnElement[bool]) -> list[Job]:
        with database.told(self._shown, "job database"), self._engine.connect() as connection:
            return tables.select(connection, *conditions)

    def _write(self, work: Callable[[Connection], _Result], *, prepared: bool = True) -> _Result:
        def locked(connection: Connection) -> _Result:
            if prepared:
                tables.lock(connection)
            return work(connection)

        with database.told(self._shown, "job database"):
            return database.written(self._engine, locked)


def _numbered(order: Order, added: Sequence[Job]) -> Order:
    """The order with the numbers of the jobs whose results it takes."""
    results = {name: added[place].id for name, place in order.results.items()}
    return Order(order.stage, order.parameters, order.engine, order.granules, results, order.cores)


def _check_new(order: Order, active: Sequence[Job]) -> None:
    same = next((job for job in active if same_work(job.order, order)), None)
    if same is not None:
        what = f"{same.title}, launched by {same.who}, does exactly this"
        raise InputError(what, mend="watch that one, or change something")


def _insert(connection: Connection, order: Order, who: str, follows: Sequence[int], added: Sequence[Job]) -> Job:
    needs = sorted(set(order.results.values()) | {job.id for job in added[-1:]})
    values: dict[str, Any] = {
        "stage": order.stage,
        "parameters": order.parameters,
        "engine": order.engine,
        "granules": order.granules,
        "results": order.results,
        "cores": order.cores,
        "who": who,
        "host": HOST,
        "chain": added[0].chain if added else 0,
        "needs": needs,
        "after": sorted(set(follows)),
        "state": JobState.QUEUED,
        "queued_at": _now(),
        "token": uuid4().hex,
        **_named(order.stage, order.parameters),
    }
    number = int(connection.execute(sa.insert(JOB).values(tables.as_row(values)).returning(JOB.c.id)).scalar_one())
    if not added:
        _set(connection, number, chain=number)
    return _one(connection, number)


def _named(stage: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """The snapshot and the model that parameters of a stage name."""
    found = {"snapshot": str(parameters.get("snapshot", "") or "")}
    if stage in ("classify", "promote"):
        found["model"] = str(parameters.get("run_name", "") or "")
    if stage == "train":
        found["model"] = str(parameters.get("model", "") or "")
    return {name: value for name, value in found.items() if value}


def _worth_knowing(connection: Connection) -> list[sa.ColumnElement[bool]]:
    """Active jobs, and those that they wait for."""
    active = tables.select(connection, JOB.c.state.in_(ACTIVE))
    awaited = {number for job in active for number in (*job.needs, *job.after)}
    return [sa.or_(JOB.c.state.in_(ACTIVE), JOB.c.id.in_(awaited))]


def _one(connection: Connection, number: int) -> Job:
    found = tables.select(connection, JOB.c.id == number)
    if not found:
        raise MissingError(f"there is no job {number}")
    return found[0]


def _set(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(sa.update(JOB).where(JOB.c.id == number).values(tables.as_row(values)))


def _now() -> datetime:
    return datetime.now(UTC)
