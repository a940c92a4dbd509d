"""Fifty real jobs, launched, cancelled and orphaned by chance while their server is killed again and again.

Nothing here is a stand-in: stages of a small synthetic project, Horovod ranks, Spark on a standalone cluster, servers
that are killed by SIGKILL. What counts is what is left at the end.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.bench_review import Server
from benchmarks.light_client import load_page
from dashboard.jobs.model import Job, Order
from dashboard.jobs.processes import TOKEN
from dashboard.jobs.rules import checked
from dashboard.jobs.store import JobStore
from processing.project import Project
from processing.spark.standalone import Standalone

KINDS = {
    "freeboard": 11, "train": 14, "two ranks": 5, "classify": 6, "snapshot": 4,
    "autolabel": 3, "resample": 2, "evaluate": 1, "freeboard on Spark": 3, "classify on Spark": 1,
}  # fmt: skip
"""What is launched how often: fifty in all."""

SUPERVISORS = 4
"""Jobs whose supervisor is killed."""

SERVERS = 5
"""How often the server is killed and begun again."""

_AT_ONCE = 8
_LONG = 1000
_PATIENCE = 240.0
_REST = 15.0


@dataclass
class Fate:
    """One job to launch, and what befalls it: seconds after its start at which it is cancelled, or orphaned.

    A ``cancel`` below 0 comes at once, where it may still be in the queue.
    """

    order: Order
    cancel: float | None = None
    orphan: float | None = None


@dataclass
class Outcome:
    """What became of the jobs, and all that was left of them once they had ended."""

    states: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_of: str = ""
    cancelled: int = 0
    orphaned: int = 0
    killed: int = 0
    processes: list[str] = field(default_factory=list)
    executors: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    endless: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class Storm:
    """The jobs of one project, and the server that is killed beneath them."""

    def __init__(self, root: Path, cluster: Standalone, seed: int) -> None:
        self.root, self._cluster, self._chance = root, cluster, random.Random(seed)
        self._store = JobStore(Project(root).database_url)
        self._fates: dict[int, Fate] = {}
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Launch everything, let it end, and count what is left."""
        waiting = list(self._plan())
        launched, kills = 0, [len(waiting) * (k + 1) // (SERVERS + 1) for k in range(SERVERS)]
        server = self._serve()
        until = time.monotonic() + _PATIENCE
        try:
            while (waiting or self._store.active()) and time.monotonic() < until:
                if waiting and len(self._store.active()) < _AT_ONCE:
                    self._launch(waiting.pop(0))
                    launched += 1
                self._befall()
                if kills and launched >= kills[0]:
                    kills.pop(0)
                    server = self._again(server)
                time.sleep(0.1)
        finally:
            self._count()
            server.stop()
            self._store.close()
        return self.outcome

    def _serve(self) -> Server:
        server = Server(self.root)
        load_page(f"{server.address}?page=jobs")  # somebody looks, and the server with it
        return server

    def _again(self, server: Server) -> Server:
        server.process.kill()
        server.process.wait()
        self.outcome.killed += 1
        return self._serve()

    def _launch(self, fate: Fate) -> None:
        """Put it in the queue, as a page does; the server finds it there."""
        (job,) = self._store.add([fate.order], "bench")
        self._fates[job.id] = fate
        if fate.cancel is not None and fate.cancel < 0.0:
            self._cancel(job)

    def _befall(self) -> None:
        for job in self._store.active():
            fate = self._fates[job.id]
            since = (datetime.now(UTC) - job.started_at).total_seconds() if job.started_at else -1.0
            if fate.cancel is not None and since > fate.cancel and not job.stop_by:
                self._cancel(job)
            if fate.orphan is not None and job.beat and since > fate.orphan:
                fate.orphan = None
                self.outcome.orphaned += 1
                with suppress(ProcessLookupError):
                    os.kill(job.pid, signal.SIGKILL)

    def _cancel(self, job: Job) -> None:
        self._store.ask_stop(job.id, "bench")
        self.outcome.cancelled += 1

    def _count(self) -> None:
        """See what is left, once the last processes have had a moment to go."""
        jobs, outcome = [job for job in self._store.recent(1000) if job.id in self._fates], self.outcome
        tokens = {f"{TOKEN}={job.token}".encode(): job for job in jobs}
        _settled(lambda: not list(_bearers(tokens)) and not self._executors())
        outcome.states = Counter(job.state.value for job in jobs)
        outcome.reasons = Counter(job.reason for job in jobs if job.state.value in ("failed", "lost"))
        stops = [
            ((job.ended_at - job.stop_at).total_seconds(), f"#{job.id} {job.stage} {job.engine.get('engine', '')}")
            for job in jobs
            if job.ended_at and job.stop_at
        ]
        outcome.slowest, outcome.slowest_of = max(stops, default=(0.0, ""))
        outcome.endless = sum(job.state.active for job in jobs)
        outcome.processes = list(_bearers(tokens))
        outcome.executors = self._executors()
        outcome.files = list(self.root.rglob(".aside-*"))

    def _executors(self) -> list[str]:
        """Processes below the cluster's workers, in words."""
        found = [psutil.Process(worker.pid).children(recursive=True) for worker in self._cluster.workers]
        said: list[str] = []
        for process in (process for processes in found for process in processes):
            with suppress(psutil.Error):  # one that has just ended
                said.append(" ".join(process.cmdline()[-12:])[:300])
        return said

    def _plan(self) -> list[Fate]:
        kinds = [kind for kind, count in KINDS.items() for _ in range(count)]
        self._chance.shuffle(kinds)
        fates = [self._fate(kind, number) for number, kind in enumerate(kinds)]
        spared = [number for number, fate in enumerate(fates) if fate.cancel is None]
        trainings = [number for number in spared if fates[number].order.stage == "train"]
        on_spark = [number for number in spared if kinds[number].endswith("Spark")]
        for number in [*self._chance.sample(trainings, SUPERVISORS - 1), *self._chance.sample(on_spark, 1)]:
            order = self._order(kinds[number], number, long=True)
            fates[number] = Fate(order, orphan=self._chance.uniform(0.3, 8.0 if number in on_spark else 4.0))
        return fates

    def _fate(self, kind: str, number: int) -> Fate:
        training, on_spark = kind in ("train", "two ranks"), kind.endswith("Spark")
        most = 10.0 if on_spark else 6.0 if training else 3.0
        cancelled = self._chance.random() < (0.6 if training else 0.35)
        moment = self._chance.choice([-1.0, *(self._chance.uniform(0.0, most) for _ in range(4))])
        return Fate(self._order(kind, number, long=cancelled), moment if cancelled else None)

    def _order(self, kind: str, number: int, *, long: bool) -> Order:
        stage = {"two ranks": "train"}.get(kind, kind.split(maxsplit=1)[0])
        values: dict[str, dict[str, Any]] = {
            "freeboard": {"window": 8000.0 + 10.0 * number},
            "train": {"model": "mlp", "seed": number, "epochs": _LONG if long else 2, "batch": 32, "snapshot": "v0001"},
            "classify": {"batch": 2048 + number},
            "autolabel": {"transition": 20.0 + number},
            "resample": {},
            "snapshot": {"note": f"number {number}"},
            "evaluate": {"models": "mlp", "protocols": "paper", "seeds": 1, "epochs": 1, "snapshot": "v0001"},
        }
        engine = {"engine": "spark", "master": self._cluster.url} if kind.endswith("Spark") else {}
        ranks = {"workers": 2 if kind == "two ranks" else 1} if stage == "train" else {}
        asked = {"stage": stage, "parameters": values[stage] | ranks, "engine": engine, "cores": 1}
        return checked(Project(self.root), asked)


def _bearers(tokens: dict[bytes, Job]) -> Iterator[str]:
    """Every living process that bears one of the tokens, in words."""
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            words = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            job = next((tokens[word] for word in words if word in tokens), None)
            if job is not None and process.status() != psutil.STATUS_ZOMBIE:
                yield f"#{job.id} {job.stage}: {' '.join(process.cmdline())[:80]}"


def _settled(gone: Callable[[], bool]) -> None:
    until = time.monotonic() + _REST
    while not gone() and time.monotonic() < until:
        time.sleep(0.5)
