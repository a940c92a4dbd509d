"""A beam as a line in a map: from along-track distance to map and back. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_BLOCK = 64


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


def inside(line: MapLine, xs: Array, ys: Array) -> Array:
    """Stretches of a line inside a closed polygon: (n, 2) along-track starts and ends, ascending and apart.

    The polygon may cross itself; what it goes round an odd number of times is inside. Holes of the line are bridged.
    The line is cut where it crosses an edge and each part is tested in its middle, so that a corner that lies on the
    line cannot turn the rest of it inside out.
    """
    good = np.isfinite(line.x)
    knots_at, px, py = line.x_atc[good], line.x[good], line.y[good]
    if len(knots_at) < 2 or len(xs) < 3:
        return np.zeros((0, 2))
    legs, edges = _near(px, py, xs, ys)
    cuts = _crossings(knots_at, px, py, xs, ys, legs, edges)
    bounds = np.unique(np.concatenate([knots_at[[0, -1]], cuts]))
    middles = (bounds[:-1] + bounds[1:]) / 2
    held = even_odd(*MapLine(knots_at, px, py).at(middles), xs, ys)
    change = np.flatnonzero(np.diff(np.concatenate([[False], held, [False]])))
    return bounds[change].reshape(-1, 2)


def even_odd(x: Array, y: Array, xs: Array, ys: Array) -> NDArray[np.bool_]:
    """Whether points lie inside a closed polygon by the even-odd rule."""
    ax, ay, bx, by = (side[:, None] for side in (xs, ys, np.roll(xs, -1), np.roll(ys, -1)))
    spans = (ay > y) != (by > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        right = x < ax + (y - ay) * (bx - ax) / (by - ay)
    return np.asarray((spans & right).sum(axis=0) % 2 == 1)


def _near(px: Array, py: Array, xs: Array, ys: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of a leg of a line and an edge of a polygon whose boxes may touch, found by blocks of legs."""
    starts = np.arange(0, len(px) - 1, _BLOCK)
    ends = np.minimum(starts + _BLOCK, len(px) - 1)
    low_x, high_x, low_y, high_y = (
        reach(reach.reduceat(values, starts), values[ends]) for values in (px, py) for reach in (np.minimum, np.maximum)
    )
    bx, by = np.roll(xs, -1), np.roll(ys, -1)
    touch = (low_x[:, None] <= np.maximum(xs, bx)) & (high_x[:, None] >= np.minimum(xs, bx))
    touch &= (low_y[:, None] <= np.maximum(ys, by)) & (high_y[:, None] >= np.minimum(ys, by))
    blocks, edges = np.nonzero(touch)
    legs = (starts[blocks][:, None] + np.arange(_BLOCK)).ravel()
    known = legs < len(px) - 1
    return legs[known], np.repeat(edges, _BLOCK)[known]


def _crossings(
    knots_at: Array, px: Array, py: Array, xs: Array, ys: Array, legs: NDArray[np.int64], edges: NDArray[np.int64]
) -> Array:
    """Along-track distances at which legs cross edges of a polygon."""
    ux, uy = px[legs + 1] - px[legs], py[legs + 1] - py[legs]
    after = (edges + 1) % len(xs)
    vx, vy = xs[after] - xs[edges], ys[after] - ys[edges]
    wx, wy = xs[edges] - px[legs], ys[edges] - py[legs]
    with np.errstate(divide="ignore", invalid="ignore"):
        area = ux * vy - uy * vx
        on_leg, on_edge = (wx * vy - wy * vx) / area, (wx * uy - wy * ux) / area
    met = (area != 0) & (on_leg >= 0) & (on_leg <= 1) & (on_edge >= 0) & (on_edge <= 1)
    leg = legs[met]
    return knots_at[leg] + on_leg[met] * (knots_at[leg + 1] - knots_at[leg])
