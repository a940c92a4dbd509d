"""Runs of segments along a track that belong together, and figures over each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def runs(x: Floats, belongs: Mask, reach: float) -> tuple[Ints, Ints]:
    """First segment and one past the last (i8) of each run of segments that belong, in order.

    A run ends at a segment that does not belong, and at a distance of more than ``reach`` m between two segments.
    ``x`` is f8 m, ascending.
    """
    joined = belongs[1:] & belongs[:-1] & (np.diff(x) <= reach)
    starts, stops = belongs.copy(), belongs.copy()
    starts[1:] &= ~joined
    stops[:-1] &= ~joined
    return np.flatnonzero(starts), np.flatnonzero(stops) + 1


def over_runs(how: np.ufunc, values: npt.NDArray[Any], first: Ints, stop: Ints) -> npt.NDArray[Any]:
    """``how`` (np.add, np.bitwise_or...) reduced over the values of each run ``first:stop``, none of which is empty."""
    if len(first) == 0:
        return np.zeros(0, values.dtype)
    closed = np.append(values, values[:1])  # so that the last run may end with the last value
    return np.asarray(how.reduceat(closed, np.column_stack([first, stop]).ravel())[::2])


def mean_over_runs(values: npt.NDArray[Any], first: Ints, stop: Ints) -> Floats:
    """Mean of the known values of each run; NaN where none is known."""
    known = np.isfinite(values)
    count = over_runs(np.add, known.astype(np.float64), first, stop)
    total = over_runs(np.add, np.where(known, values, 0.0).astype(np.float64), first, stop)
    return np.divide(total, count, out=np.full(len(first), np.nan), where=count > 0)
