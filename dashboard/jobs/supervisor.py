"""The process that watches over one job: ``python -m dashboard.jobs.supervisor PROJECT ID``.

It stands in a session of its own, so that it outlives the server which started it. It runs the job's command as a
process group below it, tells the database that both live, ends the whole tree when asked to, and records how it ended.
Then it starts what was waiting in the queue. Everything heavy is imported once the command is under way.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard.jobs.processes import TOKEN, began, kill_all, let_sessions_give_way, start_below

if TYPE_CHECKING:
    from dashboard.jobs.folder import JobFolder
    from dashboard.jobs.model import Job, JobState
    from dashboard.jobs.store import JobStore

_LOOK = 0.2
_ASK = 0.6
"""How often the database is asked whether the job is to end, s."""

BEAT = 3.0
"""How often the database is told that the job lives, s."""

_MEASURES = ((120.0, 1.0), (3600.0, 5.0), (float("inf"), 30.0))
"""For how long cores and memory are measured how often, s."""

GRACE = 5.5
"""How long a command that was asked to end may take over it, s; then every process of it is killed."""

_LAST = 3.0
_REST = 2.0
"""How long executors and the like may outlive their command, s."""

_TRIES = 40
log = logging.getLogger(__name__)


def main() -> None:
    """Entry point: the project's root and the job's number."""
    logging.basicConfig(level=logging.INFO, format="supervisor: %(message)s", stream=sys.stderr)
    root, number = Path(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    Supervisor(root, number).run()


class Supervisor:
    """Runs the command that ``jobs/ID/spec.json`` names."""

    def __init__(self, root: Path, number: int) -> None:
        self._root, self._number = root, number
        self._token, self._nice = os.environ[TOKEN], int(os.environ.get("LEADLINE_NICE", "0"))
        self._spec: dict[str, Any] = json.loads((root / "jobs" / str(number) / "spec.json").read_text("utf-8"))
        self._asked = self._killed = 0.0
        self._told_to_end, self._stop_by = False, ""

    def run(self) -> None:
        """From the start of the command to the record of its end."""
        signal.signal(signal.SIGTERM, self._end_too)
        with (self._root / "jobs" / str(self._number) / "log.txt").open("ab") as said:
            command = start_below(self._spec["command"], self._environment(), said, self._root.parent, self._nice)
        from dashboard.jobs.folder import JobFolder, sweep_after
        from dashboard.jobs.store import JobStore
        from processing.project import Project

        folder = JobFolder.of(self._root, self._number)
        with JobStore(Project(self._root).database_url) as store:
            self._watch(command, store, folder)
            state, facts = self._ended(command, folder)
            if state is not state.DONE:
                sweep_after(self._root, self._spec["stage"])
            folder.write_outcome(state, facts)
            persist(lambda: store.end(self._number, state, **facts))
        self._go_on()

    def _environment(self) -> dict[str, str]:
        record = {"LEADLINE_PROGRESS": str(self._root / "jobs" / str(self._number) / "progress.jsonl")}
        return {**os.environ, **record, "PYTHONUNBUFFERED": "1"}

    def _end_too(self, *_: object) -> None:
        """The machine is going down, or somebody ends this process by hand: the job ends in order too."""
        self._told_to_end = True

    def _watch(self, command: subprocess.Popen[bytes], store: JobStore, folder: JobFolder) -> None:
        """Until the command has ended: beat, measure, and see whether it is to end."""
        from dashboard.jobs.usage import Meter, append

        meter = Meter(self._token, os.getpid())
        job = self._say(store, pid=os.getpid(), began=began(os.getpid()), commit=commit_of_code())
        started = beat = asked = measured = time.monotonic()
        while not _over(command, _LOOK):
            now = time.monotonic()
            if now - measured >= next(every for until, every in _MEASURES if now - started < until):
                measured = now
                append(folder.usage, meter.look())
                let_sessions_give_way(self._token, self._nice)
            if now - beat >= BEAT:
                beat = asked = now
                job = self._say(store)
            elif now - asked >= _ASK:
                asked = now
                job = self._look(store) or job
            self._stop_by = job.stop_by if job is not None else self._stop_by
            if self._stop_by or self._told_to_end:
                self._end(command)

    def _say(self, store: JobStore, **facts: Any) -> Job | None:
        """Tell that the job lives; a database that does not answer now may answer the next time."""
        with suppress(Exception):
            return store.beat(self._number, **facts)
        return None

    def _look(self, store: JobStore) -> Job | None:
        with suppress(Exception):
            return store.job(self._number)
        return None

    def _end(self, command: subprocess.Popen[bytes]) -> None:
        """Ask the command to end, once; kill whatever is left of it when it took too long."""
        now = time.monotonic()
        if not self._asked:
            self._asked = now
            with suppress(ProcessLookupError):
                os.kill(command.pid, signal.SIGTERM)
        elif now - self._asked > GRACE and not self._killed:
            self._killed = now
            kill_all(self._token, _LAST, spared=[os.getpid()])

    def _ended(self, command: subprocess.Popen[bytes], folder: JobFolder) -> tuple[JobState, dict[str, Any]]:
        """State, reason, result and status of the command, once nothing of it is left."""
        from dashboard.jobs.model import JobState

        self._clear()
        status = command.returncode
        facts = {"status": status, "result": folder.result() if status == 0 else ""}
        if status == 0:
            return JobState.DONE, facts
        if self._asked and self._stop_by:
            return JobState.CANCELLED, {**facts, "reason": f"cancelled by {self._stop_by}"}
        if self._told_to_end:
            return JobState.CANCELLED, {**facts, "reason": "its supervisor was asked to end, as when the machine stops"}
        return JobState.FAILED, {**facts, "reason": _signal_or(folder.reason(), status)}

    def _clear(self) -> None:
        """Let nothing of the job be left: what does not end by itself in a moment is killed."""
        from dashboard.jobs.processes import bearing

        until = time.monotonic() + (0.0 if self._killed else _REST)
        own = os.getpid()
        while any(process.pid != own for process in bearing(self._token)):
            if time.monotonic() > until:
                killed = kill_all(self._token, _LAST, spared=[own])
                log.info("%d processes were left over and were killed", killed)
                return
            time.sleep(_LOOK)

    def _go_on(self) -> None:
        """Start what has waited for this job."""
        from dashboard.jobs.keeper import Keeper

        try:
            with Keeper(self._root) as keeper:
                keeper.start_due()
        except Exception:
            log.exception("the queue does not go on by itself; the server will look after it")


def _over(command: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        command.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _signal_or(reason: str, status: int) -> str:
    """Why a command ended: by a signal that nobody here sent, else by its own word."""
    if status >= 0:
        return reason
    name = signal.Signals(-status).name
    return f"it was ended by {name}" + (", as happens when memory is short" if name == "SIGKILL" else "")


def persist(record: Callable[[], object]) -> None:
    """Record an end, again and again for a while where the database does not answer."""
    for attempt in range(_TRIES):
        try:
            record()
        except Exception as error:  # noqa: BLE001 - whatever the database has against it
            if attempt == _TRIES - 1:
                log.error("the end is not recorded, but lies in outcome.json: %s", error)
            time.sleep(min(5.0, 0.2 * (attempt + 1)))
        else:
            return


def commit_of_code() -> str:
    """Version of Leadline, and where it is run from a checkout its commit; a plus says that files were changed."""
    from importlib.metadata import version

    here = Path(__file__).resolve().parents[2]
    told = [version("leadline"), _git(here, "rev-parse", "--short=12", "HEAD")]
    changed = "+" if told[1] and _git(here, "status", "--porcelain", "--untracked-files=no") else ""
    return " ".join(filter(None, told)) + changed


def _git(folder: Path, *words: str) -> str:
    if not (folder / ".git").exists():
        return ""
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


if __name__ == "__main__":
    main()
