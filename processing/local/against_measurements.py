"""A project's freeboard beside other measurements of sea ice: matched in place and time, averaged over footprints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from processing.core.footprint_means import FootprintMeans, Gathering, shared_length
from processing.core.footprints import TrackPoints, average_track, near_track
from processing.core.matches import Matches, agreements, blocks_of, class_names, normalised
from processing.core.mean_freeboard import COMMON_HEIGHT
from processing.core.paired import paired_agreement
from processing.errors import InputError, MissingError
from processing.io.measurements import KIND, Measurements
from processing.io.measurements import read as read_measurements
from processing.local.drift_velocity import drift_velocity
from processing.local.match_footprints import LaidOut, lay_footprints, with_drift
from processing.local.match_quantities import Theirs, in_thickness, theirs_of
from processing.local.measured import MeasuredTrack, chosen_tracks, freeboard_run, measured_track
from processing.local.meetings import courses
from processing.local.polar_plane import PolarPlane
from processing.progress import progress_bar
from processing.project import Input, Project
from processing.schema import SurfaceClass
from processing.stages import Match

F8 = npt.NDArray[np.float64]

_ZERO = np.datetime64("2018-01-01", "ns")
"""Zero of the seconds that the pure part reckons in."""


def tables_of(project: Project) -> list[Input]:
    """Tables of measurements among the project's references."""
    return [item for item in project.inputs("references") if item.kind == KIND]


def tables_to_match(project: Project, named: Sequence[Path]) -> list[Path]:
    """The tables that were named, or else those of the project; raises MissingError when there is none."""
    found = list(named) or [item.path for item in tables_of(project)]
    if not found:
        raise MissingError(
            "no table of measurements was named, and the project has none",
            where=project.root,
            mend=f"run: leadline match {project.root} TABLE --out FOLDER",
        )
    return found


