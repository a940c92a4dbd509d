"""Segments and classes to sea surface and freeboard, track by track."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.core.freeboard import (
    Stretch,
    TrackFreeboard,
    freeboard_of_whole,
    rules_of,
    sea_level_mask,
    stretch_of,
)
from processing.core.sea_surface import ESTIMATORS, EVERYWHERE, Rules
from processing.errors import InputError, LeadlineError, MissingError, StaleError
from processing.io import tables
from processing.io.atomic import sweep
from processing.local.failures import collected, raise_first
from processing.local.outdated import by_granule, tracks_to_make
from processing.progress import LOOKING, Bar, progress_bar, waiting
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, PREDICTION, SEGMENT, SNAPSHOT, SurfaceClass
from processing.stages import Freeboard, Resample

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Classes:
    """Where the classes come from: the table's kind and run, and the freeboard run that follows from them."""

    kind: str
    run: str
    command: str
    name: str


@dataclass(frozen=True)
class Job:
    """Freeboard of a project from some classes."""

    project: Project
    stage: Freeboard
    classes: Classes


@dataclass(frozen=True)
class Track:
    """One track whose freeboard can be made.

    Attributes
    ----------
    rows : number of segments. segments, labels : tables of the segments and of their classes.
    target, stamp : the table to write, and its provenance.
    """

    granule: str
    beam: str
    rows: int
    segments: Path
    labels: Path
    target: Path
    rules: Rules
    stamp: Stamp


@dataclass(frozen=True)
class Part:
    """Some or all segments of a track, and some around them, as they are read.

    Attributes
    ----------
    segment : i8, window indices. stretch : the same segments. core : m, from where up to, not including, where along
        the track the segments lie that were asked for.
    """

    segment: npt.NDArray[np.int64]
    stretch: Stretch
    core: tuple[float, float]


def freeboard(project: Project, stage: Freeboard, granules: Sequence[str] | None = None) -> str:
    """Write ``PROJECT/freeboard/RUN`` for every track with segments and classes; return RUN.

    RUN is the prediction run, or ``labels-vNNNN`` where the classes are a snapshot's. A track whose table follows
    from the same inputs and parameters is left as it is; RUN becomes the newest all the same. A granule that cannot be
    used does not keep the others from being done; its error is raised at the end. Raises MissingError when there are
    no classes.
    """
    job = job_of(project, stage)
    failures: list[LeadlineError] = []
    todo = outdated(job, granules, failures)
    parts = by_granule((track.granule, track.rows) for track in todo)
    with progress_bar("freeboard", sum(parts.values()), "segments", parts) as bar:
        for granule, tracks in groupby(todo, key=lambda track: track.granule):
            with collected(failures, granule):
                _of_granule(job, tracks, bar)
    return ended(job, failures)


def job_of(project: Project, stage: Freeboard) -> Job:
    """What ``stage`` asks for. Raises MissingError when there are no classes."""
    return Job(project, stage, _classes(project, stage.source, stage.run_name))


def _classes(project: Project, source: str, run_name: str) -> Classes:
    """The classes of a run, or of the newest where none is named."""
    if source == "labels":
        run = run_name or project.newest_run("snapshots", "snapshot")
        return Classes("snapshots", run, f"leadline snapshot {project.root}", f"labels-{run}")
    run = run_name or project.newest_run("predictions", "classify")
    return Classes("predictions", run, f"leadline classify {project.root}", run)


def outdated(job: Job, granules: Sequence[str] | None, failures: list[LeadlineError]) -> list[Track]:
    """The tracks whose table must be made, of the ``granules`` named or of all; what interrupted runs left is removed.

    The first error in a granule's tables is added to ``failures`` and ends the granule; where no track can be used it
    is raised. Raises MissingError when a granule has no classes, or none has.
    """
    with waiting(LOOKING):
        names = _tracks(job.project, job.classes, granules)
        sweep(job.project.root / "freeboard")
        todo = tracks_to_make(names, partial(_looked_at, job), failures)
    if not todo and not failures:
        _LOG.info("freeboard %s is current", job.classes.name)
    return todo


def ended(job: Job, failures: Sequence[LeadlineError]) -> str:
    """Make the run the newest and return its name; raises the first failure instead where there is one.

    Where other classes were named than would be taken by themselves, the freeboard of those stays the newest.
    """
    raise_first(failures)
    job.project.add_run("freeboard", job.classes.name, usual=_classes(job.project, job.stage.source, "").name)
    return job.classes.name


