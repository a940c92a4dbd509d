"""Progress of a long command: a bar with rate and estimate for people, JSON lines for the page.

Set ``LEADLINE_PROGRESS`` to a file to have each change appended there as one JSON object with the time, ``at``:

- a ``Step`` of a bar; ``parts`` beside it are those granules whose share changed, each as done and total;
- ``waiting``: what the command waits for before it can count anything, empty once that is over;
- ``failed``: a granule that could not be done, and why;
- ``link``: the name and address of a page that shows the work too, such as Spark's own;
- ``result``: the name of the run or snapshot that was made;
- ``epoch`` and ``ranks``: what training tells of an epoch, and of each rank's pace.

Work on a thread of a server tells whoever asked with ``watched`` instead.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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

RECORD = "LEADLINE_PROGRESS"
LOOKING = "looking at what there is to do"
"""What a command waits for first."""

_INTERVALS = ((60.0, 0.2), (3600.0, 1.0), (float("inf"), 5.0))
"""For how long a bar's steps are recorded how often, s: a day's work makes some megabytes."""


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
    """One task's progress; ``advance`` is cheap enough to call per chunk.

    ``parts`` are the units of each granule, where it is worth telling how far each has come.
    """

    def __init__(
        self, stage: str, total: float, unit: str, show: Show, parts: Mapping[str, float] | None = None
    ) -> None:
        self._stage, self._unit, self._show = stage, unit, show
        self._started = time.monotonic()
        self._reported = self._before = 0.0
        self._detail = ""
        self._parts = {name: [0.0, float(units)] for name, units in (parts or {}).items()}
        self._moved = set(self._parts)
        self._untold: Step | None = None
        self.total = total
        self.done = 0.0

    def advance(
        self, amount: float = 1.0, detail: str | None = None, tasks: tuple[int, int] = (0, 0), part: str = ""
    ) -> None:
        """Count ``amount`` more units as done; ``detail`` says on what. Raises KeyboardInterrupt when asked to stop.

        ``tasks`` are a cluster's, done and all. The units are of the granule ``part``, if one is named.
        """
        stop_if_asked()
        if part in self._parts:
            self.reach(part, self._parts[part][0] + amount)
        self.done += amount
        elapsed = time.monotonic() - self._started
        rate = (self.done - self._before) / elapsed if elapsed > 0 else 0.0
        self._detail = self._detail if detail is None else detail
        left = max(0.0, self.total - self.done) / rate if rate > 0 else None
        step = Step(self._stage, self.done, self.total, self._unit, rate, self._detail, left, *tasks)
        self._show(step)
        self._untold = step
        if elapsed - self._reported >= _interval(elapsed) or self.done >= self.total:
            self._reported = elapsed
            self.tell(step)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Tell beside the bar what is waited for while the block runs; it, and what was done before, is in no rate."""
        self.advance(0.0, what)
        tell(waiting=what)
        try:
            yield
        finally:
            tell(waiting="")
            if self.done < self.total:
                self._started, self._reported, self._before = time.monotonic(), 0.0, self.done
            self._detail = ""

    def reach(self, part: str, done: float) -> None:
        """Let the granule ``part`` have come so far; told with the next step."""
        known = self._parts.get(part)
        if known is not None and known[0] != done:
            known[0] = min(done, known[1])
            self._moved.add(part)

    def begin(self) -> None:
        """Tell that nothing is done yet, so that whoever watches sees that the work itself has begun."""
        self.tell(Step(self._stage, 0.0, self.total, self._unit, 0.0, ""))

    def end(self) -> None:
        """Record the last step, where the one before was recorded too shortly before it."""
        if self._untold is not None:
            self.tell(self._untold)

    def tell(self, step: Step) -> None:
        """Record a step with the granules that moved since the last one."""
        self._untold = None
        moved = {"parts": {name: self._parts[name] for name in sorted(self._moved)}} if self._moved else {}
        self._moved = set()
        tell(**asdict(step), **moved)


def _interval(elapsed: float) -> float:
    return next(interval for until, interval in _INTERVALS if elapsed < until)


def tell(**facts: Any) -> None:
    """Append one line of ``facts`` to the record, where there is one; a disk that is full loses only the line."""
    record = os.environ.get(RECORD)
    if not record or _WATCHER.get() is not None:
        return
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}
    with suppress(OSError), Path(record).open("ab", buffering=0) as stream:
        stream.write((json.dumps(line) + "\n").encode())


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Tell what the command waits for while the block runs, such as a cluster that is starting."""
    stop_if_asked()
    tell(waiting=what)
    console = Console(file=sys.stderr)
    try:
        if console.is_terminal and _WATCHER.get() is None:
            with console.status(f"{what}…"):
                yield
        else:
            yield
    finally:
        tell(waiting="")


def announce(stage: str, total: float, unit: str, parts: Mapping[str, float] | None = None) -> None:
    """Tell of a bar that is to come, as ``progress_bar`` takes it, while who will do the work is still waited for."""
    Bar(stage, total, unit, lambda _: None, parts).begin()


@contextmanager
def watched(show: Show) -> Iterator[None]:
    """Tell ``show`` of every step of what this thread does in the block, and draw no bar."""
    token = _WATCHER.set(show)
    try:
        yield
    finally:
        _WATCHER.reset(token)


@contextmanager
def progress_bar(stage: str, total: float, unit: str, parts: Mapping[str, float] | None = None) -> Iterator[Bar]:
    """A bar on standard error for ``total`` units of ``unit``. Raises KeyboardInterrupt when asked to stop.

    ``parts`` are the units of each granule, for those who watch the record.
    """
    stop_if_asked()
    watcher = _WATCHER.get()
    if watcher is not None:
        yield Bar(stage, total, unit, watcher)
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

        bar = Bar(stage, total, unit, show, parts)
        bar.begin()
        try:
            yield bar
        finally:
            bar.end()


def _short(value: float) -> str:
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f} {suffix}".rstrip()
    return f"{value:.1f}"
