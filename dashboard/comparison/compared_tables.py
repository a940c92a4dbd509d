"""What the comparison of models reads of one track: classes, labels and freeboard by segment, and whether they fit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.comparison.model_records import Model
from processing.io import tables
from processing.project import Project
from processing.schema import FREEBOARD, PREDICTION, SNAPSHOT, TRUTH, AutoFlag, LabelSource
from processing.stages import Resample

UNCLEAR = AutoFlag.CLOUD | AutoFlag.SHADOW | AutoFlag.TRANSITION | AutoFlag.DRIFT_UNSURE | AutoFlag.OUTSIDE_SCENE
"""Flags of labels that training passes over unless a person set them, as ``training.splits`` has it."""

_CHANCES = ("p_thick", "p_thin", "p_water")

TrackName = tuple[str, str]
"""Granule and beam."""


@dataclass(frozen=True)
class Predicted:
    """What a model says of a track: ``segment`` i8 (n,), ascending, ``label`` i1; ``sureness`` f4 of that class."""

    segment: NDArray[np.int64]
    label: NDArray[np.int8]
    sureness: NDArray[np.float32]


@dataclass(frozen=True)
class Reference:
    """What models are judged by: ``segment`` i8 (n,), ascending, ``label`` i1, never unlabelled."""

    segment: NDArray[np.int64]
    label: NDArray[np.int8]


@dataclass(frozen=True)
class Freeboards:
    """Freeboard of a track: ``segment`` i8 (n,), ascending, ``freeboard`` f4 m, ``lead_id`` i4, ``source`` i1."""

    segment: NDArray[np.int64]
    freeboard: NDArray[np.float32]
    lead_id: NDArray[np.int32]
    source: NDArray[np.int8]


def common(*segments: NDArray[np.int64]) -> list[Any]:
    """Rows of each ascending column of segments that all of them have, in their order."""
    first = segments[0]
    if all(len(one) == len(first) and np.array_equal(one, first) for one in segments[1:]):
        return [slice(None)] * len(segments)
    shared = reduce(lambda one, other: np.intersect1d(one, other, assume_unique=True), segments)
    return [np.searchsorted(one, shared) for one in segments]


def window_of(project: Project, track: TrackName) -> float:
    """Length of a track's segments, m."""
    stamp = tables.read_stamp(project.table_path("segments", *track))
    window = None if stamp is None else stamp.parameters.get("window")
    return float(Resample.param["window"].default if window is None else window)


def follows(project: Project, model: Model, track: TrackName) -> bool:
    """Whether there are predictions of a track by this very model, from the track's present segments."""
    stamp = tables.read_stamp(project.table_path("predictions", *track, model.run))
    made = tables.read_stamp(project.table_path("segments", *track))
    if stamp is None or made is None:
        return False
    wanted = {"segments": made.fingerprint, "model": model.fingerprint}
    return all(stamp.inputs.get(name, now) == now for name, now in wanted.items())


def predicted(project: Project, run: str, track: TrackName, *, sure: bool = False) -> Predicted:
    """The classes that a run gives; how sure it is only when asked, else NaN."""
    path = project.table_path("predictions", *track, run)
    names = ("segment", "predicted", *(_CHANCES if sure else ()))
    table = tables.read(path, PREDICTION, names, command=f"leadline classify {project.root} --run-name {run}")
    segment = table["segment"].to_numpy()
    chances = [table[name].to_numpy() for name in _CHANCES] if sure else []
    sureness = np.maximum.reduce(chances) if sure else np.full(len(segment), np.nan, np.float32)
    return Predicted(segment, table["predicted"].to_numpy(), sureness)


def reference(project: Project, ground: str, snapshot: str, track: TrackName) -> Reference | None:
    """Labels of a snapshot, all (``labels``) or those that are sure (``clear``), or the ``truth``; None without."""
    if ground == "truth":
        path, schema = project.table_path("inputs/truth", *track), TRUTH
    else:
        path, schema = project.table_path("snapshots", *track, snapshot), SNAPSHOT
    if not path.exists():
        return None
    clear = ("auto_flags", "label_source") if ground == "clear" else ()
    table = tables.read(path, schema, ("segment", "label", *clear))
    label = table["label"].to_numpy()
    good = label >= 0
    if clear:
        flags, source = (table[name].to_numpy() for name in clear)
        good &= ((flags & np.uint32(UNCLEAR)) == 0) | (source == LabelSource.MANUAL)
    return Reference(table["segment"].to_numpy()[good], label[good])


def freeboards(project: Project, run: str, track: TrackName) -> Freeboards:
    """Freeboard of a run."""
    path = project.table_path("freeboard", *track, run)
    names = ("segment", "freeboard", "lead_id", "sea_surface_source")
    table = tables.read(path, FREEBOARD, names, command=f"leadline freeboard {project.root} --run-name {run}")
    return Freeboards(*(table[name].to_numpy() for name in names))


def true_freeboard(project: Project, track: TrackName, segment: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """Freeboard (m) of the segments by the truth, NaN where it has none; None where there is no truth."""
    path = project.table_path("inputs/truth", *track)
    if not path.exists():
        return None
    table = tables.read(path, TRUTH, ("segment", "freeboard"))
    known, values = table["segment"].to_numpy(), table["freeboard"].to_numpy()
    result = np.full(len(segment), np.nan, np.float32)
    own, theirs = common(segment, known)
    result[own] = values[theirs]
    return result


def made_from(project: Project, freeboard_run: str, track: TrackName) -> str:
    """The predictions that a freeboard run was made from; empty when it was made from labels or cannot tell."""
    stamp = tables.read_stamp(project.table_path("freeboard", *track, freeboard_run))
    if stamp is None or stamp.parameters.get("source", "predictions") != "predictions":
        return ""
    return str(stamp.parameters.get("run_name") or freeboard_run)


def freeboard_follows(project: Project, freeboard_run: str, run: str, track: TrackName) -> bool:
    """Whether a track's freeboard was made from the present predictions."""
    stamp = tables.read_stamp(project.table_path("freeboard", *track, freeboard_run))
    now = tables.read_stamp(project.table_path("predictions", *track, run))
    if stamp is None or now is None:
        return False
    return stamp.inputs.get("predictions", now.fingerprint) == now.fingerprint


def unlike(project: Project, runs: tuple[str, ...], track: TrackName) -> tuple[str, ...]:
    """Settings, besides the run, in which the freeboards of a track were made differently, in words."""
    stamps = [tables.read_stamp(project.table_path("freeboard", *track, run)) for run in runs]
    made = [dict(stamp.parameters) if stamp else {} for stamp in stamps]
    names = dict.fromkeys(name for one in made for name in one if name != "run_name")
    return tuple(
        f"{name.replace('_', ' ')} {' against '.join(str(one.get(name, '–')) for one in made)}"
        for name in names
        if len({str(one.get(name)) for one in made}) > 1
    )
