"""Two models against one reference: confusions, precision, recall and F1, and how sure the difference is.

Neighbouring segments are not independent, and beams of a granule run side by side over the same floes. Intervals
therefore come from a bootstrap over blocks of track that hold all beams of a granule at once. On the demo's held-out
granule the 95 % interval of a difference of two models' accuracies is 0.002 wide from single segments, 0.012 from
blocks of 100 m and 0.034 from blocks of 2 km; beyond that it grows slowly and blocks become few. Blocks of 2 km serve
here. Both models are drawn together, so that what is hard for both does not blur their difference. Nothing of this
tells how a model does on other granules. Arrays in, figures out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processing.core.agreement import MOST_UNDEFINED, Bootstrap, block_numbers

HOW = Bootstrap(block=2_000.0)
CLASSES = 3
FAR = 1 << 40
"""Block numbers of one granule are less than this, so that those of a project's granules stay apart."""

_CELLS = CLASSES**3
_AT_ONCE = 2_000_000
"""How many blocks are drawn before they are summed."""

Floats = NDArray[np.float64]
Counts = NDArray[np.int64] | Floats


@dataclass(frozen=True)
class Joint:
    """Segments by block of track, class of the reference, of the first and of the second model.

    Attributes
    ----------
    block : i8 (n,), ascending. counts : i8 (n, 3, 3, 3).
    """

    block: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def segments(self) -> int:
        return int(self.counts.sum())


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval; NaN where there is none."""

    value: float
    low: float = np.nan
    high: float = np.nan

    @property
    def apart(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class ModelScores:
    """One model: ``confusion`` i8 (3, 3), rows true class, columns predicted; figures by class are three each."""

    confusion: NDArray[np.int64]
    accuracy: Estimate
    macro_f1: Estimate
    precision: tuple[Estimate, ...]
    recall: tuple[Estimate, ...]
    f1: tuple[Estimate, ...]


@dataclass(frozen=True)
class Scored:
    """Both models over the same segments, and the first minus the second; ``reason``: why there are no intervals."""

    segments: int
    blocks: int
    first: ModelScores
    second: ModelScores
    accuracy: Estimate
    macro_f1: Estimate
    reason: str = ""


def joint(reference: ArrayLike, first: ArrayLike, second: ArrayLike, x: ArrayLike, how: Bootstrap = HOW) -> Joint:
    """Count segments at ``x`` (m); those that any of the three gives no class (-1) are left out."""
    true, one, other = (np.asarray(codes, np.int64) for codes in (reference, first, second))
    known = (true >= 0) & (one >= 0) & (other >= 0)
    names, place = np.unique(block_numbers(np.asarray(x)[known], how.block), return_inverse=True)
    cell = ((place * CLASSES + true[known]) * CLASSES + one[known]) * CLASSES + other[known]
    counts = np.bincount(cell, minlength=len(names) * _CELLS)
    return Joint(names, counts.reshape(len(names), CLASSES, CLASSES, CLASSES))


def together(parts: Sequence[Joint]) -> Joint:
    """The sum of several; blocks of one number are one block."""
    if not parts:
        return Joint(np.zeros(0, np.int64), np.zeros((0, CLASSES, CLASSES, CLASSES), np.int64))
    names, place = np.unique(np.concatenate([part.block for part in parts]), return_inverse=True)
    counts = np.zeros((len(names), _CELLS), np.int64)
    np.add.at(counts, place, np.concatenate([part.counts for part in parts]).reshape(-1, _CELLS))
    return Joint(names, counts.reshape(-1, CLASSES, CLASSES, CLASSES))


def score(found: Joint, how: Bootstrap = HOW) -> Scored:
    """Both models' scores, and how far the first is ahead of the second."""
    whole = found.counts.sum(axis=0)
    drawn = draw(found.counts.reshape(len(found.counts), -1), how).reshape(-1, CLASSES, CLASSES, CLASSES)
    enough = len(found.block) >= how.least_blocks
    first, second = ((whole.sum(axis=axis), drawn.sum(axis=axis)) for axis in (-1, -2))

    def ahead(figure: Callable[[Counts], Floats]) -> Estimate:
        of_all, of_drawn = figure(first[0]) - figure(second[0]), figure(first[1]) - figure(second[1])
        return _estimate(of_all, of_drawn, how, enough)

    reason = "" if enough else f"fewer than {how.least_blocks} blocks of {how.block / 1000:g} km"
    return Scored(
        int(whole.sum()),
        len(found.block),
        _scores(*first, how, enough),
        _scores(*second, how, enough),
        ahead(accuracy),
        ahead(macro_f1),
        reason,
    )


