"""How our segments agree with those of a product beyond pairs of numbers: classes, leads, density and modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from processing.core.paired import LEAST_BLOCKS, Interval

F8 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TYPES = ("cloud", "ice", "specular lead", "dark lead")
"""Names of the groups of ATL07's ``height_segment_type``: 0; 1; 2 to 5; 6 to 9 (data dictionary, NSIDC)."""

LABELS = (0, 1, 2, -1)
"""Our classes in the order of a class table's rows."""

BIN = 0.01
"""Width of the bins in which a mode is looked for, m."""

SMOOTH = 0.02
"""Standard deviation of the Gaussian that smooths them, m: about the uncertainty of a segment's height."""


def type_group(surface_type: npt.ArrayLike) -> Ints:
    """Index in TYPES of each surface type; -1 for values that the products do not define."""
    code = np.asarray(surface_type, np.int64)
    group = np.digitize(code, [1, 2, 6])
    return np.where((code < 0) | (code > 9), -1, group).astype(np.int64)


def class_table(label: npt.ArrayLike, surface_type: npt.ArrayLike, where: npt.ArrayLike) -> Ints:
    """Segments of the product (i8, (4, 4)) by our class (rows, LABELS) and their type (columns, TYPES).

    ``label`` i1 and ``surface_type`` of each segment, ``where`` bool, which of them count.
    """
    own, group = np.asarray(label), type_group(surface_type)
    use = np.asarray(where, np.bool_) & (group >= 0)
    table = np.zeros((len(LABELS), len(TYPES)), np.int64)
    for row, code in enumerate(LABELS):
        table[row] = np.bincount(group[use & (own == code)], minlength=len(TYPES))
    return table


@dataclass(frozen=True)
class LeadMatch:
    """Whether two sets of leads are the same, counted in segments of the product.

    Attributes
    ----------
    theirs, ours, both : segments that carry the product's lead, that are mostly our open water, and that are both.
    touched : of theirs, those with any open water of ours.
    found : both of theirs, 0 to 1: how much of their leads is ours (recall of theirs).
    confirmed : both of ours, 0 to 1: how much of our leads is theirs (precision by theirs).
    """

    theirs: int
    ours: int
    both: int
    touched: int
    found: float
    confirmed: float


def lead_match(label: npt.ArrayLike, share: npt.ArrayLike, theirs: npt.ArrayLike, where: npt.ArrayLike) -> LeadMatch:
    """Match of leads over the segments ``where`` counts.

    ``label`` i1, our class of each segment; ``share`` f8, of open water in it; ``theirs`` bool, whether the product
    takes it for a lead.
    """
    use = np.asarray(where, np.bool_)
    own = use & (np.asarray(label) == 2)
    other = use & np.asarray(theirs, np.bool_)
    both = int((own & other).sum())
    touched = int((other & (np.nan_to_num(np.asarray(share, np.float64)) > 0)).sum())
    n_theirs, n_own = int(other.sum()), int(own.sum())
    return LeadMatch(n_theirs, n_own, both, touched, _ratio(both, n_theirs), _ratio(both, n_own))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


@dataclass(frozen=True)
class Density:
    """Segments a kilometre of track, ours and the product's, over the stretch that both reach."""

    ours: float
    theirs: float
    length: float
    """m, of that stretch, gaps included."""


def density(ours: npt.ArrayLike, theirs: npt.ArrayLike) -> Density:
    """Density of two sets of segments by their along-track distances (f8 m); NaN where they share no stretch."""
    one, other = _finite(ours), _finite(theirs)
    if len(one) < 2 or len(other) < 2:
        return Density(np.nan, np.nan, 0.0)
    begin, end = max(one.min(), other.min()), min(one.max(), other.max())
    if end <= begin:
        return Density(np.nan, np.nan, 0.0)
    length = float(end - begin)
    per_km = [1000.0 * float(((x >= begin) & (x <= end)).sum()) / length for x in (one, other)]
    return Density(per_km[0], per_km[1], length)


def density_profile(x: npt.ArrayLike, edges: npt.ArrayLike) -> F8:
    """Segments a kilometre between successive ``edges`` (f8 m, ascending)."""
    at = np.asarray(edges, np.float64)
    counts, _ = np.histogram(_finite(x), at)
    return np.asarray(1000.0 * counts / np.diff(at), np.float64)


def _finite(values: npt.ArrayLike) -> F8:
    found = np.asarray(values, np.float64)
    return found[np.isfinite(found)]


def mode(
    values: npt.ArrayLike, block: npt.ArrayLike, seed: int = 0, draws: int = 1000, level: float = 0.95
) -> Interval:
    """Most frequent value (f8 m) and its interval from a bootstrap over blocks of track.

    The highest point of a histogram of BIN that a Gaussian of SMOOTH has smoothed. A mode of few values is rough: with
    fewer than LEAST_BLOCKS blocks there is no interval.
    """
    given = np.asarray(values, np.float64)
    known = np.isfinite(given)
    found, where = given[known], np.asarray(block)[known]
    if not len(found):
        return Interval(np.nan, np.nan, np.nan)
    low, high = np.percentile(found, [0.1, 99.9])
    first = np.floor(low / BIN) - 5
    bins = int(np.ceil(high / BIN) - first) + 5
    cell = np.clip(np.floor(found / BIN) - first, 0, bins - 1).astype(np.int64)
    names, place = np.unique(where, return_inverse=True)
    counts = np.bincount(place * bins + cell, minlength=len(names) * bins).reshape(len(names), bins)
    value = float(_peak(counts.sum(axis=0, keepdims=True), first)[0])
    if len(names) < LEAST_BLOCKS:
        return Interval(value, np.nan, np.nan)
    often = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=draws)
    peaks = _peak(often.astype(np.float64) @ counts, first)
    tail = 50.0 * (1.0 - level)
    return Interval(value, *(float(each) for each in np.percentile(peaks, [tail, 100.0 - tail])))


def _peak(counts: npt.NDArray[np.number], first: float) -> F8:
    """Place of the highest point of smoothed histograms (k, bins)."""
    smooth = gaussian_filter1d(counts.astype(np.float64), SMOOTH / BIN, axis=1, mode="constant")
    return np.asarray((first + smooth.argmax(axis=1) + 0.5) * BIN, np.float64)
