"""Surface roughness: scatter of heights about a straight line within a length of track, photon noise taken off.

Roughness depends on the length over which it is taken; the length is always told beside it. As for laser profiles of
sea ice: Rivas et al. 2006, IEEE Trans. Geosci. Remote Sens. 44, 3032-3037; Farrell et al. 2020, Geophys. Res. Lett. 47,
e2020GL090708. What is finer than the footprint of 11 m stands in the spread of photons within a segment, not here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from processing.core.stretches import Floats, Ints, Mask


@dataclass(frozen=True)
class Roughness:
    """Roughness of each cell of track that holds enough ice, in order; one entry a cell.

    Attributes
    ----------
    first, stop : i8, the segments ``first:stop`` lie in the cell. x : f8 m, middle of the cell.
    count : i8, segments of ice in it. mean : f8 m, their mean height. slope : f8 1, of the line through them.
    roughness : f8 m, standard deviation about the line without photon noise; 0 where the noise explains all of it.
    sigma : f8 m, standard uncertainty of ``roughness``, of normal heights that are independent of each other.
    """

    first: Ints
    stop: Ints
    x: Floats
    count: Ints
    mean: Floats
    slope: Floats
    roughness: Floats
    sigma: Floats

    def __len__(self) -> int:
        return len(self.first)


def roughness(x: Floats, height: Floats, height_sigma: Floats, ice: Mask, length: float, least: int) -> Roughness:
    """Roughness in cells of ``length`` m, which lie at its multiples of ``x``.

    In each cell a line is fitted to the heights of ice; ``r^2 = SS / (n - 2) - mean(height_sigma^2)``, where SS is the
    sum of squares about it, and ``sigma = (SS / (n - 2)) / (r sqrt(2 (n - 2)))``, by the variance of a sample variance.

    Parameters
    ----------
    x : f8 m, ascending. height, height_sigma : f8 m, NaN where unknown. ice : bool.
    least : cells with fewer segments of ice, or fewer than 3, are left out.
    """
    cell = np.floor(x / length)
    first = np.flatnonzero(np.diff(cell, prepend=np.nan) != 0)
    stop = np.append(first[1:], len(x))[: len(first)]
    use = ice & np.isfinite(height) & np.isfinite(height_sigma)
    columns = np.empty((5, len(first)))
    _lines(x, height, height_sigma, use, first, stop, columns)
    keep = columns[0] >= max(least, 3)
    count, mean, slope, rough, sigma = columns[:, keep]
    middle = (cell[first[keep]] + 0.5) * length
    return Roughness(first[keep], stop[keep], middle, count.astype(np.int64), mean, slope, rough, sigma)


@njit(cache=True)
def _lines(x: Floats, h: Floats, s: Floats, use: Mask, first: Ints, stop: Ints, out: Floats) -> None:
    for cell in range(len(first)):
        n, sx, sh, noise = 0, 0.0, 0.0, 0.0
        for i in range(first[cell], stop[cell]):
            if use[i]:
                n += 1
                sx += x[i] - x[first[cell]]
                sh += h[i]
                noise += s[i] ** 2
        out[0, cell] = n
        if n < 3:
            out[1:, cell] = np.nan
            continue
        out[1, cell] = sh / n
        out[2, cell], squares = _slope(x, h, use, first[cell], stop[cell], x[first[cell]] + sx / n, sh / n)
        total = squares / (n - 2)
        rough = np.sqrt(max(total - noise / n, 0.0))
        out[3, cell] = rough
        # Near zero the error of the square says how large the root may be.
        error = total * np.sqrt(2.0 / (n - 2))
        out[4, cell] = min(error / (2.0 * rough), np.sqrt(error)) if rough > 0 else np.sqrt(error)


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
