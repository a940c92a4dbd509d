"""Leads: runs of open-water segments, and the height of each with its uncertainty.

Sources: the ICESat-2 sea-ice ATBD (ATL07/ATL10, "the ATBD") for the weighted height of a lead; Huber and Ronchetti,
*Robust Statistics* (2009) for the biweight; Birge, Phys. Rev. 40, 207 (1932) for the ratio of scatter to formal error.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FOOTPRINT = 11.0
"""Diameter of the laser's footprint on the ground, m (Magruder et al. 2020, 10.9 m)."""

SECTION = 1000.0
"""A lead longer than this is cut at multiples of this distance, m, so that its parts depend on what is near alone."""

PULSE_SPREAD = 0.10
"""Spread of single photons over a flat surface, m: the transmitted pulse, about 0.65 ns standard deviation."""

PHOTON_SPREAD = 0.12
"""Spread of single photons of a usual segment, m: PULSE_SPREAD together with roughness of 7 cm within the footprint."""

SPREAD_WEIGHT = 4.0
"""Degrees of freedom with which PHOTON_SPREAD enters a segment's own photon spread."""

RELIEF = 0.02
"""What a segment's height departs from the mean of its window beyond photon noise, m, however many photons there are:
the footprint is five windows long, and the snow beside the track and the next windows shares it. Water lies level."""

EDGE = 6.0
"""Distance from a lead's border within which the footprint also sees the ice beside it, m: about half a footprint."""

NARROW_SPREAD = 0.30
"""Height uncertainty of a lead much narrower than the footprint, m: it may show the ice that shares the footprint."""

BIWEIGHT = 4.685
"""Biweight tuning: residuals beyond this many scales have no weight; 95 % efficient for normal errors."""

ITERATIONS = 12


@dataclass(frozen=True)
class Leads:
    """Runs of open-water segments of one track, in order.

    Attributes
    ----------
    first, stop : i8, the segments ``first:stop`` make the lead.
    open_left, open_right : bool, whether that end is a cut inside a longer lead and not a border with ice.
    middle : f8 m, middle of the lead along the track.
    flags : u4, schema.FreeboardFlag. trusted : bool, whether the lead carries sea level. extra : f8 m, uncertainty of
        its height that its segments' own errors do not show. waves : f8 m, standard deviation of waves along the lead,
        NaN where it is too short to tell. Where not given: 0, True, 0 and NaN.
        ``lead_trust.judge_leads`` tells them.
    """

    first: Ints
    stop: Ints
    open_left: npt.NDArray[np.bool_]
    open_right: npt.NDArray[np.bool_]
    middle: Floats
    flags: npt.NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, np.uint32))
    trusted: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    extra: Floats = field(default_factory=lambda: np.empty(0))
    waves: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.flags) != len(self.first):
            object.__setattr__(self, "flags", np.zeros(len(self.first), np.uint32))
            object.__setattr__(self, "trusted", np.ones(len(self.first), np.bool_))
            object.__setattr__(self, "extra", np.zeros(len(self.first)))
            object.__setattr__(self, "waves", np.full(len(self.first), np.nan))

    def __len__(self) -> int:
        return len(self.first)

    def rows(self, some: slice | npt.NDArray[Any]) -> Leads:
        """Some of the leads."""
        return Leads(*(getattr(self, each.name)[some] for each in fields(self)))


@dataclass(frozen=True)
class LeadHeights:
    """Height of each lead by two rules; f8, one entry a lead.

    Attributes
    ----------
    middle : m, middle of the lead along the track.
    weighted, weighted_sigma : m, the ATBD's weighted height and its standard uncertainty.
    robust, robust_sigma : m, precision-weighted biweight height of the lead's inner part and its uncertainty.
    robust_noise : m, the part of ``robust_sigma`` that does not come from the lead being narrow.
    robust_x : m, centroid of the weights of ``robust`` along the track.
    waves : m, as of the lead.
    """

    middle: Floats
    weighted: Floats
    weighted_sigma: Floats
    robust: Floats
    robust_sigma: Floats
    robust_noise: Floats
    robust_x: Floats
    waves: Floats


