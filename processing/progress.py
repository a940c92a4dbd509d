"""Progress of a long command: a bar with rate and estimate for people, JSON lines for the page.

Set ``LEADLINE_PROGRESS`` to a file to have each change appended there as one JSON object. Work on a thread of a server
tells whoever asked with ``watched`` instead.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from processing.interrupt import stop_if_asked

_INTERVAL = 0.2


@dataclass(frozen=True)
class Step:
    """How far a task has come: ``done`` of ``total`` units at ``rate`` units a second; ``detail`` says on what.

    Attributes
    ----------
    seconds_left : estimate of what remains, None while nothing is known.
    tasks_done, tasks : of a cluster's tasks that were given out so far; 0 where there is no cluster.
    """

    stage: str
    done: float
    total: float
    unit: str
    rate: float
    detail: str
    seconds_left: float | None = None
    tasks_done: int = 0
    tasks: int = 0


Show = Callable[[Step], None]

_WATCHER: ContextVar[Show | None] = ContextVar("_WATCHER", default=None)


class Bar:
    """One task's progress; ``advance`` is cheap enough to call per chunk."""

    def __init__(self, stage: str, total: float, unit: str, show: Show, record: Path | None) -> None:
        self._stage, self._unit, self._show, self._record = stage, unit, show, record
        self._started = time.monotonic()
        self._reported = 0.0
        self._detail = ""
        self.total = total
        self.done = 0.0

    def advance(self, amount: float = 1.0, detail: str | None = None, tasks: tuple[int, int] = (0, 0)) -> None:
        """Count ``amount`` more units as done; ``detail`` says on what. Raises KeyboardInterrupt when asked to stop.

        ``tasks`` are a cluster's, done and all.
        """
        stop_if_asked()
        self.done += amount
        elapsed = time.monotonic() - self._started
        rate = self.done / elapsed if elapsed > 0 else 0.0
        self._detail = self._detail if detail is None else detail
        left = max(0.0, self.total - self.done) / rate if rate > 0 else None
        step = Step(self._stage, self.done, self.total, self._unit, rate, self._detail, left, *tasks)
        self._show(step)
        if self._record and (elapsed - self._reported >= _INTERVAL or self.done >= self.total):
            self._reported = elapsed
            self._write(step)

    def _write(self, step: Step) -> None:
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **asdict(step)}
        assert self._record is not None
        with self._record.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


@contextmanager
def watched(show: Show) -> Iterator[None]:
    """Tell ``show`` of every step of what this thread does in the block, and draw no bar."""
    token = _WATCHER.set(show)
    try:
        yield
    finally:
        _WATCHER.reset(token)


@contextmanager
def progress_bar(stage: str, total: float, unit: str) -> Iterator[Bar]:
    """A bar on standard error for ``total`` units of ``unit``. Raises KeyboardInterrupt when asked to stop."""
    stop_if_asked()
    record, watcher = os.environ.get("LEADLINE_PROGRESS"), _WATCHER.get()
    if watcher is not None:
        yield Bar(stage, total, unit, watcher, None)
        return
    console = Console(file=sys.stderr)
    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        TaskProgressColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[rate]}", table_column=Column(no_wrap=True)),
        TimeRemainingColumn(elapsed_when_finished=True, table_column=Column(no_wrap=True)),
        TextColumn("[dim]{task.fields[detail]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        task = progress.add_task(stage, total=total, rate="", detail="")

        def show(step: Step) -> None:
            text = f"{_short(step.rate)} {step.unit}/s"
            of_tasks = f"{step.tasks_done}/{step.tasks} tasks, " if step.tasks else ""
            progress.update(task, completed=step.done, rate=text, detail=of_tasks + step.detail)

        yield Bar(stage, total, unit, show, Path(record) if record else None)


def _short(value: float) -> str:
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f} {suffix}".rstrip()
    return f"{value:.1f}"
