"""The freeboard stage as Spark jobs: stretches of each track in tasks of their own, twice.

The first time each stretch tells what it knows of sea level. That of all stretches makes the sea surfaces of a track,
and with what is near of these each stretch finds its freeboard the second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from processing.core.freeboard import SeaLevel, freeboard_of_stretch, sea_level_of, track_lines
from processing.core.sea_surface import PieceLines, lines_near
from processing.errors import LeadlineError
from processing.io import tables
from processing.local import freeboard as local
from processing.project import Project
from processing.schema import FREEBOARD
from processing.spark.session import Cluster
from processing.spark.tasks import Piece, Row
from processing.spark.tracks import ranges, rows_a_piece, run_tracks
from processing.stages import Engine, Freeboard

_UNIT = tables.ROW_GROUP
_FEWEST, _MOST = 32 * _UNIT, 128 * _UNIT
"""Segments of a stretch: giving it out should not take longer than the work on it, nor its columns much memory."""

_AT_ONCE = 16 * _UNIT
"""Segments that pass between tasks as one value."""


@dataclass(frozen=True)
class Rows:
    """Some successive segments of a track, by their rows in its table; ``piece`` counts those of the granule."""

    piece: int
    track: local.Track
    start: int
    stop: int


@dataclass(frozen=True)
class Known:
    """What the segments of some rows know of sea level; ``core`` is where along the track they lie, m."""

    rows: Rows
    core: tuple[float, float]
    level: SeaLevel


@dataclass(frozen=True)
class Ready:
    """Some rows with the sea surfaces near them."""

    rows: Rows
    lines: list[PieceLines]


def freeboard(project: Project, stage: Freeboard, engine: Engine, granules: Sequence[str] | None = None) -> str:
    """As :func:`processing.local.freeboard.freeboard`, on the cluster that ``engine`` names, to the same tables."""
    job = local.job_of(project, stage)
    failures: list[LeadlineError] = []
    todo = local.outdated(job, granules, failures)
    failures += run_tracks(project, stage, engine, todo, partial(_granule, job))
    return local.ended(job, failures)


def _granule(job: local.Job, spark: Cluster, tracks: Sequence[local.Track], granules: int, group: str) -> None:
    target = rows_a_piece(spark, tracks, granules, _FEWEST, _MOST)
    cuts = [
        (number, track, start, stop)
        for number, track in enumerate(tracks)
        for start, stop in ranges(track.rows, max(target, _least(track)), _UNIT)
    ]
    pieces = [
        Piece(number, Rows(piece, track, start, stop), stop - start)
        for piece, (number, track, start, stop) in enumerate(cuts)
    ]
    steps = partial(_sea_level, job), partial(_surfaces, job, tracks), partial(_freeboard, job)
    spark.chain(*steps, pieces, partial(_write, tracks), partial(_whole, job), group)


def _least(track: local.Track) -> float:
    """Segments of a stretch that are no fewer than those that must be read around it."""
    return 2.0 * track.rules.halo / track.rules.segment_length


def _sea_level(job: local.Job, rows: Rows) -> Iterator[Known]:
    rules = rows.track.rules
    part = local.read_part(job, rows.track, (rows.start, rows.stop), rules.halo)
    yield Known(rows, part.core, sea_level_of(part.stretch, rules, part.core))


def _surfaces(job: local.Job, tracks: Sequence[local.Track], number: int, values: Iterator[Known]) -> Iterator[Row]:
    """What each stretch of a track needs of its sea surfaces."""
    rules, known = tracks[number].rules, list(values)
    lines = track_lines([each.level for each in known], rules, job.stage.estimator)
    for each in known:
        yield Row(number, each.rows.piece, Ready(each.rows, lines_near(lines, each.core, rules)))


def _freeboard(job: local.Job, ready: Ready) -> Iterator[pa.Table]:
    rows, track = ready.rows, ready.rows.track
    part = local.read_part(job, track, (rows.start, rows.stop), track.rules.lead_halo)
    result = freeboard_of_stretch(part.stretch, ready.lines, track.rules, job.stage.estimator, part.core)
    segment = part.segment[part.stretch.within(part.core)]
    for start in range(0, max(len(segment), 1), _AT_ONCE):  # a track without segments has a table all the same
        some = slice(start, start + _AT_ONCE)
        yield local.as_table(track, segment[some], result.part(some))


def _whole(job: local.Job, _number: int, rows: Rows) -> int:
    return local.make(job, rows.track)


def _write(tracks: Sequence[local.Track], number: int, values: Iterator[pa.Table]) -> int:
    track = tracks[number]
    return tables.write(track.target, FREEBOARD, values, track.stamp)