def height_sigma(
    height_std: npt.ArrayLike,
    photon_count: npt.ArrayLike,
    *,
    median: bool = True,
    water: npt.NDArray[np.bool_] | None = None,
) -> Floats:
    """Standard error of a segment's height, the median or mean of its photons, m (f8).

    ``sqrt(e (n s^2 + v s0^2) / (n - 1 + v) / n + r^2)`` with n photons of population standard deviation s: the
    segment's own spread pooled with PHOTON_SPREAD (s0) at SPREAD_WEIGHT (v) degrees of freedom, so that one or two
    photons that happen to agree do not pass for certainty; and RELIEF (r), which open ``water`` has not. e is 1 for the
    mean, and for the median of n normal values, from three on, ``(pi/2) n / (n + 0.5)`` (n odd) or
    ``(pi/2) n / (n + 1.3)`` (n even): within 2 % of the exact variance ratio, which tends to pi/2 (Kendall and Stuart,
    *The Advanced Theory of Statistics* 1, 14).
    """
    std = np.ascontiguousarray(height_std, np.float64)
    level = np.zeros(len(std), np.bool_) if water is None else np.require(water, np.bool_, ["C", "W"])
    return _height_sigma(std, np.ascontiguousarray(photon_count, np.float64), median, level)


def find_leads(x: Floats, water: npt.NDArray[np.bool_], minimum: int, segment_length: float) -> Leads:
    """Runs of open-water segments, at least ``minimum`` of them.

    Any segment that is not open water ends a run, and so does a distance without segments (windows without a photon)
    of more than one FOOTPRINT. A run longer than SECTION is cut at multiples of SECTION of ``x``.

    Parameters
    ----------
    x : f8 m, ascending window centres.
    water : bool, open water.
    """
    first, stop = _runs(x, water, FOOTPRINT + segment_length)
    keep = stop - first >= minimum
    first, stop, left, right = _sections(x, first[keep], stop[keep], segment_length)
    return Leads(first, stop, left, right, 0.5 * (x[first] + x[stop - 1]))


def lead_numbers(leads: Leads, x: Floats, segment_length: float) -> npt.NDArray[np.int32]:
    """The lead of each segment as the window index (i4) of the lead's first segment; -1 outside every lead."""
    number = np.full(len(x), -1, np.int32)
    _number(number, x, leads.first, leads.stop, segment_length)
    return number


def lead_heights(x: Floats, h: Floats, s: Floats, leads: Leads, segment_length: float) -> LeadHeights:
    """Height of each lead.

    ``weighted`` is the ATBD's: ``w_i = exp(-((h_i - h_min) / s_i)^2)``, ``a_i = w_i / sum w``,
    ``h_lead = sum a_i h_i``, ``s_lead^2 = sum a_i^2 s_i^2``.

    ``robust`` leaves out the segments within EDGE of a border (a quarter of a lead narrower than that), starts from
    the precision-weighted median and iterates a biweight on ``r / (b s)``, where b is the Birge ratio from the median
    absolute residual, never below 1. What scatters beyond photon noise is taken to be common to a footprint, so its
    part of the variance is multiplied by the segments in a footprint. A lead narrower than two footprints carries in
    addition NARROW_SPREAD times the missing share. Both uncertainties hold the lead's ``extra``.

    Parameters
    ----------
    x, h, s : f8 m, position, height and standard error of every segment of the track.
    """
    columns = np.empty((6, len(leads)))
    open_ends = leads.open_left, leads.open_right
    _lead_heights(x, h, s, leads.first, leads.stop, *open_ends, leads.extra, segment_length, columns)
    weighted, weighted_sigma, robust, sigma, noise, place = columns
    return LeadHeights(leads.middle, weighted, weighted_sigma, robust, sigma, noise, place, leads.waves)


