"""How well two measurements of the same thing agree: bias, scatter, correlation and slope with their intervals.

Pairs along a track are not independent: both instruments see the same floe, and one sea surface serves kilometres of
track. The intervals come from a bootstrap over blocks of track (Carlstein 1986, Annals of Statistics 14, 1171-1179;
percentiles as in Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13): blocks are drawn with
replacement, and the statistic is taken of what was drawn. Blocks must be longer than what ties neighbours together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F8 = npt.NDArray[np.float64]

LEAST_BLOCKS = 5
"""Fewer blocks give no interval."""

MOST_UNDEFINED = 0.05
"""Share of draws without a value above which there is no interval."""

_HELD = 2_000_000
"""Draws times blocks that are held at once."""


@dataclass(frozen=True)
class Interval:
    """A value and the interval around it; NaN where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """How measurements ``ours`` agree with ``theirs``, pair by pair.

    Attributes
    ----------
    count, blocks : pairs in which both are known, and the blocks they lie in.
    mean_ours, mean_theirs : mean of each, in their unit.
    bias : mean of ours minus theirs, in their unit.
    rms : root of the mean squared difference. centred_rms : the same with the bias taken out.
    correlation : Pearson's. NaN where one of the two is constant.
    slope : of the least-squares line of ours over theirs; noise in theirs lowers it below 1.
    reason : why values or intervals are NaN; empty when none is.
    """

    count: int
    blocks: int
    mean_ours: float
    mean_theirs: float
    bias: Interval
    rms: Interval
    centred_rms: Interval
    correlation: Interval
    slope: Interval
    reason: str = ""


def paired_agreement(
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    block: npt.ArrayLike,
    seed: int = 0,
    draws: int = 1000,
    level: float = 0.95,
) -> Agreement:
    """Agreement of pairs; those of which one is NaN are left out.

    Parameters
    ----------
    ours, theirs : (n,) f8, in one unit.
    block : (n,) whole numbers, the block each pair lies in; pairs of different tracks need different numbers.
    seed : of the draws, so that equal pairs give equal intervals.
    draws : how often blocks are drawn. level : share of the draws inside the interval.
    """
    one, other = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    known = np.isfinite(one) & np.isfinite(other)
    one, other, where = one[known], other[known], np.asarray(block)[known]
    if not len(one):
        nothing = Interval(np.nan, np.nan, np.nan)
        return Agreement(
            0, 0, np.nan, np.nan, nothing, nothing, nothing, nothing, nothing, "no pair that both measured"
        )
    centre = float(one.mean()), float(other.mean())
    sums = _sums_by_block(one - centre[0], other - centre[1], where)
    offset = centre[0] - centre[1]
    values = _statistics(sums.sum(axis=0, keepdims=True), offset)
    drawn = _drawn(sums, offset, seed, draws)
    enough = len(sums) >= LEAST_BLOCKS
    found = {name: _interval(float(values[name][0]), drawn[name], level, enough) for name in values}
    bias, rms, centred, correlation, slope = found.values()
    reason = _reason(len(sums), found)
    return Agreement(len(one), len(sums), *centre, bias, rms, centred, correlation, slope, reason)


def _sums_by_block(x: F8, y: F8, block: npt.NDArray[np.generic]) -> F8:
    """(blocks, 6): count, sums of x, y, their squares and their product in each block."""
    names, place = np.unique(block, return_inverse=True)
    terms = (np.ones(len(x)), x, y, x * x, y * y, x * y)
    return np.stack([np.bincount(place, term, len(names)) for term in terms], axis=1)


def _drawn(sums: F8, offset: float, seed: int, draws: int) -> Mapping[str, F8]:
    """Every statistic of blocks drawn with replacement, as many as there are; (draws,) each."""
    rng = np.random.default_rng(seed)
    blocks = len(sums)
    step = max(1, _HELD // blocks)
    share = np.full(blocks, 1.0 / blocks)
    totals = [
        rng.multinomial(blocks, share, size=min(step, draws - start)).astype(np.float64) @ sums
        for start in range(0, draws, step)
    ]
    return _statistics(np.concatenate(totals), offset)


def _statistics(total: F8, offset: float) -> Mapping[str, F8]:
    """Statistics of sums (k, 6) of values of which each has had its mean taken off; ``offset`` is what that took."""
    count, x, y, xx, yy, xy = total.T
    mean_x, mean_y = x / count, y / count
    spread_x = np.maximum(xx / count - mean_x**2, 0.0)
    spread_y = np.maximum(yy / count - mean_y**2, 0.0)
    both = xy / count - mean_x * mean_y
    bias = mean_x - mean_y + offset
    centred = np.maximum(spread_x + spread_y - 2.0 * both, 0.0)
    nothing = np.full(len(total), np.nan)
    product = np.sqrt(spread_x * spread_y)
    return {
        "bias": bias,
        "rms": np.sqrt(bias**2 + centred),
        "centred_rms": np.sqrt(centred),
        "correlation": np.clip(np.divide(both, product, out=nothing.copy(), where=_varies(product, xx, yy)), -1, 1),
        "slope": np.divide(both, spread_y, out=nothing.copy(), where=_varies(spread_y, yy, yy)),
    }


def _varies(spread: F8, xx: F8, yy: F8) -> npt.NDArray[np.bool_]:
    """Whether a spread is more than what rounding leaves of none."""
    varies: npt.NDArray[np.bool_] = spread > 1e-14 * np.sqrt(xx * yy)
    return varies & (spread > 0)


def _interval(value: float, drawn: F8, level: float, enough: bool) -> Interval:
    known = drawn[np.isfinite(drawn)]
    if not enough or not np.isfinite(value) or len(known) < (1.0 - MOST_UNDEFINED) * len(drawn):
        return Interval(value, np.nan, np.nan)
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return Interval(value, float(low), float(high))


def _reason(blocks: int, found: Mapping[str, Interval]) -> str:
    if blocks < LEAST_BLOCKS:
        return f"no intervals from fewer than {LEAST_BLOCKS} blocks"
    if not np.isfinite(found["slope"].value):
        return "theirs is one value throughout"
    if not np.isfinite(found["correlation"].value):
        return "ours is one value throughout"
    return ""
