"""Values given at points along a track that may lie in disjoint pieces, read anywhere on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

F8 = NDArray[np.float64]
I8 = NDArray[np.int64]

PIECE_GAP = 60.0
"""Along-track distance in metres between segment starts beyond which two segments belong to different pieces."""


def pieces(start_x: F8, gap: float = PIECE_GAP) -> I8:
    """Number of the contiguous piece each segment belongs to; ``start_x`` (m) ascends."""
    if len(start_x) == 0:
        return np.zeros(0, np.int64)
    return np.concatenate(([0], np.cumsum(np.diff(start_x) > gap)))


@dataclass(frozen=True)
class Bracket:
    """For each place asked for: the two points of its own piece to read between, and how far along (also beyond 0..1).

    A piece with a single point gives that point (``left == right``).
    """

    left: I8
    right: I8
    fraction: F8

    def read(self, values: F8) -> F8:
        """Linear interpolation, or extrapolation at the ends of a piece."""
        return _read(values, self.left, self.right, self.fraction)

    def read_longitude(self, lon: F8) -> F8:
        """As ``read`` for degrees east, the short way round the date line; -180 <= result < 180."""
        return _read_longitude(lon, self.left, self.right, self.fraction)


def bracket(x: F8, piece: I8, at: F8) -> Bracket:
    """Where each of ``at`` (m) falls among the points at ``x`` (m, ascending, at least one) without crossing pieces.

    A place between two pieces belongs to the nearer one.
    """
    return Bracket(*_bracket(x, piece, at))


def to_datetime(epoch: np.datetime64, seconds: F8) -> NDArray[np.datetime64]:
    """``epoch`` plus ``seconds`` as datetime64[ns], without losing digits of large seconds."""
    whole = np.floor(seconds)
    nanoseconds = np.rint((seconds - whole) * 1e9).astype(np.int64)
    return epoch.astype("datetime64[ns]") + (whole.astype(np.int64) * 1_000_000_000 + nanoseconds).astype("m8[ns]")


@njit(cache=True, nogil=True)
def wrap_longitude(lon: float) -> float:
    """Degrees east brought into -180 <= lon < 180; a value inside is returned to the last bit."""
    if -180.0 <= lon < 180.0:
        return lon
    return (lon + 180.0) % 360.0 - 180.0


@njit(cache=True, nogil=True)
def _bracket(x: F8, piece: I8, at: F8) -> tuple[I8, I8, F8]:
    last = len(x) - 1
    left = np.empty(len(at), np.int64)
    right = np.empty(len(at), np.int64)
    fraction = np.zeros(len(at))
    p = 0
    for k in range(len(at)):
        if at[k] < x[p]:
            p = max(np.searchsorted(x, at[k], side="right") - 1, 0)
        while p < last and x[p + 1] <= at[k]:
            p += 1
        after = min(p + 1, last) if at[k] >= x[p] else p
        own = p if at[k] - x[p] <= x[after] - at[k] else after
        start = p if piece[p] == piece[own] else after
        if start < last and piece[start + 1] == piece[own]:
            stop = start + 1
        elif start > 0 and piece[start - 1] == piece[own]:
            start, stop = start - 1, start
        else:
            stop = start
        left[k], right[k] = start, stop
        if x[stop] > x[start]:
            fraction[k] = (at[k] - x[start]) / (x[stop] - x[start])
    return left, right, fraction


@njit(cache=True, nogil=True)
def _read(values: F8, left: I8, right: I8, fraction: F8) -> F8:
    result = np.empty(len(left))
    for k in range(len(left)):
        result[k] = values[left[k]] + (values[right[k]] - values[left[k]]) * fraction[k]
    return result


@njit(cache=True, nogil=True)
def _read_longitude(lon: F8, left: I8, right: I8, fraction: F8) -> F8:
    result = np.empty(len(left))
    for k in range(len(left)):
        step = wrap_longitude(lon[right[k]] - lon[left[k]])
        result[k] = wrap_longitude(lon[left[k]] + step * fraction[k])
    return result
