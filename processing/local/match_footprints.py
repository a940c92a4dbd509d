"""Footprints of measurements laid into a polar plane, with their axes, headings and the motion of the ice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from processing.core.footprints import Footprints
from processing.local.match_quantities import Theirs
from processing.local.polar_plane import PolarPlane
from processing.stages import Match

F8 = npt.NDArray[np.float64]

_STEP = 60.0
"""Seconds between neighbouring rows beyond which they tell no heading."""


def lay_footprints(
    theirs: Theirs,
    rows: npt.NDArray[np.int64],
    stage: Match,
    plane: PolarPlane,
    velocity: tuple[float, float] | None,
    zero: np.datetime64,
) -> Footprints:
    """Footprints of some rows.

    Axes come from the table, else from the stage; a heading from the table, the stage, or the way from row to row.
    Where an ellipse has no heading a circle of its area stands for it. ``velocity`` (m/s in the plane) wins over the
    stage's drift.
    """
    lon, lat = theirs.lon[rows], theirs.lat[rows]
    x, y = plane.places(lon, lat)
    length, width = _axes(theirs, rows, stage)
    time = (theirs.time[rows] - zero) / np.timedelta64(1, "s")
    angle = _angle(theirs.heading[rows], lon, stage, plane)
    angle = np.where(np.isnan(angle), _along(x, y, time), angle)
    round_ = np.isnan(angle) & (length != width)
    length, width = (np.where(round_, np.sqrt(length * width), each) for each in (length, width))
    scale = plane.scale(lon, lat)
    drift_x, drift_y = _drift(lon, scale, stage, plane, velocity)
    return Footprints(x, y, time, length, width, np.nan_to_num(angle), scale, drift_x, drift_y)


def _axes(theirs: Theirs, rows: npt.NDArray[np.int64], stage: Match) -> tuple[F8, F8]:
    is_ellipse = stage.footprint_length > 0 and stage.footprint_width > 0
    usual = (stage.footprint_length, stage.footprint_width) if is_ellipse else (stage.footprint, stage.footprint)
    length, width = theirs.length[rows], theirs.width[rows]
    known = np.isfinite(length) & np.isfinite(width)
    return np.where(known, length, usual[0]), np.where(known, width, usual[1])


def _angle(heading: F8, lon: F8, stage: Match, plane: PolarPlane) -> F8:
    given = np.nan if stage.heading is None else float(stage.heading)
    turn = np.deg2rad(np.where(np.isnan(heading), given, heading))
    x, y = plane.direction(lon, np.sin(turn), np.cos(turn))
    return np.asarray(np.arctan2(y, x))


def _along(x: F8, y: F8, time: F8) -> F8:
    """Heading in the plane from the row before to the row after; NaN where these are far in time or at one place."""
    if len(x) < 2:
        return np.full(len(x), np.nan)
    before, after = np.arange(len(x)) - 1, np.arange(len(x)) + 1
    before, after = np.maximum(before, 0), np.minimum(after, len(x) - 1)
    before = np.where(time - time[before] > _STEP, np.arange(len(x)), before)
    after = np.where(time[after] - time > _STEP, np.arange(len(x)), after)
    right, up = x[after] - x[before], y[after] - y[before]
    return np.where(np.hypot(right, up) > 0, np.arctan2(up, right), np.nan)


def _drift(lon: F8, scale: F8, stage: Match, plane: PolarPlane, velocity: tuple[float, float] | None) -> tuple[F8, F8]:
    """Motion of the ice along the plane's axes, in its metres a second."""
    if velocity is not None:
        return np.full(len(lon), velocity[0]), np.full(len(lon), velocity[1])
    speed = (stage.drift_east, stage.drift_north) if stage.drift == "given" else (0.0, 0.0)
    return plane.direction(lon, speed[0] * scale, speed[1] * scale)
