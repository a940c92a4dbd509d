"""One session's view of the jobs: what it launches and cancels, what it is told, and what it shows of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dashboard.jobs import forms, plan, rules, telling
from dashboard.jobs.board import Board, News
from dashboard.jobs.command import PROMOTE, shown
from dashboard.jobs.model import Job, JobState, Order
from dashboard.jobs.queue import has_to_follow, why_waiting
from processing.errors import InputError, LeadlineError

if TYPE_CHECKING:
    from dashboard.place import Place
    from dashboard.state import Later
    from processing.project import Project

log = logging.getLogger(__name__)

_ENDS = {
    JobState.DONE: ("is done", "info"),
    JobState.FAILED: ("failed", "error"),
    JobState.CANCELLED: ("was cancelled", "warning"),
    JobState.LOST: ("was lost", "error"),
}
_WAIT = "reading what the project holds; try again in a moment"


class JobsDesk:
    """Launching, cancelling and following jobs, at a ``Place``.

    ``on_news`` is called on the page's thread with the numbers of the jobs that changed, ``on_plan`` when what is under
    way may be other than it was, ``on_end`` when a job has ended, whose tables are there by then.
    """

    def __init__(self, place: Place, later: Later) -> None:
        self.place, self.later = place, later
        self.board: Board = place.workspace.jobs
        self.on_news: Callable[[Sequence[int]], None] = _no_news
        self.on_plan: Callable[[], None] = _nothing
        self.on_end: Callable[[], None] = _nothing
        self.on_indicator: Callable[[dict[str, Any]], None] = _no_indicator
        self.notify: Callable[[str, str, int], None] = _no_notice
        self._let_go: Callable[[], None] = _nothing
        self._shown: dict[str, Any] = {}

    def begin(self) -> None:
        """Follow the board from now on."""
        self.board.begin()
        self._let_go = self.board.listen(lambda news: self.later(lambda: self._heard(news)))
        self._show_indicator()

    def close(self) -> None:
        """Follow it no more; jobs go on."""
        self._let_go()

    @property
    def refused(self) -> str:
        """Why nothing may be launched or cancelled here; empty where it may."""
        return self.place.workspace.no_jobs or self.board.trouble

    @property
    def corrected(self) -> bool:
        """Whether labels were corrected since the project was last looked through."""
        return self.place.workspace.book.last_id != self.place.events_seen

    @property
    def due(self) -> list[plan.Due]:
        """Stages that must run so that every table follows from its inputs."""
        return plan.due(self.place.catalog, self.corrected)

    @property
    def under_way(self) -> dict[str, int]:
        """Stages that an active job does for every granule, and the newest of those jobs."""
        active = [job for job in self.board.jobs if job.state.active and not job.granules]
        return {job.stage: job.id for job in reversed(active)}

    @property
    def pending(self) -> list[plan.Due]:
        """Stages that are due and that no job is about to do."""
        under_way = self.under_way
        return [due for due in self.due if due.stage not in under_way]

    def summaries(self, numbers: Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Lines of the list, of all jobs or of those ``numbers``, the newest first."""
        with self.board.steady():
            watches, cores, known = self.board.watches, self.board.cores, self.board.jobs
            jobs = [job for job in known if numbers is None or job.id in numbers or job.state is JobState.QUEUED]
            return [telling.summary(job, watches.get(job.id), why_waiting(job, known, cores)) for job in jobs]

    def detail(self, number: int) -> dict[str, Any] | None:
        """Everything about a job but its log; None when there is none of that number."""
        project = self._project
        with self.board.steady():
            job = self.board.find(number)
            return telling.detail(self.board, job, project) if job else None

    def form(self, stage: str, clone: int = 0) -> dict[str, Any]:
        """The form of a stage; raises InputError for one that no page launches."""
        if stage not in rules.LAUNCHED:
            raise InputError(f"stage {stage!r} cannot be launched", mend=f"one of {', '.join(rules.LAUNCHED)}")
        former = self.board.find(clone) if clone else None
        same = former if former and former.stage == stage else None
        return forms.form(self._project, self.place.catalog, stage, same)

    def check(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What would come of a form: its command and what the job would wait for, or what is wrong with which field."""
        try:
            order = rules.checked(self._project, asked)
        except LeadlineError as error:
            return {"error": {"field": error.where.removeprefix("--").replace("-", "_"), "text": told(error)}}
        active = [job for job in self.board.jobs if job.state.active]
        known = {job.id: job for job in active}
        waits = [known[number].title for number in has_to_follow(order, active)]
        kind = rules.LAUNCHED.get(order.stage)
        settings = self._project.stage(kind).values_dict() if kind else {}
        return {
            "error": None,
            "command": shown(self.board.root, order, settings),
            "cores": order.cores,
            "waits": f"It will wait for {', '.join(waits)}." if waits else "",
        }

    def launch(self, asked: Mapping[str, Any], then: Callable[[Job | None, LeadlineError | None], None]) -> None:
        """Put what a form asks for in the queue; ``then`` gets the job, or what is wrong."""
        self._order(lambda: [rules.checked(self._project, asked)], lambda jobs, error: then(_first(jobs), error))

    def promote(self, run: str) -> None:
        """Let a model be the one in use; the page stays where it is."""
        self.launch({"stage": PROMOTE, "parameters": {"run_name": run}}, self._under_way)

    def launch_stage(self, stage: str, values: Mapping[str, Any]) -> None:
        """Launch a stage as the project has it but for some ``values``; the page stays where it is."""
        self.launch({"stage": stage, "parameters": dict(values)}, self._under_way)

    def make_right(self, options: Mapping[str, Any] | None = None) -> None:
        """Run what is stale, as the shortest chain of jobs. ``options`` are ``engine`` and ``train`` parameters."""
        chosen = options or {}

        def orders() -> list[Order]:
            found = self.place.look()
            under_way = self.under_way
            stages = [due.stage for due in plan.due(found.catalog) if due.stage not in under_way]
            if not stages and under_way:
                raise InputError("what is stale is being made already", mend="watch the jobs that do it")
            if not stages:
                raise InputError("nothing is stale: every table follows from its inputs")
            return plan.orders(self._project, stages, chosen.get("engine"), chosen.get("train"))

        self._order(orders, lambda jobs, error: self._launched(_first(jobs), error))

    def cancel(self, number: int) -> None:
        """Ask that a job ends."""
        if not self._may():
            return
        who = self.place.state.analyst
        self._ask(lambda: self.board.stop(number, who), self._cancelled)

    def _cancelled(self, job: Any, error: LeadlineError | None) -> None:
        if error is not None:
            self.place.tell(told(error), "error")
        elif job.state is JobState.STOPPING:
            self.place.tell(f"{job.title} is being stopped; what was finished is kept")

    def _under_way(self, job: Job | None, error: LeadlineError | None) -> None:
        if error is not None:
            self.place.tell(told(error), "warning")
        elif job is not None:
            self.notify(f"#{job.id} {telling.TITLES.get(job.stage, job.stage)} is launched", "info", job.id)

    def _launched(self, job: Job | None, error: LeadlineError | None) -> None:
        if error is not None:
            self.place.tell(told(error), "warning")
        elif job is not None:
            self.place.state.move(page="jobs", job=job.id, launch="")

    def _order(
        self, orders: Callable[[], list[Order]], then: Callable[[list[Job] | None, LeadlineError | None], None]
    ) -> None:
        if not self._may():
            then(None, None)
            return
        who = self.place.state.analyst
        self._ask(lambda: self.board.launch(orders(), who), then)

    def _may(self) -> bool:
        """Whether this session may launch and cancel; says why not."""
        if self.refused:
            self.place.tell(self.refused, "warning")
        elif not self.place.state.analyst:
            self.place.tell("give your name at the top of the page first: jobs bear it", "warning")
        else:
            return True
        return False

    def _ask(self, work: Callable[[], Any], then: Callable[[Any, LeadlineError | None], None]) -> None:
        """Do ``work`` on a thread of the board's and tell ``then``, on the page's own, what came of it."""

        def run() -> None:
            found, failure = None, None
            try:
                found = work()
            except LeadlineError as error:
                failure = error
            except Exception as error:
                log.exception("a job could not be ordered or cancelled")
                failure = LeadlineError(f"this did not work ({type(error).__name__}: {error})")
            self.later(lambda: then(found, failure))

        self.board.workers.submit(run)

    @property
    def _project(self) -> Project:
        return self.place.workspace.refresh()

    def _heard(self, news: News) -> None:
        for job in news.ended:
            if job.who == self.place.state.analyst:
                self._tell_end(job)
        self._show_indicator()
        self.on_news(news.changed)
        if any(job.state is JobState.QUEUED for job in self._of(news.changed)) or news.ended:
            self.on_plan()
        if news.ended:
            self.on_end()

    def _of(self, numbers: Sequence[int]) -> list[Job]:
        return [job for number in numbers if (job := self.board.find(number)) is not None]

    def _tell_end(self, job: Job) -> None:
        word, level = _ENDS[job.state]
        title = f"#{job.id} {telling.TITLES.get(job.stage, job.stage)}"
        told = f": {job.result or job.reason}" if job.result or job.reason else ""
        if job.state is not JobState.CANCELLED or job.stop_by != self.place.state.analyst:
            self.notify(f"{title} {word}{told}", level, job.id)

    def _show_indicator(self) -> None:
        with self.board.steady():
            now = telling.indicator(self.board.jobs, self.board.watches)
        if now != self._shown:
            self._shown = now
            self.on_indicator(now)


def told(error: LeadlineError) -> str:
    """What is wrong and how to mend it, without the option of the command line."""
    head = "" if error.where.startswith(("--", "job-")) else f"{error.where}: " if error.where else ""
    return f"{head}{error.what}" + (f"; {error.mend}" if error.mend else "")


def _first(jobs: list[Job] | None) -> Job | None:
    return jobs[0] if jobs else None


def _no_news(_numbers: Sequence[int]) -> None:
    """Nobody shows the jobs yet."""


def _nothing() -> None:
    """Nothing follows."""


def _no_indicator(_told: dict[str, Any]) -> None:
    """Nobody shows the sign yet."""


def _no_notice(_text: str, _level: str, _job: int) -> None:
    """Nobody is told yet."""
