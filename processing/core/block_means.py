"""Means of freeboard over stretches longer than one sea surface reaches, with their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processing.core.agreement import block_numbers
from processing.core.mean_freeboard import COMMON_HEIGHT, group_means


@dataclass(frozen=True)
class Sum:
    """Sum of freeboard (m), its variance by errors not common to all (m2), and the segments; sums may be added."""

    total: float
    variance: float
    count: int

    @property
    def mean(self) -> float:
        """m; NaN without segments."""
        return self.total / self.count if self.count else float("nan")

    @property
    def sigma(self) -> float:
        """m, standard uncertainty of the mean, with what all heights share; NaN without segments."""
        return float(np.hypot(self.variance**0.5 / self.count, COMMON_HEIGHT)) if self.count else float("nan")

    def plus(self, other: Sum) -> Sum:
        """Of both together, whose errors are independent of each other."""
        return Sum(self.total + other.total, self.variance + other.variance, self.count + other.count)


NOTHING = Sum(0.0, 0.0, 0)


def block_sum(
    x: npt.ArrayLike,
    freeboard: npt.ArrayLike,
    height_sigma: npt.ArrayLike,
    surface_sigma: npt.ArrayLike,
    length: float,
) -> Sum:
    """Sum of the freeboard (n,) of one beam.

    Errors of the sea surface (``surface_sigma``, m) are one and the same within each ``length`` m of along-track
    distance ``x`` and independent from one to the next; those of heights (``height_sigma``, m) are independent.
    Segments with a NaN are left out.
    """
    blocks, index = np.unique(block_numbers(x, length), return_inverse=True)
    mean, sigma, count = group_means(freeboard, height_sigma, surface_sigma, index, len(blocks), common=0.0)
    return Sum(float(np.nansum(mean * count)), float(np.nansum((sigma * count) ** 2)), int(count.sum()))
