"""Model to class probabilities for every segment, track by track."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa

from processing.cores import available_cores
from processing.errors import LeadlineError, MissingError, StaleError
from processing.io import tables
from processing.io.atomic import sweep
from processing.local.failures import collected, raise_first
from processing.local.outdated import by_granule, tracks_to_make
from processing.progress import Bar, progress_bar
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import PREDICTION
from processing.stages import Classify
from training import bundle
from training import track as tracks
from training.record import read_record
from training.source import segment_stamp, window_of
from training.threads import torch_threads

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A model to classify a project with.

    Attributes
    ----------
    name : of the model's run. fingerprint : the model's. window : length of the segments it learned on [m].
    """

    project: Project
    stage: Classify
    name: str
    fingerprint: str
    window: float


@dataclass(frozen=True)
class Track:
    """One track whose predictions can be made.

    Attributes
    ----------
    rows : number of segments. segments : their table. target, stamp : the table to write, and its provenance.
    """

    granule: str
    beam: str
    rows: int
    segments: Path
    target: Path
    stamp: Stamp


def classify(project: Project, stage: Classify, granules: Sequence[str] | None = None) -> str:
    """Classify every segment of ``granules`` (all when None) and return the run's name.

    Tables that are current are kept, so that an interrupted run goes on where it stopped; once all are, the run is the
    newest. A granule that cannot be used does not keep the others from being done; its error is raised at the end.
    Raises MissingError when there are no segments, StaleError when the model does not fit.
    """
    run, trained = run_of(project, stage)
    failures: list[LeadlineError] = []
    todo = outdated(run, granules, failures)
    if todo:
        parts = by_granule((track.granule, track.rows) for track in todo)
        with progress_bar("classify", sum(parts.values()), "segments", parts) as bar:
            for granule, tracks in groupby(todo, key=lambda track: track.granule):
                with collected(failures, granule):
                    _classify_granule(run, trained, tracks, bar)
    return ended(run, failures)


def run_of(project: Project, stage: Classify) -> tuple[Run, bundle.Trained]:
    """What ``stage`` asks for, and its model. Raises MissingError without one, and as ``bundle.load``."""
    name = stage.run_name or project.newest_run("models", "train")
    trained = bundle.load(project, name)
    fingerprint = str(read_record(project.root / "models" / name)["fingerprint"])
    return Run(project, stage, name, fingerprint, trained.window), trained


def outdated(run: Run, granules: Sequence[str] | None, failures: list[LeadlineError]) -> list[Track]:
    """The tracks whose table must be made, of the ``granules`` named or of all; what interrupted runs left is removed.

    The first error in a granule's tables is added to ``failures`` and ends the granule; where no track can be used it
    is raised. Raises MissingError when a granule has no segments, or none has.
    """
    names = _tracks(run.project, granules)
    sweep(run.project.root / "predictions")
    todo = tracks_to_make(names, partial(_looked_at, run), failures)
    if not todo and not failures:
        _log.info("predictions of %s are current", run.name)
    return todo


def ended(run: Run, failures: Sequence[LeadlineError]) -> str:
    """Make the run the newest and return its name; raises the first failure instead where there is one.

    Where the model is not the one in use, the predictions of that one stay the newest.
    """
    raise_first(failures)
    run.project.add_run("predictions", run.name, usual=run.project.newest_run("models", "train"))
    return run.name


def read_track(run: Run, track: Track, between: tuple[float, float] | None = None) -> tracks.Track:
    """What the model sees of a track, or of its segments whose ``x_atc`` [m] lies ``between``."""
    return tracks.read_track(track.segments, f"leadline resample {run.project.root}", between)


def prediction_table(run: Run, trained: bundle.Trained, track: Track, seen: tracks.Track) -> pa.Table:
    """PREDICTION rows of the segments of ``seen`` that are to be classified, some or all of the track's."""
    with torch_threads(1):  # The last digits depend on how one operation is shared among threads.
        chance = trained.classify(seen, run.stage.batch, available_cores())
    return PREDICTION.build(
        {
            "granule_id": track.granule,
            "beam": track.beam,
            "segment": seen.segment[seen.own],
            "p_thick": chance[:, 0],
            "p_thin": chance[:, 1],
            "p_water": chance[:, 2],
            "predicted": chance.argmax(axis=1).astype(np.int8),
            "model_id": run.name,
        }
    )


def _tracks(project: Project, granules: Sequence[str] | None) -> list[tuple[str, str]]:
    found = project.tracks("segments")
    wanted = [track for track in found if granules is None or track[0] in granules]
    unknown = sorted(set(granules or ()) - {granule for granule, _ in found})
    if unknown or not wanted:
        what = f"there are no segments of granule {unknown[0]!r}" if unknown else "there are no segments"
        raise MissingError(what, where=project.root, mend=f"run: leadline resample {project.root}")
    return wanted


def _looked_at(run: Run, granule: str, beam: str) -> Track | None:
    """One track with its provenance; None when it is current. Raises StaleError when the model does not fit."""
    project = run.project
    made = segment_stamp(project, granule, beam)
    stamp = Stamp(run.stage.key, {"run_name": run.name}, {"segments": made.fingerprint, "model": run.fingerprint})
    target = project.table_path("predictions", granule, beam, run.name)
    if tables.is_current(target, stamp):
        return None
    segments = project.table_path("segments", granule, beam)
    if window_of(made) != run.window:
        what = f"segments are of {window_of(made):g} m, model {run.name} learned on {run.window:g} m"
        raise StaleError(what, where=segments, mend=f"run: leadline train {project.root}")
    return Track(granule, beam, tables.count_rows(segments), segments, target, stamp)


def _classify_granule(run: Run, trained: bundle.Trained, tracks: Iterable[Track], bar: Bar) -> None:
    for track in tracks:
        table = prediction_table(run, trained, track, read_track(run, track))
        tables.write(track.target, PREDICTION, table, track.stamp)
        bar.advance(track.rows, detail=f"{track.granule} {track.beam}", part=track.granule)
