"""First-photon bias from the calibration table that every full ATL03 granule carries (CAL-19).

A detector channel is blind for its dead time after each photon, so of a strong return the early photons, those of the
higher part of the surface, are over-represented: the measured mean lies too high, and the correction is subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

F8 = NDArray[np.float64]

LIGHT = 299_792_458.0
WIDTH_PER_SIGMA = 2.0 * 1.2815515655446004
"""Width between the 10th and the 90th percentile of a normal distribution in standard deviations."""


@dataclass(frozen=True)
class FirstPhotonTable:
    """CAL-19 of one beam.

    Attributes
    ----------
    dead_time : (D,) f8 ns, ascending.
    strength : (D, S) f8 photons a shot, ascending along S.
    width : (D, W) f8 ns of two-way time between the 10th and 90th percentile of the return, ascending along W.
    correction : (D, S, W) f8 ps of two-way time; positive means that the measured height is too high.
    beam_dead_time : mean dead time of the beam's channels in ns.
    """

    dead_time: F8
    strength: F8
    width: F8
    correction: F8
    beam_dead_time: float

    def height_bias(self, strength: F8, height_std: F8, count: F8) -> F8:
        """Metres to subtract from a segment's mean and median height.

        Parameters
        ----------
        strength : signal photons a shot.
        height_std : population standard deviation of the segment's photon heights, m.
        count : signal photons, to undo the bias of a small sample's standard deviation.

        Linear in strength, width and dead time, held at the table's edges (as the ATL07 ATBD uses the table, which
        takes the nearest entry; a 2 m segment's width comes from its standard deviation because it has too few photons
        for percentiles).
        """
        spread = height_std * np.sqrt(count / np.maximum(count - 1.0, 1.0))
        width = WIDTH_PER_SIGMA * spread * 2.0 / LIGHT * 1e9
        lower, upper, fraction = self._slices()
        low = _bilinear(self.strength[lower], self.width[lower], self.correction[lower], strength, width)
        if upper == lower:
            return low * 1e-12 * LIGHT / 2.0
        high = _bilinear(self.strength[upper], self.width[upper], self.correction[upper], strength, width)
        return (low + (high - low) * fraction) * 1e-12 * LIGHT / 2.0

    def _slices(self) -> tuple[int, int, float]:
        last = len(self.dead_time) - 1
        upper = int(np.clip(np.searchsorted(self.dead_time, self.beam_dead_time), 0, last))
        lower = max(upper - 1, 0)
        span = self.dead_time[upper] - self.dead_time[lower]
        fraction = float(np.clip((self.beam_dead_time - self.dead_time[lower]) / span, 0.0, 1.0)) if span > 0 else 0.0
        return (lower, upper, fraction) if fraction > 0 else (lower, lower, 0.0)


@njit(cache=True, nogil=True)
def _place(axis: F8, value: float) -> tuple[int, float]:
    """Left neighbour of ``value`` on an ascending axis and the fraction of the step beyond it, held at the edges."""
    last = len(axis) - 1
    if last == 0 or not value > axis[0]:
        return 0, 0.0
    if value >= axis[last]:
        return last - 1, 1.0
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if axis[middle] <= value:
            low = middle
        else:
            high = middle
    return low, (value - axis[low]) / (axis[low + 1] - axis[low])


@njit(cache=True, nogil=True)
def _bilinear(rows: F8, columns: F8, table: F8, row: F8, column: F8) -> F8:
    result = np.empty(len(row))
    for k in range(len(row)):
        i, s = _place(rows, row[k])
        j, w = _place(columns, column[k])
        i1 = min(i + 1, len(rows) - 1)
        j1 = min(j + 1, len(columns) - 1)
        low = table[i, j] + (table[i, j1] - table[i, j]) * w
        high = table[i1, j] + (table[i1, j1] - table[i1, j]) * w
        result[k] = low + (high - low) * s
    return result