def draw(sums: Counts, how: Bootstrap) -> Floats:
    """Sums (draws, k) over as many rows of ``sums`` (n, k) as there are, drawn with replacement."""
    rows, columns = sums.shape
    if rows == 0:
        return np.zeros((0, columns))
    rng, values = np.random.default_rng(how.seed), sums.astype(np.float64)
    result = np.zeros((how.draws, columns))
    step = max(1, _AT_ONCE // rows)
    for start in range(0, how.draws, step):
        number = min(step, how.draws - start)
        chosen = rng.integers(0, rows, (number, rows)) + rows * np.arange(number)[:, None]
        times = np.bincount(chosen.ravel(), minlength=number * rows).reshape(number, rows)
        result[start : start + number] = times @ values
    return result


def interval(values: Floats, how: Bootstrap) -> tuple[float, float]:
    """The middle share ``how.level`` of drawn values; NaN where too many of them do not exist."""
    known = values[np.isfinite(values)]
    if len(known) == 0 or len(known) < (1.0 - MOST_UNDEFINED) * len(values):
        return np.nan, np.nan
    tail = 50.0 * (1.0 - how.level)
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return float(low), float(high)


def accuracy(confusion: Counts) -> Floats:
    """Share (...) of segments in the diagonal of confusions (..., 3, 3)."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def precision(confusion: Counts) -> Floats:
    """By class (..., 3): share of what was predicted that is so; NaN for a class never predicted."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-2))


def recall(confusion: Counts) -> Floats:
    """By class (..., 3): share of what is so that was predicted; NaN for a class that is absent."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1))


def f1(confusion: Counts) -> Floats:
    """By class (..., 3): harmonic mean of precision and recall."""
    both = confusion.sum(axis=-2) + confusion.sum(axis=-1)
    return _ratio(2 * np.diagonal(confusion, axis1=-2, axis2=-1), both)


def macro_f1(confusion: Counts) -> Floats:
    """Mean F1 (...) of the classes that are there."""
    there = confusion.sum(axis=-1) > 0
    return _ratio(np.where(there, np.nan_to_num(f1(confusion)), 0.0).sum(axis=-1), there.sum(axis=-1))


def _scores(whole: NDArray[np.int64], drawn: Floats, how: Bootstrap, enough: bool) -> ModelScores:
    def single(figure: Callable[[Counts], Floats]) -> Estimate:
        return _estimate(figure(whole), figure(drawn), how, enough)

    def by_class(figure: Callable[[Counts], Floats]) -> tuple[Estimate, ...]:
        of_all, of_drawn = figure(whole), figure(drawn)
        return tuple(_estimate(of_all[code], of_drawn[:, code], how, enough) for code in range(CLASSES))

    return ModelScores(whole, single(accuracy), single(macro_f1), by_class(precision), by_class(recall), by_class(f1))


def _estimate(value: Floats, drawn: Floats, how: Bootstrap, enough: bool) -> Estimate:
    figure = float(value)
    return Estimate(figure, *(interval(drawn, how) if enough and np.isfinite(figure) else (np.nan, np.nan)))


def _ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    top, bottom = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(top, bottom, out=np.full(bottom.shape, np.nan), where=bottom > 0)
