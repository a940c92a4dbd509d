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

_LOG = logging.getLogger(__name__)
_FILE = "history.jsonl"


@dataclass(frozen=True)
class Run:
    """One run of a stage.

    Attributes
    ----------
    stage : key of the stage. at : when it began, UTC, ISO 8601. seconds : how long it took.
    outcome : ``done``, ``failed`` or ``interrupted``. why : one line when it failed.
    """

    stage: str
    at: str
    seconds: float
    outcome: str
    why: str = ""

    @property
    def began(self) -> datetime:
        return datetime.fromisoformat(self.at)


@contextmanager
def recorded(root: Path, stage: str, output: str) -> Iterator[None]:
    """Record in the project at ``root`` what the block took and how it ended; errors go on to the caller.

    A run that found everything current, and so wrote nothing below ``output``, leaves no record.
    """
    began, started = datetime.now(UTC), time.monotonic()
    outcome, why = "interrupted", ""
    try:
        yield
        outcome = "done"
    except Exception as error:
        outcome, why = "failed", str(error) if isinstance(error, LeadlineError | OSError) else repr(error)
        raise
    finally:
        if outcome != "done" or _wrote(root / output, began):
            took = round(time.monotonic() - started, 1)
            _append(root, Run(stage, began.isoformat(timespec="seconds"), took, outcome, " ".join(why.split())[:300]))


def history(root: Path) -> list[Run]:
    """The runs in the order they ended; a line that cannot be read is passed over."""
    try:
        lines = (root / _FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [run for line in lines if (run := _parsed(line)) is not None]


def _parsed(line: str) -> Run | None:
    try:
        return Run(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _wrote(folder: Path, since: datetime) -> bool:
    limit = since.timestamp()
    return any(file.is_file() and file.stat().st_mtime >= limit for file in folder.rglob("*"))


def _append(root: Path, run: Run) -> None:
    """Add one line in one write, so that two runs that end together do not mix; a full disk loses only the line."""
    try:
        with (root / _FILE).open("ab", buffering=0) as stream:
            stream.write((json.dumps(asdict(run)) + "\n").encode())
    except OSError as error:
        _LOG.warning("what the run took is not recorded: %s", error)
