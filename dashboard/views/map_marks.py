"""What is marked along a beam in the map: zones, the selection, the ends of the profile. Arrays in, arrays out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.geometry import MapLine
from dashboard.views.beam_lines import along, bend_of
from dashboard.views.map_frame import Sight

Array = NDArray[np.float64]
NO_MARKS: dict[str, list[Any]] = {"xs": [], "ys": []}
NO_ENDS: dict[str, list[Any]] = {"x0": [], "y0": [], "x1": [], "y1": []}

_HOLE = np.array([np.nan])


def stroke(sight: Sight, intervals: Array) -> dict[str, list[Any]]:
    """Intervals (n, 2) as one broken line along the beam."""
    seen = sight.tidy(intervals)
    if len(seen) == 0:
        return dict(NO_MARKS)
    x, y = sight.line.at(along(seen, bend_of(sight.scale)))
    return {"xs": [x], "ys": [y]}


def outlines(sight: Sight, intervals: Array, pixels: float) -> dict[str, list[Any]]:
    """A closed line around each interval, so many pixels off the beam, all in one broken line."""
    seen = sight.tidy(intervals)
    if len(seen) == 0:
        return dict(NO_MARKS)
    places = along(seen, bend_of(sight.scale))
    (x, y), (ox, oy) = sight.line.at(places), across(sight.line, places, pixels * sight.scale)
    stops = np.flatnonzero(np.isnan(places))
    xs: list[Array] = []
    ys: list[Array] = []
    for first, stop in zip(np.concatenate([[0], stops[:-1] + 1]), stops, strict=True):
        part = slice(first, stop)
        for loop, place, off in ((xs, x[part], ox[part]), (ys, y[part], oy[part])):
            loop += [place + off, (place - off)[::-1], place[:1] + off[:1], _HOLE]
    return {"xs": [np.concatenate(xs)], "ys": [np.concatenate(ys)]}


def across(line: MapLine, places: Array, length: float) -> tuple[Array, Array]:
    """Vectors of a length across the line at along-track distances."""
    x0, y0 = line.at(places - 1.0)
    x1, y1 = line.at(places + 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = length / np.hypot(x1 - x0, y1 - y0)
    return -(y1 - y0) * share, (x1 - x0) * share


def ends(line: MapLine, window: tuple[float, float], length: float) -> dict[str, Any]:
    """Ticks of a half length across the line at both ends of the profile's window."""
    places = np.array(window)
    if line.empty or not math.isfinite(places.sum()):
        return dict(NO_ENDS)
    (x, y), (ox, oy) = line.at(places), across(line, places, length)
    return {"x0": x - ox, "y0": y - oy, "x1": x + ox, "y1": y + oy}
