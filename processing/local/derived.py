"""Tables that follow from the freeboard of a track: thickness, leads, floes, ridges, roughness, means along the track.

Nothing of it is kept in a project; it is made for who asks, by the parameters in ``project.toml``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from processing.core import along_means as along
from processing.core.floes import floes
from processing.core.mean_freeboard import group_means
from processing.core.openings import lengths_stood_for
from processing.core.stretches import over_runs
from processing.local.measured import MeasuredTrack
from processing.local.shapes import (
    is_water,
    over_ice,
    track_leads,
    track_ridges,
    track_roughness,
    track_thickness,
)
from processing.project import Project
from processing.schema import Column, SurfaceClass
from processing.stages import Aggregate, Shape

F8 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Derived:
    """A table that follows from the freeboard of one track.

    Attributes
    ----------
    name, title : short, and in words. fields : its columns, with ``unit`` and ``meaning`` as metadata.
    make : the table of a track, by the project's parameters. Raises InputError for a grid that cannot be used.
    """

    name: str
    title: str
    fields: pa.Schema
    make: Callable[[Project, MeasuredTrack], pa.Table]


def _nearest(x: F8, places: F8) -> npt.NDArray[np.int64]:
    """Row of the segment nearest to each place."""
    if len(x) == 0:
        return np.zeros(0, np.int64)
    after = np.clip(np.searchsorted(x, places), 1, max(len(x) - 1, 1))
    before = after - 1
    return np.where(np.abs(x[np.minimum(after, len(x) - 1)] - places) < np.abs(x[before] - places), after, before)


def _thickness(project: Project, track: MeasuredTrack) -> dict[str, Any]:
    found = track_thickness(project, track)
    return {
        **_at(track, np.arange(len(track)), track.x_atc),
        "segment": track.segment,
        "label": track.label,
        "freeboard": track.freeboard,
        "freeboard_sigma": track.freeboard_sigma,
        "snow_depth": found.snow_depth,
        "thickness": found.thickness,
        "thickness_sigma": found.sigma,
        "thickness_sigma_common": found.sigma_common,
    }


def _leads(project: Project, track: MeasuredTrack) -> dict[str, Any]:
    found = track_leads(project, track)
    row = _nearest(track.x_atc, found.x)
    return {
        **_at(track, row, found.x),
        "width": found.width,
        "width_sampled": found.sampled,
        "cut": found.cut,
        "spacing": found.spacing,
        "height": found.height,
        "height_sigma": found.height_sigma,
        "above_sea_surface": found.height - track.sea_surface[row],
        "class_before": found.before,
        "class_after": found.after,
        "photon_rate": found.photon_rate,
        "flags": found.flags,
    }


def _floes(project: Project, track: MeasuredTrack) -> dict[str, Any]:
    stage = project.stage(Shape)
    found = floes(track.x_atc, track_leads(project, track), track.segment_length, stage.floe_lead, stage.gap)
    group = np.full(len(track), -1, np.int64)
    for number, (first, stop) in enumerate(zip(found.first, found.stop, strict=True)):
        group[first:stop] = number
    group[is_water(track)] = -1
    mean, sigma, count = group_means(track.freeboard, track.height_sigma, track.sea_surface_sigma, group, len(found))
    return {
        **_at(track, _nearest(track.x_atc, found.x), found.x),
        "chord": found.chord,
        "censored": found.censored,
        "segments": count,
        "freeboard": mean,
        "freeboard_sigma": sigma,
    }


def _ridges(project: Project, track: MeasuredTrack) -> dict[str, Any]:
    of_track = track_ridges(project, track)
    found, row = of_track.sails, of_track.sails.row
    return {
        **_at(track, row, track.x_atc[row]),
        "height": found.height,
        "height_sigma": of_track.sigma[row],
        "width": found.width,
        "spacing": found.spacing,
        "freeboard": found.height + of_track.level[row] - track.sea_surface[row],
        "level_freeboard": of_track.level[row] - track.sea_surface[row],
    }


def _roughness(project: Project, track: MeasuredTrack) -> dict[str, Any]:
    found = track_roughness(project, track)
    middle = (found.first + found.stop) // 2
    return {
        **_at(track, middle, found.x),
        "segments": found.count,
        "roughness": found.roughness,
        "roughness_sigma": found.sigma,
        "slope": found.slope,
        "freeboard": found.mean - track.sea_surface[middle],
    }


def _along(project: Project, track: MeasuredTrack) -> dict[str, Any]:
    stage, x = project.stage(Aggregate), track.x_atc
    cells = along.cells_along(x, stage.length)
    how = stage.common_length, stage.mode_width, stage.least
    freeboard, thick = (along.means(each, x, cells, *how) for each in over_ice(track, track_thickness(project, track)))
    rough, sails = track_roughness(project, track), track_ridges(project, track).sails
    seen = (cells.stop - cells.first) * track.segment_length / 1000.0
    few = freeboard.count < stage.least
    shapes = {
        "roughness": along.root_mean_square(rough.x, rough.roughness, cells, stage.length),
        "ridge_density": along.count_in(x[sails.row], cells, stage.length) / seen,
    }
    return {
        **_at(track, np.clip(_nearest(x, cells.x), cells.first, cells.stop - 1), cells.x),
        "segments": freeboard.count,
        "freeboard": freeboard.mean,
        "freeboard_sigma": freeboard.sigma,
        "freeboard_median": freeboard.median,
        "freeboard_mode": freeboard.mode,
        "freeboard_spread": freeboard.spread,
        **_shares(track, cells, stage.least),
        "thickness": thick.mean,
        "thickness_sigma": thick.sigma,
        "thickness_sigma_common": thick.sigma_common,
        **{name: np.where(few, np.nan, values) for name, values in shapes.items()},
    }


def _shares(track: MeasuredTrack, cells: along.Cells, least: int) -> dict[str, F8]:
    """Share of each class in the track of a cell that has one."""
    classed = track.label != SurfaceClass.UNLABELLED
    length = lengths_stood_for(track.x_atc, is_water(track), track.segment_length)
    few = over_runs(np.add, classed.astype(np.int64), cells.first, cells.stop) < least
    found = {
        "thick_ice_share": SurfaceClass.THICK_ICE,
        "thin_ice_share": SurfaceClass.THIN_ICE,
        "lead_fraction": SurfaceClass.OPEN_WATER,
    }
    shares = {name: along.share(track.label == code, cells, classed, length) for name, code in found.items()}
    return {name: np.where(few, np.nan, values) for name, values in shares.items()}


def _at(track: MeasuredTrack, row: npt.NDArray[np.int64], x: F8) -> dict[str, Any]:
    place = {"granule_id": track.granule, "beam": track.beam, "x_atc": x}
    return {**place, "time": track.time[row], "lat": track.lat[row], "lon": track.lon[row]}


_TEXT, _F4, _F8, _I1, _I8 = pa.string(), pa.float32(), pa.float64(), pa.int8(), pa.int64()
_PLACE = (
    Column("granule_id", _TEXT, "", "granule identifier"),
    Column("beam", _TEXT, "", "ground track: gt1l gt1r gt2l gt2r gt3l gt3r"),
    Column("x_atc", _F8, "m", "along-track distance from the equator crossing"),
    Column("time", pa.timestamp("ns", tz="UTC"), "", "when the track passes there, UTC"),
    Column("lat", _F8, "degree", "geodetic latitude of the nearest segment, WGS84"),
    Column("lon", _F8, "degree", "longitude east of it, -180 to 180, WGS84"),
)
_LABEL = Column("label", _I1, "1", "class that freeboard was measured with, codes as label_auto")
_FREEBOARD = (
    Column("freeboard", _F4, "m", "total freeboard, snow included; a mean where of several segments"),
    Column("freeboard_sigma", _F4, "m", "standard uncertainty of the freeboard"),
)
_THICKNESS = (
    Column("thickness", _F4, "m", "thickness of the ice without snow, by hydrostatic balance"),
    Column("thickness_sigma", _F4, "m", "standard uncertainty of the thickness, all of it"),
    Column("thickness_sigma_common", _F4, "m", "its part from snow and densities, which no mean makes less"),
)
_COLUMNS: dict[str, tuple[str, Callable[[Project, MeasuredTrack], dict[str, Any]], tuple[Column, ...]]] = {
    "thickness": (
        "Sea-ice thickness along ICESat-2 tracks",
        _thickness,
        (
            Column("segment", _I8, "1", "window index, floor(x_atc / window length)"),
            _LABEL,
            *_FREEBOARD,
            Column("snow_depth", _F4, "m", "snow depth as it was used; NaN where unknown or no ice"),
            *_THICKNESS,
        ),
    ),
    "leads": (
        "Leads along ICESat-2 tracks",
        _leads,
        (
            Column("width", _F8, "m", "width along the track, empty windows inside it included"),
            Column("width_sampled", _F8, "m", "length of its windows that hold photons"),
            Column("cut", pa.bool_(), "", "whether the data end at it, so that it may be wider"),
            Column("spacing", _F8, "m", "distance to the middle of the next lead; NaN across gaps in the data"),
            Column("height", _F4, "m", "height above the reference surface, robust"),
            Column("height_sigma", _F4, "m", "standard uncertainty of the height"),
            Column("above_sea_surface", _F4, "m", "height above the sea surface found from all leads around"),
            Column("class_before", _I1, "1", "class of the segment before it; -1 unlabelled or missing"),
            Column("class_after", _I1, "1", "class of the segment after it; -1 unlabelled or missing"),
            Column("photon_rate", _F4, "1", "mean signal photons per laser shot"),
            Column("flags", pa.uint32(), "1", "bit flags of any of its segments, see FreeboardFlag"),
        ),
    ),
    "floes": (
        "Floe chords along ICESat-2 tracks",
        _floes,
        (
            Column("chord", _F8, "m", "length of ice between leads along the track"),
            Column("censored", pa.bool_(), "", "whether the data end in it, so that it is longer"),
            Column("segments", _I8, "1", "segments of ice with freeboard"),
            *_FREEBOARD,
        ),
    ),
    "ridges": (
        "Ridge sails along ICESat-2 tracks",
        _ridges,
        (
            Column("height", _F4, "m", "height of the crest above level ice"),
            Column("height_sigma", _F4, "m", "standard error of the crest's height"),
            Column("width", _F8, "m", "length along the track above half the height"),
            Column("spacing", _F8, "m", "distance to the next crest; NaN across gaps in the data"),
            Column("freeboard", _F4, "m", "freeboard of the crest"),
            Column("level_freeboard", _F4, "m", "freeboard of the level ice around"),
        ),
    ),
    "roughness": (
        "Surface roughness along ICESat-2 tracks",
        _roughness,
        (
            Column("segments", _I8, "1", "segments of ice in the cell"),
            Column("roughness", _F4, "m", "standard deviation of heights about a line, photon noise taken off"),
            Column("roughness_sigma", _F4, "m", "standard uncertainty of the roughness"),
            Column("slope", _F4, "1", "slope of the line"),
            Column("freeboard", _F4, "m", "mean height of ice above the sea surface in the cell's middle"),
        ),
    ),
    "along": (
        "Sea-ice freeboard averaged along ICESat-2 tracks",
        _along,
        (
            Column("segments", _I8, "1", "segments of ice with freeboard in the cell"),
            *_FREEBOARD,
            Column("freeboard_median", _F4, "m", "median freeboard of the cell's segments"),
            Column("freeboard_mode", _F4, "m", "modal freeboard: middle of the fullest interval"),
            Column("freeboard_spread", _F4, "m", "standard deviation of the segments, noise included"),
            Column("thick_ice_share", _F4, "1", "share of thick ice in the track that has a class"),
            Column("thin_ice_share", _F4, "1", "share of thin ice"),
            Column("lead_fraction", _F4, "1", "share of open water"),
            *_THICKNESS,
            Column("roughness", _F4, "m", "root mean square of the roughness of lengths in the cell"),
            Column("ridge_density", _F4, "1/km", "ridge sails a kilometre of track that holds segments"),
        ),
    ),
}


def _derived(name: str) -> Derived:
    title, columns, own = _COLUMNS[name]
    fields = pa.schema(
        [
            pa.field(each.name, each.type, metadata={"unit": each.unit, "meaning": each.meaning})
            for each in (*_PLACE, *own)
        ]
    )

    def make(project: Project, track: MeasuredTrack) -> pa.Table:
        made = columns(project, track)
        rows = len(made["x_atc"])
        arrays = [_array(made[field.name], field.type, rows) for field in fields]
        return pa.table(arrays, schema=fields)

    return Derived(name, title, fields, make)


def _array(values: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if isinstance(values, str):
        return pa.array([values] * rows, kind)
    return pa.array(np.asarray(values)).cast(kind)


DERIVED: Mapping[str, Derived] = MappingProxyType({name: _derived(name) for name in _COLUMNS})
"""By name: thickness, leads, floes, ridges, roughness, along."""
