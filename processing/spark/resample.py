"""The resample stage as Spark jobs: stretches of each beam in tasks of their own, one table a beam."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from processing.errors import LeadlineError
from processing.io import tables
from processing.io.atomic import sweep
from processing.io.photons import open_photons
from processing.local import resample as local
from processing.local.failures import raise_first
from processing.progress import LOOKING, progress_bar, tell, waiting
from processing.project import Input, Project
from processing.schema import SEGMENT
from processing.spark.granules import GranuleJob, least_pieces, parts_of, run_granules
from processing.spark.session import Cluster, cluster
from processing.spark.tasks import Piece
from processing.stages import Engine, Resample

log = logging.getLogger(__name__)

_FEWEST, _MOST = 1_000_000, 16_000_000
"""Photons of a piece: opening the granule should not take longer than the piece, nor a lost piece cost much."""


@dataclass(frozen=True)
class Beam:
    """One beam that needs its table made, with the photons of each stretch it is worked through in."""

    track: local.Track
    stretches: tuple[int, ...]


@dataclass(frozen=True)
class Stretches:
    """Some successive stretches of a beam."""

    item: Input
    beam: str
    part: slice


def resample(project: Project, stage: Resample, engine: Engine, granules: Sequence[str] | None = None) -> None:
    """As :func:`processing.local.resample.resample`, on the cluster that ``engine`` names, to the same tables."""
    with waiting(LOOKING):
        items = local.chosen(project, stage, granules)
        sweep(project.root / "segments")
        todo = [item for item in items if not local.is_current(project, item, stage)]
    if not todo:
        log.info("segments are current")
        return
    with cluster(engine, "resample") as spark:
        with waiting("looking at the granules"):
            plans = spark.collect(partial(look_at, project, stage), todo, f"{spark.tag}: looking at the granules")
        failures = _told(todo, plans)
        beams = {
            item.ident: [value for value in plan if isinstance(value, Beam)]
            for item, plan in zip(todo, plans, strict=True)
        }
        jobs = [
            GranuleJob(
                ident, sum(beam.track.photons for beam in found), partial(_granule, spark, stage, found, len(todo))
            )
            for ident, found in beams.items()
            if found
        ]
        units = sum(job.weight for job in jobs)
        with (
            spark.tidy(project.root / "segments"),
            progress_bar("resample", units, "photons", parts_of(jobs)) as bar,
        ):
            failures += run_granules(spark, bar, jobs)
    raise_first(failures)


def _told(items: Sequence[Input], plans: Sequence[Sequence[Beam | LeadlineError]]) -> list[LeadlineError]:
    """The errors among what was found of the granules, once they are told."""
    found = [(item, value) for item, plan in zip(items, plans, strict=True) for value in plan]
    errors = {item.ident: value for item, value in found if isinstance(value, LeadlineError)}
    for granule, error in errors.items():
        log.warning("%s", error.line)
        tell(failed={granule: error.line})
    return list(errors.values())


def look_at(project: Project, stage: Resample, item: Input) -> Iterator[Beam]:
    """The beams of a granule whose tables must be made."""
    source = open_photons(item)
    try:
        for track in local.outdated(project, item, stage, source):
            yield Beam(track, tuple(stretch.photons for stretch in source.stretches(track.beam, stage)))
    finally:
        source.close()


def _granule(spark: Cluster, stage: Resample, beams: Sequence[Beam], granules: int, group: str) -> None:
    photons = sum(beam.track.photons for beam in beams)
    target = min(max(photons / least_pieces(spark, granules), _FEWEST), _MOST)
    pieces = [piece for number, beam in enumerate(beams) for piece in cut(number, beam, target)]
    tracks = [beam.track for beam in beams]
    results = spark.write(partial(_segments, stage), pieces, partial(_write, stage, tracks), group)
    for number, rows in results.items():
        local.tell_empty(tracks[number], rows)


def cut(number: int, beam: Beam, target: float) -> Iterator[Piece[Stretches]]:
    """Pieces of about ``target`` photons of a beam, for track ``number``."""
    item, name = beam.track.item, beam.track.beam
    if item.kind == "photon_table":  # must be read whole to find any part of it
        target = float("inf")
    target = sum(beam.stretches) / max(1, round(sum(beam.stretches) / target))
    start, photons = 0, 0
    for stop, more in enumerate(beam.stretches, 1):
        photons += more
        if photons >= target or stop == len(beam.stretches):
            yield Piece(number, Stretches(item, name, slice(start, stop)), photons)
            start, photons = stop, 0


def _segments(stage: Resample, piece: Stretches) -> Iterator[pa.Table]:
    source = open_photons(piece.item)
    try:
        yield from local.gathered(local.segment_tables(source, piece.beam, stage, part=piece.part))
    finally:
        source.close()


def _write(stage: Resample, tracks: Sequence[local.Track], number: int, values: Iterator[pa.Table]) -> int:
    track = tracks[number]
    return tables.write(track.path, SEGMENT, local.gathered(values), local.stamp_for(track.item, stage))
