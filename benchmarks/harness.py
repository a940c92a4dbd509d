"""Rows of the benchmark table, how a figure is timed and how memory is measured."""

from __future__ import annotations

import re
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name : what was measured, with its size.
    ours : our figure, in ``unit``.
    unit : unit of ``ours`` and ``peer``.
    bar : the bar to meet, in words, such as ``>= 0.7 of h5py``.
    met : whether the bar is met; None for a figure without a bar.
    peer : what a user would use instead, in the same unit; None when there is none.
    peer_name : what the peer is.
    note : limits, conditions, whether inputs are synthetic.

    Figures of numpy's types become plain ones, so that every row can be written as JSON.
    """

    name: str
    ours: float
    unit: str
    bar: str = ""
    met: bool | None = None
    peer: float | None = None
    peer_name: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ours", float(self.ours))
        object.__setattr__(self, "met", None if self.met is None else bool(self.met))
        object.__setattr__(self, "peer", None if self.peer is None else float(self.peer))


def best_of(call: Callable[[], object], repeats: int = 3) -> float:
    """Shortest wall time of ``repeats`` calls, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_memory() -> int:
    """Most memory that this program has held, in bytes.

    Linux counts it from the start of the program; ``ru_maxrss`` would begin with what the parent held.
    """
    if _STATUS.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="utf-8"))
        if found is not None:
            return int(found[1]) * 1024
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024
