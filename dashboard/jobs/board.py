"""All jobs of a project as a server knows them: looked at again and again, told to every page that listens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from dashboard.jobs import queue
from dashboard.jobs.folder import JobFolder
from dashboard.jobs.keeper import Keeper
from dashboard.jobs.model import Job, JobState, Order
from dashboard.jobs.settings import job_settings
from dashboard.jobs.watching import Watch
from processing.database import is_there
from processing.errors import LeadlineError
from processing.project import Project

MOST = 200
"""Jobs that a page lists, and all that are active."""

_BUSY, _IDLE = 0.3, 1.5
"""Between two looks while jobs are active, and while none is, s."""

_CARE = 2.0
"""Between two looks whether a job was lost, s."""

_KEPT = 24
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class News:
    """What is new on the board: jobs that are other than they were, and those among them that have ended since."""

    changed: tuple[int, ...]
    ended: tuple[Job, ...]


class Board:
    """The jobs of one project. One for all sessions of a server; a thread of its own looks after it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._keeper: Keeper | None = None
        self._jobs: dict[int, Job] = {}
        self._watches: dict[int, Watch] = {}
        self._listeners: list[Callable[[News], None]] = []
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.workers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leadline-order")
        self._cared, self._caring = 0.0, False
        self.trouble = ""

    def begin(self) -> None:
        """Start looking, on a thread of the board's own."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="leadline-jobs", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop looking. Jobs go on."""
        self._closed = True
        self._wake.set()

    def listen(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Call ``listener``, on the board's thread, whenever something is new; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def steady(self) -> AbstractContextManager[object]:
        """Let nothing new come in while the block reads what jobs have told."""
        return self._lock

    @property
    def jobs(self) -> list[Job]:
        """The jobs as they were last seen, the newest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: -job.id)

    def find(self, number: int) -> Job | None:
        """A job as it was last seen; None when there is none of that number among the newest."""
        with self._lock:
            return self._jobs.get(number)

    @property
    def watches(self) -> dict[int, Watch]:
        """What the jobs that are looked at have told."""
        with self._lock:
            return dict(self._watches)

    @property
    def cores(self) -> int:
        """Cores that all jobs may take together."""
        return job_settings(Project(self.root)).cores

    def waiting_for(self, job: Job) -> str:
        """What a queued job waits for."""
        return queue.why_waiting(job, self.jobs, self.cores) if job.state is JobState.QUEUED else ""

    def watch(self, number: int) -> Watch:
        """What a job has told so far."""
        with self._lock:
            known = self._watches.get(number)
            if known is None:
                known = self._watches[number] = Watch.of(self.folder(number))
                known.look()
                self._forget()
            return known

    def folder(self, number: int) -> JobFolder:
        """Where the files of a job lie."""
        return JobFolder.of(self.root, number)

    def launch(self, orders: Sequence[Order], who: str) -> list[Job]:
        """Put orders in the queue, all or none, and start what may start now. Raises as ``JobStore.add``."""
        keeper = self._kept(make=True)
        assert keeper is not None
        made = keeper.store.add(orders, who)
        keeper.start_due()
        self._wake.set()
        return made

    def stop(self, number: int, who: str) -> Job:
        """Ask that a job ends. Raises MissingError when there is no such job."""
        keeper = self._kept(make=True)
        assert keeper is not None
        job = keeper.store.ask_stop(number, who)
        keeper.start_due()
        self._wake.set()
        return job

    def look(self) -> News:
        """See what is new, start what is due and find what was lost."""
        keeper = self._kept(make=False)
        if keeper is None:
            return News((), ())
        now = time.monotonic()
        if now - self._cared >= _CARE:
            self._cared, self._caring = now, False
            keeper.look_after()
            keeper.start_due()
            self._caring = True
        found = {job.id: job for job in keeper.store.recent(MOST)}
        with self._lock:
            known, self._jobs = self._jobs, found
            looked = self._looked()
        changed = {number for number, job in found.items() if known.get(number) != job} | looked
        ended = tuple(
            job
            for number, job in found.items()
            if not job.state.active and number in known and known[number].state.active
        )
        return News(tuple(sorted(changed)), ended)

    def _looked(self) -> set[int]:
        """Numbers of the jobs that told something new."""
        for job in self._jobs.values():
            if job.state.at_work and job.id not in self._watches:
                self._watches[job.id] = Watch.of(self.folder(job.id))
        self._forget()
        return {number for number, watch in self._watches.items() if watch.look()}

    def _forget(self) -> None:
        """Let go of the oldest watches over jobs that have ended."""
        active = {number for number, job in self._jobs.items() if job.state.active}
        over = [number for number in self._watches if number not in active]
        for number in over[: max(0, len(self._watches) - _KEPT)]:
            del self._watches[number]

    def _kept(self, *, make: bool) -> Keeper | None:
        """The keeper; without ``make`` none while the project has no database yet."""
        with self._lock:
            if self._keeper is None and (make or is_there(Project(self.root).database_url)):
                self._keeper = Keeper(self.root)
            return self._keeper

    def _work(self) -> None:
        while not self._closed:
            news = self._safely()
            if news.changed:
                for listener in list(self._listeners):
                    listener(news)
            active = any(job.state.active for job in self.jobs)
            self._wake.wait(_BUSY if active else _IDLE)
            self._wake.clear()
        if self._keeper is not None:
            self._keeper.store.close()

    def _safely(self) -> News:
        try:
            news = self.look()
        except LeadlineError as error:
            self._complain(error.line)
        except Exception as error:
            log.exception("looking after the jobs failed")
            self._complain(f"jobs cannot be looked after ({type(error).__name__}: {error})")
        else:
            if self._caring:  # else what failed the last time is still in the way
                self.trouble = ""
            return news
        return News((), ())

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("jobs: %s", trouble)
            self.trouble = trouble
