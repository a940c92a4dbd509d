"""Processes of jobs: found by the token that each bears, started apart from the server, ended to the last."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

TOKEN = "LEADLINE_JOB"  # noqa: S105 - tells jobs apart, opens nothing
"""Environment variable that every process of a job has from its parent, whatever session or group it is in."""

_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)
_LOOK = 0.05
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_HAS_PROC = Path("/proc/self/environ").exists()
_STARTED = 19
"""Place of the start among the fields of ``/proc/PID/stat`` that follow the program's name, in ticks since the boot."""

_TICKS = os.sysconf("SC_CLK_TCK") if _HAS_PROC else 1
_LIBC = ctypes.CDLL(None) if sys.platform.startswith("linux") else None


def bearing(token: str) -> list[psutil.Process]:
    """The living processes of this user that bear a job's token."""
    mark = f"{TOKEN}={token}".encode()
    return [process for process in psutil.process_iter() if _bears(process.pid, mark)]


def _bears(pid: int, mark: bytes) -> bool:
    if _HAS_PROC:
        try:
            return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
    name, _, value = mark.decode().partition("=")
    with suppress(*_GONE):
        return psutil.Process(pid).environ().get(name) == value
    return False


def kill_all(token: str, seconds: float, spared: Sequence[int] = ()) -> int:
    """Kill whatever bears a token, again until nothing does or ``seconds`` are over; how many were killed."""
    until, killed = time.monotonic() + seconds, 0
    while True:
        found = [process for process in bearing(token) if process.pid not in spared and _alive(process)]
        if not found:
            return killed
        for process in found:
            with suppress(*_GONE):
                process.kill()
                killed += 1
        if time.monotonic() > until:
            return killed
        time.sleep(_LOOK)  # psutil's own waiting would take the status of a child from whoever began it


def _alive(process: psutil.Process) -> bool:
    with suppress(*_GONE):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def is_there(pid: int, since: float) -> bool:
    """Whether the process that was ``pid`` and ``began`` at ``since`` still lives; numbers are given out again."""
    if pid <= 0:
        return False
    with suppress(*_GONE, OSError):
        return abs(began(pid) - since) < 0.5 and _alive(psutil.Process(pid))
    return False


def began(pid: int) -> float:
    """When a process was made, s since the machine began: a clock that is set anew must not make it another process.

    Where the system does not tell that, s since 1970. Raises OSError or psutil's errors when there is no such process.
    """
    if _HAS_PROC:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return int(fields[_STARTED]) / _TICKS
    return float(psutil.Process(pid).create_time())


def start_apart(
    command: Sequence[str], environment: Mapping[str, str], log: IO[bytes], folder: Path
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, which goes on when this one ends.

    No shell comes between: each word of ``command`` arrives as it is.
    """
    return _started(command, environment, log, folder)


def start_below(
    command: Sequence[str], environment: Mapping[str, str], log: IO[bytes], folder: Path, nice: int = 0
) -> subprocess.Popen[bytes]:
    """As ``start_apart``, but the process is asked to end, where the system can do so, when this one dies.

    It and what it starts give way to others by ``nice``. Only for a process of one thread.
    """

    def prepare() -> None:
        _end_with_parent()
        be_nice(nice)

    return _started(command, environment, log, folder, prepare)


def _started(
    command: Sequence[str],
    environment: Mapping[str, str],
    log: IO[bytes],
    folder: Path,
    prepare: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        list(command),
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=prepare,  # noqa: PLW1509 - given only by a process of one thread
    )


def _end_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_DIES_WITH_PARENT, signal.SIGTERM, 0, 0, 0)


def be_nice(by: int) -> None:
    """Let this process and what it starts give way to others."""
    with suppress(OSError, AttributeError):
        os.nice(by)
    _let_session_give_way("self", by)


def let_sessions_give_way(token: str, by: int) -> None:
    """Let the sessions that processes of a job began give way too, as ``be_nice`` does for one; this one is spared.

    A session that somebody else began, as that of a cluster's worker, is left alone.
    """
    mark = f"{TOKEN}={token}".encode()
    sessions = set()
    for process in bearing(token):
        with suppress(OSError):
            sessions.add(os.getsid(process.pid))
    for leader in sessions - {os.getpid()}:
        if _bears(leader, mark):
            _let_session_give_way(str(leader), by)


def _let_session_give_way(leader: str, by: int) -> None:
    """Linux may share cores between sessions first (autogroup); a process is then nice to its own session alone."""
    file = Path(f"/proc/{leader}/autogroup")
    with suppress(OSError, ValueError):
        if int(file.read_text(encoding="ascii").rpartition(" ")[2]) < by:
            file.write_text(str(by), encoding="ascii")
