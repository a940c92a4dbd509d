"""Swell in the ice: a coherent oscillation of surface heights along the track, told by its line in the spectrum.

Swell lifts ice and water alike, so that all heights around a place rise and fall together over kilometres, at one
wavelength. Floes, ridges and snow have no such line: their spectrum is broad. Heights are averaged over cells, and the
difference of cells LAG apart is looked at, which takes off slopes and the steps between floes; differences beyond what
is usual (edges, ridges) are left out. Where the highest line of the periodogram (Scargle 1982, Astrophys. J. 263, 835)
of a WINDOW holds LEAST_SHARE of the variance it is swell, and its height tells the amplitude.

The places lie on multiples of STEP of the along-track distance and no segment sees farther than REACH, so that a track
in stretches agrees with the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]

CELL = 12.0
"""Length over which heights are averaged, m: about a footprint."""

LAG = 3
"""Cells between the heights whose difference is taken: a wave of 72 m shows with twice its amplitude, one of 600 m with
a third of it."""

STEP = 1000.0
"""Distance between the places where swell is looked for, m."""

WINDOW = 5000.0
"""Length of track that is looked at around each, m."""

REACH = 0.5 * (WINDOW + STEP) + (LAG + 1) * CELL
"""How far around a segment heights tell of its swell, m."""

SHORTEST, LONGEST, LINES = 100.0, 640.0, 96
"""Wavelengths that are looked for, m: LINES of them, evenly apart in wavenumber, where the window tells 42 apart. Ice
takes shorter waves out within kilometres of its edge."""

USUAL = 4.0
"""Differences beyond this many median absolute differences are edges of floes and ridges, and are left out."""

LEAST_KNOWN = 0.5
"""Share of the differences of a window that must be known."""

LEAST_SHARE = 0.09
"""Share of the variance in one line that makes it swell. Synthetic ice without swell has 0.04, and as much as this in
fewer than one window of 100; swell of 15 cm amplitude (260 m) has it in all, of 5 cm (180 m) in three of four."""


@dataclass(frozen=True)
class Swell:
    """Swell at places every STEP; ``first`` is the number of the first, at ``first * STEP``.

    ``spread`` f8 m, standard deviation of the heights that it makes, 0 without any; ``length`` f8 m, its wavelength
    along the track, NaN without any.
    """

    first: int
    spread: Floats
    length: Floats

    def at(self, x: Floats) -> Floats:
        """``spread`` at the place nearest to each of ``x`` (f8 m), which must lie on the track it is of."""
        return self.spread[np.floor(x / STEP + 0.5).astype(np.int64) - self.first]


def swell_along(x: Floats, height: Floats) -> Swell:
    """Swell of a track or stretch from ascending positions (f8 m) and heights (f8 m, NaN where unknown)."""
    if len(x) == 0:
        return Swell(0, np.empty(0), np.empty(0))
    first = int(np.floor(x[0] / STEP + 0.5))
    count = int(np.floor(x[-1] / STEP + 0.5)) - first + 1
    origin = int(np.floor(x[0] / CELL))
    mean = np.full(int(np.floor(x[-1] / CELL)) - origin + 1, np.nan)
    _cell_means(x, height, origin, mean)
    numbers = np.linspace(1.0 / LONGEST, 1.0 / SHORTEST, LINES)
    phase = 2.0 * np.pi * numbers[:, None] * CELL * np.arange(int(WINDOW / CELL))
    spread, length = np.zeros(count), np.full(count, np.nan)
    _swell(mean, origin, first, numbers, np.cos(phase), np.sin(phase), spread, length)
    return Swell(first, spread, length)


@njit(cache=True)
def _cell_means(x: Floats, height: Floats, origin: int, mean: Floats) -> None:
    count = np.zeros(len(mean), np.int64)
    for i in range(len(x)):
        if np.isfinite(height[i]):
            cell = int(np.floor(x[i] / CELL)) - origin
            mean[cell] = height[i] if count[cell] == 0 else mean[cell] + height[i]
            count[cell] += 1
    for cell in range(len(mean)):
        if count[cell] > 0:
            mean[cell] /= count[cell]


@njit(cache=True)
def _swell(
    mean: Floats, origin: int, first: int, numbers: Floats, cos: Floats, sin: Floats, spread: Floats, length: Floats
) -> None:
    cells, power = cos.shape[1], np.empty(len(numbers))
    apart = np.empty(cells)
    for place in range(len(spread)):
        begin = int(np.floor(((first + place) * STEP - 0.5 * WINDOW) / CELL)) - origin
        known = 0
        for k in range(cells):
            low, high = begin + k, begin + k + LAG
            apart[k] = mean[high] - mean[low] if low >= 0 and high < len(mean) else np.nan
            known += np.isfinite(apart[k])
        if known < LEAST_KNOWN * cells:
            continue
        left = _without_edges(apart)
        if left < LEAST_KNOWN * known:
            continue
        _periodogram(apart, cos, sin, power)
        line = np.argmax(power)
        if 2.0 * power[line] >= LEAST_SHARE * left * np.nansum(apart**2):
            amplitude = 2.0 * np.sqrt(power[line]) / left
            spread[place] = amplitude / (2.0 * abs(np.sin(np.pi * numbers[line] * LAG * CELL))) / np.sqrt(2.0)
            length[place] = 1.0 / numbers[line]


@njit(cache=True)
def _without_edges(apart: Floats) -> int:
    """Set to NaN what is more than is usual; take the middle off the rest; how many are left."""
    centre = np.nanmedian(apart)
    most = USUAL * np.nanmedian(np.abs(apart - centre))
    left = 0
    for k in range(len(apart)):
        if abs(apart[k] - centre) <= most:
            apart[k] -= centre
            left += 1
        else:
            apart[k] = np.nan
    return left


@njit(cache=True)
def _periodogram(apart: Floats, cos: Floats, sin: Floats, power: Floats) -> None:
    for line in range(len(power)):
        real, imaginary = 0.0, 0.0
        for k in range(len(apart)):
            if np.isfinite(apart[k]):
                real += apart[k] * cos[line, k]
                imaginary += apart[k] * sin[line, k]
        power[line] = real * real + imaginary * imaginary
