"""What was measured along a track, in one piece: segments, their classes, sea surface and freeboard, row for row.

Whoever needs more than one table of a track (comparisons, exports, reports, aggregates) reads it here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.core.leads import height_sigma
from processing.errors import MissingError, StaleError
from processing.io import tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import FREEBOARD, PREDICTION, SEGMENT, SNAPSHOT, SurfaceClass
from processing.stages import Freeboard, Resample

F4 = npt.NDArray[np.float32]
F8 = npt.NDArray[np.float64]

_SEGMENT = (
    *("segment", "x_atc", "time", "lat", "lon", "height_median", "height_mean", "height_std", "photon_count"),
    *("photon_rate", "background_rate", "height_ellipsoid", "reference_height", "tide", "dac", "solar_elevation"),
    "quality",
)
_FREEBOARD = (
    *("segment", "sea_surface_sigma", "sea_surface_source", "freeboard", "freeboard_sigma", "lead_id", "flags"),
)


@dataclass(frozen=True)
class MeasuredTrack:
    """Freeboard of one beam and all that it was found from, in along-track order; arrays row for row.

    Attributes
    ----------
    granule, beam, run : which. ``synthetic`` inputs are said to be so by the project.
    estimator, height_kind : the sea-surface estimator and the height (median, mean) that freeboard was measured with.
    segment_length : m, length of a segment's window.
    stamp : provenance of the freeboard table.
    segment : i8, window index. x_atc : f8 m, window centre. time : datetime64[ns] UTC. lat, lon : f8 degree.
    height, height_sigma : f4 m, surface height above the reference surface and its standard error.
    sea_surface, sea_surface_sigma : f4 m, the chosen sea surface; NaN where there is none.
    sea_surface_source : i1, schema.SeaSurfaceSource.
    freeboard, freeboard_sigma : f4 m; NaN where there is no sea surface.
    lead_id : i4, -1 outside every lead. flags : u4, schema.FreeboardFlag.
    label : i1, the class that freeboard was made with; -1 where a segment had none.
    height_std : f4 m. photon_count : i4. photon_rate : f4, photons a shot. background_rate : f4 Hz.
    height_ellipsoid : f4 m, mean photon height above the WGS84 ellipsoid, as in the granule.
    reference_height, tide, dac : f4 m, what was subtracted from the ellipsoidal height. solar_elevation : f4 degree.
    quality : u4, schema.Quality.
    """

    granule: str
    beam: str
    run: str
    estimator: str
    height_kind: str
    segment_length: float
    stamp: Stamp
    segment: npt.NDArray[np.int64]
    x_atc: F8
    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    height: F4
    height_sigma: F4
    sea_surface: F4
    sea_surface_sigma: F4
    sea_surface_source: npt.NDArray[np.int8]
    freeboard: F4
    freeboard_sigma: F4
    lead_id: npt.NDArray[np.int32]
    flags: npt.NDArray[np.uint32]
    label: npt.NDArray[np.int8]
    height_std: F4
    photon_count: npt.NDArray[np.int32]
    photon_rate: F4
    background_rate: F4
    height_ellipsoid: F4
    reference_height: F4
    tide: F4
    dac: F4
    solar_elevation: F4
    quality: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.segment)

    def rows(self, some: slice | npt.NDArray[Any]) -> MeasuredTrack:
        """The same of some of the segments."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays: dict[str, Any] = {name: each[some] for name, each in values.items() if isinstance(each, np.ndarray)}
        return replace(self, **arrays)


def freeboard_run(project: Project, run: str = "") -> str:
    """``run``, or the newest freeboard run where it is empty; raises MissingError when there is no such run."""
    chosen = run or project.newest_run("freeboard", "freeboard")
    if not project.tracks("freeboard", chosen):
        known = ", ".join(project.runs("freeboard")) or "none"
        raise MissingError(
            f"there is no freeboard {chosen} (there is: {known})",
            where=project.root,
            mend=f"run: leadline freeboard {project.root}",
        )
    return chosen


