"""A beam as a line in a map: from along-track distance to map and back. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MapLine:
    """Knots of a beam in a map projection.

    Attributes
    ----------
    x_atc : along-track distance, increasing, m.
    x, y : map coordinates, m; NaN at a knot that parts two disjoint pieces.
    """

    x_atc: Array
    x: Array
    y: Array

    @property
    def empty(self) -> bool:
        return not np.isfinite(self.x).any()

    def at(self, x_atc: Array | float) -> tuple[Array, Array]:
        """Map coordinates at along-track distances; beyond the ends the last leg goes on."""
        wanted = np.atleast_1d(np.asarray(x_atc, np.float64))
        good = np.isfinite(self.x)
        knots, x, y = self.x_atc[good], self.x[good], self.y[good]
        if len(knots) < 2:
            return np.full(wanted.shape, x[0] if len(x) else np.nan), np.full(wanted.shape, y[0] if len(y) else np.nan)
        leg = np.clip(np.searchsorted(knots, wanted) - 1, 0, len(knots) - 2)
        share = (wanted - knots[leg]) / (knots[leg + 1] - knots[leg])
        return x[leg] + share * (x[leg + 1] - x[leg]), y[leg] + share * (y[leg + 1] - y[leg])

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """Along-track distance of the point of the line nearest to (x, y), and how far that is; NaN, inf when empty."""
        good = np.isfinite(self.x)
        knots, kx, ky = self.x_atc[good], self.x[good], self.y[good]
        if len(knots) == 0:
            return float("nan"), float("inf")
        if len(knots) == 1:
            return float(knots[0]), float(np.hypot(kx[0] - x, ky[0] - y))
        dx, dy = np.diff(kx), np.diff(ky)
        square = np.maximum(dx * dx + dy * dy, 1e-12)
        share = np.clip(((x - kx[:-1]) * dx + (y - ky[:-1]) * dy) / square, 0.0, 1.0)
        away = np.hypot(kx[:-1] + share * dx - x, ky[:-1] + share * dy - y)
        leg = int(np.argmin(away))
        return float(knots[leg] + share[leg] * (knots[leg + 1] - knots[leg])), float(away[leg])

    def between(self, start: float, end: float) -> MapLine:
        """The part of the line from ``start`` to ``end``, with interpolated ends."""
        inner = (self.x_atc > start) & (self.x_atc < end)
        low, high = max(start, float(self.x_atc[0])), min(end, float(self.x_atc[-1]))
        if low >= high:
            return MapLine(np.zeros(0), np.zeros(0), np.zeros(0))
        ends_x, ends_y = self.at(np.array([low, high]))
        return MapLine(
            np.concatenate([[low], self.x_atc[inner], [high]]),
            np.concatenate([ends_x[:1], self.x[inner], ends_x[1:]]),
            np.concatenate([ends_y[:1], self.y[inner], ends_y[1:]]),
        )


def knots(x_atc: Array, step: float, gap: float) -> NDArray[np.int64]:
    """Rows of a sorted track that make a polyline with a knot about every ``step`` metres.

    Both rows beside a gap longer than ``gap`` are kept, so that a line never bends inside one.
    """
    if len(x_atc) == 0:
        return np.zeros(0, np.int64)
    cells = np.floor(x_atc / step)
    first = np.flatnonzero(np.diff(cells, prepend=-np.inf) > 0)
    holes = np.flatnonzero(np.diff(x_atc) > gap)
    return np.unique(np.concatenate([first, holes, holes + 1, [0, len(x_atc) - 1]]))


def with_gaps(line: MapLine, gap: float) -> MapLine:
    """The line with a NaN knot inside every leg longer than ``gap``, so that it is drawn in pieces."""
    holes = np.flatnonzero(np.diff(line.x_atc) > gap) + 1
    middle = (line.x_atc[holes - 1] + line.x_atc[holes]) / 2
    return MapLine(
        np.insert(line.x_atc, holes, middle), np.insert(line.x, holes, np.nan), np.insert(line.y, holes, np.nan)
    )
