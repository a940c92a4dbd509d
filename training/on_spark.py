"""The classify stage as Spark jobs: ranges of each track's segments in tasks of their own, one table a track."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from processing.errors import LeadlineError
from processing.io import tables
from processing.project import Project
from processing.schema import PREDICTION, SEGMENT
from processing.spark.session import Cluster
from processing.spark.tasks import Piece
from processing.spark.tracks import ranges, rows_a_piece, run_tracks
from processing.stages import Classify, Engine
from training import bundle
from training import classify as local
from training import track as tracks

_FEWEST, _MOST = 8 * tables.ROW_GROUP, 32 * tables.ROW_GROUP
"""Segments of a piece: giving it out should not take longer than the work on it, nor its windows much memory."""


@dataclass(frozen=True)
class Rows:
    """Some successive segments of a track, by their rows in its table."""

    track: local.Track
    start: int
    stop: int


def classify(project: Project, stage: Classify, engine: Engine, granules: Sequence[str] | None = None) -> str:
    """As :func:`training.classify.classify`, on the cluster that ``engine`` names, to the same tables."""
    run, _ = local.run_of(project, stage)
    failures: list[LeadlineError] = []
    todo = local.outdated(run, granules, failures)
    failures += run_tracks(project, stage, engine, todo, partial(_granule, run))
    return local.ended(run, failures)


def _granule(run: local.Run, spark: Cluster, tracks: Sequence[local.Track], granules: int, group: str) -> None:
    target = rows_a_piece(spark, tracks, granules, _FEWEST, _MOST)
    # The last digits of a probability depend on the batch it is in, so batches must be those of the whole track.
    pieces = [
        Piece(number, Rows(track, start, stop), stop - start)
        for number, track in enumerate(tracks)
        for start, stop in ranges(track.rows, target, run.stage.batch)
    ]
    spark.write(partial(_predictions, run), pieces, partial(_write, tracks), group)


def _predictions(run: local.Run, rows: Rows) -> Iterator[pa.Table]:
    trained = bundle.load(run.project, run.name)
    yield local.prediction_table(run, trained, rows.track, _seen(run, rows))


def _seen(run: local.Run, rows: Rows) -> tracks.Track:
    """What the model sees of the rows: they and the segments around them that their features depend on."""
    if (rows.start, rows.stop) == (0, rows.track.rows):
        return local.read_track(run, rows.track)
    command = f"leadline resample {run.project.root}"
    x = tables.read_rows(rows.track.segments, SEGMENT, ("x_atc",), rows.start, rows.stop, command)["x_atc"].to_numpy()
    far = tracks.reach(run.window)
    seen = local.read_track(run, rows.track, (x[0] - far, x[-1] + far))
    first = int(np.searchsorted(seen.x_atc, x[0]))
    return seen.part(slice(first, first + len(x)))


def _write(todo: Sequence[local.Track], number: int, values: Iterator[pa.Table]) -> int:
    track = todo[number]
    return tables.write(track.target, PREDICTION, values, track.stamp)