def measured_tracks(
    project: Project, run: str = "", granules: Sequence[str] | None = None, beams: Sequence[str] | None = None
) -> Iterator[MeasuredTrack]:
    """Every track of a freeboard run, the newest when ``run`` is empty, one at a time.

    Raises MissingError when a granule or beam that is named has none.
    """
    for granule, beam in chosen_tracks(project, freeboard_run(project, run), granules, beams):
        yield measured_track(project, granule, beam, run)


def chosen_tracks(
    project: Project, run: str, granules: Sequence[str] | None = None, beams: Sequence[str] | None = None
) -> list[tuple[str, str]]:
    """(granule, beam) of a freeboard run, of the granules and beams named or of all; raises MissingError for none."""
    found = project.tracks("freeboard", run)
    unknown = sorted(set(granules or ()) - {granule for granule, _ in found})
    chosen = [
        (granule, beam)
        for granule, beam in found
        if (not granules or granule in granules) and (not beams or beam in beams)
    ]
    if unknown or not chosen:
        what = f"granule {unknown[0]!r}" if unknown else f"beam {', '.join(beams or ())}"
        raise MissingError(f"no freeboard of {what} in {run}", where=project.root, mend="leadline status tells which")
    return chosen


def measured_track(project: Project, granule: str, beam: str, run: str = "") -> MeasuredTrack:
    """One beam of a freeboard run, the newest when ``run`` is empty.

    Raises MissingError when it is not there, StaleError when the freeboard is not of the track's present segments.
    """
    run = freeboard_run(project, run)
    path = project.table_path("freeboard", granule, beam, run)
    again = f"leadline freeboard {project.root}"
    stamp = tables.read_stamp(path) if path.exists() else None
    parameters = stamp.parameters if stamp else {}
    estimator = str(parameters.get("estimator", Freeboard.param["estimator"].default))
    kind = str(parameters.get("height", Freeboard.param["height"].default))
    level = tables.read(path, FREEBOARD, (*_FREEBOARD, f"sea_surface_{estimator}"), command=again)
    owner = project.table_path("segments", granule, beam)
    segments = tables.read(owner, SEGMENT, _SEGMENT, command=f"leadline resample {project.root}")
    if not np.array_equal(segments["segment"].to_numpy(), level["segment"].to_numpy()):
        raise StaleError("freeboard is not of the track's present segments", where=path, mend=f"run: {again}")
    own = {name: segments[name].to_numpy() for name in _SEGMENT}
    height = own.pop(f"height_{kind}")
    own.pop("height_mean" if kind == "median" else "height_median")
    label = _labels(project, granule, beam, parameters, own["segment"])
    return MeasuredTrack(
        granule,
        beam,
        run,
        estimator,
        kind,
        _segment_length(owner),
        stamp or Stamp("freeboard"),
        height=height,
        height_sigma=height_sigma(
            own["height_std"],
            own["photon_count"],
            median=kind == "median",
            water=label == int(SurfaceClass.OPEN_WATER),
        ).astype(np.float32),
        sea_surface=level[f"sea_surface_{estimator}"].to_numpy(),
        label=label,
        **{name: level[name].to_numpy() for name in _FREEBOARD[1:]},
        **own,
    )


def _segment_length(owner: Any) -> float:
    stamp = tables.read_stamp(owner)
    default = Resample.param["window"].default
    return float(stamp.parameters.get("window", default)) if stamp else float(default)


def _labels(
    project: Project, granule: str, beam: str, parameters: dict[str, Any], segment: npt.NDArray[np.int64]
) -> npt.NDArray[np.int8]:
    """Classes that the freeboard was made with; unlabelled throughout where their table is gone."""
    label = np.full(len(segment), SurfaceClass.UNLABELLED, np.int8)
    of_labels = parameters.get("source") == "labels"
    kind, schema, name = ("snapshots", SNAPSHOT, "label") if of_labels else ("predictions", PREDICTION, "predicted")
    path = project.table_path(kind, granule, beam, str(parameters.get("run_name", "")))
    if not path.exists():
        return label
    table: pa.Table = tables.read(path, schema, ("segment", name))
    theirs = table["segment"].to_numpy()
    place = np.searchsorted(segment, theirs)
    if len(segment) and len(theirs):
        known = (place < len(segment)) & (segment[np.minimum(place, len(segment) - 1)] == theirs)
        label[place[known]] = table[name].to_numpy()[known]
    return label
