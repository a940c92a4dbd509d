"""Where cloud can cast its shadow: the cloud mask moved down-sun by the distance that fits the dark pixels best.

The idea is that of Fmask (Zhu and Woodcock 2012, doi 10.1016/j.rse.2011.10.028), with one cloud height for the whole
scene instead of one for each cloud. Worked out on a coarse grid over the whole neighbourhood, so that it does not
depend on tiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 200.0, 4000.0
"""Heights of cloud tried, m."""

FARTHEST = 15_000.0
"""Longest shadow tried, m."""

LEAST_ELEVATION = 4.0
"""Sun below which shadows are too long and too faint to look for, degree."""

LEAST_GAIN = 0.1
"""How much more often a pixel must be dark inside the shadow than outside it."""

LEAST_PIXELS = 20

SPREAD = 0.15
"""Part of the distance by which cloud heights may differ within a scene."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sun:
    """Direction to the sun, degree; azimuth clockwise from grid north. NaN when unknown."""

    azimuth: float
    elevation: float

    @property
    def casts(self) -> bool:
        """Whether shadows are worth looking for."""
        return math.isfinite(self.azimuth) and self.elevation >= LEAST_ELEVATION

    @property
    def reach(self) -> tuple[float, float]:
        """Shortest and longest distance from a cloud to its shadow, m."""
        slope = math.tan(math.radians(self.elevation))
        return LOWEST / slope, min(HIGHEST / slope, FARTHEST)


def shadow_zone(cloudy: Mask, dark: Mask, known: Mask, pixel: float, sun: Sun) -> Mask:
    """Pixels that cloud casts its shadow on.

    Parameters
    ----------
    cloudy : (h, w) bool, opaque cloud.
    dark : (h, w) bool, pixels too dark for sunlit snow.
    known : (h, w) bool, pixels with data.
    pixel : edge of a pixel, m; north is up.

    Returns
    -------
    (h, w) bool, all False when no distance makes shadows of the dark pixels
    """
    nothing = np.zeros(cloudy.shape, bool)
    if not sun.casts or np.count_nonzero(cloudy) < LEAST_PIXELS:
        return nothing
    shortest, longest = sun.reach
    distances = np.arange(shortest, longest + pixel, pixel)
    ground = known & ~cloudy
    gains = [_gain(_moved(cloudy, distance, pixel, sun) & ground, dark, ground) for distance in distances]
    best = int(np.argmax(gains))
    if gains[best] < LEAST_GAIN:
        return nothing
    near, far = distances[best] * (1.0 - SPREAD), distances[best] * (1.0 + SPREAD)
    for distance in np.arange(near, far + pixel, pixel):
        nothing |= _moved(cloudy, distance, pixel, sun)
    return np.asarray(cv2.dilate(nothing.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ground


def _gain(shade: Mask, dark: Mask, ground: Mask) -> float:
    """How much larger the share of dark pixels is in the shade than on the rest of the ground."""
    inside, outside = np.count_nonzero(shade), np.count_nonzero(ground & ~shade)
    if inside < LEAST_PIXELS or not outside:
        return 0.0
    dark_inside = np.count_nonzero(shade & dark)
    dark_outside = np.count_nonzero(dark & ground & ~shade)
    return dark_inside / inside - dark_outside / outside


def _moved(cloudy: Mask, distance: float, pixel: float, sun: Sun) -> Mask:
    """The mask moved ``distance`` metres away from the sun."""
    turn = math.radians(sun.azimuth)
    rows, cols = round(distance * math.cos(turn) / pixel), round(-distance * math.sin(turn) / pixel)
    result = np.zeros(cloudy.shape, bool)
    height, width = cloudy.shape
    if abs(rows) >= height or abs(cols) >= width:
        return result
    result[max(rows, 0) : height + min(rows, 0), max(cols, 0) : width + min(cols, 0)] = cloudy[
        max(-rows, 0) : height + min(-rows, 0), max(-cols, 0) : width + min(-cols, 0)
    ]
    return result