@njit(cache=True)
def _height_sigma(std: Floats, count: Floats, median: bool, level: Any) -> Floats:
    out = np.empty(len(std))
    for i in range(len(std)):
        n = max(count[i], 1.0)
        variance = (n * std[i] ** 2 + SPREAD_WEIGHT * PHOTON_SPREAD**2) / (n - 1.0 + SPREAD_WEIGHT)
        if median and n > 2.0:
            variance *= 0.5 * np.pi * n / (n + (0.5 if n % 2.0 == 1.0 else 1.3))
        out[i] = np.sqrt(variance / n + (0.0 if level[i] else RELIEF**2))
    return out


def _runs(x: Floats, water: npt.NDArray[np.bool_], reach: float) -> tuple[Ints, Ints]:
    """First segment and one past the last of each run of water without a distance over ``reach`` inside."""
    joined = water[1:] & water[:-1] & (np.diff(x) <= reach)
    starts, stops = water.copy(), water.copy()
    starts[1:] &= ~joined
    stops[:-1] &= ~joined
    return np.flatnonzero(starts), np.flatnonzero(stops) + 1


@njit(cache=True)
def _sections(x: Floats, first: Ints, stop: Ints, segment_length: float) -> tuple[Ints, Ints, Any, Any]:
    total = 0
    for i in range(len(first)):
        total += int((x[stop[i] - 1] - x[first[i]]) / SECTION) + 2
    a, b = np.empty(total, np.int64), np.empty(total, np.int64)
    left, right = np.zeros(total, np.bool_), np.zeros(total, np.bool_)
    found = 0
    for i in range(len(first)):
        begin = first[i]
        long = x[stop[i] - 1] - x[begin] + segment_length > SECTION
        for j in range(begin + 1, stop[i]):
            if long and np.floor(x[j] / SECTION) > np.floor(x[begin] / SECTION):
                a[found], b[found], right[found] = begin, j, True
                left[found + 1] = True
                begin = j
                found += 1
        a[found], b[found] = begin, stop[i]
        found += 1
    return a[:found], b[:found], left[:found], right[:found]


@njit(cache=True)
def _number(number: Any, x: Floats, first: Ints, stop: Ints, segment_length: float) -> None:
    for lead in range(len(first)):
        name = int(np.floor(x[first[lead]] / segment_length))
        for i in range(first[lead], stop[lead]):
            number[i] = name


@njit(cache=True)
def _lead_heights(
    x: Floats,
    h: Floats,
    s: Floats,
    first: Ints,
    stop: Ints,
    left: Any,
    right: Any,
    extra: Floats,
    length: float,
    out: Floats,
) -> None:
    for lead in range(len(first)):
        a, b = first[lead], stop[lead]
        out[0, lead], sigma = _weighted(h[a:b], s[a:b])
        out[1, lead] = np.hypot(sigma, extra[lead])
        low, high = _inner(x, a, b, left[lead], right[lead], length)
        height, noise, centre = _robust(x[low:high], h[low:high], s[low:high], length)
        noise = np.hypot(noise, extra[lead])
        missing = 1.0 - (x[b - 1] - x[a] + length) / (2.0 * FOOTPRINT)
        narrow = 0.0 if left[lead] or right[lead] else NARROW_SPREAD * max(0.0, missing)
        out[2, lead], out[3, lead], out[4, lead], out[5, lead] = height, np.hypot(noise, narrow), noise, centre


@njit(cache=True)
def _weighted(h: Floats, s: Floats) -> tuple[float, float]:
    lowest = h[0]
    for value in h:
        lowest = min(lowest, value)
    weights, height, variance = 0.0, 0.0, 0.0
    for i in range(len(h)):
        w = np.exp(-(((h[i] - lowest) / s[i]) ** 2))
        weights += w
        height += w * (h[i] - lowest)
        variance += (w * s[i]) ** 2
    return lowest + height / weights, np.sqrt(variance) / weights


