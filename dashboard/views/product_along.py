"""What the profile of a comparison draws of a beam, as arrays: ours and the product's, whatever the quantity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import detail
from processing.core.product_agreement import type_group
from processing.core.product_comparison import TrackComparison, pairs

BIN = 1_000.0
"""Length over which density is counted, m."""

F8 = NDArray[np.float64]


@dataclass(frozen=True)
class Along:
    """Values of both along a beam; f8, ascending in ``x``.

    ``x``, ``length`` m, middle and length of each stretch; ``ours``, ``sigma``, ``theirs`` in the quantity's unit, NaN
    where there is none. ``fine_x``, ``fine`` our 2 m segments, empty where the quantity has none.
    """

    x: F8
    length: F8
    ours: F8
    sigma: F8
    theirs: F8
    fine_x: F8
    fine: NDArray[np.float32]


def along(track: TrackComparison, quantity: str) -> Along:
    """Freeboard, height, sea_surface or density of a beam and its product."""
    none = np.full(len(track), np.nan)
    empty: tuple[Any, Any] = np.zeros(0), np.zeros(0, np.float32)
    if quantity == "density":
        return _density(track)
    if quantity == "sea_surface":
        return Along(track.x_atc, track.length, *_three(track, "sea_surface", none), *empty)
    if quantity == "height":
        return Along(track.x_atc, track.length, *_three(track, "height", none), *empty)
    sigma = track.ours.freeboard_sigma
    return Along(track.x_atc, track.length, *_three(track, "freeboard", sigma), track.fine.x, track.fine.freeboard)


def _three(track: TrackComparison, quantity: Any, sigma: F8) -> tuple[F8, F8, F8]:
    ours, theirs = pairs(track, quantity)
    return ours, sigma, theirs


def _density(track: TrackComparison) -> Along:
    """Segments a kilometre of both, by kilometre of track where either has any."""
    known = track.x_atc[np.isfinite(track.x_atc)]
    if len(known) == 0:
        none = np.zeros(0)
        return Along(none, none, none, none, none, none, np.zeros(0, np.float32))
    first, last = np.floor(known.min() / BIN), np.floor(known.max() / BIN) + 1
    edges = np.arange(first, last + 1) * BIN
    mine = track.fine.x[(track.fine.x >= edges[0]) & (track.fine.x < edges[-1])]
    ours, theirs = (np.histogram(values, edges)[0].astype(np.float64) for values in (mine, known))
    seen = (ours > 0) | (theirs > 0)
    middle = (edges[:-1] + BIN / 2)[seen]
    count = len(middle)
    nothing = np.full(count, np.nan)
    return Along(middle, np.full(count, BIN), ours[seen], nothing, theirs[seen], np.zeros(0), np.zeros(0, np.float32))


def gathered(found: Along, start: float, end: float, most: int) -> Along:
    """The part in [start, end]; where that has more than ``most`` stretches, means over equal bins instead."""
    reach = float(np.nanmax(found.length, initial=0.0))
    rows = detail.rows_in(found.x, start - reach, end + reach)
    if rows.stop - rows.start <= most:
        names = ("x", "length", "ours", "sigma", "theirs")
        return replace(found, **{name: getattr(found, name)[rows] for name in names})
    bins = {
        name: detail.gather(found.x, getattr(found, name), start, end, most // 2)
        for name in ("ours", "sigma", "theirs")
    }
    one = bins["ours"]
    means: dict[str, Any] = {name: each.mean for name, each in bins.items()}
    return replace(found, x=one.centre, length=np.full(len(one.centre), one.width), **means)


def steps(x: F8, length: F8, y: F8) -> tuple[F8, F8]:
    """A line that is level over each stretch and broken (NaN) where the next one does not follow."""
    if len(x) == 0:
        return np.zeros(0), np.zeros(0)
    half = np.nan_to_num(length) / 2
    left, right = x - half, x + half
    apart = np.append(left[1:] - right[:-1] > np.maximum(0.6 * np.minimum(length[1:], length[:-1]), 1.0), False)
    ends, level = np.column_stack([left, right]).ravel(), np.repeat(y, 2).astype(np.float64)
    holes = 2 * np.flatnonzero(apart) + 2
    return np.insert(ends, holes, np.nan), np.insert(level, holes, np.nan)


@dataclass(frozen=True)
class Cells:
    """Stretches of one class or surface type: ends f8 m and codes."""

    left: F8
    right: F8
    code: NDArray[np.int64]


def cells(track: TrackComparison, start: float, end: float, most: int) -> tuple[Cells, Cells, F8]:
    """Our classes, the product's types, and middles of its sea-level segments, in [start, end].

    Neighbours of one code are one stretch; of more than ``most`` stretches every few are left out.
    """
    rows = detail.rows_in(track.x_atc, start, end)
    left, right = (track.x_atc[rows] + sign * track.length[rows] / 2 for sign in (-1, 1))
    found = (track.ours.label[rows].astype(np.int64), type_group(track.product_type[rows]))
    ours, theirs = (_joined(left, right, code, most) for code in found)
    return ours, theirs, track.x_atc[rows][track.product_ssh[rows]]


def _joined(left: F8, right: F8, code: NDArray[np.int64], most: int) -> Cells:
    if len(code) == 0:
        return Cells(left, right, code)
    gap = left[1:] - right[:-1] > np.maximum(right[1:] - left[1:], 1.0)
    cuts = np.flatnonzero((np.diff(code) != 0) | gap) + 1
    first, last = np.concatenate([[0], cuts]), np.concatenate([cuts, [len(code)]]) - 1
    every = max(1, len(first) // most)
    return Cells(left[first][::every], right[last][::every], code[first][::every])
