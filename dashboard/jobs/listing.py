"""Jobs on a terminal: the list, a log, and a request that one ends."""

from __future__ import annotations

import getpass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dashboard.jobs.folder import JobFolder
from dashboard.jobs.keeper import Keeper
from dashboard.jobs.model import Job, JobState
from dashboard.jobs.queue import why_waiting
from dashboard.jobs.settings import job_settings
from dashboard.jobs.watching import Watch
from processing.database import is_there
from processing.errors import MissingError
from processing.project import Project

_COLOURS = {
    JobState.RUNNING: "cyan",
    JobState.STOPPING: "yellow",
    JobState.DONE: "green",
    JobState.FAILED: "red",
    JobState.LOST: "red",
}


def listed(root: Path, most: int) -> None:
    """Print the newest jobs of the project at ``root``; those whose turn it is are started on the way."""
    jobs = _looked_after(root, most) if is_there(Project(root).database_url) else []
    table = Table(box=None, pad_edge=False)
    for heading in ("job", "stage", "state", "by", "launched (UTC)", "told"):
        table.add_column(heading, overflow="fold" if heading == "told" else "ellipsis", no_wrap=heading != "told")
    cores = job_settings(Project(root)).cores
    for job in reversed(jobs):
        colour = _COLOURS.get(job.state, "dim")
        told = job.reason or job.result or why_waiting(job, jobs, cores) or _progress(root, job)
        at = f"{job.queued_at:%Y-%m-%d %H:%M}"
        table.add_row(f"#{job.id}", job.stage, f"[{colour}]{job.state}[/]", escape(job.who), at, escape(told))
    Console().print(table if jobs else f"{escape(str(root))}: no job was launched yet")


def _looked_after(root: Path, most: int) -> list[Job]:
    with Keeper(root) as keeper:
        keeper.look_after()
        keeper.start_due()
        return keeper.store.recent(most)


def _progress(root: Path, job: Job) -> str:
    if not job.state.at_work:
        return ""
    watch = Watch.of(JobFolder.of(root, job.id))
    watch.look()
    return watch.waiting or (f"{100 * watch.share:.0f} %" if watch.share is not None else "")


def log_of(root: Path, number: int) -> str:
    """The whole log of a job; raises MissingError when there is none."""
    path = JobFolder.of(Project(root).root, number).log
    if not path.exists():
        raise MissingError(f"there is no log of job {number}", where=root, mend=f"run: leadline jobs {root}")
    return path.read_text(encoding="utf-8", errors="replace")


def cancelled(root: Path, number: int) -> str:
    """Ask that a job ends, in the name of whoever is logged in here; what then becomes of it, in one line."""
    with Keeper(root) as keeper:
        job = keeper.store.ask_stop(number, getpass.getuser())
        keeper.start_due()
    return f"{job.title} is {job.state}"
