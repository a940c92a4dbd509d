"""How far each rank is and how fast: counted by the rank, and left in a small file for whoever launched it.

The files lie in the run's folder, which ranks on other hosts share.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from processing.progress import tell

_FILES = "pace-*"
_SECONDS = 0.5
"""Between two times that a rank shows its pace, at least."""

_TOLD_SECONDS = 1.0
"""Between two records of all paces, at least."""


@dataclass(frozen=True)
class Pace:
    """One rank at work.

    Attributes
    ----------
    epoch : the one that it works on, from 0. done : windows that were its share since it started.
    windows_per_second : of its share, lately; 0 before the first are done.
    reached : windows that all ranks together have been through, those that a checkpoint held too.
    """

    rank: int
    host: str
    epoch: int
    done: int
    windows_per_second: float
    reached: int

    def to_json(self) -> dict[str, Any]:
        """What there is to tell of the rank itself."""
        told = asdict(self)
        del told["reached"]
        return told


Show = Callable[[Pace], None]
Tell = Callable[[Sequence[Pace]], None]


class Meter:
    """Counts what the ranks train and shows the pace of one of them; ``count`` is cheap enough to call each step.

    Ranks take equal shares of every batch, but for a window more or less.
    """

    def __init__(self, rank: int = 0, size: int = 1, show: Show | None = None) -> None:
        self._rank, self._size, self._show = rank, size, show
        self._host = socket.gethostname()
        self._epoch = self._reached = self._done = self._lately = 0
        self._rate = self._busy = 0.0
        self._last = self._shown = -_SECONDS

    def begin(self, epoch: int, reached: int) -> None:
        """An epoch begins, after ``reached`` windows; the time between two epochs is not in the rate."""
        self._epoch, self._reached, self._last = epoch, reached, time.monotonic()
        self._show_if_due()

    def count(self, windows: int, *, trained: bool) -> None:
        """All ranks together have been through so many windows more; those not ``trained`` on were in a checkpoint."""
        now = time.monotonic()
        self._reached += windows
        if trained:
            self._done += windows
            self._lately += windows
            self._busy += now - self._last
        self._last = now
        self._show_if_due()

    def show(self) -> None:
        """Show how it is now."""
        self._shown = time.monotonic()
        if self._busy > 0:
            self._rate, self._lately, self._busy = self._lately / self._busy, 0, 0.0
        if self._show:
            done, rate = round(self._done / self._size), round(self._rate / self._size, 1)
            self._show(Pace(self._rank, self._host, self._epoch, done, rate, self._reached))

    def _show_if_due(self) -> None:
        if time.monotonic() - self._shown >= _SECONDS:
            self.show()


def to_file(folder: Path) -> Show:
    """Shows a rank's pace in ``folder``, each time whole, but not flushed to the disk: it is of use for a moment only.

    A disk that is full loses only the pace.
    """

    def show(pace: Pace) -> None:
        file = folder / f"pace-{pace.rank}.json"
        aside = file.with_suffix(".part")
        with suppress(OSError):
            aside.write_text(json.dumps(asdict(pace)), "utf-8")
            aside.replace(file)

    return show


def read(folder: Path) -> list[Pace]:
    """The paces shown in ``folder``, by rank."""
    found = []
    for file in folder.glob(f"{_FILES}.json"):
        with suppress(OSError, ValueError, TypeError):
            found.append(Pace(**json.loads(file.read_text("utf-8"))))
    return sorted(found, key=lambda pace: pace.rank)


def clear(folder: Path) -> None:
    """Remove every pace from ``folder``."""
    for file in folder.glob(_FILES):
        file.unlink(missing_ok=True)


@contextmanager
def telling() -> Iterator[Tell]:
    """A way to record the paces of all ranks about once a second while they change, and as they were at last."""
    known: list[Pace] = []
    told: list[Pace] = []
    at = -_TOLD_SECONDS

    def record() -> None:
        nonlocal at
        at = time.monotonic()
        told[:] = known
        tell(ranks=[one.to_json() for one in known])

    def tell_paces(paces: Sequence[Pace]) -> None:
        known[:] = paces
        if known != told and time.monotonic() - at >= _TOLD_SECONDS:
            record()

    try:
        yield tell_paces
    finally:
        if known != told:
            record()
