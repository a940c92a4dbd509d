"""What several tracks say of the same footprints, put together track by track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.core.footprints import CLASSES, F8, Ints, Sums


@dataclass(frozen=True)
class FootprintMeans:
    """Our value for each of n footprints; NaN where no track passed; (n,) each.

    Attributes
    ----------
    value : f8, weighted mean. sigma : f8, its standard uncertainty. spread : f8, weighted standard deviation.
    count : i8, segments. tracks : i8, how many tracks they are of.
    distance : f8 m, from the measurement to the nearest segment.
    hours : f8, our time minus theirs. moved : bool, whether the footprint was laid on the nearest segment.
    label : i1, the commonest class by weight. track : i8, the track of most weight, -1 where none.
    x_atc : f8 m, middle of the stretch of that track. first, last : f8 m, its ends.
    """

    value: F8
    sigma: F8
    spread: F8
    count: Ints
    tracks: Ints
    distance: F8
    hours: F8
    moved: npt.NDArray[np.bool_]
    label: npt.NDArray[np.int8]
    track: Ints
    x_atc: F8
    first: F8
    last: F8


class Gathering:
    """Sums over n footprints that grow with every track; memory does not depend on the tracks.

    A footprint that any track crosses is the mean of all tracks that cross it. One that none crosses takes the nearest
    track alone, which it was moved to.
    """

    def __init__(self, n: int) -> None:
        self._total = np.zeros((5, n))
        self._labels = np.zeros((n, CLASSES), np.float32)
        self._count, self._tracks = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._distance, self._most = np.full(n, np.inf), np.zeros(n)
        self._moved = np.zeros(n, np.bool_)
        self._track = np.full(n, -1, np.int64)
        self._ends = np.full((2, n), np.nan)

    def add(self, sums: Sums, track: int) -> None:
        """Add what one track, known by a number, holds of the footprints that it passes."""
        index = sums.near.index
        empty = self._count[index] == 0
        closer = sums.near.distance < self._distance[index]
        instead = empty | (self._moved[index] & (~sums.moved | closer))
        beside = ~empty & ~self._moved[index] & ~sums.moved
        self._forget(index[instead & ~empty])
        taken = np.flatnonzero(instead | beside)
        own, at = _rows(sums, taken), index[taken]
        self._total[:, at] += own
        self._labels[at] += sums.labels[taken]
        self._count[at] += sums.count[taken]
        self._tracks[at] += 1
        self._moved[at] = sums.moved[taken]
        self._distance[at] = np.minimum(self._distance[at], sums.near.distance[taken])
        leads = sums.weight[taken] > self._most[at]
        self._most[at[leads]] = sums.weight[taken][leads]
        self._track[at[leads]] = track
        self._ends[:, at[leads]] = np.stack([sums.first, sums.last])[:, taken[leads]]

    def _forget(self, index: Ints) -> None:
        self._total[:, index] = 0.0
        self._labels[index] = 0.0
        self._count[index] = self._tracks[index] = 0
        self._distance[index], self._most[index] = np.inf, 0.0

    def means(self) -> FootprintMeans:
        """What was gathered so far."""
        known = self._count > 0
        weight = np.where(known, self._total[0], np.nan)
        value = self._total[1] / weight
        spread = np.sqrt(np.maximum(self._total[2] / weight - value**2, 0.0))
        return FootprintMeans(
            value,
            np.sqrt(self._total[3]) / weight,
            spread,
            self._count.copy(),
            self._tracks.copy(),
            np.where(known, self._distance, np.nan),
            self._total[4] / weight / 3600.0,
            self._moved & known,
            np.where(known, self._labels.argmax(axis=1) - 1, -1).astype(np.int8),
            self._track.copy(),
            self._ends.mean(axis=0),
            self._ends[0].copy(),
            self._ends[1].copy(),
        )


def _rows(sums: Sums, taken: Ints) -> F8:
    """Sums of weights, values and squares, squared error of the weighted sum, and weighted seconds; (5, m).

    The error of one track's sum is what its segments do not share beside what they do (JCGM 100:2008, 5.2); different
    tracks have sea surfaces of their own and add as independent.
    """
    error = sums.noise + sums.common**2
    return np.stack([sums.weight, sums.value, sums.square, error, sums.seconds])[:, taken]


def shared_length(track: npt.ArrayLike, first: npt.ArrayLike, last: npt.ArrayLike) -> float:
    """How often a metre of track is used on the mean: 1 where no two stretches overlap; NaN without stretches.

    Parameters
    ----------
    track : (n,) i8, the track of each stretch. first, last : (n,) f8 m, its ends.
    """
    where, begin, end = np.asarray(track), np.asarray(first, np.float64), np.asarray(last, np.float64) + 2.0
    order = np.lexsort((begin, where))
    used = covered = 0.0
    for number in np.unique(where):
        rows = order[where[order] == number]
        used += float((end[rows] - begin[rows]).sum())
        reached = np.concatenate([[-np.inf], np.maximum.accumulate(end[rows])[:-1]])
        covered += float(np.maximum(end[rows] - np.maximum(begin[rows], reached), 0.0).sum())
    return used / covered if covered else float("nan")
