"""Progress of a long command: a bar with rate and estimate for people, JSON lines for the page.

Set ``LEADLINE_PROGRESS`` to a file to have each change appended there as one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


class Bar:
    """One task's progress; ``advance`` is cheap enough to call per chunk."""

    def __init__(self, progress: Progress, stage: str, total: float, unit: str, record: Path | None) -> None:
        self._progress, self._stage, self._unit, self._record = progress, stage, unit, record
        self._task = progress.add_task(stage, total=total, rate="", detail="")
        self._started = time.monotonic()
        self._reported = 0.0
        self._detail = ""
        self.total = total
        self.done = 0.0

    def advance(self, amount: float = 1.0, detail: str | None = None) -> None:
        """Count ``amount`` more units as done; ``detail`` says on what. Raises KeyboardInterrupt when asked to stop."""
        stop_if_asked()
        self.done += amount
        elapsed = time.monotonic() - self._started
        rate = self.done / elapsed if elapsed > 0 else 0.0
        text = f"{_short(rate)} {self._unit}/s"
        self._detail = self._detail if detail is None else detail
        self._progress.update(self._task, completed=self.done, rate=text, detail=self._detail)
        if self._record and (elapsed - self._reported >= _INTERVAL or self.done >= self.total):
            self._reported = elapsed
            self._write(rate, self._detail)

    def _write(self, rate: float, detail: str) -> None:
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "stage": self._stage,
            "done": self.done,
            "total": self.total,
            "unit": self._unit,
            "rate": rate,
            "detail": detail,
        }
        assert self._record is not None
        with self._record.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


@contextmanager
def progress_bar(stage: str, total: float, unit: str) -> Iterator[Bar]:
    """A bar on standard error for ``total`` units of ``unit``. Raises KeyboardInterrupt when asked to stop."""
    stop_if_asked()
    record = os.environ.get("LEADLINE_PROGRESS")
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
        yield Bar(progress, stage, total, unit, Path(record) if record else None)


def _short(value: float) -> str:
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.1f} {suffix}".rstrip()
    return f"{value:.1f}"
