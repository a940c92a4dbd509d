"""What a job tells while it runs: its progress and usage files read as they grow."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.jobs.folder import JobFolder

_MOST_AT_ONCE = 4 << 20
"""Bytes of a file that are read at a look; what is beyond waits for the next."""

_SAMPLES = 240
"""Measures of cores and memory that are kept; when there are more, every other one goes."""

_MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError)
"""What a line of JSON raises that tells something otherwise than it should, as of another version."""


@dataclass
class Tail:
    """A growing file of JSON lines, read from where the last look ended."""

    path: Path
    offset: int = 0
    rest: bytes = b""

    def lines(self) -> Iterator[dict[str, Any]]:
        """The whole lines since the last look; one that cannot be read is passed over."""
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                found = stream.read(_MOST_AT_ONCE)
        except OSError:
            return
        self.offset += len(found)
        *whole, self.rest = (self.rest + found).split(b"\n")
        for line in whole:
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if isinstance(told, dict):
                yield told


@dataclass
class Watch:
    """Everything that a job has told so far.

    Attributes
    ----------
    bars : the newest step of each stretch of work, in the order they began, as ``processing.progress.Step`` has it.
    parts : units done and in all by granule, of the newest bar that tells them. failed : granules that could not be
    done, and why. waiting : what it waits for now. links : addresses of other pages that show it, by name.
    epochs : what training told of each epoch. ranks : what each rank last told of its pace.
    usage : cores and memory (bytes) over time, evenly apart. changes : grows with everything new.
    """

    progress: Tail
    used: Tail
    bars: dict[str, dict[str, Any]] = field(default_factory=dict)
    parts: dict[str, list[float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    waiting: str = ""
    since: str = ""
    links: dict[str, str] = field(default_factory=dict)
    epochs: dict[int, dict[str, Any]] = field(default_factory=dict)
    ranks: list[dict[str, Any]] = field(default_factory=list)
    usage: deque[dict[str, Any]] = field(default_factory=deque)
    changes: int = 0
    _passed: int = 0
    _apart: int = 1

    @classmethod
    def of(cls, folder: JobFolder) -> Watch:
        """A watch over the files of a job, which has not looked yet."""
        return cls(Tail(folder.progress), Tail(folder.usage))

    def look(self) -> bool:
        """Read what is new; whether there was anything."""
        before = self.changes
        for line in self.progress.lines():
            with suppress(*_MISSHAPEN):
                self._take(line)
        for line in self.used.lines():
            self._measure(line)
        return self.changes != before

    @property
    def bar(self) -> dict[str, Any] | None:
        """The newest step."""
        return next(reversed(self.bars.values()), None)

    @property
    def share(self) -> float | None:
        """How much of the present stretch of work is done, 0 to 1; None before anything is counted."""
        bar = self.bar
        return None if bar is None or not bar["total"] else min(1.0, bar["done"] / bar["total"])

    def _measure(self, line: dict[str, Any]) -> None:
        """Keep one measure of so many that not too many are kept."""
        self.changes += 1
        if self._passed % self._apart == 0:
            self.usage.append(line)
        self._passed += 1
        if len(self.usage) > _SAMPLES:
            self.usage = deque(list(self.usage)[::2])
            self._apart *= 2

    def _take(self, line: dict[str, Any]) -> None:
        self.changes += 1
        if "stage" in line and "total" in line:
            self._step(line)
        if "waiting" in line:
            self.waiting, self.since = str(line["waiting"]), str(line.get("at", ""))
        self.failed |= line.get("failed") or {}
        if link := line.get("link"):
            self.links[str(link.get("name"))] = str(link.get("url"))
        if epoch := line.get("epoch"):
            self.epochs[int(epoch["epoch"])] = epoch
        if ranks := line.get("ranks"):
            self.ranks = ranks

    def _step(self, line: dict[str, Any]) -> None:
        stage, told = str(line["stage"]), line.pop("parts", None) or {}
        parts = {name: [float(done), float(total)] for name, (done, total) in told.items()}
        line |= {name: float(line[name]) for name in ("done", "total")}
        former = self.bars.pop(stage, None)
        if former is None or former["total"] != line["total"]:
            self.parts = {}
        self.parts |= parts
        self.bars[stage] = line