def match_table(
    project: Project,
    source: Path | Input,
    run: str = "",
    stage: Match | None = None,
    columns: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> Matches:
    """One table beside a freeboard run, the newest when ``run`` is empty; the first quantity that the table has.

    Parameters
    ----------
    source : the table, or its record among the project's references.
    stage : how; ``project.toml`` and the defaults where not given. Its ``quantity`` chooses another quantity.
    columns, units : as for ``measurements.read``.

    Raises InputError for a table that cannot be used, MissingError and StaleError as the freeboard's tables do.
    """
    how = stage or project.stage(Match)
    path = source.path if isinstance(source, Input) else source
    table = read_measurements(path, columns, units)
    first = theirs_of(table, how)[0]
    return _matched(project, [(table, first)], run, how)[0]


def match_tables(
    project: Project, tables: Sequence[Measurements], run: str = "", stage: Match | None = None
) -> list[Matches]:
    """Every quantity of every table beside a freeboard run; each track is read once. Raises as :func:`match_table`."""
    how = stage or project.stage(Match)
    return _matched(project, [(table, each) for table in tables for each in theirs_of(table, how)], run, how)


def _matched(project: Project, wanted: list[tuple[Measurements, Theirs]], run: str, stage: Match) -> list[Matches]:
    run = freeboard_run(project, run)
    tracks = chosen_tracks(project, run)
    gatherings = [Gathering(len(theirs)) for _, theirs in wanted]
    laid: list[dict[PolarPlane, LaidOut]] = [{} for _ in wanted]
    drifts: dict[str, tuple[float, float]] = {}
    in_time = 0
    with progress_bar("match", len(tracks), "tracks") as bar:
        for number, (granule, beam) in enumerate(tracks):
            bar.advance(0, f"{granule} {beam}")
            if _may_meet(project, granule, beam, [theirs for _, theirs in wanted], stage.hours):
                track = measured_track(project, granule, beam, run)
                for k, (_, theirs) in enumerate(wanted):
                    in_time += _gather(project, track, number, theirs, laid[k], stage, gatherings[k], drifts)
            bar.advance(1)
    if stage.drift == "estimated" and in_time and not drifts:
        raise MissingError(
            "no drift was estimated between any of these tracks and a scene",
            where=project.root,
            mend="give one with --drift given --drift-east E --drift-north N",
        )
    return [
        _told(project, run, stage, table, theirs, gathering.means(), tracks, drifts)
        for (table, theirs), gathering in zip(wanted, gatherings, strict=True)
    ]


def _may_meet(project: Project, granule: str, beam: str, wanted: Sequence[Theirs], hours: float) -> bool:
    """Whether any measurement is in time, by what the footer of the track's table tells; no row is read."""
    course = courses(project, granule, [beam])[0]
    if not course.rows:
        return False
    if not np.isfinite(course.radius).all():
        return True
    reach = np.timedelta64(round(hours * 3.6e12), "ns")
    begin, end = course.begin.min() - reach, course.end.max() + reach
    return any(
        bool(np.searchsorted(theirs.time, end, "right") > np.searchsorted(theirs.time, begin, "left"))
        for theirs in wanted
    )


def _gather(
    project: Project,
    track: MeasuredTrack,
    number: int,
    theirs: Theirs,
    laid: dict[PolarPlane, LaidOut],
    stage: Match,
    gathering: Gathering,
    drifts: dict[str, tuple[float, float]],
) -> int:
    """Add a track to the sums over the footprints of both hemispheres; returns how many are in time."""
    total = 0
    for plane, part in _by_hemisphere(track):
        if plane not in laid:
            laid[plane] = lay_footprints(theirs, stage, plane, _ZERO)
        in_time = np.flatnonzero(_in_time(laid[plane].prints.time, part, stage.hours))
        points = _points(part, theirs.measure, stage, plane)
        if not len(in_time) or not len(points):
            continue
        rows, prints = laid[plane].rows[in_time], laid[plane].prints.rows(in_time)
        velocity = _velocity(project, track, stage, plane, drifts)
        prints = prints if velocity is None else with_drift(prints, velocity)
        near = near_track(points, prints, stage.within, stage.hours * 3600.0)
        sums = average_track(points, prints, near, gaussian=stage.weights == "gaussian")
        whole = replace(sums, near=replace(near, index=rows[near.index]))
        gathering.add(whole, number)
        total += len(in_time)
    return total


def _by_hemisphere(track: MeasuredTrack) -> Iterator[tuple[PolarPlane, MeasuredTrack]]:
    for north in (True, False):
        some = (track.lat >= 0) == north
        if some.any():
            yield PolarPlane.of(north=north), track if some.all() else track.rows(some)


def _in_time(seconds: F8, track: MeasuredTrack, hours: float) -> npt.NDArray[np.bool_]:
    begin, end = ((each - _ZERO) / np.timedelta64(1, "s") for each in (track.time.min(), track.time.max()))
    inside: npt.NDArray[np.bool_] = (seconds >= begin - 3600 * hours) & (seconds <= end + 3600 * hours)
    return inside


def _points(track: MeasuredTrack, measure: str, stage: Match, plane: PolarPlane) -> TrackPoints:
    """The segments of a track that have the quantity, in the plane."""
    value = track.height_ellipsoid if measure == "elevation" else track.freeboard
    level = 0.0 if measure == "elevation" else track.sea_surface_sigma
    common = np.hypot(level, np.full(len(track), COMMON_HEIGHT))
    known = np.isfinite(value) & np.isfinite(track.height_sigma) & np.isfinite(common)
    if stage.surface == "ice":
        known &= track.label != SurfaceClass.OPEN_WATER
    x, y = plane.places(track.lon[known], track.lat[known])
    return TrackPoints(
        x,
        y,
        np.ascontiguousarray(track.x_atc[known], np.float64),
        (track.time[known].astype("datetime64[ns]") - _ZERO) / np.timedelta64(1, "s"),
        value[known].astype(np.float64),
        track.height_sigma[known].astype(np.float64),
        common[known].astype(np.float64),
        np.clip(track.label[known], -1, 2).astype(np.int8),
    )


def _velocity(
    project: Project, track: MeasuredTrack, stage: Match, plane: PolarPlane, drifts: dict[str, tuple[float, float]]
) -> tuple[float, float] | None:
    """m/s along the plane's axes, where the project has estimated it; None to take the stage's own.

    Beams of a granule that met no scene take that of the one that did.
    """
    if stage.drift != "estimated":
        return None
    if track.granule not in drifts:
        for granule, beam in project.tracks("autolabels"):
            found = drift_velocity(project, granule, beam, plane) if granule == track.granule else None
            if found is not None:
                drifts[granule] = found
                break
    return drifts.get(track.granule, (0.0, 0.0))


def _told(
    project: Project,
    run: str,
    stage: Match,
    table: Measurements,
    theirs: Theirs,
    means: FootprintMeans,
    tracks: Sequence[tuple[str, str]],
    drifts: Mapping[str, tuple[float, float]],
) -> Matches:
    """The rows that were met by enough segments, and how they agree."""
    ours, sigma = means.value, means.sigma
    if theirs.quantity == "thickness":
        ours, sigma = in_thickness(project, theirs, stage, ours, sigma)
    some, refused = _met(stage, theirs, means.count, np.isnan(ours))
    names = np.array([tracks[k] for k in means.track[some]], object).reshape(-1, 2)
    block = blocks_of(names[:, 0], means.x_atc[some], stage.block)
    pair = ours[some], theirs.value[some]
    how = stage.seed, stage.draws
    return Matches(
        table=table.name,
        quantity=theirs.quantity,
        run=run,
        synthetic=project.synthetic or table.synthetic,
        parameters=stage.values_dict(),
        drifts=dict(drifts),
        row=theirs.row[some],
        time=theirs.time[some],
        lat=theirs.lat[some],
        lon=theirs.lon[some],
        theirs=pair[1],
        theirs_sigma=theirs.sigma[some],
        ours=pair[0],
        ours_sigma=sigma[some],
        spread=means.spread[some],
        segments=means.count[some],
        tracks=means.tracks[some],
        distance=means.distance[some],
        hours=means.hours[some],
        moved=means.moved[some],
        granule=names[:, 0],
        beam=names[:, 1],
        x_atc=means.x_atc[some],
        label=means.label[some],
        agreement=paired_agreement(*pair, block, *how),
        by_class=agreements(*pair, block, class_names(means.label[some]), *how),
        by_beam=agreements(*pair, block, names[:, 1], *how),
        normalised=normalised(*pair, sigma[some], theirs.sigma[some]),
        shared=shared_length(means.track[some], means.first[some], means.last[some]),
        read=table.read,
        refused=refused,
        remarks=theirs.remarks + _still(names[:, 0], stage, drifts),
    )


def _met(
    stage: Match, theirs: Theirs, count: npt.NDArray[np.int64], unknown: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], dict[str, int]]:
    """Rows that enough segments met, and how many were not, by reason."""
    reasons = {
        f"with no segment within {stage.within:g} m and {stage.hours:g} h": count == 0,
        f"with fewer than {stage.least_segments} segments": count < stage.least_segments,
        "without a snow depth": unknown,
    }
    kept, refused = np.ones(len(theirs), np.bool_), dict(theirs.refused)
    for reason, bad in reasons.items():
        refused[reason] = int((kept & bad).sum())
        kept &= ~bad
    return np.flatnonzero(kept), {reason: number for reason, number in refused.items() if number}


def _still(
    granule: npt.NDArray[np.object_], stage: Match, drifts: Mapping[str, tuple[float, float]]
) -> tuple[str, ...]:
    """What to tell of granules whose drift was asked for and is not known."""
    unknown = sorted(set(granule.tolist()) - set(drifts)) if stage.drift == "estimated" else []
    return (f"no drift was estimated for {', '.join(unknown)}: its ice is taken to lie still",) if unknown else ()


def check_any(found: Sequence[Matches], stage: Match) -> None:
    """Raise InputError where no measurement was matched at all, with what kept them out."""
    if any(len(each) for each in found):
        return
    why = ", ".join(f"{count:,} {reason}" for each in found for reason, count in each.refused.items())
    raise InputError(
        f"no measurement is matched ({why or 'there is none'})",
        where=found[0].table if found else "",
        mend=f"widen --within {stage.within:g} or --hours {stage.hours:g}, or give other tables",
    )
