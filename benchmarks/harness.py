"""Rows of the benchmark table and how a figure is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


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
    """

    name: str
    ours: float
    unit: str
    bar: str = ""
    met: bool | None = None
    peer: float | None = None
    peer_name: str = ""
    note: str = ""


def best_of(call: Callable[[], object], repeats: int = 3) -> float:
    """Shortest wall time of ``repeats`` calls, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
