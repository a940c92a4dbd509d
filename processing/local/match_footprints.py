"""Footprints of measurements laid into a polar plane, with their axes, headings and the motion of the ice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from processing.core.footprints import Footprints
from processing.local.match_quantities import Theirs
from processing.local.polar_plane import PolarPlane
from processing.stages import Match

F8 = npt.NDArray[np.float64]

_STEP = 60.0
"""Seconds between neighbouring rows beyond which they tell no heading."""


@dataclass(frozen=True)
class LaidOut:
    """Footprints of one hemisphere: the rows of the measurements that they are of, and where they lie in its plane."""

    rows: npt.NDArray[np.int64]
    prints: Footprints


def lay_footprints(theirs: Theirs, stage: Match, plane: PolarPlane, zero: np.datetime64) -> LaidOut:
    """Footprints of the measurements of a plane's hemisphere, their times counted in s from ``zero``.

    Axes come from the table, else from the stage; a heading from the table, the stage, or the way from row to row.
    Where an ellipse has no heading a circle of its area stands for it. Ice moves as the stage was given.
    """
    rows = np.flatnonzero((theirs.lat >= 0) == (plane == PolarPlane.of(north=True)))
    lon, lat = theirs.lon[rows], theirs.lat[rows]
    x, y = plane.places(lon, lat)
    length, width = _axes(theirs, rows, stage)
    time = (theirs.time[rows] - zero) / np.timedelta64(1, "s")
    angle = _angle(theirs.heading[rows], lon, stage, plane)
    angle = np.where(np.isnan(angle), _along(x, y, time), angle)
    is_unsure = np.isnan(angle) & (length != width)
    length, width = (np.where(is_unsure, np.sqrt(length * width), each) for each in (length, width))
    scale = plane.scale(lon, lat)
    speed = (stage.drift_east, stage.drift_north) if stage.drift == "given" else (0.0, 0.0)
    drift_x, drift_y = plane.direction(lon, speed[0] * scale, speed[1] * scale)
    return LaidOut(rows, Footprints(x, y, time, length, width, np.nan_to_num(angle), scale, drift_x, drift_y))


def with_drift(prints: Footprints, velocity: tuple[float, float]) -> Footprints:
    """The same on ice that moves alike everywhere, m/s along the plane's axes."""
    drift_x, drift_y = (np.full(len(prints), each) for each in velocity)
    return replace(prints, drift_x=drift_x, drift_y=drift_y)


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
