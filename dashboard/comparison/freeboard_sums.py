"""Freeboard of whole projects in little memory: counts by class and height, and differences by block of track.

Tracks are added up, none is kept: a median is that of bins of 5 mm, good to less than one. Arrays in, figures out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.comparison.scoring import Estimate, draw, interval
from dashboard.statistics import BIN, Distribution, Summary
from processing.core.agreement import Bootstrap, block_numbers
from processing.schema import SeaSurfaceSource

HOW = Bootstrap(block=10_000.0)
"""A lead found or missed moves the sea surface of a whole window of 10 km."""

FINE = 0.005
LOW, HIGH = -2.0, 8.0
"""Freeboards beyond count as these, m."""

CODES = (0, 1, 2, -1)
_BINS = round((HIGH - LOW) / FINE)
_COARSE = round(BIN / FINE)
_SMOOTH = np.ones(3) / 3


@dataclass(frozen=True)
class FreeboardSums:
    """Freeboard of one or more tracks.

    Attributes
    ----------
    counts : i8 (4, bins), segments by class, as ``CODES``, and by freeboard in bins of ``FINE`` from ``LOW``.
    total, square : f8 (4,), sums of freeboard (m) and of its square. below : i8 (4,), segments below zero.
    sources : i8 (3,), segments by ``schema.SeaSurfaceSource``. leads : number of leads.
    error : f8 (3,), against the truth: segments, sum of differences, sum of their squares.
    """

    counts: NDArray[np.int64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    below: NDArray[np.int64]
    sources: NDArray[np.int64]
    leads: int
    error: NDArray[np.float64]

    def __add__(self, other: FreeboardSums) -> FreeboardSums:
        names = ("counts", "total", "square", "below", "sources", "leads", "error")
        return FreeboardSums(*(getattr(self, name) + getattr(other, name) for name in names))

    @property
    def bias(self) -> float:
        """Mean of freeboard minus truth, m; NaN where there is no truth."""
        return float(self.error[1] / self.error[0]) if self.error[0] else float("nan")

    @property
    def rmse(self) -> float:
        return float(np.sqrt(self.error[2] / self.error[0])) if self.error[0] else float("nan")

    def summary(self, code: int | None = None) -> Summary:
        """Of one class, or of all."""
        rows = slice(None) if code is None else [CODES.index(code)]
        counts = self.counts[rows].sum(axis=0)
        number = int(counts.sum())
        if number == 0:
            return Summary(0, *(float("nan"),) * 5)
        mean = float(self.total[rows].sum() / number)
        spread = float(np.sqrt(max(self.square[rows].sum() / number - mean**2, 0.0)))
        below = float(self.below[rows].sum() / number)
        return Summary(number, mean, _median(counts), _mode(counts), spread, below)

    def distribution(self) -> Distribution:
        """By class in bins of 2 cm; ends without any segment are left out."""
        coarse = self.counts.reshape(len(CODES), -1, _COARSE).sum(axis=2)
        filled = np.flatnonzero(coarse.sum(axis=0))
        first, last = (filled[0], filled[-1] + 1) if len(filled) else (0, 1)
        edges = LOW + BIN * np.arange(first, last + 1)
        return Distribution(edges, {code: coarse[row, first:last] for row, code in enumerate(CODES)})


@dataclass(frozen=True)
class FreeboardDifference:
    """First minus second freeboard where both have one.

    Attributes
    ----------
    block : i8 (n,), ascending. sums : f8 (n, 3), by block: segments, sum of differences (m), segments that differ by
    more than 1 cm.
    """

    block: NDArray[np.int64]
    sums: NDArray[np.float64]


def sums(
    freeboard: NDArray[np.float32],
    codes: NDArray[np.int8],
    lead_id: NDArray[np.int32],
    source: NDArray[np.int8],
    truth: NDArray[np.float32] | None = None,
) -> FreeboardSums:
    """Add one track up; ``codes`` are the classes of its segments, ``truth`` (m) is NaN where there is none."""
    good = np.isfinite(freeboard)
    values, classes = freeboard[good].astype(np.float64), codes[good]
    at = np.clip(((values - LOW) / FINE).astype(np.int64), 0, _BINS - 1)
    counts = np.stack([np.bincount(at[classes == code], minlength=_BINS) for code in CODES])
    each = [values[classes == code] for code in CODES]
    total, square = (np.array([power(one).sum() for one in each]) for power in (np.asarray, np.square))
    below = np.array([np.count_nonzero(one < 0) for one in each])
    error = np.zeros(3)
    if truth is not None:
        off = (freeboard - truth).astype(np.float64)
        off = off[np.isfinite(off)]
        error = np.array([len(off), off.sum(), (off**2).sum()])
    sources = np.bincount(source[source >= 0], minlength=len(SeaSurfaceSource))[: len(SeaSurfaceSource)]
    return FreeboardSums(counts, total, square, below, sources, len(np.unique(lead_id[lead_id >= 0])), error)


def difference(
    x: NDArray[np.float64], first: NDArray[np.float32], second: NDArray[np.float32], how: Bootstrap = HOW
) -> FreeboardDifference:
    """Compare two freeboards (m) of the same segments at ``x`` (m)."""
    off = (first - second).astype(np.float64)
    good = np.isfinite(off)
    names, place = np.unique(block_numbers(x[good], how.block), return_inverse=True)
    columns = (np.ones(int(good.sum())), off[good], (np.abs(off[good]) > 0.01).astype(np.float64))
    added = [np.bincount(place, column, minlength=len(names)) for column in columns]
    return FreeboardDifference(names, np.column_stack(added) if len(names) else np.zeros((0, 3)))


def together(parts: Sequence[FreeboardDifference]) -> FreeboardDifference:
    """The sum of several; blocks of one number are one block."""
    if not parts:
        return FreeboardDifference(np.zeros(0, np.int64), np.zeros((0, 3)))
    names, place = np.unique(np.concatenate([part.block for part in parts]), return_inverse=True)
    added = np.zeros((len(names), 3))
    np.add.at(added, place, np.concatenate([part.sums for part in parts]))
    return FreeboardDifference(names, added)


def mean_difference(found: FreeboardDifference, how: Bootstrap = HOW) -> Estimate:
    """Mean of first minus second (m), with an interval where there are blocks enough."""
    number, total, _ = found.sums.sum(axis=0)
    if number == 0:
        return Estimate(float("nan"))
    if len(found.block) < how.least_blocks:
        return Estimate(float(total / number))
    drawn = draw(found.sums, how)
    return Estimate(float(total / number), *interval(drawn[:, 1] / np.maximum(drawn[:, 0], 1.0), how))


def _median(counts: NDArray[np.int64]) -> float:
    """By bins, evenly filled."""
    upto = np.cumsum(counts)
    half = upto[-1] / 2
    at = int(np.searchsorted(upto, half))
    before = upto[at] - counts[at]
    return float(LOW + FINE * (at + (half - before) / counts[at]))


def _mode(counts: NDArray[np.int64]) -> float:
    """Centre of the fullest bin of 2 cm after a running mean over three, as ``statistics.mode``."""
    coarse = counts.reshape(-1, _COARSE).sum(axis=1)
    return float(LOW + BIN * (int(np.argmax(np.convolve(coarse, _SMOOTH, mode="same"))) + 0.5))