def read_part(job: Job, track: Track, rows: tuple[int, int], halo: float = 0.0) -> Part:
    """The segments in ``rows`` (from the first up to, not including, the second), and all ``halo`` m either side.

    Raises StaleError when the classes there are not those of the track's segments.
    """
    height = f"height_{job.stage.height}"
    columns = ("segment", "x_atc", height, "height_std", "photon_count", "photon_rate", "quality")
    # Segments are no closer than they are long, so this many rows reach at least as far.
    reach = int(np.ceil(halo / track.rules.segment_length)) + 1
    first, stop = max(rows[0] - reach, 0), min(rows[1] + reach, track.rows)
    command = f"leadline resample {job.project.root}"
    table = tables.read_rows(track.segments, SEGMENT, columns, first, stop, command)
    segment, x, level, std, count, rate, quality = (table[name].to_numpy() for name in columns)
    span = segment[0] if first > 0 else -np.inf, segment[-1] if stop < track.rows else np.inf
    water = _water(job, track, segment, level, span)
    low = float(x[rows[0] - first]) if rows[0] > 0 else -np.inf
    high = float(x[rows[1] - first]) if rows[1] < track.rows else np.inf
    return Part(segment, stretch_of(x, level, std, count, water, track.rules, rate, quality), (low, high))


def as_table(track: Track, segment: npt.NDArray[np.int64], result: TrackFreeboard) -> pa.Table:
    """FREEBOARD rows of the segments whose window indices are given."""
    surfaces = {f"sea_surface_{name}": result.sea.surface[row] for row, name in enumerate(ESTIMATORS)}
    return FREEBOARD.build(
        {
            "granule_id": track.granule,
            "beam": track.beam,
            "segment": segment,
            **surfaces,
            "sea_surface_sigma": result.sea.sigma,
            "sea_surface_source": result.sea.source,
            "freeboard": result.freeboard,
            "freeboard_sigma": result.freeboard_sigma,
            "lead_id": result.lead_id,
            "flags": result.flags,
        }
    )


def _tracks(project: Project, classes: Classes, granules: Sequence[str] | None) -> list[tuple[str, str]]:
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


def _looked_at(job: Job, granule: str, beam: str) -> Track | None:
    """One track whose table must be made, else None. Raises StaleError when its classes are not of its segments."""
    project, stage, classes = job.project, job.stage, job.classes
    segments = project.table_path("segments", granule, beam)
    labels = project.table_path(classes.kind, granule, beam, classes.run)
    made, classed = _stamp(segments), _stamp(labels)
    if classed.inputs.get("segments", made.fingerprint) != made.fingerprint:
        raise StaleError("made from other segments", where=labels, mend=f"run: {classes.command}")
    rules = _rules(stage, float(made.parameters.get("window", Resample.param["window"].default)))
    stamp = Stamp(
        stage.key,
        {**stage.values_dict(), "run_name": classes.run},
        {"segments": made.fingerprint, classes.kind: classed.fingerprint},
    )
    target = project.table_path("freeboard", granule, beam, classes.name)
    rows = tables.count_rows(segments)
    return (
        None if tables.is_current(target, stamp) else Track(granule, beam, rows, segments, labels, target, rules, stamp)
    )


def _stamp(path: Path) -> Stamp:
    stamp = tables.read_stamp(path)
    if stamp is None:
        raise StaleError("table carries no provenance", where=path, mend="make it again")
    return stamp


def _rules(stage: Freeboard, segment_length: float) -> Rules:
    try:
        return rules_of(stage, segment_length)
    except ValueError as error:
        raise InputError(str(error), where="freeboard", mend="choose --stride at most --window") from None


def _of_granule(job: Job, tracks: Iterable[Track], bar: Bar) -> None:
    for track in tracks:
        bar.advance(0, f"{track.granule} {track.beam}")
        make(job, track)
        bar.advance(track.rows, part=track.granule)


def make(job: Job, track: Track) -> int:
    """Write the table of one track, worked on whole; returns its rows. Raises as ``read_part`` does."""
    whole = read_part(job, track, (0, track.rows))
    result = freeboard_of_whole(whole.stretch, track.rules, job.stage.estimator)
    return tables.write(track.target, FREEBOARD, as_table(track, whole.segment, result), track.stamp)


def _water(
    job: Job,
    track: Track,
    segment: npt.NDArray[np.int64],
    height: npt.NDArray[np.floating],
    span: tuple[float, float],
) -> npt.NDArray[np.bool_]:
    """Which of the segments are sea level, from the classes of window indices in ``span``, which must all be theirs.

    A segment without a class is no water.
    """
    classes = job.classes
    is_predicted = classes.kind == "predictions"
    schema = PREDICTION if is_predicted else SNAPSHOT
    names = ("segment", "predicted", "p_water") if is_predicted else ("segment", "label")
    between = None if span == EVERYWHERE else ("segment", *span)
    found = tables.read(track.labels, schema, names, between=between, command=classes.command)
    theirs = found["segment"].to_numpy()
    place = np.searchsorted(segment, theirs)
    if len(theirs) and (place[-1] >= len(segment) or not np.array_equal(segment[place], theirs)):
        raise StaleError(
            "classes are not those of the track's segments", where=track.labels, mend=f"run: {classes.command}"
        )
    label = np.full(len(segment), SurfaceClass.UNLABELLED, np.int8)
    label[place] = found[names[1]].to_numpy()
    p_water = np.zeros(len(segment), np.float32)
    if is_predicted:
        p_water[place] = found["p_water"].to_numpy()
    return sea_level_mask(label, height, p_water, job.stage.water_probability if is_predicted else 0.0)
