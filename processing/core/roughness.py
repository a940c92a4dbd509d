"""Surface roughness: scatter of heights about a straight line within a length of track, photon noise taken off.

Roughness depends on the length over which it is taken; the length is always told beside it. As for laser profiles of
sea ice: Rivas et al. 2006, IEEE Trans. Geosci. Remote Sens. 44, 3032-3037; Farrell et al. 2020, Geophys. Res. Lett. 47,
e2020GL090708. It is the roughness that a footprint of 11 m lets through: what is finer is not in it.

Noise is told from relief by the heights themselves: neighbouring windows have no photon in common, but share most of
their footprint, so that relief is nearly straight over three of them (Gasser, Sroka and Jennen-Steinmetz 1986,
Biometrika 73, 625-633).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from processing.core.stretches import Floats, Ints, Mask

LEAST_TRIPLES = 10
"""Fewest triples of neighbouring windows that tell the noise; with fewer the heights' own standard errors do."""

TRIPLE_SPREAD = 35.0 / 9.0
"""Variance of a noise variance from overlapping triples of normal heights, times triples over its square."""


@dataclass(frozen=True)
class Roughness:
    """Roughness of each cell of track that holds enough ice, in order; one entry a cell.

    Attributes
    ----------
    first, stop : i8, the segments ``first:stop`` lie in the cell. x : f8 m, middle of the cell.
    count : i8, segments of ice in it. mean : f8 m, their mean height. slope : f8 1, of the line through them.
    roughness : f8 m, standard deviation about the line without noise; 0 where the noise explains all of it.
    sigma : f8 m, its standard uncertainty. noise : f8 m, standard deviation of the noise that was taken off.
    """

    first: Ints
    stop: Ints
    x: Floats
    count: Ints
    mean: Floats
    slope: Floats
    roughness: Floats
    sigma: Floats
    noise: Floats

    def __len__(self) -> int:
        return len(self.first)


def roughness(
    x: Floats,
    height: Floats,
    height_sigma: Floats,
    ice: Mask,
    length: float,
    least: int,
    segment_length: float,
) -> Roughness:
    """Roughness in cells of ``length`` m, which lie at its multiples of ``x``.

    In each cell a line is fitted to the n heights of ice; ``r^2 = SS / (n - 2) - N``, where SS is the sum of squares
    about it and N the variance of the noise, the mean of ``(h_(i-1) - 2 h_i + h_(i+1))^2 / 6`` over the m triples of
    neighbouring windows. Noise leaves ``r^2`` of this very piece of track uncertain by::

        e^2 = 4 r^2 N / (n - 2) + (35/9 - 2) N^2 / m

    and r by ``e / (2 r)``, at most ``sqrt(e)``; the 2 is what scatter and triples, of the same noise, have in common.

    Parameters
    ----------
    x : f8 m, ascending. height, height_sigma : f8 m, NaN where unknown. ice : bool.
    least : cells with fewer segments of ice, or fewer than 3, are left out. segment_length : m, of a window.
    """
    cell = np.floor(x / length)
    first = np.flatnonzero(np.diff(cell, prepend=np.nan) != 0)
    stop = np.append(first[1:], len(x))[: len(first)]
    use = ice & np.isfinite(height) & np.isfinite(height_sigma)
    columns = np.empty((6, len(first)))
    _lines(x, height, height_sigma, use, first, stop, segment_length, columns)
    keep = columns[0] >= max(least, 3)
    count, mean, slope, rough, sigma, noise = columns[:, keep]
    middle = (cell[first[keep]] + 0.5) * length
    return Roughness(first[keep], stop[keep], middle, count.astype(np.int64), mean, slope, rough, sigma, noise)


@njit(cache=True)
def _lines(x: Floats, h: Floats, s: Floats, use: Mask, first: Ints, stop: Ints, step: float, out: Floats) -> None:
    for cell in range(len(first)):
        low, high = first[cell], stop[cell]
        n, x_mean, h_mean = _centre(x, h, use, low, high)
        out[0, cell] = n
        if n < 3:
            out[1:, cell] = np.nan
            continue
        slope, squares = _slope(x, h, use, low, high, x_mean, h_mean)
        noise, triples = _noise(x, h, s, use, low, high, step)
        square = max(squares / (n - 2) - noise, 0.0)
        error = np.sqrt(4.0 * square * noise / (n - 2) + (TRIPLE_SPREAD - 2.0) * noise**2 / triples)
        rough = np.sqrt(square)
        out[1, cell], out[2, cell], out[3, cell], out[5, cell] = h_mean, slope, rough, np.sqrt(noise)
        # Near zero the error of the square says how large the root may be.
        out[4, cell] = min(error / (2.0 * rough), np.sqrt(error)) if rough > 0 else np.sqrt(error)


@njit(cache=True)
def _centre(x: Floats, h: Floats, use: Mask, low: int, high: int) -> tuple[int, float, float]:
    """Number of segments, their mean place and height."""
    n, sx, sh = 0, 0.0, 0.0
    for i in range(low, high):
        if use[i]:
            n += 1
            sx += x[i] - x[low]
            sh += h[i]
    return n, x[low] + sx / max(n, 1), sh / max(n, 1)


@njit(cache=True)
def _slope(x: Floats, h: Floats, use: Mask, low: int, high: int, x_mean: float, h_mean: float) -> tuple[float, float]:
    """Slope of the line and the sum of squares about it."""
    xx, xh, hh = 0.0, 0.0, 0.0
    for i in range(low, high):
        if use[i]:
            dx, dh = x[i] - x_mean, h[i] - h_mean
            xx += dx * dx
            xh += dx * dh
            hh += dh * dh
    return xh / xx, max(hh - xh * xh / xx, 0.0)


@njit(cache=True)
def _noise(x: Floats, h: Floats, s: Floats, use: Mask, low: int, high: int, step: float) -> tuple[float, float]:
    """Variance of the noise, and the triples that tell it; by the standard errors where there are too few."""
    triples, total, formal, n = 0, 0.0, 0.0, 0
    for i in range(low, high):
        if use[i]:
            n += 1
            formal += s[i] ** 2
        inside = low < i < high - 1 and use[i - 1] and use[i] and use[i + 1]
        if inside and x[i + 1] - x[i - 1] < 2.5 * step:
            triples += 1
            total += (h[i - 1] - 2.0 * h[i] + h[i + 1]) ** 2 / 6.0
    return (total / triples, float(triples)) if triples >= LEAST_TRIPLES else (formal / n, float(n))
