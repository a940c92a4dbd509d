"""A project whose jobs are real processes, and what a test sees of them."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import small_project

from dashboard.jobs.folder import JobFolder
from dashboard.jobs.keeper import Keeper
from dashboard.jobs.model import Job, Order
from dashboard.jobs.processes import bearing
from dashboard.jobs.rules import checked
from processing.project import Project
from processing.stages import Autolabel, Snapshot

PATIENCE = 120.0
"""Seconds that real work on a busy machine may take."""

QUICK = {"model": "mlp", "epochs": 1, "clear_only": False, "tracking": "off"}
LONG = QUICK | {"epochs": 1000, "batch": 32}
_LOOK = threading.Event()


def prepare(folder: Path) -> None:
    """The small project with labels that were made of its own segments, and a snapshot of them to learn from."""
    from processing.local.autolabel import autolabel
    from processing.local.snapshot import snapshot

    project = small_project.make(folder / "small")
    autolabel(project, Autolabel())
    snapshot(project, Snapshot())
    shutil.rmtree(project.root / "snapshots" / "v0001")
    shutil.rmtree(project.root / "predictions")


class World:
    """A copy of the prepared project with a keeper; no server. Modules beside the project must not reach a job."""

    def __init__(self, prepared: Path, folder: Path, *, cores: int = 2) -> None:
        self.root = folder / "small"
        shutil.copytree(prepared, folder, symlinks=True, dirs_exist_ok=True)
        with (self.root / "project.toml").open("a") as settings:
            settings.write(f"\n[jobs]\ncores = {cores}\n")
        (folder / "json.py").write_text("raise SystemExit('a module beside the project was imported')")
        self.keeper = Keeper(self.root)

    def close(self) -> None:
        """End what a test that failed has left."""
        for job in self.keeper.store.recent(1000):
            for process in bearing(job.token):
                process.kill()
        for child in self.keeper._children:
            child.wait()
        self.keeper.store.close()

    def order(self, stage: str, engine: Mapping[str, Any] | None = None, **parameters: Any) -> Order:
        asked = {"stage": stage, "parameters": parameters, "engine": engine or {}, "cores": 1}
        return checked(Project(self.root), asked)

    def launch(self, *orders: Order) -> list[Job]:
        """Put orders in the queue, and start those whose turn it is."""
        made = self.keeper.store.add(orders, "ada")
        self.keeper.start_due()
        return made

    def job(self, number: int) -> Job:
        return self.keeper.store.job(number)

    def states(self) -> list[str]:
        return [job.state.value for job in self.keeper.store.recent(100)]

    def folder(self, number: int) -> JobFolder:
        return JobFolder.of(self.root, number)

    def ended(self, *numbers: int, seconds: float = PATIENCE) -> list[Job]:
        """The jobs, once they all have ended."""
        until(lambda: not any(self.job(number).state.active for number in numbers), seconds, self.said)
        return [self.job(number) for number in numbers]

    def learning(self, number: int) -> Job:
        """The job, once it has told of an epoch."""
        until(lambda: self._learns(number) or not self.job(number).state.active, PATIENCE, self.said)
        assert self._learns(number), self.said()
        return self.job(number)

    def _learns(self, number: int) -> bool:
        return any("epoch" in line for line in self.told(number))

    def told(self, number: int) -> list[dict[str, Any]]:
        """The whole lines of its progress."""
        path = self.folder(number).progress
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def left(self) -> list[str]:
        """Whatever is there of jobs that ended: processes that bear a token, and what is half written."""
        ended = [job for job in self.keeper.store.recent(1000) if not job.state.active]
        processes = [f"#{job.id} {process}" for job in ended for process in living(job)]
        return processes + [str(path) for path in self.root.rglob(".aside-*")]

    def said(self) -> str:
        return "\n".join(f"{path}: {path.read_text()[-2000:]}" for path in sorted(self.root.glob("jobs/*/log.txt")))


def living(job: Job) -> list[psutil.Process]:
    """The processes that bear a job's token and have not ended."""
    return [process for process in bearing(job.token) if _is_alive(process)]


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def until(found: Callable[[], bool], seconds: float = PATIENCE, said: Callable[[], str] = str) -> None:
    """Wait on a condition."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, f"waited in vain\n{said()}"
        _LOOK.wait(0.05)
