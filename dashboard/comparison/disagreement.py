"""Where two models give segments different classes: stretches of a track, and how much of a map's bin they fill.

Arrays in, arrays out; nothing here reads a file or draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.stretches import Segments
from processing.core.along_track import PIECE_GAP

SURE = 0.9
"""Probability from which on a model is called sure."""

LISTED = 200
"""Stretches that are worth listing."""

_FIRST = 1e9
"""What comes first weighs so much more than length, m."""

Classes = tuple[int, int] | None
"""Classes of the first and of the second model, or any."""


@dataclass(frozen=True)
class TrackDifference:
    """Two models on one track: what both classified, and the stretches in which their classes differ.

    Attributes
    ----------
    window : length of a segment, m. compared : segments that both classified.
    pairs : i8 (3, 3), those by class of the first (rows) and of the second model.
    first, stop : i8 (n,), half-open runs of segment ids, ascending. labels : i1 (n, 2), the two classes.
    sure : i4 (n,), segments of each in which both models are sure.
    """

    granule: str
    beam: str
    window: float
    compared: int
    pairs: NDArray[np.int64]
    first: NDArray[np.int64]
    stop: NDArray[np.int64]
    labels: NDArray[np.int8]
    sure: NDArray[np.int32]

    @property
    def differing(self) -> int:
        """Segments with different classes."""
        return int(self.pairs.sum() - np.trace(self.pairs))

    @property
    def share(self) -> float:
        return self.differing / self.compared if self.compared else 0.0

    @property
    def metres(self) -> float:
        """Length of track with different classes."""
        return self.differing * self.window

    @property
    def edges(self) -> NDArray[np.float64]:
        """Starts and ends (n, 2) of the stretches along the track, m."""
        return np.column_stack([self.first, self.stop]).astype(np.float64) * self.window

    def near(self, x: float, reach: float) -> Stretch | None:
        """The longest stretch within ``reach`` of an along-track distance, m; None where there is none."""
        edges = self.edges
        rows = np.flatnonzero((edges[:, 0] <= x + reach) & (edges[:, 1] >= x - reach))
        return self.stretch(int(rows[np.argmax(self.stop[rows] - self.first[rows])])) if len(rows) else None

    def stretch(self, row: int) -> Stretch:
        one, other = (int(code) for code in self.labels[row])
        ids = int(self.first[row]), int(self.stop[row])
        return Stretch(self.granule, self.beam, (one, other), *ids, self.window, int(self.sure[row]))


@dataclass(frozen=True)
class Stretch(Segments):
    """A stretch that two models give different classes; fields as of ``TrackDifference``."""

    granule: str
    beam: str
    labels: tuple[int, int]
    first: int
    stop: int
    window: float
    sure: int

    @property
    def middle(self) -> float:
        return (self.x_start + self.x_end) / 2

    @property
    def sure_metres(self) -> float:
        return self.sure * self.window


def differences(
    track: tuple[str, str],
    window: float,
    segment: NDArray[np.int64],
    classes: tuple[NDArray[np.int8], NDArray[np.int8]],
    sureness: NDArray[np.float32],
) -> TrackDifference:
    """Compare the classes that two models give to the same ascending segments.

    Parameters
    ----------
    track : granule and beam. window : m. segment : (n,). classes : of the first and the second model, (n,).
    sureness : (n,), probability that the less sure of the two gives to its class.

    A stretch ends where either class changes, where a segment in between is not differing, and at a gap.
    """
    one, other = classes
    pairs = np.bincount(one.astype(np.int64) * 3 + other, minlength=9).reshape(3, 3)
    row = np.flatnonzero(one != other)
    if len(row) == 0:
        none = np.zeros(0, np.int64)
        empty = np.zeros((0, 2), np.int8)
        return TrackDifference(*track, window, len(segment), pairs, none, none, empty, none.astype(np.int32))
    ids, labels = segment[row], np.column_stack([one[row], other[row]])
    apart = (np.diff(row) > 1) | (np.diff(ids) * window > PIECE_GAP)
    begins = np.flatnonzero(np.r_[True, apart | (np.diff(labels, axis=0) != 0).any(axis=1)])
    ends = np.r_[begins[1:], len(row)] - 1
    sure = np.add.reduceat((sureness[row] >= SURE).astype(np.int32), begins, dtype=np.int32)
    return TrackDifference(*track, window, len(segment), pairs, ids[begins], ids[ends] + 1, labels[begins], sure)


def pairs_of(tracks: Sequence[TrackDifference]) -> NDArray[np.int64]:
    """Segments (3, 3) of all tracks by class of the first (rows) and of the second model."""
    return np.sum([track.pairs for track in tracks], axis=0) if tracks else np.zeros((3, 3), np.int64)


def rankings(tracks: Sequence[TrackDifference]) -> dict[tuple[bool, Classes], list[Stretch]]:
    """The foremost stretches of every pair of classes and of all, the longest (False) and the surest (True)."""
    pairs = [(one, other) for one in range(3) for other in range(3) if one != other]
    return {
        (surest, labels): foremost(tracks, LISTED, surest=surest, labels=labels)
        for surest in (False, True)
        for labels in (None, *pairs)
    }


def foremost(tracks: Sequence[TrackDifference], most: int, *, surest: bool, labels: Classes = None) -> list[Stretch]:
    """The longest stretches of all tracks, or with ``surest`` those in which both are sure for longest."""
    candidates: list[tuple[float, float, int, int]] = []
    for number, track in enumerate(tracks):
        length = (track.stop - track.first) * track.window
        weight = track.sure * track.window if surest else length
        rows = np.arange(len(length)) if labels is None else np.flatnonzero((track.labels == labels).all(axis=1))
        if len(rows) > most:
            rows = rows[np.argpartition(-(_FIRST * weight[rows] + length[rows]), most)[:most]]
        best = rows[np.lexsort((track.first[rows], -length[rows], -weight[rows]))]
        candidates += [(-float(weight[row]), -float(length[row]), number, int(row)) for row in best]
    return [tracks[number].stretch(row) for _, _, number, row in sorted(candidates)[:most]]


def shares(edges: NDArray[np.float64], bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which part (n,) of each bin between ascending ``bounds`` (n + 1,) stretches (k, 2), ascending and apart, fill."""
    if len(edges) == 0:
        return np.zeros(len(bounds) - 1)
    lengths = edges[:, 1] - edges[:, 0]
    at = np.column_stack([edges[:, 0], edges[:, 1]]).ravel()
    filled = np.column_stack([np.cumsum(lengths) - lengths, np.cumsum(lengths)]).ravel()
    return np.asarray(np.diff(np.interp(bounds, at, filled)) / np.diff(bounds))
