"""Local sea surface from leads along the track: four published estimators and an unbiased fifth.

Window ``k`` has its centre at ``k * stride`` of the along-track distance and holds the leads whose middle lies within
half a window of it, so a track computed whole and in chunks agrees. The work has three steps, apart so that the first
and the last can run on chunks of a track, and only the second needs what all of them give, joined:

1. :func:`sea_level_evidence`: the heights of the leads, and of the windows that hold any (halo ``Rules.halo``);
2. :func:`surface_lines`: the sea surfaces as lines through a few places, for each piece of track;
3. :func:`read_surfaces`: the surfaces at every segment, from the lines or from what :func:`lines_near` leaves of them.

A piece is a stretch of track without a data gap longer than the window. Nothing is carried over from piece to piece.

Sources: Iqrah et al. 2025 (arXiv 2502.02700) for the windows and estimators, the ICESat-2 sea-ice ATBD (ATL07/ATL10)
for the weighted leads. ``robust`` is described in :mod:`processing.core.lead_levels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core.lead_levels import LENGTH, SPREAD, held_windows, in_waves, lead_levels, levels_at
from processing.core.lead_trust import HALO, TrustRules
from processing.core.leads import FOOTPRINT, SECTION, Floats, Ints, LeadHeights, Leads, lead_heights
from processing.schema import SeaSurfaceSource

ESTIMATORS = ("minimum", "average", "nearest", "weighted", "robust")
_ROBUST = ESTIMATORS.index("robust")

LOWEST = 10
"""How many of the lowest open-water heights ``nearest`` chooses from."""

EVERYWHERE = (-np.inf, np.inf)
"""A core, m, that is the whole track."""

NODE = 1000.0
"""Distance, m, between places for which ``robust`` is found between leads: sea level bends little over it."""

FIXED = 0.05
"""Standard uncertainty, m, to which the leads of a window must fix the sea surface for ``robust`` to rest on them."""


@dataclass(frozen=True)
class Rules:
    """How windows are laid and what counts as a lead.

    Attributes
    ----------
    window, stride : m, length of a window and distance between centres; ``stride <= window``.
    minimum_lead_segments : open-water segments that make a lead.
    segment_length : m, length of a segment's window.
    median : whether the heights are medians of the photons, else means.
    trust : which leads may carry sea level.
    """

    window: float = 10_000.0
    stride: float = 5_000.0
    minimum_lead_segments: int = 1
    segment_length: float = 2.0
    median: bool = True
    trust: TrustRules = field(default_factory=TrustRules)

    def __post_init__(self) -> None:
        if not 0.0 < self.stride <= self.window:
            raise ValueError(f"stride {self.stride} m must be positive and at most the window, {self.window} m")

    @property
    def halo(self) -> float:
        """Track needed either side of a chunk, m, for its leads and windows to come out as from the whole track."""
        return 0.5 * self.window + self.lead_halo

    @property
    def lead_halo(self) -> float:
        """Track needed either side of a segment, m, to tell its lead: to be cut or to count, a run is seen so far; and
        what the lead's trust depends on."""
        return SECTION + self.minimum_lead_segments * (FOOTPRINT + self.segment_length) + HALO


@dataclass(frozen=True)
class Windows:
    """Windows that hold at least one lead, in order along the track.

    Attributes
    ----------
    index : i8, window number; its centre is ``index * stride``.
    lead_count : i8, leads in the window.
    minimum, average, nearest, weighted : f8 m, sea surface by the published estimators, at the window's centre.
    minimum_sigma, average_sigma, nearest_sigma, weighted_sigma : f8 m, standard uncertainty from the segments' and
        the leads' ``extra``.
    """

    index: Ints
    lead_count: Ints
    minimum: Floats
    average: Floats
    nearest: Floats
    weighted: Floats
    minimum_sigma: Floats
    average_sigma: Floats
    nearest_sigma: Floats
    weighted_sigma: Floats

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Evidence:
    """What a track, or a chunk of it, knows of sea level: its leads and its windows, in order."""

    leads: LeadHeights
    windows: Windows


