"""Means of freeboard and thickness over lengths of track, with an uncertainty that knows what errors are common.

Photon noise of one segment's height says nothing of the next's, so it becomes less in a mean. The sea surface below
them is one and the same over kilometres: its error stays in the mean of them (Kwok et al. 2019, J. Geophys. Res. Oceans
124, 6942-6959, on errors of freeboard along ICESat-2 tracks). Between lies the length over which it is common.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core.mean_freeboard import COMMON_HEIGHT, group_means
from processing.core.ridges import mode_of
from processing.core.stretches import Floats, Ints, Mask, mean_over_runs, over_runs
from processing.schema import SurfaceClass


@dataclass(frozen=True)
class OverIce:
    """A quantity of the ice along a track; f8, row for row.

    Attributes
    ----------
    value : NaN where there is none, as over open water.
    random : its standard error from photon noise, of each segment for itself.
    surface : its standard error from the sea surface, common to neighbours.
    common : its standard error from what is wrong alike everywhere (heights of ice against water, snow, densities).
    """

    value: Floats
    random: Floats
    surface: Floats
    common: Floats

    @property
    def known(self) -> Mask:
        return np.isfinite(self.value) & np.isfinite(self.random) & np.isfinite(self.surface)


@dataclass(frozen=True)
class Means:
    """Figures of cells of track; one entry a cell, NaN but for ``count`` where it holds too few segments.

    Attributes
    ----------
    count : i8, segments with a value. mean, median, mode : f8, the mode by core.ridges.mode_of.
    spread : f8, standard deviation of the segments about their mean, noise included.
    sigma, sigma_common : f8, standard uncertainty of the mean, and what of it does not become less with more track.
    """

    count: Ints
    mean: Floats
    median: Floats
    mode: Floats
    spread: Floats
    sigma: Floats
    sigma_common: Floats


@dataclass(frozen=True)
class Cells:
    """Cells of a length of track that hold segments, in order: rows ``first:stop``; ``x`` f8 m, their middles."""

    first: Ints
    stop: Ints
    x: Floats

    def __len__(self) -> int:
        return len(self.first)


def cells_along(x: Floats, length: float) -> Cells:
    """The cells of ``length`` m, at its multiples, that hold any of the segments at ``x`` (f8 m, ascending)."""
    number = np.floor(x / length)
    first = np.flatnonzero(np.diff(number, prepend=np.nan) != 0)
    stop = np.append(first[1:], len(x))[: len(first)]
    return Cells(first, stop, (number[first] + 0.5) * length)


def freeboard_of_ice(
    freeboard: npt.ArrayLike, height_sigma: npt.ArrayLike, surface_sigma: npt.ArrayLike, label: npt.ArrayLike
) -> OverIce:
    """Freeboard of all that is not open water: f8 m, label i1; NaN freeboard where there is no sea surface."""
    water = np.asarray(label) == SurfaceClass.OPEN_WATER
    value = np.where(water, np.nan, np.asarray(freeboard, np.float64))
    random, surface = np.asarray(height_sigma, np.float64), np.asarray(surface_sigma, np.float64)
    return OverIce(value, random, surface, np.full(len(value), COMMON_HEIGHT))


def means(what: OverIce, x: Floats, cells: Cells, common_length: float, mode_width: float, least: int) -> Means:
    """Figures of each cell.

    With n segments over a distance d, errors ``r`` (random), ``s`` (surface) and ``c`` (common)::

        sigma^2 = sum r^2 / n^2 + mean(s)^2 / max(1, d / common_length) + mean(c)^2

    Parameters
    ----------
    x : f8 m, ascending. common_length : m, track over which the error of the sea surface is one and the same.
    mode_width : width of the interval whose fullest position is the mode.
    least : cells with fewer segments with a value have no figures.
    """
    known = what.known
    group = np.repeat(np.arange(len(cells)), cells.stop - cells.first)
    apart = np.maximum(1.0, (x[cells.stop - 1] - x[cells.first]) / common_length)
    level = what.surface / np.sqrt(np.repeat(apart, cells.stop - cells.first))
    mean, sigma, count = group_means(what.value, what.random, level, np.where(known, group, -1), len(cells), common=0.0)
    common = mean_over_runs(np.where(known, what.common, np.nan), cells.first, cells.stop)
    shape = np.full((3, len(cells)), np.nan)
    _shapes(what.value, known, cells.first, cells.stop, mode_width, shape)
    figures = np.stack([mean, *shape, np.hypot(sigma, common), common])
    figures[:, count < least] = np.nan
    return Means(count, *figures)


def share(which: Mask, cells: Cells, of: Mask, length: Floats) -> Floats:
    """Share (f8, 0 to 1) of ``which`` in the ``length`` (m) of each cell's segments in ``of``; NaN where none is."""
    whole = over_runs(np.add, np.where(of, length, 0.0), cells.first, cells.stop)
    part = over_runs(np.add, np.where(of & which, length, 0.0), cells.first, cells.stop)
    return np.divide(part, whole, out=np.full(len(cells), np.nan), where=whole > 0)


def count_in(x: Floats, cells: Cells, length: float) -> Ints:
    """How many of the places ``x`` (m, ascending) lie in each cell of ``length`` m (i8)."""
    low, high = cells.x - 0.5 * length, cells.x + 0.5 * length
    return (np.searchsorted(x, high) - np.searchsorted(x, low)).astype(np.int64)


def root_mean_square(x: Floats, values: Floats, cells: Cells, length: float) -> Floats:
    """Root mean square of the values at ``x`` (m, ascending) that lie in each cell; NaN where none does."""
    low, high = np.searchsorted(x, cells.x - 0.5 * length), np.searchsorted(x, cells.x + 0.5 * length)
    total = np.concatenate([[0.0], np.cumsum(values**2)])
    n = (high - low).astype(np.float64)
    square = np.divide(total[high] - total[low], n, out=np.full(len(cells), np.nan), where=n > 0)
    return np.sqrt(np.maximum(square, 0.0))


@njit(cache=True)
def _shapes(value: Floats, known: Mask, first: Ints, stop: Ints, width: float, out: Floats) -> None:
    """Median, mode and standard deviation of the known values of each cell."""
    for cell in range(len(first)):
        ascending = np.sort(value[first[cell] : stop[cell]][known[first[cell] : stop[cell]]])
        n = len(ascending)
        if n > 0:
            out[0, cell] = 0.5 * (ascending[(n - 1) // 2] + ascending[n // 2])
            out[1, cell] = mode_of(ascending, width)
            out[2, cell] = np.std(ascending)
