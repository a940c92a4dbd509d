"""How far two raters agree: raw agreement and Cohen's kappa with block-bootstrap intervals.

Kappa is ``(p_o - p_e) / (1 - p_e)``: p_o is the share of segments given the same class, p_e the share expected of two
raters who give classes independently, each as often as they do (Cohen 1960, Educational and Psychological Measurement
20, 37-46). It is 1 where all agree, 0 where they agree as by chance.

Neighbouring segments are not independent: a rater judges a lead, not each 2 m of it. The intervals therefore come from
a bootstrap over blocks of track (Carlstein 1986, Annals of Statistics 14, 1171-1179; percentiles as in Efron and
Tibshirani 1993, An Introduction to the Bootstrap, chapter 13): blocks are drawn with replacement, and the statistic
taken of what was drawn. Blocks of 100 m hold most leads and cracks whole; where raters judge stretches longer than
that in one go, the intervals are too narrow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from processing.schema import AutoFlag

CODES = (-1, 0, 1, 2)
"""Classes in the order of a confusion's rows and columns; unlabelled is a judgement like any other."""

FLAGS: Mapping[str, int] = MappingProxyType(
    {
        "cloud": int(AutoFlag.CLOUD),
        "shadow": int(AutoFlag.SHADOW),
        "transition": int(AutoFlag.TRANSITION),
        "drift": int(AutoFlag.DRIFT_UNSURE),
    }
)
CLEAR = "clear"
"""Segments that have none of FLAGS."""

MOST_UNDEFINED = 0.05
"""Share of draws without a kappa above which there is no interval."""

_CLASSES = len(CODES)

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are found.

    Attributes
    ----------
    block : m, length of a block of track.
    draws : how often blocks are drawn.
    seed : of the draws; equal opinions give equal intervals.
    least_blocks : fewer blocks give no interval.
    level : share of the draws inside the interval.
    """

    block: float = 100.0
    draws: int = 1000
    seed: int = 0
    least_blocks: int = 10
    level: float = 0.95


@dataclass(frozen=True)
class Agreement:
    """Agreement of two raters over the segments both judged.

    Attributes
    ----------
    segments, blocks : how many both judged, and in how many blocks of track they lie.
    share, share_low, share_high : raw agreement and its interval, 0 to 1.
    kappa, low, high : Cohen's kappa and its interval, at most 1.
    reason : why kappa or its interval is NaN; empty when neither is.
    """

    segments: int
    blocks: int
    share: float
    share_low: float
    share_high: float
    kappa: float
    low: float
    high: float
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """Agreement overall, by class (one against the rest) and by flag of the auto-label.

    ``confusion`` is i8 (4, 4), segments by the first rater's class (rows) and the second's, in the order of CODES.
    """

    overall: Agreement
    by_class: Mapping[int, Agreement]
    by_flag: Mapping[str, Agreement]
    confusion: Counts


def report(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    block: npt.ArrayLike,
    flags: npt.ArrayLike,
    how: Bootstrap = Bootstrap(),
) -> Report:
    """Agreement of two raters.

    Parameters
    ----------
    first, second : i1, the class each gave to the segments both judged.
    block : i8, block of track each segment lies in, from :func:`block_numbers`; any whole numbers.
    flags : u4, ``schema.AutoFlag`` bits of each segment.
    """
    one, other = np.asarray(first), np.asarray(second)
    where, bits = np.asarray(block, np.int64), np.asarray(flags, np.int64)
    counts = confusion_by_block(one, other, where)
    drawn = _draw(counts, how)
    masks = {name: (bits & bit) != 0 for name, bit in FLAGS.items()}
    masks[CLEAR] = (bits & sum(FLAGS.values())) == 0
    return Report(
        _agreement(counts, drawn, how, "both gave one class only"),
        {code: _of_class(counts, drawn, code, how) for code in CODES},
        {name: agreement(one[mask], other[mask], where[mask], how) for name, mask in masks.items()},
        counts.sum(axis=0),
    )


def agreement(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    block: npt.ArrayLike,
    how: Bootstrap = Bootstrap(),
) -> Agreement:
    """Agreement over all classes; arguments as :func:`report`."""
    counts = confusion_by_block(first, second, block)
    return _agreement(counts, _draw(counts, how), how, "both gave one class only")


def block_numbers(x: npt.ArrayLike, length: float) -> Counts:
    """Block of track (i8) that each position (m) lies in."""
    return np.floor(np.asarray(x, np.float64) / length).astype(np.int64)


def confusion_by_block(first: npt.ArrayLike, second: npt.ArrayLike, block: npt.ArrayLike) -> Counts:
    """Segments (i8, (blocks, 4, 4)) by block, first and second class; blocks in ascending order of their number."""
    one, other = np.asarray(first, np.int64), np.asarray(second, np.int64)
    names, place = np.unique(np.asarray(block), return_inverse=True)
    cell = (place * _CLASSES + one - CODES[0]) * _CLASSES + other - CODES[0]
    counts = np.bincount(cell, minlength=len(names) * _CLASSES**2)
    return counts.reshape(len(names), _CLASSES, _CLASSES).astype(np.int64)


def one_against_rest(confusion: Counts, code: int) -> Counts:
    """Confusions (..., 4, 4) of all classes as those (..., 2, 2) of one class against all others."""
    own = CODES.index(code)
    both = confusion[..., own, own]
    first_only = confusion[..., own, :].sum(axis=-1) - both
    second_only = confusion[..., :, own].sum(axis=-1) - both
    neither = confusion.sum(axis=(-2, -1)) - both - first_only - second_only
    pairs = np.stack([both, first_only, second_only, neither], axis=-1)
    return pairs.reshape(*both.shape, 2, 2)


def kappa(confusion: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Raw agreement and Cohen's kappa (f8, (...)) of confusions (..., k, k).

    NaN where there is nothing to compare; kappa also where both raters give one and the same class only.
    """
    counts = np.asarray(confusion, np.float64)
    total = counts.sum(axis=(-2, -1))
    by_chance = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1)
    agreed = np.trace(counts, axis1=-2, axis2=-1)
    nothing = np.full(total.shape, np.nan)
    share = np.divide(agreed, total, out=nothing.copy(), where=total > 0)
    # All terms times total squared, which is exact: no rounding decides whether both gave one class only.
    room = total**2 - by_chance
    return share, np.divide(agreed * total - by_chance, room, out=nothing, where=room > 0)


