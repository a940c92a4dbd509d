"""How many cores the work at hand may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_MOST: ContextVar[int | None] = ContextVar("_MOST", default=None)


def available_cores() -> int:
    """Cores this process may run on, or fewer where ``at_most`` or the environment's LEADLINE_CORES says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = os.environ.get("LEADLINE_CORES", "")
    if told.isdigit() and int(told) > 0:
        cores = min(cores, int(told))
    most = _MOST.get()
    return cores if most is None else min(cores, most)


@contextmanager
def at_most(cores: int) -> Iterator[None]:
    """Let what this thread does in the block use no more than ``cores``, because others work beside it."""
    token = _MOST.set(cores)
    try:
        yield
    finally:
        _MOST.reset(token)
