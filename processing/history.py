"""What ran in a project and what it took: ``history.jsonl``, one line a stage's run."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from processing.errors import LeadlineError
from processing.io.atomic import ASIDE, write_text
from processing.places import Entry, is_remote, listing, told

_LOG = logging.getLogger(__name__)
_FILE = "history.jsonl"
_TICK = 0.02
"""Seconds that a file system's clock may lag behind."""


@dataclass(frozen=True)
class Run:
    """One run of a stage.

    Attributes
    ----------
    stage : key of the stage. at : when it began, UTC, ISO 8601. seconds : how long it took.
    outcome : ``done``, ``failed`` or ``interrupted``. why : one line when it failed.
    wrote : whether it wrote anything; a run that found everything current did not.
    partly : whether it was limited to some granules.
    """

    stage: str
    at: str
    seconds: float
    outcome: str
    why: str = ""
    wrote: bool = True
    partly: bool = False

    @property
    def began(self) -> datetime:
        return datetime.fromisoformat(self.at)


@contextmanager
def recorded(root: Path, stage: str, output: str, *, partly: bool = False) -> Iterator[None]:
    """Record in the project at ``root`` what the block took and how it ended; errors go on to the caller.

    ``output`` is the folder that the stage writes to.
    """
    began, started = datetime.now(UTC), time.monotonic()
    with told(root):
        before = _there(root / output)
    outcome, why = "interrupted", ""
    try:
        yield
        outcome = "done"
    except Exception as error:
        outcome, why = "failed", str(error) if isinstance(error, LeadlineError | OSError) else repr(error)
        raise
    finally:
        took, at = round(time.monotonic() - started, 1), began.isoformat(timespec="milliseconds")
        wrote = _wrote(root / output, began, before)
        _append(root, Run(stage, at, took, outcome, " ".join(why.split())[:300], wrote, partly))


def history(root: Path) -> list[Run]:
    """The runs in the order they ended; a line that cannot be read is passed over."""
    try:
        lines = (root / _FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [run for line in lines if (run := _parsed(line)) is not None]


def _parsed(line: str) -> Run | None:
    try:
        return Run(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _there(folder: Path) -> dict[str, Entry]:
    """The tables of a folder in a store; none of one on this machine, where times tell what is new."""
    try:
        found = listing(folder) if is_remote(folder) else {}
    except FileNotFoundError:
        return {}
    return {name: entry for name, entry in found.items() if not name.rpartition("/")[2].startswith(".")}


def _wrote(folder: Path, since: datetime, before: dict[str, Entry]) -> bool:
    if is_remote(folder):
        try:
            with told(folder):
                return _there(folder) != before
        except LeadlineError:  # what went wrong is told already
            return True
    limit = since.timestamp() - _TICK
    return any(_modified(file) >= limit for file in folder.rglob("*") if not file.name.startswith(ASIDE))


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime if file.is_file() else 0.0
    except FileNotFoundError:  # another run has just put it in its place
        return 0.0


def _append(root: Path, run: Run) -> None:
    """Add one line in one write, so that two runs that end together do not mix; a full disk loses only the line.

    A store knows no adding: there the whole is written anew, and of two runs that end together one may be lost.
    """
    line = json.dumps(asdict(run)) + "\n"
    try:
        if is_remote(root):
            former = root / _FILE
            write_text(former, (former.read_text(encoding="utf-8") if former.exists() else "") + line)
            return
        with (root / _FILE).open("ab", buffering=0) as stream:
            stream.write(line.encode())
    except (OSError, LeadlineError) as error:
        _LOG.warning("what the run took is not recorded: %s", error)
