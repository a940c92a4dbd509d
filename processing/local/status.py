"""What a project holds, what of it no longer follows from its inputs, and the command that mends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from processing.history import Run, history
from processing.io import tables
from processing.local.staleness import IN_RUNS, Staleness
from processing.project import Project
from processing.stages import STAGES, Stage


@dataclass(frozen=True)
class Standing:
    """One kind of table of a project.

    Attributes
    ----------
    kind, run : the table's kind and, where it lies in runs, the newest run.
    state : ``current``, ``stale``, ``partly`` (some tracks are missing), ``missing`` or ``-`` for inputs.
    why : what made it so. mend : the command that makes it again.
    tracks, expected : tables there are, and there should be. rows, size : in them, in bytes.
    written : when the newest was written, UTC. took : s, the stage's last run that wrote them.
    trouble : the stage's last run when it did not end well.
    """

    kind: str
    run: str = ""
    state: str = "missing"
    why: str = ""
    mend: str = ""
    tracks: int = 0
    expected: int = 0
    rows: int = 0
    size: int = 0
    written: datetime | None = None
    took: float | None = None
    trouble: Run | None = None


def standing(project: Project) -> list[Standing]:
    """Every stage's output, in the order in which the stages run."""
    expected, staleness = expected_tracks(project), Staleness(project)
    past = history(project.root)
    return [_with_past(_of_stage(project, kind, expected, staleness), kind, past) for kind in STAGES.values()]


def expected_tracks(project: Project) -> set[tuple[str, str]]:
    """Tracks that the project's granules should give, as far as their records say, and those there are."""
    named = {(item.ident, beam) for item in project.inputs("granules") for beam in item.details.get("beams", ())}
    granules = {item.ident for item in project.inputs("granules")}
    return named | {track for track in project.tracks("segments") if track[0] in granules}


def _with_past(row: Standing, kind: type[Stage], past: list[Run]) -> Standing:
    runs = [run for run in past if run.stage == kind.key]
    took = [run.seconds for run in runs if run.wrote and run.outcome == "done"]
    trouble = runs[-1] if runs and runs[-1].outcome != "done" else None
    return replace(row, took=took[-1] if took else None, trouble=trouble)


def _of_stage(project: Project, kind: type[Stage], expected: set[tuple[str, str]], staleness: Staleness) -> Standing:
    mend = f"leadline {kind.key} {project.root}"
    run = staleness.newest(kind.output)
    if kind.output == "models":
        return _of_model(project, kind, run, mend, staleness)
    tracks = project.tracks(kind.output, run) if run or kind.output not in IN_RUNS else []
    if not tracks:
        return Standing(kind.output, run, mend=mend, expected=len(expected))
    paths = [project.table_path(kind.output, *track, run) for track in tracks]
    reasons = [staleness.of_table(kind, path, track) for track, path in zip(tracks, paths, strict=True)]
    stale, absent = [why for why in reasons if why], expected - set(tracks)
    state, why = "current", ""
    if stale:
        state, why = "stale", f"{_tracks(len(stale))}: {stale[0]}"
    elif absent:
        state, why = "partly", f"{_tracks(len(absent))} not made"
    return Standing(
        kind.output,
        run,
        state,
        why,
        mend if state != "current" else "",
        len(tracks),
        len(expected),
        sum(_rows(path) for path in paths),
        sum(path.stat().st_size for path in paths),
        _newest(paths),
    )


def _of_model(project: Project, kind: type[Stage], run: str, mend: str, staleness: Staleness) -> Standing:
    if not run:
        return Standing(kind.output, mend=mend)
    files = [file for file in (project.root / kind.output / run).iterdir() if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    why = staleness.of_model(run)
    state = "stale" if why else "current"
    return Standing(kind.output, run, state, why, mend if why else "", 0, 0, 0, size, _newest(files))


def _tracks(number: int) -> str:
    return f"{number} track" if number == 1 else f"{number} tracks"


def _rows(path: Path) -> int:
    """Rows of a table, 0 of a damaged one."""
    return tables.count_rows(path) if tables.read_stamp(path) is not None else 0


def _newest(files: list[Path]) -> datetime | None:
    times = [file.stat().st_mtime for file in files]
    return datetime.fromtimestamp(max(times), UTC) if times else None
