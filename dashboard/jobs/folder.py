"""The files of a job: ``jobs/ID`` with what was asked, the log, the progress, what it used and how it ended."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.jobs.model import Job, JobState
from dashboard.jobs.queue import output_of
from processing.io.atomic import sweep, write_text

_REASON = "leadline: "
_TAIL = 16_384
_LONGEST = 500


@dataclass(frozen=True)
class JobFolder:
    """Where the files of one job lie."""

    path: Path

    @classmethod
    def of(cls, root: Path, number: int) -> JobFolder:
        """The folder of a job of the project at ``root``."""
        return cls(root / "jobs" / str(number))

    @property
    def spec(self) -> Path:
        """What was asked, as JSON."""
        return self.path / "spec.json"

    @property
    def log(self) -> Path:
        """What the command said."""
        return self.path / "log.txt"

    @property
    def progress(self) -> Path:
        """What ``processing.progress`` recorded, a line of JSON each time."""
        return self.path / "progress.jsonl"

    @property
    def usage(self) -> Path:
        """Cores and memory in use, a line of JSON each time."""
        return self.path / "usage.jsonl"

    @property
    def outcome(self) -> Path:
        """How it ended, on disk before the database knows."""
        return self.path / "outcome.json"

    def write_spec(self, job: Job, command: list[str]) -> None:
        """Record what was asked and the words of the command.

        Files of an earlier job of that number, of which the database knows nothing any more, are removed.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        for former in (self.log, self.progress, self.usage, self.outcome):
            former.unlink(missing_ok=True)
        asked = {
            "id": job.id,
            "stage": job.stage,
            "parameters": job.parameters,
            "engine": job.engine,
            "granules": list(job.granules),
            "who": job.who,
            "queued_at": job.queued_at.isoformat(timespec="seconds"),
            "command": command,
        }
        write_text(self.spec, json.dumps(asked, indent=1) + "\n")

    def write_outcome(self, state: JobState, facts: dict[str, Any]) -> None:
        """Record how the job ended."""
        write_text(self.outcome, json.dumps({"state": state, **facts}) + "\n")

    def read_outcome(self) -> tuple[JobState, dict[str, Any]] | None:
        """How the job ended; None while it has not, or that was lost."""
        try:
            told = dict(json.loads(self.outcome.read_text(encoding="utf-8")))
            return JobState(told.pop("state")), told
        except (OSError, TypeError, ValueError, KeyError):
            return None

    def reason(self) -> str:
        """The one line of the log that says why the command ended: its own word, else the last line there is."""
        lines = [line.strip() for line in self.tail().splitlines() if line.strip()]
        own = [line.removeprefix(_REASON) for line in lines if line.startswith(_REASON)]
        return (own or lines or ["it ended without a word"])[-1][:_LONGEST]

    def tail(self, size: int = _TAIL) -> str:
        """The last ``size`` bytes of the log, whole lines; empty before there is one."""
        try:
            with self.log.open("rb") as stream:
                end = stream.seek(0, 2)
                stream.seek(max(0, end - size))
                text = stream.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return text if end <= size else text.partition("\n")[2]

    def result(self) -> str:
        """The run or snapshot that the command told it made; empty when it made none."""
        try:
            lines = self.progress.read_text(encoding="utf-8").splitlines()
        except OSError:
            return ""
        for line in reversed(lines):
            if '"result"' in line:
                try:
                    return str(json.loads(line).get("result", ""))
                except ValueError:
                    continue
        return ""


def sweep_after(root: Path, stage: str) -> None:
    """Remove what killed processes of a job of ``stage`` left half written."""
    if output := output_of(stage):
        with suppress(OSError):
            sweep(root / output)
