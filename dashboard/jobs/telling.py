"""Jobs as values that a page shows: one line each in the list, and everything about the one that is looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dashboard.jobs.board import Board
from dashboard.jobs.command import PROMOTE, shown
from dashboard.jobs.model import Job, JobState
from dashboard.jobs.rules import LAUNCHED, label
from dashboard.jobs.watching import Watch
from processing.errors import LeadlineError
from processing.project import Project
from processing.stages import Engine, Train

TITLES = {
    "resample": "Segments",
    "autolabel": "Labels",
    "snapshot": "Snapshot",
    "train": "Train",
    "classify": "Classify",
    "freeboard": "Freeboard",
    "evaluate": "Evaluate",
    PROMOTE: "Promote",
}


def summary(job: Job, watch: Watch | None, waits: str = "") -> dict[str, Any]:
    """A job in one line of the list; ``waits`` says what it waits for in the queue."""
    running = job.state.at_work and watch is not None
    return {
        "id": job.id,
        "stage": job.stage,
        "title": TITLES.get(job.stage, job.stage),
        "what": what(job),
        "state": job.state.value,
        "who": job.who,
        "chain": job.chain,
        "queued": _instant(job.queued_at),
        "started": _instant(job.started_at),
        "ended": _instant(job.ended_at),
        "reason": job.reason or waits,
        "result": job.result,
        "waiting": watch.waiting if running and watch else "",
        "since": watch.since if running and watch else "",
        "share": watch.share if running and watch else None,
        "step": step_of(watch.bar) if running and watch and watch.bar else None,
    }


def what(job: Job) -> str:
    """What a job works on, in a few words."""
    values = job.parameters
    if job.stage == "train":
        ranks = f", {values['workers']} ranks" if int(values.get("workers") or 0) > 1 else ""
        return f"{values.get('model', '')}{ranks}"
    if job.stage in ("classify", "freeboard", PROMOTE) and values.get("run_name"):
        return str(values["run_name"])
    if job.results:
        return f"with the result of #{min(job.results.values())}"
    return str(values.get("note", "")) if job.stage == "snapshot" else ""


def detail(board: Board, job: Job, project: Project) -> dict[str, Any]:
    """Everything about a job but its log."""
    watch = board.watch(job.id)
    return {
        **summary(job, watch, board.waiting_for(job)),
        "bars": [step_of(bar) for bar in watch.bars.values()],
        "parts": [{"name": name, "done": done, "total": total} for name, (done, total) in sorted(watch.parts.items())],
        "failed": watch.failed,
        "links": [{"name": name, "url": url} for name, url in watch.links.items() if url.startswith("http")],
        "epochs": [_epoch(epoch) for _, epoch in sorted(watch.epochs.items())],
        "ranks": watch.ranks,
        "usage": [[use.get("cores", 0.0), use.get("memory", 0.0)] for use in watch.usage],
        "most": board.cores,
        "facts": facts(job, project),
        "differing": differing(job),
        "command": shown(board.root, job.order, _settings(project, job)),
        "chain_of": chain_of(job, board.jobs),
    }


def chain_of(job: Job, jobs: list[Job]) -> list[dict[str, Any]]:
    """The jobs that were ordered with one click, in order; none where it was one alone."""
    found = sorted((other for other in jobs if other.chain == job.chain), key=lambda other: other.id)
    told = [{"id": one.id, "title": TITLES.get(one.stage, one.stage), "state": one.state.value} for one in found]
    return told if len(told) > 1 else []


def step_of(bar: dict[str, Any]) -> dict[str, Any]:
    """A step of progress without what is told elsewhere."""
    names = ("stage", "done", "total", "unit", "rate", "detail", "seconds_left", "tasks_done", "tasks", "at")
    return {name: bar.get(name) for name in names}


def facts(job: Job, project: Project) -> list[list[str]]:
    """Who, when, from what and with which code."""
    found = {
        "Launched by": job.who,
        "Snapshot": job.snapshot,
        "Model": job.model,
        "Result": job.result,
        "Granules": ", ".join(job.granules) if job.granules else "",
        "Cores": str(job.cores),
        "Runs on": _where(job),
        "Code": job.commit,
        "MLflow": _own_records(job, project),
        "Exit status": "" if job.status in (None, 0) else str(job.status),
    }
    return [[name, value] for name, value in found.items() if value]


def _own_records(job: Job, project: Project) -> str:
    """How to look at the project's own training records, which no server shows."""
    if job.stage != Train.key or job.parameters.get("tracking"):
        return ""
    return f"mlflow ui --backend-store-uri sqlite:///{project.root.resolve() / 'mlflow.db'}"


def _where(job: Job) -> str:
    if job.engine.get("engine") == "spark":
        return f"Spark at {job.engine['master']}, driven from {job.host}"
    return f"{job.host}, {job.parameters['hosts']}" if job.parameters.get("hosts") else job.host


def differing(job: Job) -> list[list[str]]:
    """The parameters that are not as by default."""
    kind = LAUNCHED.get(job.stage)
    found = (
        kind.differing({name: job.parameters[name] for name in kind.own_parameters() if name in job.parameters})
        if kind
        else {}
    )
    found |= Engine.differing(dict(job.engine))
    return [[label(name), _text(value)] for name, value in found.items()]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _settings(project: Project, job: Job) -> dict[str, Any]:
    kind = LAUNCHED.get(job.stage)
    try:
        return project.stage(kind).values_dict() if kind else {}
    except LeadlineError:
        return {}


def _epoch(told: dict[str, Any]) -> dict[str, Any]:
    watched = told.get("watched") or {}
    return {
        "epoch": int(told["epoch"]) + 1,
        "loss": told.get("loss"),
        "accuracy": watched.get("accuracy"),
        "macro_f1": watched.get("macro_f1"),
        "windows_per_second": told.get("windows_per_second"),
    }


def epochs_asked(job: Job) -> int:
    """Epochs that a training job makes; 0 of any other."""
    return int(job.parameters.get("epochs", Train.param["epochs"].default)) if job.stage == Train.key else 0


def indicator(jobs: list[Job], watches: dict[int, Watch]) -> dict[str, Any]:
    """The quiet sign on every page: what runs, how far it is and how many wait."""
    running = [job for job in jobs if job.state.at_work]
    queued = sum(job.state is JobState.QUEUED for job in jobs)
    if not running:
        return {"running": 0, "queued": queued, "text": f"{queued} queued" if queued else "", "share": None}
    first = min(running, key=lambda job: job.id)
    watch = watches.get(first.id)
    share = watch.share if watch else None
    told = f"{TITLES.get(first.stage, first.stage)}" + (f" {100 * share:.0f} %" if share is not None else "")
    more = len(running) - 1 + queued
    return {"running": len(running), "queued": queued, "text": told + (f" +{more}" if more else ""),
            "share": None if share is None else round(share, 2)}  # fmt: skip


def _instant(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else ""
