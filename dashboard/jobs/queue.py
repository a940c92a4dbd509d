"""The rules of the queue: what a job waits for, and which may start now. Nothing here touches a database."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.jobs.command import PROMOTE
from dashboard.jobs.model import Job, JobState, Order, by_id
from processing.stages import SECTIONS

_SIDE_BY_SIDE = ("train", "evaluate", PROMOTE)
"""Stages whose jobs may run beside each other: each writes a run of its own, or only says which is in use."""

_IN_PLACE = ("segments", "autolabels", "predictions")
"""Tables that are made anew where they stand: whoever reads them must not find them changed half-way."""

_PINS = {"snapshots": "snapshot", "models": "run_name", "predictions": "run_name"}
"""The parameter that names which of its inputs a stage takes, by the input's kind."""


_ENDS = {JobState.FAILED: "failed", JobState.CANCELLED: "was cancelled", JobState.LOST: "was lost"}


def output_of(stage: str) -> str:
    """The kind of table a stage writes, or changes the newest of; empty when it does neither."""
    kind = SECTIONS.get(stage)
    return kind.output if kind else "models" if stage == PROMOTE else ""


def inputs_of(order: Order) -> tuple[str, ...]:
    """The kinds of tables an order reads."""
    kind = SECTIONS.get(order.stage)
    inputs = kind.inputs if kind else ("models",)
    if order.parameters.get("source") == "labels":
        return tuple("snapshots" if name == "predictions" else name for name in inputs)
    return inputs


def has_to_follow(order: Order, active: Sequence[Job]) -> tuple[int, ...]:
    """Active jobs that must have ended before ``order``: those that write what it reads or writes too, or read what
    it makes anew."""
    return tuple(job.id for job in active if job.state.active and _comes_first(job, order))


def _comes_first(job: Job, order: Order) -> bool:
    written = output_of(job.stage)
    if output_of(order.stage) in _IN_PLACE and output_of(order.stage) in inputs_of(job.order):
        return True
    if not written:
        return False
    if written == output_of(order.stage) and order.stage not in _SIDE_BY_SIDE:
        return True
    return written in inputs_of(order) and _may_be_read(job, written, order)


def _may_be_read(job: Job, written: str, order: Order) -> bool:
    """Whether what ``job`` writes may be what ``order`` reads: not where that is pinned to something that is there."""
    of_labels = written == "snapshots" and order.parameters.get("source") == "labels"
    pin = "run_name" if of_labels else _PINS.get(written, "")
    named = order.parameters.get(pin, "") if pin else ""
    if pin in order.results or not named:
        return True
    return bool(written == "predictions" and job.parameters.get("run_name") in ("", named))


def startable(jobs: Sequence[Job], host: str, limit: int) -> list[Job]:
    """The queued jobs of ``host`` that may start now, in order, so that no more than ``limit`` cores are taken.

    A job that asks for more cores than there are runs alone. One whose turn it is holds up those behind it until it
    fits, so that a large job is never passed for ever.
    """
    known = by_id(jobs)
    taken = sum(min(job.cores, limit) for job in jobs if job.state.at_work and job.host == host)
    chosen = []
    for job in sorted(jobs, key=lambda job: job.id):
        if job.state is not JobState.QUEUED or job.host != host or blockers(job, known):
            continue
        cores = min(job.cores, limit)
        if taken + cores > limit:
            break
        taken += cores
        chosen.append(job)
    return chosen


def blockers(job: Job, known: dict[int, Job]) -> list[Job]:
    """Jobs that ``job`` still has to wait for."""
    waits = (known.get(number) for number in sorted({*job.needs, *job.after}))
    return [other for other in waits if other is not None and other.state.active]


def doomed(jobs: Sequence[Job]) -> list[tuple[Job, str]]:
    """Queued jobs that cannot be done any more, because one that they need was not, and why."""
    known = by_id(jobs)
    found = []
    for job in jobs:
        lacking = [known[number] for number in job.needs if number in known and _in_vain(known[number])]
        if job.state is JobState.QUEUED and lacking:
            found.append((job, f"it needs {lacking[0].title}, which {_ENDS[lacking[0].state]}"))
    return found


def _in_vain(job: Job) -> bool:
    return not job.state.active and job.state is not JobState.DONE


def why_waiting(job: Job, jobs: Sequence[Job], limit: int) -> str:
    """What a queued job waits for, in a few words; empty for any other job."""
    if job.state is not JobState.QUEUED:
        return ""
    first = blockers(job, by_id(jobs))
    if first:
        return "waits for " + ", ".join(other.title for other in first)
    taken = sum(min(other.cores, limit) for other in jobs if other.state.at_work and other.host == job.host)
    if taken + min(job.cores, limit) > limit:
        wanted = min(job.cores, limit)
        return f"waits for {wanted} core{'s' if wanted > 1 else ''}: {taken} of {limit} in use"
    known = by_id(jobs)
    queued = [other for other in jobs if other.state is JobState.QUEUED and other.host == job.host]
    ahead = [other.id for other in queued if other.id < job.id and not blockers(other, known)]
    return f"next after {known[max(ahead)].title}" if ahead else "starts now"
