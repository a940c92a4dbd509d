"""One track as a model sees it when it classifies: features, windows of five, places on the along-track grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from processing.core.features import COLUMNS, HALO, MAX_STEP, STEPS, segment_features, window_index
from processing.io import tables
from processing.schema import SEGMENT
from training.designs import REACH
from training.tensors import check_features


@dataclass(frozen=True)
class Track:
    """Segments of one track, and which of them are to be classified.

    Attributes
    ----------
    segment : i8 (N,). x_atc : f8 (N,) [m]. features : f4 (N, 9). index : i4 (N, 5), windows of five.
    place : i8 (N,), on a grid of one place a segment. own : those to classify; the others are what they depend on.
    """

    segment: NDArray[np.int64]
    x_atc: NDArray[np.float64]
    features: NDArray[np.float32]
    index: NDArray[np.int32]
    place: NDArray[np.int64]
    own: slice

    def part(self, own: slice) -> Track:
        """The same segments of which only ``own`` are to be classified."""
        return replace(self, own=own)


def read_track(path: Path, command: str, between: tuple[float, float] | None = None) -> Track:
    """Features, windows and places of the segment table at ``path``, or of its segments whose ``x_atc`` is ``between``.

    Raises InputError that names the feature and the place where one is missing.
    """
    limits = None if between is None else ("x_atc", *between)
    table = tables.read(path, SEGMENT, COLUMNS, between=limits, command=command)
    columns = {name: table[name].to_numpy() for name in COLUMNS}
    features, segment = segment_features(columns), columns["segment"]
    check_features(features, segment, path, command)
    index, own = window_index(segment), slice(0, len(segment))
    return Track(segment, columns["x_atc"], features, index, grid_places(segment), own)


def reach(window: float) -> float:
    """Metres of track either side of a segment that its class depends on; ``window`` is a segment's length [m].

    The outermost segments that a model sees are neighbours, whose own features reach as far as any.
    """
    return HALO + (max(REACH, STEPS // 2 * MAX_STEP) + 1) * window


def grid_places(segment: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places i8 (N,) of ``segment`` (N,) on a grid of one place a segment, from 0 on.

    Absent segments leave their place empty; a gap so long that nothing beyond it is in reach is closed to just that.
    """
    leaps = np.minimum(np.diff(segment, prepend=segment[:1]), REACH + 1)
    return np.cumsum(leaps)
