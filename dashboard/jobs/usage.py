"""Cores and memory that a job's processes use, measured now and then."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from dashboard.jobs.processes import bearing

_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


class Meter:
    """What the processes of a job use between two looks; the one that watches over them is left out."""

    def __init__(self, token: str, own: int) -> None:
        self._token, self._own = token, own
        self._spent: dict[tuple[int, float], float] = {}
        self._looked = time.monotonic()

    def look(self) -> dict[str, float]:
        """Cores in use since the last look, resident memory now (bytes), and the number of processes."""
        now, spent, memory = time.monotonic(), {}, 0
        for process in bearing(self._token):
            if process.pid == self._own:
                continue
            with suppress(*_GONE), process.oneshot():
                times = process.cpu_times()
                spent[process.pid, process.create_time()] = times.user + times.system
                memory += process.memory_info().rss
        used = sum(seconds - self._spent.get(who, 0.0) for who, seconds in spent.items())
        elapsed, self._looked, self._spent = now - self._looked, now, spent
        return {"cores": round(max(used, 0.0) / max(elapsed, 1e-3), 2), "memory": memory, "processes": len(spent)}


def append(path: Path, facts: dict[str, float]) -> None:
    """Add one line; a full disk loses only the line."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **facts}
    with suppress(OSError), path.open("ab", buffering=0) as stream:
        stream.write((json.dumps(line) + "\n").encode())
