"""Local sea surface from the leads in windows along the track: four published estimators and an unbiased fifth.

Window ``k`` has its centre at ``k * stride`` of the along-track distance and holds the leads whose middle lies within
half a window of it, so a track computed whole and in chunks agrees. The work has two steps, apart so that the first
can run on chunks (with a halo of ``Rules.halo``) and the second on the joined windows:

1. :func:`sea_surface_windows`: the windows that hold leads, each with five heights and their uncertainties;
2. :func:`sea_surface_at`: the surface at every segment, linear between windows of one piece of track.

A piece is a stretch of track without a data gap longer than the window. Nothing is carried over from piece to piece.

Sources: Iqrah et al. 2025 (arXiv 2502.02700) for the windows and estimators, the ICESat-2 sea-ice ATBD (ATL07/ATL10)
for the weighted leads, DerSimonian and Laird 1986 for the spread between leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core.leads import (
    SECTION,
    Floats,
    Ints,
    LeadHeights,
    Leads,
    biweight,
    biweight_of,
    find_leads,
    lead_heights,
    weighted_quantile,
)
from processing.schema import SeaSurfaceSource

ESTIMATORS = ("minimum", "average", "nearest", "weighted", "robust")
_ROBUST = ESTIMATORS.index("robust")

LOWEST = 10
"""How many of the lowest open-water heights ``nearest`` chooses from."""

LEAD_SPREAD = 0.03
"""Spread of lead heights within a window, m, that is sea surface and no error: slope, swell, tide residual."""

START_SHARE = 1.0 / 3.0
"""``robust`` starts from this weighted quantile of lead heights: ice taken for water lies above, never below."""

GROWTH = 4e-8
"""Growth of the sea surface's variance with distance from a window's leads, m2/m: 2 cm at 10 km."""


@dataclass(frozen=True)
class Rules:
    """How windows are laid and what counts as a lead.

    Attributes
    ----------
    window, stride : m, length of a window and distance between centres; ``stride <= window``.
    minimum_lead_segments : open-water segments that make a lead.
    segment_length : m, length of a segment's window.
    """

    window: float = 10_000.0
    stride: float = 5_000.0
    minimum_lead_segments: int = 1
    segment_length: float = 2.0

    def __post_init__(self) -> None:
        if not 0.0 < self.stride <= self.window:
            raise ValueError(f"stride {self.stride} m must be positive and at most the window, {self.window} m")

    @property
    def halo(self) -> float:
        """Track needed either side of a chunk, m, for the windows whose centres lie in it to come out the same."""
        return 0.5 * self.window + SECTION + self.minimum_lead_segments * self.segment_length


@dataclass(frozen=True)
class Windows:
    """Windows that hold at least one lead, in order along the track.

    Attributes
    ----------
    index : i8, window number; its centre is ``index * stride``.
    lead_count : i8, leads in the window.
    surface, sigma : f8 (5, windows), m, height and standard uncertainty by estimator, in the order of ESTIMATORS.
    place : f8 m, where ``robust`` holds: the centroid of its weights. The others hold at the window's centre.
    """

    index: Ints
    lead_count: Ints
    surface: Floats
    sigma: Floats
    place: Floats

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class SeaSurface:
    """Sea surface at each segment; NaN (source NONE) on a piece of track without any lead.

    Attributes
    ----------
    surface : f4 (5, n), m, in the order of ESTIMATORS.
    sigma : f4 (n), m, standard uncertainty of the chosen estimator.
    source : i1 (n), schema.SeaSurfaceSource.
    """

    surface: npt.NDArray[np.float32]
    sigma: npt.NDArray[np.float32]
    source: npt.NDArray[np.int8]


def find_pieces(x: Floats, longest_gap: float) -> Floats:
    """First and last position (f8, (pieces, 2), m) of each stretch of ascending ``x`` without a longer gap."""
    if len(x) == 0:
        return np.empty((0, 2))
    breaks = np.flatnonzero(np.diff(x) > longest_gap)
    return np.column_stack([x[np.r_[0, breaks + 1]], x[np.r_[breaks, len(x) - 1]]])


def join_pieces(parts: Sequence[Floats], longest_gap: float) -> Floats:
    """The pieces of a track from those of its chunks, given in order along the track."""
    bounds = np.concatenate([part for part in parts if len(part)] or [np.empty((0, 2))])
    if len(bounds) == 0:
        return bounds
    new = np.r_[True, bounds[1:, 0] - bounds[:-1, 1] > longest_gap]
    last = np.r_[np.flatnonzero(new)[1:] - 1, len(bounds) - 1]
    return np.column_stack([bounds[new, 0], bounds[last, 1]])


def join_windows(parts: Sequence[Windows]) -> Windows:
    """The windows of a track from those of its chunks, given in order; each window must come from one chunk only."""
    if not parts:
        return Windows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((5, 0)), np.empty((5, 0)), np.empty(0))
    return Windows(
        np.concatenate([part.index for part in parts]),
        np.concatenate([part.lead_count for part in parts]),
        np.concatenate([part.surface for part in parts], axis=1),
        np.concatenate([part.sigma for part in parts], axis=1),
        np.concatenate([part.place for part in parts]),
    )


def sea_surface_windows(
    x: Floats,
    h: Floats,
    s: Floats,
    water: npt.NDArray[np.bool_],
    rules: Rules,
    core: tuple[float, float] = (-np.inf, np.inf),
) -> Windows:
    """Five estimates of the sea surface in every window that holds a lead.

    Parameters
    ----------
    x : f8 m, ascending positions of the segments.
    h, s : f8 m, surface height and its standard error. Open water must have finite values.
    water : bool, open water; ice of any kind never stands in for it.
    core : only windows with ``core[0] <= centre < core[1]`` are returned; segments ``Rules.halo`` either side of it
        must be among ``x``.

    Estimators, over the open-water segments i and the leads l of a window:

    - ``minimum``: lowest h_i. ``average``: mean of h_i.
    - ``nearest``: of the LOWEST (ten) lowest h_i the one nearest to the window's centre. The paper names "nearest
      minimum" without a formula; this reading gives one height a window, as the other estimators do.
    - ``weighted``: the ATBD's ``sum b_l h_l``, ``b_l = s_l^-2 / sum s^-2``, ``s_ref^2 = sum b_l^2 s_l^2``.
    - ``robust``: biweight mean of the leads' robust heights with weights ``1 / (s_l^2 + T^2)``, T the spread between
      leads beyond their errors (DerSimonian and Laird). Leads far above the lowest well-supported level, which is
      what ice taken for water looks like, get no weight.
    """
    leads = find_leads(x, water, rules.minimum_lead_segments, rules.segment_length)
    return lead_windows(x, h, s, leads, rules, core)


def lead_windows(
    x: Floats, h: Floats, s: Floats, leads: Leads, rules: Rules, core: tuple[float, float] = (-np.inf, np.inf)
) -> Windows:
    """As :func:`sea_surface_windows`, from leads that were found already."""
    index = _window_numbers(leads, rules, core)
    low = np.searchsorted(leads.middle, index * rules.stride - 0.5 * rules.window, "left")
    high = np.searchsorted(leads.middle, index * rules.stride + 0.5 * rules.window, "left")
    held = high > low
    index, low, high = index[held], low[held], high[held]
    heights = lead_heights(x, h, s, leads, rules.segment_length)
    surface, sigma, place = np.empty((5, len(index))), np.empty((5, len(index))), np.empty(len(index))
    _published(x, h, s, leads.first, leads.stop, low, high, index * rules.stride, surface, sigma)
    _combine_weighted(heights, low, high, surface, sigma)
    parts = (heights.robust, heights.robust_sigma, heights.robust_noise, heights.robust_x)
    _combine_robust(*parts, low, high, surface[_ROBUST], sigma[_ROBUST], place)
    return Windows(index, high - low, surface, sigma, place)


def sea_surface_at(x: Floats, windows: Windows, pieces: Floats, rules: Rules, estimator: str) -> SeaSurface:
    """The sea surface at ascending positions ``x`` (f8 m), continuous within each piece.

    Each estimator is linear between the windows that hold leads and constant before the first and after the last of
    a piece; a published estimator holds at its window's centre, ``robust`` at the centroid of its weights, which
    leaves no error from a slope where leads stand to one side. The uncertainty is that of ``estimator``, carried
    through the interpolation, plus GROWTH times ``d1 d2 / (d1 + d2)`` between two windows at distances d1 and d2, or
    times the distance beyond the outermost one (a random walk tied down where leads are). The source is LEADS where
    the window with the nearest centre holds a lead, else INTERPOLATED.
    """
    chosen = ESTIMATORS.index(estimator)
    near = 0.25 * rules.window
    surface = np.full((len(ESTIMATORS), len(x)), np.nan, np.float32)
    sigma = np.full(len(x), np.nan, np.float32)
    source = np.zeros(len(x), np.int8)
    for begin, end in pieces:
        part = slice(*np.searchsorted(x, [begin, np.nextafter(end, np.inf)]))
        held = np.flatnonzero((windows.place > begin - near) & (windows.place < end + near))
        if len(held) == 0 or part.start == part.stop:
            continue
        centre = windows.index[held] * rules.stride
        order = np.argsort(windows.place[held], kind="stable")
        _interpolate(x[part], centre, windows.surface[:_ROBUST, held], surface[:_ROBUST, part])
        _interpolate(
            x[part], windows.place[held][order], windows.surface[_ROBUST:, held][:, order], surface[_ROBUST:, part]
        )
        spots = windows.place[held][order] if chosen == _ROBUST else centre
        spread = windows.sigma[chosen, held][order] if chosen == _ROBUST else windows.sigma[chosen, held]
        _carry_sigma(x[part], spots, spread, sigma[part])
        _mark_source(x[part], windows.index[held], rules.stride, source[part])
    return SeaSurface(surface, sigma, source)


def _window_numbers(leads: Leads, rules: Rules, core: tuple[float, float]) -> Ints:
    """Numbers of the windows whose centre is in the core and near any lead."""
    if len(leads) == 0:
        return np.empty(0, np.int64)
    reach = int(np.ceil(0.5 * rules.window / rules.stride)) + 1
    near = np.unique(np.floor(leads.middle / rules.stride).astype(np.int64))
    index = np.unique(near[:, None] + np.arange(-reach, reach + 1))
    centre = index * rules.stride
    return index[(centre >= core[0]) & (centre < core[1])]


def _combine_weighted(heights: LeadHeights, low: Ints, high: Ints, surface: Floats, sigma: Floats) -> None:
    precision = heights.weighted_sigma**-2
    # Heights are summed relative to the track's mean, so that differences of long sums keep their digits.
    level = heights.weighted.mean() if len(precision) else 0.0
    total = _range_sums(precision, low, high)
    weighted = ESTIMATORS.index("weighted")
    surface[weighted] = level + _range_sums(precision * (heights.weighted - level), low, high) / total
    sigma[weighted] = total**-0.5


def _range_sums(values: Floats, low: Ints, high: Ints) -> Floats:
    """Sum of ``values[low:high]`` for each pair; every range must hold at least one value."""
    return np.array([values[a:b].sum() for a, b in zip(low, high, strict=True)], np.float64)


@njit(cache=True)
def _published(
    x: Floats, h: Floats, s: Floats, first: Ints, stop: Ints, low: Ints, high: Ints, centre: Any, out: Any, sigma: Any
) -> None:
    values, places = np.empty(LOWEST), np.empty(LOWEST, np.int64)
    for window in range(len(low)):
        found, count, total, variance = 0, 0, 0.0, 0.0
        for lead in range(low[window], high[window]):
            for i in range(first[lead], stop[lead]):
                count += 1
                total += h[i]
                variance += s[i] ** 2
                found = _keep_lowest(values, places, found, h[i], i)
        nearest = places[0]
        for rank in range(1, found):
            if abs(x[places[rank]] - centre[window]) < abs(x[nearest] - centre[window]):
                nearest = places[rank]
        out[0, window], sigma[0, window] = values[0], s[places[0]]
        out[1, window], sigma[1, window] = total / count, np.sqrt(variance) / count
        out[2, window], sigma[2, window] = h[nearest], s[nearest]


@njit(cache=True)
def _keep_lowest(values: Any, places: Any, found: int, value: float, place: int) -> int:
    """Insert into the ascending list of at most LOWEST values; of equal ones the earlier stays before."""
    if found == LOWEST and value >= values[found - 1]:
        return found
    spot = min(found, LOWEST - 1)
    while spot > 0 and values[spot - 1] > value:
        values[spot], places[spot] = values[spot - 1], places[spot - 1]
        spot -= 1
    values[spot], places[spot] = value, place
    return min(found + 1, LOWEST)


@njit(cache=True)
def _combine_robust(
    h: Floats, s: Floats, noise: Floats, x: Floats, low: Ints, high: Ints, out: Any, sigma: Any, place: Any
) -> None:
    for window in range(len(low)):
        a, b = low[window], high[window]
        out[window], sigma[window], place[window] = _robust_level(h[a:b], s[a:b], noise[a:b], x[a:b])


@njit(cache=True)
def _robust_level(h: Floats, s: Floats, noise: Floats, x: Floats) -> tuple[float, float, float]:
    # What a narrow lead may be wrong by weighs it down but gives it no leave to stray: it errs upward, as ice does.
    scale, weight = np.sqrt(noise**2 + LEAD_SPREAD**2), 1.0 / (s**2 + LEAD_SPREAD**2)
    centre = biweight(h, scale, weight, _at_or_below(h, weighted_quantile(h, weight, START_SHARE)))
    trust = np.empty(len(h))
    for i in range(len(h)):
        trust[i] = biweight_of((h[i] - centre) / scale[i])
    spread = _excess_variance(h, s, trust)
    total, height, where, variance = 0.0, 0.0, 0.0, 0.0
    for i in range(len(h)):
        w = trust[i] / (s[i] ** 2 + spread)
        total += w
        height += w * (h[i] - centre)
        where += w * (x[i] - x[0])
        variance += w * w * (s[i] ** 2 + spread)
    return centre + height / total, np.sqrt(variance) / total, x[0] + where / total


@njit(cache=True)
def _at_or_below(h: Floats, level: float) -> float:
    """The highest value not above ``level``, so that a start halfway between two leads comes to stand on one."""
    found = -np.inf
    for value in h:
        if found < value <= level:
            found = value
    return found


@njit(cache=True)
def _excess_variance(h: Floats, s: Floats, trust: Floats) -> float:
    """Variance between leads beyond their own errors by moments (DerSimonian and Laird 1986); never negative."""
    total, squares, first, freedom = 0.0, 0.0, 0.0, -1.0
    for i in range(len(h)):
        w = trust[i] / s[i] ** 2
        total += w
        squares += w * w
        first += w * (h[i] - h[0])
        freedom += trust[i]
    scatter = 0.0
    for i in range(len(h)):
        scatter += trust[i] / s[i] ** 2 * (h[i] - h[0] - first / total) ** 2
    leverage = total - squares / total
    if freedom <= 0.0 or leverage <= 1e-9 * total:
        return 0.0
    return max(0.0, (scatter - freedom) / leverage)


@njit(cache=True)
def _interpolate(x: Floats, spots: Floats, values: Floats, out: Any) -> None:
    right = 0
    for i in range(len(x)):
        while right < len(spots) and spots[right] <= x[i]:
            right += 1
        if right == 0 or right == len(spots):
            edge = 0 if right == 0 else right - 1
            for row in range(len(values)):
                out[row, i] = values[row, edge]
        else:
            share = (x[i] - spots[right - 1]) / (spots[right] - spots[right - 1])
            for row in range(len(values)):
                out[row, i] = values[row, right - 1] + share * (values[row, right] - values[row, right - 1])


@njit(cache=True)
def _carry_sigma(x: Floats, spots: Floats, sigma: Floats, out: Any) -> None:
    right = 0
    for i in range(len(x)):
        while right < len(spots) and spots[right] <= x[i]:
            right += 1
        if right == 0 or right == len(spots):
            edge = 0 if right == 0 else right - 1
            out[i] = np.sqrt(sigma[edge] ** 2 + GROWTH * abs(x[i] - spots[edge]))
        else:
            before, after = x[i] - spots[right - 1], spots[right] - x[i]
            share = before / (before + after)
            carried = ((1.0 - share) * sigma[right - 1]) ** 2 + (share * sigma[right]) ** 2
            out[i] = np.sqrt(carried + GROWTH * before * after / (before + after))


@njit(cache=True)
def _mark_source(x: Floats, index: Ints, stride: float, out: Any) -> None:
    near = 0
    for i in range(len(x)):
        own = int(np.floor(x[i] / stride + 0.5))
        while near < len(index) and index[near] < own:
            near += 1
        held = near < len(index) and index[near] == own
        out[i] = _LEADS if held else _INTERPOLATED


_LEADS = int(SeaSurfaceSource.LEADS)
_INTERPOLATED = int(SeaSurfaceSource.INTERPOLATED)
