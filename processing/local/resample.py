"""The resample stage on this machine: a project's granules to SEGMENT tables, one beam at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from processing.core.resample import segment_columns
from processing.errors import LeadlineError, MissingError
from processing.io import tables
from processing.io.ahead import ahead
from processing.io.atomic import sweep
from processing.io.photons import PhotonSource, open_photons
from processing.local.failures import collected, raise_first
from processing.local.outdated import by_granule
from processing.places import place
from processing.progress import LOOKING, Bar, progress_bar, waiting
from processing.project import Input, Project
from processing.provenance import Stamp, fingerprint_file
from processing.schema import SEGMENT
from processing.stages import Resample

log = logging.getLogger(__name__)

_ROWS_AT_ONCE = 16 * tables.ROW_GROUP


@dataclass(frozen=True)
class Track:
    """One beam that needs its table made: where, and of how many photons."""

    item: Input
    beam: str
    path: Path
    photons: int


def resample(project: Project, stage: Resample, granules: Sequence[str] | None = None) -> None:
    """Write ``segments/granule=G/beam=B`` for every beam whose table is missing or no longer follows from its inputs.

    ``granules`` limits the work to these identifiers. Tables that are current are kept, which is how an interrupted
    run goes on. A granule that cannot be used does not keep the others from being done; its error is raised at the
    end. Raises MissingError when the project has no granule, InputError for a granule that cannot be used.
    """
    failures: list[LeadlineError] = []
    todo: list[list[Track]] = []
    with waiting(LOOKING):
        items = chosen(project, stage, granules)
        sweep(project.root / "segments")
        for item in items:
            with collected(failures, item.ident):
                todo.append(_looked_at(project, item, stage))
    if any(todo):
        parts = by_granule((track.item.ident, track.photons) for tracks in todo for track in tracks)
        with progress_bar("resample", sum(parts.values()), "photons", parts) as bar:
            for tracks in filter(None, todo):
                with collected(failures, tracks[0].item.ident):
                    _resample_granule(tracks[0].item, tracks, stage, bar)
    elif not failures:
        log.info("segments are current")
    raise_first(failures)


def _tell_strangers(project: Project, items: Sequence[Input]) -> None:
    """Warn of segments whose granule was taken out of the project: later stages use them on."""
    known = {item.ident for item in items}
    for granule in sorted({granule for granule, _ in project.tracks("segments")} - known):
        log.warning(
            "granule %s is not in the project any more, but its segments are used on; to leave it out, remove the "
            "folders granule=%s below segments, autolabels, predictions and freeboard of %s",
            granule,
            granule,
            project.root,
        )


def stamp_for(item: Input, stage: Resample) -> Stamp:
    """Provenance of the tables made from ``item``."""
    inputs = {f"granule:{item.ident}": item.fingerprint}
    if stage.mean_sea_surface:
        inputs["mean_sea_surface"] = fingerprint_file(place(stage.mean_sea_surface))
    return Stamp(stage.key, stage.values_dict(), inputs)


def segment_tables(
    source: PhotonSource, beam: str, stage: Resample, bar: Bar | None = None, part: slice = slice(None)
) -> Iterator[pa.Table]:
    """SEGMENT tables of one beam, or of ``part`` of its stretches, in along-track order."""
    facts = source.facts(beam, stage)
    detail = f"{source.granule_id} {beam}"

    def parts() -> Iterator[tuple[int, dict[str, Any]]]:
        for chunk in source.chunks(beam, stage, part):
            yield chunk.photons, segment_columns(chunk, stage.window, stage.height_limit, facts)

    for photons, columns in ahead(parts()):
        yield SEGMENT.build({"granule_id": source.granule_id, "beam": beam, **columns})
        if bar is not None:
            bar.advance(photons, detail, part=source.granule_id)


def chosen(project: Project, stage: Resample, granules: Sequence[str] | None) -> list[Input]:
    """The granules to look at: those named, else all. Raises MissingError without any, or without the grid."""
    if stage.mean_sea_surface and not place(stage.mean_sea_surface).is_file():
        raise MissingError("mean-sea-surface grid is not there", where=stage.mean_sea_surface)
    if granules:
        return [project.input("granules", ident) for ident in granules]
    items = project.inputs("granules")
    if not items:
        raise MissingError(
            "the project has no granule yet", where=project.root, mend=f"run: leadline add {project.root} FILE"
        )
    _tell_strangers(project, items)
    return items


def is_current(project: Project, item: Input, stage: Resample) -> bool:
    """Whether the tables of every beam that the granule is known to have follow from it and ``stage``."""
    stamp = stamp_for(item, stage)
    known = item.details.get("beams") or ()
    paths = [project.table_path("segments", item.ident, beam) for beam in known]
    return bool(paths) and all(tables.is_current(path, stamp) for path in paths)


def outdated(project: Project, item: Input, stage: Resample, source: PhotonSource) -> list[Track]:
    """The beams of an open granule whose tables must be made."""
    stamp = stamp_for(item, stage)
    source.check(stage)
    paths = {beam: project.table_path("segments", item.ident, beam) for beam in source.beams}
    wanted = [beam for beam in source.beams if not tables.is_current(paths[beam], stamp)]
    return [Track(item, beam, paths[beam], source.photon_count(beam)) for beam in wanted]


def tell_empty(track: Track, rows: int) -> None:
    """Warn of a table without rows."""
    if rows == 0:
        log.warning("%s %s: no photon passed the filters; its table is empty", track.item.ident, track.beam)


def _looked_at(project: Project, item: Input, stage: Resample) -> list[Track]:
    if is_current(project, item, stage):
        return []
    source = open_photons(item)
    try:
        return outdated(project, item, stage, source)
    finally:
        source.close()


def _resample_granule(item: Input, tracks: Iterable[Track], stage: Resample, bar: Bar) -> None:
    stamp = stamp_for(item, stage)
    source = open_photons(item)
    try:
        for track in tracks:
            rows = tables.write(track.path, SEGMENT, gathered(segment_tables(source, track.beam, stage, bar)), stamp)
            tell_empty(track, rows)
    finally:
        source.close()


def gathered(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables, so that a track of many short pieces does not become as many row groups."""
    held: list[pa.Table] = []
    for part in parts:
        if part.num_rows:
            held.append(part)
        if sum(table.num_rows for table in held) >= _ROWS_AT_ONCE:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)
