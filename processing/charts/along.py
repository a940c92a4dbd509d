"""Values along a track gathered in as many steps as a figure can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

F8 = npt.NDArray[np.float64]

STEPS = 720
"""Steps across a figure: one for each hundredth of an inch of a figure over two columns."""


@dataclass(frozen=True)
class Steps:
    """Steps of equal length along a track.

    Attributes
    ----------
    edges : (k + 1,) f8 m. index : (n,) i8, the step of each segment.
    """

    edges: F8
    index: npt.NDArray[np.int64]

    @property
    def middle(self) -> F8:
        """(k,) m."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    def mean(self, values: npt.ArrayLike) -> F8:
        """(k,) mean of the finite values in each step; NaN where there is none."""
        given = np.asarray(values, np.float64)
        known = np.isfinite(given)
        total = np.bincount(self.index[known], given[known], minlength=len(self.middle))
        count = np.bincount(self.index[known], minlength=len(self.middle))
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)

    def most(self, codes: npt.NDArray[Any], among: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """(k,) most frequent of the codes ``among``; the first of them where several are; -9 without any."""
        counts = np.stack([np.bincount(self.index[codes == code], minlength=len(self.middle)) for code in among])
        return np.where(counts.sum(axis=0) > 0, np.asarray(among)[counts.argmax(axis=0)], -9)

    def any(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """(k,) whether any segment of the step is chosen."""
        return np.bincount(self.index[chosen], minlength=len(self.middle)) > 0


def steps_of(x: F8, segment_length: float, steps: int = STEPS) -> Steps:
    """At most ``steps`` steps of whole segments over ascending window centres ``x`` (m); one where there is nothing."""
    if not len(x):
        return Steps(np.array([0.0, segment_length]), np.zeros(0, np.int64))
    windows = round((x[-1] - x[0]) / segment_length) + 1
    length = -(-windows // steps) * segment_length
    number = -(-windows * segment_length // length)
    edges = x[0] - 0.5 * segment_length + length * np.arange(number + 1)
    return Steps(edges, np.clip(np.searchsorted(edges, x, "right") - 1, 0, len(edges) - 2))


def runs(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(k, 2) first and past-the-last place of each run of True."""
    change = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]]).astype(np.int8)))
    return change.reshape(-1, 2)
