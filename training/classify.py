"""Model to class probabilities for every segment, track by track."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from processing.cores import available_cores
from processing.errors import MissingError, StaleError
from processing.io import tables
from processing.progress import Bar, progress_bar
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import PREDICTION
from processing.stages import Classify
from training import bundle, data

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A model at work on a project. ``fingerprint`` is the model's."""

    project: Project
    stage: Classify
    name: str
    trained: bundle.Trained
    fingerprint: str


def classify(project: Project, stage: Classify, granules: Sequence[str] | None = None) -> str:
    """Classify every segment of ``granules`` (all when None) and return the run's name.

    Tables that are current are kept, so that an interrupted run goes on where it stopped; once all are, the run is the
    newest. Raises MissingError when there are no segments, StaleError when the model does not fit.
    """
    name = stage.run_name or project.newest_run("models", "train")
    trained = bundle.load(project, name)
    fingerprint = str(bundle.read_record(project.root / "models" / name)["fingerprint"])
    run = Run(project, stage, name, trained, fingerprint)
    tracks = _tracks(project, granules)
    stale = [track for track in tracks if not _is_current(run, *track)]
    total = sum(tables.count_rows(project.table_path("segments", *track)) for track in stale)
    if not stale:
        _log.info("predictions of %s are current", name)
    else:
        with progress_bar("classify", total, "segments") as bar:
            for granule, beam in stale:
                _classify_track(run, granule, beam, bar)
    os.utime(project.root / "predictions" / name)
    return name


def _tracks(project: Project, granules: Sequence[str] | None) -> list[tuple[str, str]]:
    found = project.tracks("segments")
    wanted = [track for track in found if granules is None or track[0] in granules]
    unknown = sorted(set(granules or ()) - {granule for granule, _ in found})
    if unknown or not wanted:
        what = f"there are no segments of granule {unknown[0]!r}" if unknown else "there are no segments"
        raise MissingError(what, where=project.root, mend=f"run: leadline resample {project.root}")
    return wanted


def _classify_track(run: Run, granule: str, beam: str, bar: Bar) -> None:
    path = run.project.table_path("segments", granule, beam)
    window = data.window_of(data.segment_stamp(run.project, granule, beam))
    if window != run.trained.window:
        what = f"segments are of {window:g} m, model {run.name} learned on {run.trained.window:g} m"
        raise StaleError(what, where=path, mend=f"run: leadline train {run.project.root}")
    track = data.read_track(path, f"leadline resample {run.project.root}")
    chance = run.trained.classify(track, run.stage.batch, available_cores())
    table = prediction_table(granule, beam, track, chance, run.name)
    target = run.project.table_path("predictions", granule, beam, run.name)
    tables.write(target, PREDICTION, table, _stamp(run, granule, beam))
    bar.advance(len(chance), detail=f"{granule} {beam}")


def prediction_table(granule: str, beam: str, track: data.Track, chance: np.ndarray, model: str) -> pa.Table:
    """PREDICTION rows of one track from class probabilities ``chance`` f4 (N, 3)."""
    return PREDICTION.build(
        {
            "granule_id": granule,
            "beam": beam,
            "segment": track.segment,
            "p_thick": chance[:, 0],
            "p_thin": chance[:, 1],
            "p_water": chance[:, 2],
            "predicted": chance.argmax(axis=1).astype(np.int8),
            "model_id": model,
        }
    )


def _stamp(run: Run, granule: str, beam: str) -> Stamp:
    segments = data.segment_stamp(run.project, granule, beam).fingerprint
    return Stamp(run.stage.key, {"run_name": run.name}, {"segments": segments, "model": run.fingerprint})


def _is_current(run: Run, granule: str, beam: str) -> bool:
    target = run.project.table_path("predictions", granule, beam, run.name)
    return tables.is_current(target, _stamp(run, granule, beam))
