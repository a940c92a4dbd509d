"""Segments and classes to sea surface and freeboard, track by track."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.core.freeboard import TrackFreeboard, freeboard_of_track, sea_level_mask
from processing.core.sea_surface import ESTIMATORS, Rules
from processing.errors import InputError, MissingError, StaleError
from processing.io import tables
from processing.io.atomic import sweep
from processing.progress import progress_bar
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, PREDICTION, SEGMENT, SNAPSHOT, SurfaceClass
from processing.stages import Freeboard, Resample

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Classes:
    """Where the classes come from: the table's kind and run, and the freeboard run that follows from them."""

    kind: str
    run: str
    command: str
    name: str


def freeboard(project: Project, stage: Freeboard, granules: Sequence[str] | None = None) -> str:
    """Write ``PROJECT/freeboard/RUN`` for every track with segments and classes; return RUN.

    RUN is the prediction run, or ``labels-vNNNN`` where the classes are a snapshot's. A track whose table follows
    from the same inputs and parameters is left as it is; RUN becomes the newest all the same. Raises MissingError
    when there are no classes.
    """
    classes = _choose(project, stage)
    tracks = _tracks(project, classes, granules)
    sweep(project.root / "freeboard")
    rows = {track: tables.count_rows(project.table_path("segments", *track)) for track in tracks}
    with progress_bar("freeboard", sum(rows.values()), "segments") as bar:
        for granule, beam in tracks:
            bar.advance(0, f"{granule} {beam}")
            _one_track(project, stage, classes, granule, beam)
            bar.advance(rows[granule, beam])
    os.utime(project.root / "freeboard" / classes.name)
    return classes.name


def _choose(project: Project, stage: Freeboard) -> _Classes:
    if stage.source == "labels":
        run = stage.run_name or project.newest_run("snapshots", "snapshot")
        return _Classes("snapshots", run, f"leadline snapshot {project.root}", f"labels-{run}")
    run = stage.run_name or project.newest_run("predictions", "classify")
    return _Classes("predictions", run, f"leadline classify {project.root}", run)


def _rules(stage: Freeboard, segment_length: float) -> Rules:
    try:
        return Rules(float(stage.window), float(stage.stride), int(stage.minimum_lead_segments), segment_length)
    except ValueError as error:
        raise InputError(str(error), where="freeboard", mend="choose --stride at most --window") from None


def _tracks(project: Project, classes: _Classes, granules: Sequence[str] | None) -> list[tuple[str, str]]:
    segments = set(project.tracks("segments"))
    found = [track for track in project.tracks(classes.kind, classes.run) if track in segments]
    wanted = [track for track in found if granules is None or track[0] in granules]
    unknown = sorted(set(granules or ()) - {granule for granule, _ in found})
    if unknown:
        raise MissingError(f"no classes of granule {unknown[0]!r} in {classes.run}", where=project.root)
    if not wanted:
        raise MissingError(
            f"no track has both segments and classes from {classes.kind} {classes.run!r}",
            where=project.root,
            mend=f"run: {classes.command}",
        )
    return wanted


def _one_track(project: Project, stage: Freeboard, classes: _Classes, granule: str, beam: str) -> None:
    segments = project.table_path("segments", granule, beam)
    labels = project.table_path(classes.kind, granule, beam, classes.run)
    target = project.table_path("freeboard", granule, beam, classes.name)
    made, classed = _stamp(segments), _stamp(labels)
    if classed.inputs.get("segments", made.fingerprint) != made.fingerprint:
        raise StaleError("made from other segments", where=labels, mend=f"run: {classes.command}")
    rules = _rules(stage, float(made.parameters.get("window", Resample.param["window"].default)))
    stamp = Stamp(
        stage.key,
        {**stage.values_dict(), "run_name": classes.run},
        {"segments": made.fingerprint, classes.kind: classed.fingerprint},
    )
    if tables.is_current(target, stamp):
        _LOG.debug("%s is current", target)
        return
    height = f"height_{stage.height}"
    columns = ("segment", "x_atc", height, "height_std", "photon_count")
    table = tables.read(segments, SEGMENT, columns, command=f"leadline resample {project.root}")
    water = _water(labels, table, height, classes, stage)
    result = freeboard_of_track(
        table["x_atc"].to_numpy(),
        table[height].to_numpy(),
        table["height_std"].to_numpy(),
        table["photon_count"].to_numpy(),
        water,
        rules,
        stage.estimator,
    )
    tables.write(target, FREEBOARD, _as_table(granule, beam, table["segment"], result), stamp)


def _stamp(path: Path) -> Stamp:
    stamp = tables.read_stamp(path)
    if stamp is None:
        raise StaleError("table carries no provenance", where=path, mend="make it again")
    return stamp


def _water(path: Path, segments: pa.Table, height: str, classes: _Classes, stage: Freeboard) -> npt.NDArray[np.bool_]:
    """Sea-level segments, from the classes of the same segments; one without a class is no water."""
    is_predicted = classes.kind == "predictions"
    schema = PREDICTION if is_predicted else SNAPSHOT
    names = ("segment", "predicted", "p_water") if is_predicted else ("segment", "label")
    found = tables.read(path, schema, names, command=classes.command)
    own, theirs = segments["segment"].to_numpy(), found["segment"].to_numpy()
    place = np.searchsorted(own, theirs)
    if len(theirs) and (place[-1] >= len(own) or not np.array_equal(own[place], theirs)):
        raise StaleError("classes are not those of the track's segments", where=path, mend=f"run: {classes.command}")
    label = np.full(len(own), SurfaceClass.UNLABELLED, np.int8)
    label[place] = found[names[1]].to_numpy()
    p_water = np.zeros(len(own), np.float32)
    if is_predicted:
        p_water[place] = found["p_water"].to_numpy()
    least = stage.water_probability if is_predicted else 0.0
    return sea_level_mask(label, segments[height].to_numpy(), p_water, least)


def _as_table(granule: str, beam: str, segment: pa.ChunkedArray, result: TrackFreeboard) -> pa.Table:
    surfaces = {f"sea_surface_{name}": result.sea.surface[row] for row, name in enumerate(ESTIMATORS)}
    return FREEBOARD.build(
        {
            "granule_id": granule,
            "beam": beam,
            "segment": segment,
            **surfaces,
            "sea_surface_sigma": result.sea.sigma,
            "sea_surface_source": result.sea.source,
            "freeboard": result.freeboard,
            "freeboard_sigma": result.freeboard_sigma,
            "lead_id": result.lead_id,
        }
    )
