"""Granules labelled anew in the background of the server, after an analyst set a drift by hand."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from dashboard.yielding import give_way
from processing.errors import LeadlineError
from processing.history import recorded
from processing.interrupt import stop_if_asked, stopped_by
from processing.progress import Step, watched
from processing.project import Project
from processing.stages import Autolabel

log = logging.getLogger(__name__)

WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"
_EVERY = 0.25
"""Seconds between two words on how far a run has come."""


class Run:
    """One granule being labelled anew. Safe between threads.

    Attributes
    ----------
    granule : which.
    state : ``waiting``, ``running``, ``done``, ``failed`` or ``stopped``.
    text : what it is doing, or how it ended, in one line.
    share : how much of it is done, 0 to 1.
    """

    def __init__(self, granule: str) -> None:
        self.granule = granule
        self.state = WAITING
        self.text = "waits for another granule"
        self.share = 0.0
        self.stop = threading.Event()
        self._ended = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self._told = 0.0

    @property
    def over(self) -> bool:
        return self._ended.is_set()

    def cancel(self) -> None:
        """Ask it to stop; the tables stay as they are."""
        self.stop.set()

    def listen(self, call: Callable[[], None]) -> None:
        """Have ``call`` run on the run's own thread now and then, and once when it is over; at once if it is."""
        self._listeners.append(call)
        if self.over:  # it may have ended before it could be told of this listener
            self._listeners.clear()
            call()

    def wait(self, seconds: float) -> bool:
        """Wait until it is over; whether it is."""
        return self._ended.wait(seconds)

    def step(self, step: Step) -> None:
        """Take over how far the stage has come."""
        self.share = min(step.done / step.total, 1.0) if step.total > 0 else 0.0
        self.state, self.text = RUNNING, step.detail or "labels"
        now = time.monotonic()
        if now - self._told >= _EVERY:
            self._told = now
            self._tell()

    def end(self, state: str, text: str) -> None:
        """Say how it ended."""
        self.state, self.text = state, text
        self.share = 1.0 if state == DONE else self.share
        self._ended.set()
        self._tell()
        self._listeners.clear()

    def _tell(self) -> None:
        for call in list(self._listeners):
            try:
                call()
            except Exception:
                log.exception("telling how far %s has come failed", self.granule)


class Relabeller:
    """Labels granules of a project one after the other; one for a server."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._runs: dict[str, Run] = {}

    def start(self, granule: str) -> Run:
        """Label a granule anew with what is in force now; a run of it that is not over is stopped first."""
        with self._lock:
            before = self._runs.get(granule)
            if before is not None:
                before.cancel()
            run = self._runs[granule] = Run(granule)
        # The tables are written whole or not at all, so that the server need not wait for the run when it ends.
        threading.Thread(target=self._work, args=(run,), name="leadline-relabel", daemon=True).start()
        return run

    def of(self, granule: str) -> Run | None:
        """The newest run of a granule."""
        with self._lock:
            return self._runs.get(granule)

    def _work(self, run: Run) -> None:
        give_way()
        with self._turn:
            try:
                self._label(run)
            except KeyboardInterrupt:
                run.end(STOPPED, "stopped; the labels are as they were")
            except (LeadlineError, OSError) as error:
                log.warning("labelling %s anew: %s", run.granule, error)
                run.end(FAILED, str(error))
            except Exception as error:
                log.exception("labelling %s anew failed", run.granule)
                run.end(FAILED, f"{type(error).__name__}: {error}")
            else:
                run.end(DONE, "labels made anew")

    def _label(self, run: Run) -> None:
        from processing.local.autolabel import autolabel

        with watched(run.step), stopped_by(run.stop):
            stop_if_asked()
            project = Project(self.root)
            with recorded(self.root, Autolabel.key, Autolabel.output, partly=True):
                autolabel(project, project.stage(Autolabel), [run.granule])
