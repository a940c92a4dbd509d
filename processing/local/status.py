"""What a project holds, what of it no longer follows from its inputs, and the command that mends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processing.io import tables
from processing.project import CATEGORIES, Project
from processing.provenance import Stamp
from processing.schema import SCHEMA_VERSION
from processing.stages import STAGES, Stage

IN_RUNS = ("snapshots", "models", "predictions", "freeboard")
_CHOSEN_BY_RUN = {"run_name", "snapshot", "note"}
"""Parameters that say which run, or what it is for; a table made with others is no less current."""


@dataclass(frozen=True)
class Standing:
    """One kind of table of a project.

    Attributes
    ----------
    kind, run : the table's kind and, where it lies in runs, the newest run.
    state : ``current``, ``stale``, ``partly`` (some tracks are missing), ``missing`` or ``-`` for inputs.
    why : what made it so. mend : the command that makes it again.
    tracks, expected : tables there are, and there should be. rows, size : in them, in bytes.
    written : when the newest was written, UTC.
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


def standing(project: Project) -> list[Standing]:
    """Every stage's output, in the order in which the stages run."""
    expected = expected_tracks(project)
    return [_of_stage(project, kind, expected) for kind in STAGES.values()]


def expected_tracks(project: Project) -> set[tuple[str, str]]:
    """Tracks that the project's granules should give, as far as their records say, and those there are."""
    named = {(item.ident, beam) for item in project.inputs("granules") for beam in item.details.get("beams", ())}
    granules = {item.ident for item in project.inputs("granules")}
    return named | {track for track in project.tracks("segments") if track[0] in granules}


def _of_stage(project: Project, kind: type[Stage], expected: set[tuple[str, str]]) -> Standing:
    mend = f"leadline {kind.key} {project.root}"
    run = (project.runs(kind.output) or [""])[-1] if kind.output in IN_RUNS else ""
    if kind.output == "models":
        return _of_model(project, kind, run, mend)
    tracks = project.tracks(kind.output, run) if run or kind.output not in IN_RUNS else []
    if not tracks:
        return Standing(kind.output, run, mend=mend, expected=len(expected))
    paths = [project.table_path(kind.output, *track, run) for track in tracks]
    reasons = {track: _why_stale(project, kind, path, track) for track, path in zip(tracks, paths, strict=True)}
    stale = {track: why for track, why in reasons.items() if why}
    absent = expected - set(tracks)
    state, why = "current", ""
    if stale:
        state, why = "stale", f"{len(stale)} tracks: {next(iter(stale.values()))}"
    elif absent:
        state, why = "partly", f"{len(absent)} tracks not made"
    return Standing(
        kind.output,
        run,
        state,
        why,
        mend if state != "current" else "",
        len(tracks),
        len(expected),
        sum(tables.count_rows(path) for path in paths),
        sum(path.stat().st_size for path in paths),
        _newest(paths),
    )


def _of_model(project: Project, kind: type[Stage], run: str, mend: str) -> Standing:
    if not run:
        return Standing(kind.output, mend=mend)
    files = [file for file in (project.root / kind.output / run).iterdir() if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    record = _model_record(project, run)
    parameters = record.get("parameters", {})
    learned, newest = record.get("snapshot"), (project.runs("snapshots") or [""])[-1]
    wanted = project.stage(kind).values_dict()["snapshot"] or newest
    why = _changed_parameter(project, kind, parameters)
    if not why and learned != wanted:
        why = f"it learned from snapshot {learned}, {wanted} is newer"
    state = "stale" if why else "current"
    return Standing(kind.output, run, state, why, mend if why else "", 0, 0, 0, size, _newest(files))


def _model_record(project: Project, run: str) -> dict[str, Any]:
    """What a model says of itself; empty when it is not there or cannot be read."""
    try:
        record = json.loads((project.root / "models" / run / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _why_stale(project: Project, kind: type[Stage], path: Path, track: tuple[str, str]) -> str:
    stamp = tables.read_stamp(path)
    if stamp is None:
        return "no provenance"
    if stamp.schema_version != SCHEMA_VERSION:
        return f"schema version {stamp.schema_version}"
    changed = _changed_parameter(project, kind, stamp.parameters)
    return changed or next(_changed_inputs(project, stamp, track), "")


def _changed_parameter(project: Project, kind: type[Stage], parameters: dict[str, Any]) -> str:
    now = project.stage(kind).values_dict()
    for name, value in parameters.items():
        if name not in _CHOSEN_BY_RUN and name in now and now[name] != value:
            return f"{name} is now {now[name]!r}"
    return ""


def _changed_inputs(project: Project, stamp: Stamp, track: tuple[str, str]) -> Iterator[str]:
    """What the table was made from that is no longer so; inputs of unknown names are taken to be."""
    for name, fingerprint in stamp.inputs.items():
        kind, _, ident = name.partition(":")
        if f"{kind}s" in CATEGORIES:
            known = {item.ident: item.fingerprint for item in project.inputs(f"{kind}s")}
            if known.get(ident) != fingerprint:
                yield f"{kind} {ident} {'changed' if ident in known else 'is gone'}"
        elif kind == "model":
            newest = (project.runs("models") or [""])[-1]
            if _model_record(project, newest).get("fingerprint") != fingerprint:
                yield f"model {newest} is newer"
        elif kind in {stage.output for stage in STAGES.values()} and not ident:
            runs = project.runs(kind) if kind in IN_RUNS else [""]
            made = [tables.read_stamp(project.table_path(kind, *track, run)) for run in runs]
            if fingerprint not in {stamp.fingerprint for stamp in made if stamp}:
                yield f"{kind} changed"


def _newest(files: list[Path]) -> datetime | None:
    times = [file.stat().st_mtime for file in files]
    return datetime.fromtimestamp(max(times), UTC) if times else None