@dataclass(frozen=True)
class SeaSurface:
    """Sea surface at each segment; NaN (source NONE) on a piece of track without any lead.

    Attributes
    ----------
    surface : f4 (5, n), m, in the order of ESTIMATORS.
    sigma : f4 (n), m, standard uncertainty of the chosen estimator.
    source : i1 (n), schema.SeaSurfaceSource of the chosen estimator.
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


def join_evidence(parts: Sequence[Evidence]) -> Evidence:
    """The evidence of a track from that of its chunks, at least one, in order, each with a core of its own."""
    return Evidence(_join([part.leads for part in parts]), _join([part.windows for part in parts]))


def outside(evidence: Evidence, core: tuple[float, float], rules: Rules) -> tuple[Evidence, Evidence]:
    """What lies before and what lies behind a core as :func:`sea_level_evidence` takes it."""
    middle, centre = evidence.leads.middle, evidence.windows.index * rules.stride
    ahead = Evidence(_select(evidence.leads, middle < core[0]), _select(evidence.windows, centre < core[0]))
    behind = Evidence(_select(evidence.leads, middle >= core[1]), _select(evidence.windows, centre >= core[1]))
    return ahead, behind


def sea_level_evidence(
    x: Floats,
    h: Floats,
    s: Floats,
    leads: Leads,
    rules: Rules,
    core: tuple[float, float] = EVERYWHERE,
) -> Evidence:
    """Heights of the leads, and of the windows that hold any.

    Parameters
    ----------
    x : f8 m, ascending positions of the segments.
    h, s : f8 m, surface height and its standard error. Open water must have finite values.
    leads : from :func:`processing.core.leads.find_leads`, judged or not; ice of any kind never stands in for open
        water. Leads that are not trusted are left out of everything.
    core : only leads whose middle and windows whose centre lie in ``core[0] <= x < core[1]`` are returned; segments
        ``Rules.halo`` either side of it must be among ``x``.

    Published estimators, over the open-water segments i and the leads l of a window:

    - ``minimum``: lowest h_i. ``average``: mean of h_i.
    - ``nearest``: of the LOWEST (ten) lowest h_i the one nearest to the window's centre. The paper names "nearest
      minimum" without a formula; this reading gives one height a window, as the other estimators do.
    - ``weighted``: the ATBD's ``sum b_l h_l``, ``b_l = s_l^-2 / sum s^-2``, ``s_ref^2 = sum b_l^2 s_l^2``.
    """
    leads = leads if leads.trusted.all() else leads.rows(leads.trusted)
    heights = lead_heights(x, h, s, leads, rules.segment_length)
    index = _window_numbers(leads, rules, core)
    low = np.searchsorted(leads.middle, index * rules.stride - 0.5 * rules.window, "left")
    high = np.searchsorted(leads.middle, index * rules.stride + 0.5 * rules.window, "left")
    held = high > low
    index, low, high = index[held], low[held], high[held]
    lowest, mean, nearest = np.empty((3, 2, len(index)))
    columns = x, h, s, leads.first, leads.stop, leads.extra
    _published(*columns, low, high, index * rules.stride, lowest, mean, nearest)
    weighted, sigma = _combine_weighted(heights, low, high)
    surfaces = (lowest[0], mean[0], nearest[0], weighted)
    windows = Windows(index, high - low, *surfaces, lowest[1], mean[1], nearest[1], sigma)
    own = (leads.middle >= core[0]) & (leads.middle < core[1])
    return Evidence(_select(heights, own), windows)


def sea_surface_at(x: Floats, evidence: Evidence, pieces: Floats, rules: Rules, estimator: str) -> SeaSurface:
    """The sea surface at ascending positions ``x`` (f8 m), continuous within each piece.

    A published estimator holds at the centres of the windows with leads, ``robust`` at the leads and every NODE;
    between them each is linear, before the first and after the last of a piece constant. The uncertainty is that of
    ``estimator``: its variance linear between those places, plus what sea level gathers (``lead_levels.gathered``)
    over ``d1 d2 / (d1 + d2)`` at distances d1 and d2 from them, beyond the outermost over the distance from it.

    The source is LEADS where the window with the nearest centre holds a lead (for ``robust``, leads that fix the
    surface to FIXED), else INTERPOLATED.
    """
    crossed = np.searchsorted(x, pieces[:, 1], "right") > np.searchsorted(x, pieces[:, 0])
    return read_surfaces(x, surface_lines(evidence, pieces[crossed], rules, estimator), rules, estimator)


@dataclass(frozen=True)
class Line:
    """A surface given at ascending places, linear between them and constant beyond.

    Attributes
    ----------
    place : f8 (places), m along the track.
    height : f8 (rows, places), m, one row a surface.
    sigma : f8 (places), m, standard uncertainty of the chosen surface.
    held : i8, numbers of the windows whose leads the chosen surface rests on.
    """

    place: Floats
    height: Floats
    sigma: Floats
    held: Ints


@dataclass(frozen=True)
class PieceLines:
    """The sea surfaces of one piece of track that has leads.

    Attributes
    ----------
    begin, end : m, first and last position of the piece.
    published, robust : one row for each published estimator, and one for ``robust``.
    """

    begin: float
    end: float
    published: Line
    robust: Line


def surface_lines(evidence: Evidence, pieces: Floats, rules: Rules, estimator: str) -> list[PieceLines]:
    """The sea surfaces on each of ``pieces`` that has leads, from the evidence of the whole track."""
    found = []
    for begin, end in pieces.tolist():
        known = _within(evidence, begin, end, rules)
        if len(known.leads.robust):
            published = _published_line(known.windows, rules, estimator)
            found.append(PieceLines(begin, end, published, _robust_line(known.leads, begin, end, rules)))
    return found


def lines_near(lines: Sequence[PieceLines], core: tuple[float, float], rules: Rules) -> list[PieceLines]:
    """What of the lines is needed to read them at ``core[0] <= x < core[1]`` (m): they read exactly the same there."""
    return [
        replace(each, published=_cut(each.published, core, rules), robust=_cut(each.robust, core, rules))
        for each in lines
        if each.end >= core[0] and each.begin < core[1]
    ]


def read_surfaces(x: Floats, lines: Sequence[PieceLines], rules: Rules, estimator: str) -> SeaSurface:
    """The sea surface at ascending positions ``x`` (f8 m), as :func:`sea_surface_at` says; the estimator is that of
    the lines."""
    surface = np.full((len(ESTIMATORS), len(x)), np.nan, np.float32)
    sigma = np.full(len(x), np.nan, np.float32)
    source = np.full(len(x), SeaSurfaceSource.NONE, np.int8)
    for each in lines:
        part = slice(*np.searchsorted(x, [each.begin, np.nextafter(each.end, np.inf)]))
        _read_piece(x[part], each, rules, estimator, surface[:, part], sigma[part], source[part])
    return SeaSurface(surface, sigma, source)


def surface_line(evidence: Evidence, begin: float, end: float, rules: Rules, estimator: str) -> Line | None:
    """What ``estimator`` knows of the piece of track from ``begin`` to ``end`` (m); None where it knows nothing.

    Read by :func:`read_line` it gives the same as :func:`sea_surface_at`, without what the other estimators cost.
    """
    known = _within(evidence, begin, end, rules)
    if len(known.leads.robust) == 0:
        return None
    if estimator == ESTIMATORS[_ROBUST]:
        line = _robust_line(known.leads, begin, end, rules)
    else:
        published = _published_line(known.windows, rules, estimator)
        line = replace(published, height=published.height[[ESTIMATORS.index(estimator)]])
    return line if len(line.place) else None


def read_line(x: Floats, line: Line) -> npt.NDArray[np.float32]:
    """The first surface of ``line`` at ascending positions ``x`` (f8 m), f4 m."""
    out = np.empty((1, len(x)), np.float32)
    _interpolate(x, line.place, line.height[:1], out)
    return out[0]


def _cut(line: Line, core: tuple[float, float], rules: Rules) -> Line:
    """The places in the core and the one either side, between which the line is drawn; the windows of the core."""
    low = max(int(np.searchsorted(line.place, core[0], "right")) - 1, 0)
    part = slice(low, int(np.searchsorted(line.place, core[1], "left")) + 1)
    first, last = (np.floor(np.array(core) / rules.stride + 0.5)).tolist()
    held = line.held[(line.held >= first) & (line.held <= last)]
    return Line(line.place[part], np.ascontiguousarray(line.height[:, part]), line.sigma[part], held)


def _read_piece(
    x: Floats, lines: PieceLines, rules: Rules, estimator: str, surface: Any, sigma: Any, source: Any
) -> None:
    published, robust = lines.published, lines.robust
    if len(published.place):
        _interpolate(x, published.place, published.height, surface[:_ROBUST])
    _interpolate(x, robust.place, robust.height, surface[_ROBUST:])
    chosen = robust if estimator == ESTIMATORS[_ROBUST] else published
    if len(chosen.place):
        _carry_sigma(x, chosen.place, chosen.sigma, sigma)
        _mark_source(x, chosen.held, rules.stride, source)


def _published_line(windows: Windows, rules: Rules, estimator: str) -> Line:
    height = np.array([windows.minimum, windows.average, windows.nearest, windows.weighted])
    sigma = getattr(windows, f"{estimator}_sigma", np.empty(0))
    return Line(np.asarray(windows.index * rules.stride, np.float64), height, sigma, windows.index)


def _robust_line(leads: LeadHeights, begin: float, end: float, rules: Rules) -> Line:
    sigma, noise = in_waves(leads, rules.window, rules.trust.wave_least)
    parts = (leads.robust_x, leads.robust, sigma)
    found = lead_levels(*parts, noise, rules.window, rules.stride)
    held = held_windows(leads.robust_x, sigma, found.trust, rules.window, rules.stride, FIXED)
    nodes = NODE * np.arange(np.ceil(begin / NODE), np.floor(end / NODE) + 1.0)
    place = np.unique(np.concatenate([[begin, end], nodes, leads.robust_x]))
    level, error = levels_at(place, *parts, found)
    return Line(place, level[None], error, held)


def _within(evidence: Evidence, begin: float, end: float, rules: Rules) -> Evidence:
    """What belongs to one piece. A window belongs to the piece its leads are in: it never holds leads of two."""
    leads, windows = evidence.leads, evidence.windows
    own = (leads.robust_x >= begin - 1.0) & (leads.robust_x <= end + 1.0)
    middle, half = leads.middle[own], 0.5 * rules.window
    centre = windows.index * rules.stride
    count = np.searchsorted(middle, centre + half) - np.searchsorted(middle, centre - half)
    return Evidence(_select(leads, own), _select(windows, count > 0))


_Columns = TypeVar("_Columns", LeadHeights, Windows)


def _select(table: _Columns, keep: npt.NDArray[np.bool_]) -> _Columns:
    return type(table)(*(getattr(table, each.name)[keep] for each in fields(table)))


def _join(tables: Sequence[_Columns]) -> _Columns:
    kind = type(tables[0])
    return kind(*(np.concatenate([getattr(table, each.name) for table in tables]) for each in fields(kind)))


def _window_numbers(leads: Leads, rules: Rules, core: tuple[float, float]) -> Ints:
    """Numbers of the windows whose centre is in the core and near any lead."""
    if len(leads) == 0:
        return np.empty(0, np.int64)
    reach = int(np.ceil(0.5 * rules.window / rules.stride)) + 1
    near = np.unique(np.floor(leads.middle / rules.stride).astype(np.int64))
    index = np.unique(near[:, None] + np.arange(-reach, reach + 1))
    centre = index * rules.stride
    return index[(centre >= core[0]) & (centre < core[1])]


def _combine_weighted(heights: LeadHeights, low: Ints, high: Ints) -> tuple[Floats, Floats]:
    surface, sigma = np.empty(len(low)), np.empty(len(low))
    for k, (a, b) in enumerate(zip(low, high, strict=True)):
        precision = heights.weighted_sigma[a:b] ** -2
        surface[k] = np.average(heights.weighted[a:b], weights=precision)
        sigma[k] = precision.sum() ** -0.5
    return surface, sigma


@njit(cache=True)
def _published(
    x: Floats,
    h: Floats,
    s: Floats,
    first: Ints,
    stop: Ints,
    extra: Floats,
    low: Ints,
    high: Ints,
    centre: Floats,
    lowest: Floats,
    mean: Floats,
    near: Floats,
) -> None:
    """Height and uncertainty (two rows) of the three estimators that take segments, for each window.

    The leads' ``extra`` counts in the mean over their segments, for each of the three.
    """
    values, places = np.empty(LOWEST), np.empty(LOWEST, np.int64)
    for window in range(len(low)):
        found, count, total, variance, common = 0, 0, 0.0, 0.0, 0.0
        for lead in range(low[window], high[window]):
            common += extra[lead] * (stop[lead] - first[lead])
            for i in range(first[lead], stop[lead]):
                count += 1
                total += h[i]
                variance += s[i] ** 2
                found = _keep_lowest(values, places, found, h[i], i)
        nearest = places[0]
        for rank in range(1, found):
            if abs(x[places[rank]] - centre[window]) < abs(x[nearest] - centre[window]):
                nearest = places[rank]
        common /= count
        lowest[0, window], lowest[1, window] = values[0], np.hypot(s[places[0]], common)
        mean[0, window], mean[1, window] = total / count, np.hypot(np.sqrt(variance) / count, common)
        near[0, window], near[1, window] = h[nearest], np.hypot(s[nearest], common)


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
            out[i] = np.sqrt(sigma[edge] ** 2 + _gathered(abs(x[i] - spots[edge])))
        else:
            before, after = x[i] - spots[right - 1], spots[right] - x[i]
            share = before / (before + after)
            carried = (1.0 - share) * sigma[right - 1] ** 2 + share * sigma[right] ** 2
            out[i] = np.sqrt(carried + _gathered(before * after / (before + after)))


@njit(cache=True)
def _gathered(distance: float) -> float:
    """``lead_levels.gathered`` of one distance."""
    ratio = distance / LENGTH
    return 2.0 * SPREAD**2 * (1.0 - (1.0 + ratio) * np.exp(-ratio))


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
