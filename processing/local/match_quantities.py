"""What a table measured, told as what we measure: total freeboard, elevation, thickness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.errors import InputError
from processing.io.gridded import value_at
from processing.io.measurements import Measurements
from processing.local.shapes import SNOW_DEPTH, floating
from processing.project import Project
from processing.stages import Match
from processing.stages import Thickness as ThicknessStage

F8 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Theirs:
    """Measurements of one quantity, in order of time; n rows.

    Attributes
    ----------
    quantity : freeboard, elevation or thickness. measure : freeboard or elevation, what of ours is averaged for it.
    row, time, lat, lon, length, width, heading, snow_depth, snow_sigma : as in ``Measurements``.
    value, sigma : f8 m. refused, remarks : as in ``Matches``.
    """

    quantity: str
    measure: str
    row: npt.NDArray[np.int64]
    time: npt.NDArray[np.datetime64]
    lat: F8
    lon: F8
    value: F8
    sigma: F8
    length: F8
    width: F8
    heading: F8
    snow_depth: F8
    snow_sigma: F8
    refused: Mapping[str, int]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.row)


def theirs_of(table: Measurements, stage: Match) -> list[Theirs]:
    """Each quantity of a table that the stage asks for.

    Raises InputError where it has none of them, or freeboard of ice alone without a snow depth.
    """
    asked = ("freeboard", "elevation", "thickness") if stage.quantity == "all" else (stage.quantity,)
    has = set(table.values)
    found = [_of(table, name, table.values[name], table.sigmas[name], name) for name in asked if name in has]
    if "freeboard" in asked and "freeboard" not in has and "ice_freeboard" in has:
        found.extend(_from_ice(table, stage, alone=not found))
    if not found:
        raise InputError(
            f"table has no {stage.quantity} (it has {', '.join(table.values)})",
            where=table.path,
            mend="ask for another",
        )
    return found


def _from_ice(table: Measurements, stage: Match, *, alone: bool) -> list[Theirs]:
    """Freeboard of the snow's surface from that of the ice below, where the snow's depth is known."""
    depth = _depth(table, stage)
    if np.isnan(depth).all():
        if not alone:
            return []
        raise InputError(
            "it has the freeboard of the ice alone, and ours is that of the snow's surface",
            where=table.path,
            mend="give a column of snow depth, or --snow-depth M to add",
        )
    sigma = np.hypot(table.sigmas["ice_freeboard"], np.nan_to_num(table.snow_sigma))
    remark = "freeboard is that of the ice with the snow depth added"
    return [_of(table, "freeboard", table.values["ice_freeboard"] + depth, sigma, "ice_freeboard", remark)]


def _depth(table: Measurements, stage: Match) -> F8:
    given = np.nan if stage.snow_depth is None else float(stage.snow_depth)
    return np.where(np.isnan(table.snow_depth), given, table.snow_depth)


def _of(table: Measurements, quantity: str, value: F8, sigma: F8, name: str, *remarks: str) -> Theirs:
    known = np.isfinite(value)
    refused = dict(table.refused)
    if not known.all():
        lacks = np.isnan(table.values[name])
        refused[f"without {name.replace('_', ' ')}"] = int(lacks.sum())
        refused["without a snow depth"] = int((~known & ~lacks).sum())
    some = table.rows(np.flatnonzero(known))
    return Theirs(
        quantity,
        "elevation" if quantity == "elevation" else "freeboard",
        some.row,
        some.time,
        some.lat,
        some.lon,
        value[known],
        sigma[known],
        some.length,
        some.width,
        some.heading,
        some.snow_depth,
        some.snow_sigma,
        refused,
        remarks,
    )


def in_thickness(project: Project, theirs: Theirs, stage: Match, freeboard: F8, sigma: F8) -> tuple[F8, F8]:
    """Our freeboard over each footprint as thickness, and its uncertainty, m.

    Snow depth is the table's own, so that both rest on the same; else that of the stage ``match``, else that of the
    stage ``thickness``, whose densities it takes. Raises InputError as their grids do.
    """
    own = project.stage(ThicknessStage)
    at = theirs.lon, theirs.lat
    usual = (
        value_at(own.snow_depth, SNOW_DEPTH, *at)
        if stage.snow_depth is None
        else np.full(len(theirs), stage.snow_depth)
    )
    depth = np.where(np.isnan(theirs.snow_depth), usual, theirs.snow_depth)
    depth_sigma = np.where(np.isnan(theirs.snow_sigma), own.snow_depth_sigma, theirs.snow_sigma)
    found = floating(project, at, (freeboard, sigma), (depth, depth_sigma))
    return found.thickness, found.sigma
