"""A stage's granules as Spark jobs, several at once: how far they are, which failed and why."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from processing.errors import InputError, LeadlineError
from processing.progress import Bar, tell
from processing.spark import session
from processing.spark.session import Cluster, Progress
from processing.spark.trouble import ClusterLostError

log = logging.getLogger(__name__)

_POLL = 1.0
"""Seconds between two looks at the tasks: asking Java takes a core some milliseconds a granule."""

_PATIENCE = 0.25
_MOST_AT_ONCE = 16
_TASKS_A_CORE = 4
_NAMED = 3


@dataclass(frozen=True)
class GranuleJob:
    """The Spark work on one granule.

    Attributes
    ----------
    weight : units of work in it, as the bar counts them.
    run : does it, within jobs of the group that it is given; raises LeadlineError when the granule cannot be used.
    jobs : how many Spark jobs, one after the other, it is made of.
    several : the units of each granule where it is work on more than one.
    """

    granule: str
    weight: float
    run: Callable[[str], None]
    jobs: int = 1
    several: Mapping[str, float] = field(default_factory=dict)

    @property
    def parts(self) -> Mapping[str, float]:
        """Units of each granule in it."""
        return self.several or {self.granule: self.weight}


def parts_of(jobs: Iterable[GranuleJob]) -> dict[str, float]:
    """Units of each granule of the jobs."""
    return {granule: units for job in jobs for granule, units in job.parts.items()}


def run_granules(cluster: Cluster, bar: Bar, jobs: Sequence[GranuleJob]) -> list[LeadlineError]:
    """Run the jobs, a few at once so that the last tasks of one leave no core idle, and tell ``bar`` of them.

    Returns the errors of granules that cannot be used; the others are done. Raises KeyboardInterrupt when asked to
    stop, once every task has been cancelled, and ClusterLostError when Spark itself has ended.
    """
    failures: list[LeadlineError] = []
    with ThreadPoolExecutor(min(_MOST_AT_ONCE, cluster.cores + 1)) as pool:
        running: dict[Future[None], GranuleJob] = {
            pool.submit(job.run, group_of(cluster, job.granule)): job for job in jobs
        }
        watch = _Watch(cluster, bar, jobs)
        try:
            while running:
                ended, _ = wait(running, _POLL, FIRST_COMPLETED)
                for future in ended:
                    job = running.pop(future)
                    error = future.exception()
                    watch.ended(job, well=error is None)
                    if error is None:
                        continue
                    if not isinstance(error, LeadlineError) or isinstance(error, ClusterLostError):
                        raise error
                    log.warning("granule %s: %s", job.granule, error.line)
                    tell(failed=dict.fromkeys(job.parts, error.line))
                    failures.append(error)
                if not running or watch.is_due():
                    watch.tell([job.granule for future, job in running.items() if future.running()])
        except BaseException:
            for future in running:
                future.cancel()
            cluster.cancel()
            while wait(running, _PATIENCE).not_done:  # one of several jobs may just have begun the next
                cluster.cancel()
            raise
    return failures


def group_of(cluster: Cluster, granule: str) -> str:
    """Name of a granule's Spark jobs."""
    return f"{cluster.tag}: {granule}"


def least_pieces(cluster: Cluster, granules: float) -> int:
    """Pieces that a granule should at least be cut into, one of ``granules`` of its size, to keep all cores at work."""
    return max(1, math.ceil(_TASKS_A_CORE * cluster.cores / max(granules, 1)))


class _Watch:
    """Sums up tasks and units of all granules for the bar."""

    def __init__(self, cluster: Cluster, bar: Bar, jobs: Sequence[GranuleJob]) -> None:
        self._cluster, self._bar = cluster, bar
        self._jobs = {job.granule: job for job in jobs}
        self._tasks: dict[str, Progress] = {}
        self._units = dict.fromkeys(self._jobs, 0.0)
        self._manned = self._told = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time to look again."""
        return time.monotonic() - self._told >= _POLL

    def ended(self, job: GranuleJob, *, well: bool) -> None:
        self._look(job.granule)
        self._units[job.granule] = job.weight
        if well:
            self._reach(job, 1.0)

    def tell(self, running: Sequence[str]) -> None:
        """Advance the bar to where the jobs are.

        Raises KeyboardInterrupt when asked to stop, InputError when all executors are lost and none comes.
        """
        self._told = now = time.monotonic()
        self._manned = now if self._cluster.has_executors else self._manned
        if now - self._manned > session.WORKER_SECONDS:
            raise InputError(
                "every executor is lost and no other came", where="Spark", mend="look at the workers' logs"
            )
        for granule in running:
            self._look(granule)
            seen = self._tasks[granule]
            job = self._jobs[granule]
            share = min(1.0, seen.jobs / job.jobs) * seen.done / max(seen.tasks, 1)
            self._units[granule] = job.weight * share
            self._reach(job, share)
        done, tasks = (sum(getattr(seen, name) for seen in self._tasks.values()) for name in ("done", "tasks"))
        more = f" and {len(running) - _NAMED} more" if len(running) > _NAMED else ""
        detail = ", ".join(running[:_NAMED]) + more
        amount = max(0.0, sum(self._units.values()) - self._bar.done)
        self._bar.advance(amount, detail, tasks=(done, tasks))

    def _reach(self, job: GranuleJob, share: float) -> None:
        for granule, units in job.parts.items():
            self._bar.reach(granule, share * units)

    def _look(self, granule: str) -> None:
        self._tasks[granule] = self._cluster.progress(group_of(self._cluster, granule))
