"""What any process of the project does for its jobs: start those whose turn it is, and see who was lost."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from dashboard.jobs import command, processes
from dashboard.jobs.environment import allowed
from dashboard.jobs.folder import JobFolder, sweep_after
from dashboard.jobs.model import Job, JobState
from dashboard.jobs.settings import job_settings
from dashboard.jobs.store import HOST, JobStore
from processing.project import Project

LOST_SECONDS = 60.0
"""How long a job may go without a sign of life, by the clock of whoever looks, s."""

STUCK_SECONDS = 300.0
"""The same of one whose supervisor is seen to be there, on a machine that may be busy or have been asleep, s."""

_KILL_SECONDS = 5.0
log = logging.getLogger(__name__)


class Keeper:
    """Starts supervisors and finds those that are gone. Every server has one, and a supervisor makes one at its end.

    Two at once do no harm: the database lets each job be claimed once.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.store = JobStore(Project(self._root).database_url)
        self._children: list[subprocess.Popen[bytes]] = []
        self._seen: dict[int, tuple[int, float]] = {}

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()

    def start_due(self) -> list[Job]:
        """Start the jobs whose turn it is and return them."""
        settings = job_settings(Project(self._root))
        claimed = self.store.claim(settings.cores)
        for job in claimed:
            try:
                self._start(job, settings.nice, settings.environment)
            except Exception as error:
                log.exception("job %d cannot be started", job.id)
                why = getattr(error, "strerror", None) or error
                self.store.end(job.id, JobState.FAILED, reason=f"it cannot be started ({why})")
        return claimed

    def _start(self, job: Job, nice: int, more: tuple[str, ...]) -> None:
        folder = JobFolder.of(self._root, job.id)
        folder.write_spec(job, command.words(self._root, job.order))
        environment = allowed(os.environ, more) | {
            processes.TOKEN: job.token,
            "LEADLINE_CORES": str(job.cores),
            "LEADLINE_NICE": str(nice),
            # Else every Python, ranks too, would import what lies beside the project before what is installed.
            "PYTHONSAFEPATH": "1",
        }
        words = [sys.executable, "-m", "dashboard.jobs.supervisor", str(self._root), str(job.id)]
        with folder.log.open("ab") as said:
            self._children.append(processes.start_apart(words, environment, said, self._root.parent))

    def look_after(self) -> list[Job]:
        """Find jobs whose supervisor ended without a word, clear up after them and record it; those that were found."""
        self._children = [child for child in self._children if child.poll() is None]
        now, found, at_work = time.monotonic(), [], [job for job in self.store.active() if job.state.at_work]
        self._seen = {job.id: self._since(job, now) for job in at_work}
        for job in at_work:
            there = job.beat > 0 and job.host == HOST and processes.is_there(job.pid, job.began)
            silent = now - self._seen[job.id][1] > (STUCK_SECONDS if there else LOST_SECONDS)
            if _never_began(job):
                found.append(self.store.put_back(job.id))
            elif silent or (job.beat > 0 and job.host == HOST and not there):
                found.append(self._lost(job))
        return found

    def _since(self, job: Job, now: float) -> tuple[int, float]:
        """The job's beat, and since when it was seen to stand there."""
        known = self._seen.get(job.id)
        return known if known is not None and known[0] == job.beat else (job.beat, now)

    def _lost(self, job: Job) -> Job:
        """Let nothing be left of a job on this machine, and record its end."""
        if job.host == HOST:
            if job.beat > 0 and processes.is_there(job.pid, job.began):
                with suppress(ProcessLookupError):
                    os.kill(job.pid, signal.SIGKILL)
            processes.kill_all(job.token, _KILL_SECONDS, spared=[os.getpid()])
            sweep_after(self._root, job.stage)
        known = JobFolder.of(self._root, job.id).read_outcome()
        if known is not None:
            state, facts = known
            return self.store.end(job.id, state, job.beat, **facts)
        why = "what watched over it ended without a word, as when it is killed or the machine stops"
        return self.store.end(job.id, JobState.LOST, job.beat, reason=why)


def _never_began(job: Job) -> bool:
    """Whether who was to start a job died before it could."""
    waits = job.host == HOST and job.beat == 0 and job.pid > 0
    return waits and not processes.is_there(job.pid, job.began) and not processes.bearing(job.token)