@njit(cache=True)
def _inner(x: Floats, a: int, b: int, left: bool, right: bool, length: float) -> tuple[int, int]:
    """The segments of the lead ``a:b`` away from its borders with ice; all of them when none is."""
    margin = min(EDGE, 0.25 * (x[b - 1] - x[a] + length)) - 0.5 * length - 1e-6
    low, high = a, b
    while not left and low < b and x[low] - x[a] < margin:
        low += 1
    while not right and high > a and x[b - 1] - x[high - 1] < margin:
        high -= 1
    return (low, high) if low < high else (a, b)


@njit(cache=True)
def _robust(x: Floats, h: Floats, s: Floats, length: float) -> tuple[float, float, float]:
    weight, distance, even = np.empty(len(h)), np.empty(len(h)), np.ones(len(h))
    for i in range(len(h)):
        weight[i] = s[i] ** -2
    centre = weighted_quantile(h, weight, 0.5)
    for i in range(len(h)):
        distance[i] = abs(h[i] - centre) / s[i]
    birge = max(1.0, 1.4826 * weighted_quantile(distance, even, 0.5))
    scale = birge * s
    centre = biweight(h, scale, weight, centre)
    total, place, variance = 0.0, 0.0, 0.0
    for i in range(len(h)):
        w = biweight_of((h[i] - centre) / scale[i]) * weight[i]
        total += w
        place += w * (x[i] - x[0])
        variance += (w * s[i]) ** 2
    common = min(float(len(h)), max(1.0, FOOTPRINT / length))
    inflation = 1.0 + (birge**2 - 1.0) * common
    return centre, np.sqrt(variance * inflation) / total, x[0] + place / total


@njit(cache=True)
def biweight_of(residual: float) -> float:
    """Tukey's biweight of a residual in scales: ``(1 - (r / c)^2)^2`` within c = BIWEIGHT, else 0."""
    ratio = residual / BIWEIGHT
    return (1.0 - ratio * ratio) ** 2 if abs(ratio) < 1.0 else 0.0


@njit(cache=True)
def biweight(h: Floats, scale: Floats, weight: Floats, start: float) -> float:
    """Weighted biweight location of ``h``, iterated from ``start``; ``scale`` says how far each value may stray.

    ``start`` itself when every value lies beyond reach of it.
    """
    centre = start
    for _ in range(ITERATIONS):
        total, moved = 0.0, 0.0
        for i in range(len(h)):
            w = biweight_of((h[i] - centre) / scale[i]) * weight[i]
            total += w
            moved += w * (h[i] - centre)
        if total == 0.0:
            break
        centre += moved / total
    return centre


@njit(cache=True)
def weighted_quantile(h: Floats, weight: Floats, share: float) -> float:
    """The value below which ``share`` of the weight lies; halfway between two where it falls just between them."""
    value, mass = h.copy(), weight.copy()
    _sort_with(value, mass)
    target, before = 0.0, 0.0
    for each in mass:
        target += share * each
    for place in range(len(value)):
        before += mass[place]
        if before > target * (1.0 + 1e-12):
            return value[place]
        if before >= target * (1.0 - 1e-12) and place + 1 < len(value):
            return 0.5 * (value[place] + value[place + 1])
    return value[-1]


@njit(cache=True)
def _sort_with(value: Floats, other: Floats) -> None:
    """Shell sort by ``value``, carrying ``other`` along; compiles in a tenth of the time of numpy's sort."""
    step = len(value) // 2
    while step > 0:
        for i in range(step, len(value)):
            key, carried, spot = value[i], other[i], i
            while spot >= step and value[spot - step] > key:
                value[spot], other[spot] = value[spot - step], other[spot - step]
                spot -= step
            value[spot], other[spot] = key, carried
        step = int(step / 2.3) if step > 2 else step // 2
