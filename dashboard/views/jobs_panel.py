"""The jobs page's one component: the list, what is due, the form of a new job, and the job that is looked at."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import param
from panel.custom import JSComponent

from dashboard.controls import STATIC, sheet
from dashboard.jobs.rules import LAUNCHED
from dashboard.jobs.telling import TITLES, epochs_asked
from dashboard.jobs_desk import JobsDesk, told
from processing.errors import LeadlineError
from processing.stages import Engine, Train

log = logging.getLogger(__name__)

_LOG_SHOWN = 128 << 10
"""Bytes of a log that a page shows; the whole of it is one click away."""

_FOUND = 400
"""Lines that a search in a log shows."""


class JobsPanel(JSComponent):
    """Shows what ``JobsDesk`` knows, and sends it what is clicked."""

    theme = param.String("light")

    _esm = STATIC / "jobs.js"

    def __init__(self, desk: JobsDesk, **params: Any) -> None:
        super().__init__(stylesheets=[sheet("panel.css"), sheet("jobs.css")], **params)
        self.desk = desk
        self.on_ready: Callable[[], None] = _nothing
        self._open = False
        self._log_sent: tuple[int, int] = (0, 0)

    def follow(self, changed: Sequence[int] | None = None) -> None:
        """Show the jobs that ``changed``, or everything."""
        if not self._open:
            return
        self._say("jobs", jobs=self.desk.summaries(changed), whole=changed is None)
        number = self.desk.place.state.job
        if number and not self.desk.place.state.launch and (changed is None or number in changed):
            self.show_job()

    def show_plan(self) -> None:
        """Show what is due, and the stages that a page launches."""
        if not self._open:
            return
        project, under_way = self.desk.place.workspace.project, self.desk.under_way
        engine, train = project.stage(Engine), project.stage(Train)
        self._say(
            "plan",
            due=[vars(due) | {"title": TITLES[due.stage], "job": under_way.get(due.stage, 0)} for due in self.desk.due],
            stages=[{"stage": stage, "title": TITLES[stage]} for stage in LAUNCHED],
            engine={"engine": engine.engine, "master": engine.master},
            ranks=train.workers or 1,
            refused=self.desk.refused,
            empty=not self.desk.place.catalog.granules,
        )

    def show_place(self) -> None:
        """Show the form or the job that the address names."""
        if not self._open:
            return
        state = self.desk.place.state
        if state.launch:
            with self.desk.place.guard("opening the form"):
                self._say("form", form=self.desk.form(state.launch, state.job))
        elif state.job:
            self._log_sent = (0, 0)
            self.show_job()
        else:
            self._say("nothing")

    def show_job(self) -> None:
        """Show the job that the address names, and what is new in its log."""
        number = self.desk.place.state.job
        found = self.desk.detail(number)
        if found is None:
            self._say("unknown", job=number)
            return
        job = self.desk.board.find(number)
        self._say("job", job=found, epochs=epochs_asked(job) if job else 0)
        self._show_log(number)

    def _show_log(self, number: int) -> None:
        """Send what was added to a job's log, or its end when another job's was shown."""
        path = self.desk.board.folder(number).log
        try:
            size = path.stat().st_size
        except OSError:
            return
        known = self._log_sent[1] if self._log_sent[0] == number and self._log_sent[1] <= size else None
        start = max(0, size - _LOG_SHOWN) if known is None else known
        if known == size:
            return
        with path.open("rb") as stream:
            stream.seek(start)
            text = stream.read(_LOG_SHOWN).decode("utf-8", "replace")
        self._log_sent = (number, min(size, start + _LOG_SHOWN))
        self._say("log", job=number, text=text, fresh=known is None, cut=start > 0 and known is None)

    def _handle_msg(self, data: dict[str, Any]) -> None:
        answers: dict[str, Callable[[dict[str, Any]], None]] = {
            "ready": self._ready,
            "show": lambda told: self._move(job=int(told["job"]), launch=""),
            "form": lambda told: self._move(launch=str(told["stage"]), job=int(told.get("clone", 0))),
            "close": lambda _: self._move(launch="", job=0),
            "check": self._check,
            "launch": self._launch,
            "chain": lambda told: self.desk.make_right(told.get("options")),
            "cancel": lambda told: self.desk.cancel(int(told["job"])),
            "search": self._search,
            "go": self._go,
        }
        answer = answers.get(str(data.get("type")))
        if answer is not None:
            with self.desk.place.guard("answering the jobs page"):
                answer(data)

    def _ready(self, _: dict[str, Any]) -> None:
        self._open = True
        self.show_plan()
        self.follow()
        self.show_place()
        self.on_ready()

    def _move(self, **values: Any) -> None:
        self.desk.place.state.move(**values)

    def _check(self, message: dict[str, Any]) -> None:
        self._say("checked", n=message.get("n"), **self.desk.check(message["form"]))

    def _launch(self, message: dict[str, Any]) -> None:
        def then(job: Any, error: LeadlineError | None) -> None:
            if error is not None:
                field = error.where.removeprefix("--").replace("-", "_")
                self._say("refused", field=field, why=told(error))
            elif job is None:
                self._say("refused", field="", why="")
            else:
                self._move(job=job.id, launch="")

        self.desk.launch(message["form"], then)

    def _search(self, message: dict[str, Any]) -> None:
        """Lines of the whole log that hold a text, with their numbers."""
        number, wanted = int(message["job"]), str(message["text"]).lower()
        found: list[list[Any]] = []
        more = False
        path = self.desk.board.folder(number).log
        if wanted and path.exists():
            with path.open(encoding="utf-8", errors="replace") as stream:
                for place, line in enumerate(stream, 1):
                    if wanted in line.lower():
                        if len(found) == _FOUND:
                            more = True
                            break
                        found.append([place, line.rstrip("\n")[:2000]])
        self._say("found", job=number, text=message["text"], lines=found, more=more)

    def _go(self, message: dict[str, Any]) -> None:
        """Show a result where it is looked at."""
        allowed = {name: str(message[name]) for name in ("page", "run", "source", "models") if name in message}
        self._move(**allowed)

    def _say(self, kind: str, **values: Any) -> None:
        self._send_msg({"type": kind, **values})


def _nothing() -> None:
    """Nobody waits for the component."""