def _of_class(counts: Counts, drawn: Counts, code: int, how: Bootstrap) -> Agreement:
    parts = one_against_rest(counts, code), one_against_rest(drawn, code)
    given = parts[0].sum(axis=0)[0].any() or parts[0].sum(axis=0)[:, 0].any()
    return _agreement(*parts, how, "both gave no other class" if given else "neither gave this class")


def _draw(counts: Counts, how: Bootstrap) -> Counts:
    """Confusions (draws, 4, 4) of blocks drawn with replacement, as many as there are.

    Blocks with equal counts are one pattern, and how often each pattern is drawn is multinomial: the same draws, at the
    cost of the patterns, which are few, for most blocks are of one class that both gave.
    """
    blocks = len(counts)
    if blocks == 0:
        return np.zeros((0, *counts.shape[1:]), np.int64)
    patterns, often = np.unique(counts.reshape(blocks, -1), axis=0, return_counts=True)
    times = np.random.default_rng(how.seed).multinomial(blocks, often / blocks, size=how.draws)
    # Whole numbers below 2^53 are exact in double precision, whose product is many times faster than of integers.
    drawn = times.astype(np.float64) @ patterns.astype(np.float64)
    return drawn.astype(np.int64).reshape(how.draws, *counts.shape[1:])


def _agreement(counts: Counts, drawn: Counts, how: Bootstrap, undefined: str) -> Agreement:
    share, value = kappa(counts.sum(axis=0))
    shares, values = kappa(drawn)
    blocks, segments = len(counts), int(counts.sum())
    enough = blocks >= how.least_blocks
    share_range, value_range = _interval(shares, how, enough), _interval(values, how, enough and np.isfinite(value))
    return Agreement(
        segments,
        blocks,
        float(share),
        *share_range,
        float(value),
        *value_range,
        _reason(segments, value, value_range[0], undefined, "" if enough else _too_few(how)),
    )


def _interval(values: Floats, how: Bootstrap, enough: Any) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not enough or len(known) < (1.0 - MOST_UNDEFINED) * len(values):
        return np.nan, np.nan
    tail = 50.0 * (1.0 - how.level)
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return float(low), float(high)


def _reason(segments: int, value: Any, low: float, undefined: str, too_few: str) -> str:
    if segments == 0:
        return "no segment that both judged"
    if np.isnan(value):
        return undefined
    if np.isnan(low):
        return too_few or "too rare: many draws hold one class only"
    return ""


def _too_few(how: Bootstrap) -> str:
    return f"fewer than {how.least_blocks} blocks of {how.block:g} m"
