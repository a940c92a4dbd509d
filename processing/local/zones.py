"""Zones of a project's tracks, from auto-labels and the newest prediction that follows from the same segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.core.zones import Evidence, Zone, find_zones
from processing.io import tables
from processing.project import Project
from processing.schema import LABEL, PREDICTION
from processing.stages import Resample, Review

_LABEL_COLUMNS = ("segment", "label_auto", "auto_flags", "boundary_distance", "time_offset", "drift_confidence")
_PROBABILITIES = ("p_thick", "p_thin", "p_water")


def track_zones(project: Project, granule: str, beam: str, stage: Review) -> list[Zone]:
    """Zones of one track in along-track order; none where it has no auto-labels.

    Raises InputError or StaleError when a table is damaged or of another schema version.
    """
    evidence = track_evidence(project, granule, beam)
    return [] if evidence is None else find_zones(evidence, stage)


def track_evidence(project: Project, granule: str, beam: str, *, model: bool = True) -> Evidence | None:
    """What there is to judge a track's auto-labels by, with or without the ``model``; None without auto-labels."""
    path = project.table_path("autolabels", granule, beam)
    if not path.exists():
        return None
    table = tables.read(path, LABEL, _LABEL_COLUMNS, command=f"leadline autolabel {project.root}")
    column = {name: table[name].to_numpy() for name in _LABEL_COLUMNS}
    prediction = newest_prediction(project, granule, beam) if model else None
    return Evidence(
        segment=column["segment"],
        window=_window(project, granule, beam),
        label=column["label_auto"],
        flags=column["auto_flags"],
        boundary_distance=column["boundary_distance"],
        minutes=column["time_offset"] / np.float32(60.0),
        drift_confidence=column["drift_confidence"],
        probability=None if prediction is None else _probability(prediction, column["segment"], project.root),
    )


def newest_prediction(project: Project, granule: str, beam: str) -> Path | None:
    """The newest run's table of this track that was made from its present segments; None when there is none."""
    segments = tables.read_stamp(project.table_path("segments", granule, beam))
    if segments is None:
        return None
    for run in reversed(project.runs("predictions")):
        path = project.table_path("predictions", granule, beam, run)
        stamp = tables.read_stamp(path)
        if stamp is not None and stamp.inputs.get("segments") == segments.fingerprint:
            return path
    return None


def _window(project: Project, granule: str, beam: str) -> float:
    """Length of the track's segments, m."""
    stamp = tables.read_stamp(project.table_path("segments", granule, beam))
    window = None if stamp is None else stamp.parameters.get("window")
    return float(Resample.param["window"].default if window is None else window)


def _probability(path: Path, segment: npt.NDArray[np.int64], root: Path) -> npt.NDArray[np.float32]:
    """Class probabilities (3, n) f4 of ``segment``; NaN where the table has none."""
    table = tables.read(path, PREDICTION, ("segment", *_PROBABILITIES), command=f"leadline classify {root}")
    values = np.stack([table[name].to_numpy() for name in _PROBABILITIES])
    return _aligned(table["segment"], values, segment)


def _aligned(
    found: pa.ChunkedArray, values: npt.NDArray[np.float32], segment: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    there = found.to_numpy()
    if np.array_equal(there, segment):
        return values
    if not len(there):
        return np.full((len(values), len(segment)), np.nan, np.float32)
    at = np.clip(np.searchsorted(there, segment), 0, len(there) - 1)
    return np.where(there[at] == segment, values[:, at], np.float32(np.nan))
