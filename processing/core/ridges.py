"""Ridge sails along the track by the Rayleigh criterion, over the level ice around.

A sail is a highest point above a threshold over level ice whose troughs on both sides descend at least half-way to the
level ice (Wadhams and Davy 1986, J. Geophys. Res. 91, 10717-10726, for keels). On ICESat-2: Farrell et al. 2020,
Geophys. Res. Lett. 47, e2020GL090708; Ricker et al. 2023, The Cryosphere 17, 1411-1429. Level ice is the mode of the
ice heights around, its most common height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from processing.core.stretches import Floats, Ints, Mask

MODE_WIDTH = 0.10
"""Width of the interval whose fullest position is the mode, m: the noise of 2 m heights over level ice."""

LEAST_ICE = 50
"""Segments of ice that a window must hold to have a mode."""


@dataclass(frozen=True)
class Ridges:
    """Sails of one track, in order; one entry a sail.

    Attributes
    ----------
    row : i8, segment of the crest. height : f8 m, of the crest above level ice.
    width : f8 m, length of the windows around the crest that stand above half its height.
    spacing : f8 m, from crest to the next crest; NaN for the last and across a gap in the data.
    """

    row: Ints
    height: Floats
    width: Floats
    spacing: Floats

    def __len__(self) -> int:
        return len(self.row)


def level_ice(x: Floats, height: Floats, ice: Mask, window: float) -> Floats:
    """Height of the level ice around each segment (f8 m).

    The mode of the ice heights in windows of ``window`` m every half of that, linear between their middles; a window
    with fewer than LEAST_ICE segments of ice has none. NaN everywhere where no window has one.

    Parameters
    ----------
    x : f8 m, ascending. height : f8 m, NaN where unknown. ice : bool, what is ice.
    """
    known = ice & np.isfinite(height)
    if not known.any():
        return np.full(len(x), np.nan)
    x_ice, h_ice = x[known], height[known]
    step = 0.5 * window
    numbers = np.arange(np.floor(x_ice[0] / step) - 1, np.floor(x_ice[-1] / step) + 1)
    centres = (numbers + 1.0) * step
    low = np.searchsorted(x_ice, centres - step)
    high = np.searchsorted(x_ice, centres + step)
    some = high - low >= LEAST_ICE
    if not some.any():
        return np.full(len(x), np.nan)
    modes = _modes(h_ice, low[some], high[some], MODE_WIDTH)
    return np.interp(x, centres[some], modes)


def smoothed(x: Floats, height: Floats, sigma: Floats, length: float) -> tuple[Floats, Floats]:
    """Means of the known heights within ``length`` / 2 of each segment, weighted by ``1 / sigma^2``, and their errors.

    Both f8 m; NaN where nothing is known. Single photons of a weak beam would pass for sails; a sail is smoothed by the
    footprint over more than some windows anyway.
    """
    return _smoothed(x, height, sigma, 0.5 * length)


def ridges(x: Floats, above: Floats, threshold: float, gap: float) -> Ridges:
    """Sails of a track.

    Parameters
    ----------
    x : f8 m, ascending. above : f8 m, height of every segment above level ice; NaN is passed over.
    threshold : m, least height of a sail. gap : m, distance without segments after which all begins anew.
    """
    known = np.flatnonzero(np.isfinite(above))
    row, width, piece = _sails(x[known], above[known], threshold, gap)
    spacing = np.full(len(row), np.nan)
    together = piece[1:] == piece[:-1]
    spacing[:-1][together] = np.diff(x[known[row]])[together]
    return Ridges(known[row], above[known[row]], width, spacing)


@njit(cache=True)
def _smoothed(x: Floats, h: Floats, s: Floats, reach: float) -> tuple[Floats, Floats]:
    mean, error = np.full(len(x), np.nan), np.full(len(x), np.nan)
    low = 0
    for i in range(len(x)):
        while x[low] < x[i] - reach:
            low += 1
        total, weight, j = 0.0, 0.0, low
        while j < len(x) and x[j] <= x[i] + reach:
            if np.isfinite(h[j]) and s[j] > 0.0:
                total += h[j] / s[j] ** 2
                weight += 1.0 / s[j] ** 2
            j += 1
        if weight > 0.0:
            mean[i], error[i] = total / weight, 1.0 / np.sqrt(weight)
    return mean, error


@njit(cache=True)
def mode_of(ascending: Floats, width: float) -> float:
    """Middle of the values in the fullest interval of ``width``, the lowest such; ``ascending`` holds at least one."""
    stop, best, low, high = 0, 0, 0, 0
    for first in range(len(ascending)):
        while stop < len(ascending) and ascending[stop] <= ascending[first] + width:
            stop += 1
        if stop - first > best:
            best, low, high = stop - first, first, stop
    total = 0.0
    for i in range(low, high):
        total += ascending[i] - ascending[low]
    return ascending[low] + total / best


@njit(cache=True)
def _modes(height: Floats, low: Ints, high: Ints, width: float) -> Floats:
    found = np.empty(len(low))
    for i in range(len(low)):
        found[i] = mode_of(np.sort(height[low[i] : high[i]]), width)
    return found


@njit(cache=True)
def _sails(x: Floats, h: Floats, threshold: float, gap: float) -> tuple[Ints, Floats, Ints]:
    """Crest, width and piece of track of each sail; one pass, with the trough before and the candidate in hand."""
    row, width, piece = np.empty(len(x), np.int64), np.empty(len(x)), np.empty(len(x), np.int64)
    found, number, crest, trough, begin = 0, 0, -1, np.inf, 0
    for i in range(len(x)):
        if i > 0 and x[i] - x[i - 1] > gap:
            number, crest, trough, begin = number + 1, -1, np.inf, i
        if crest < 0:
            trough = min(trough, h[i])
            if h[i] >= threshold and trough <= 0.5 * h[i]:
                crest = i
        elif h[i] > h[crest]:
            crest = i
        elif h[i] <= 0.5 * h[crest]:
            left = crest
            while left > begin and h[left - 1] > 0.5 * h[crest]:
                left -= 1
            row[found], piece[found] = crest, number
            width[found] = 0.5 * (x[i] + x[i - 1] - x[left] - x[max(left - 1, begin)])
            found, crest, trough = found + 1, -1, h[i]
    return row[:found], width[:found], piece[:found]
