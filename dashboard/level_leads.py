"""What is known of each lead: its height by both rules, its weight in the sea surface, and the same of its segments."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from dashboard.live_level import Basis, LiveLevels, Settings
from processing.core.freeboard import SeaLevel
from processing.core.lead_levels import in_waves, lead_levels
from processing.core.leads import BIWEIGHT, EDGE, LeadHeights, Leads, lead_heights, weighted_quantile
from processing.core.sea_surface import Rules

F8 = NDArray[np.float64]


@dataclass(frozen=True)
class LeadFacts:
    """Every lead of a track in order, one entry a lead.

    Attributes
    ----------
    number : i8, window index of the first segment. x, width : f8 m, middle along the track and length.
    segments, photons : i8.
    heights : heights by the ATBD's and by the robust rule with their standard uncertainties.
    weight : f8, 0 to 1, its share in the sea surface of the window whose centre is nearest, by the estimator in use.
    """

    number: NDArray[np.int64]
    x: F8
    width: F8
    segments: NDArray[np.int64]
    photons: NDArray[np.int64]
    heights: LeadHeights
    weight: F8


@dataclass(frozen=True)
class LeadSegments:
    """The segments of one lead and some around it.

    Attributes
    ----------
    x, height, sigma : f8 m, place, height and its standard error.
    inside : bool, whether a segment is the lead's.
    published, robust : f8, 0 to 1, its share in the lead's height by the ATBD's rule (a_i) and by the robust one.
    """

    x: F8
    height: F8
    sigma: F8
    inside: NDArray[np.bool_]
    published: F8
    robust: F8


def lead_facts(levels: LiveLevels, granule: str, beam: str, run: str, settings: Settings) -> LeadFacts:
    """Every lead of a track; takes a while the first time. Raises as ``LiveLevels.basis`` does."""
    basis = levels.basis(granule, beam, run, settings.height)
    rules = levels.rules(granule, beam, run, settings)
    known = levels.known(granule, beam, run, settings)
    stretch, leads = basis.stretch, basis.stretch.leads
    heights = lead_heights(stretch.x, stretch.height, stretch.sigma, leads, basis.segment_length)
    ends = np.column_stack([leads.first, leads.stop]).ravel()
    photons = np.r_[0, np.cumsum(basis.photon_count, dtype=np.int64)][ends].reshape(-1, 2)
    number = np.floor(stretch.x[leads.first] / basis.segment_length).astype(np.int64)
    width = stretch.x[leads.stop - 1] - stretch.x[leads.first] + basis.segment_length
    return LeadFacts(
        number,
        leads.middle,
        width,
        leads.stop - leads.first,
        photons[:, 1] - photons[:, 0],
        heights,
        lead_weights(basis, known, rules, settings.estimator),
    )


def lead_weights(basis: Basis, known: SeaLevel, rules: Rules, estimator: str) -> F8:
    """Share of each lead (f8, 0 to 1) in the sea surface of the window whose centre is nearest to it.

    ``robust``: trust over variance; ``weighted``: the ATBD's b_l; ``average``: its segments; ``minimum`` and
    ``nearest``: 1 for the lead that holds the segment that was chosen. 0 for a lead that was kept out.
    """
    leads, evidence = basis.stretch.leads, known.evidence
    at = np.searchsorted(evidence.leads.middle, leads.middle)
    at = np.minimum(at, max(len(evidence.leads.middle) - 1, 0))
    used = evidence.leads.middle[at] == leads.middle if len(evidence.leads.middle) else np.zeros(len(leads), bool)
    own = np.floor(leads.middle / rules.stride + 0.5).astype(np.int64)
    if estimator in ("minimum", "nearest"):
        chosen = dict(zip(evidence.windows.index.tolist(), getattr(evidence.windows, estimator), strict=True))
        return np.where(used, _holding(basis, leads, [chosen.get(window, np.nan) for window in own.tolist()]), 0.0)
    if estimator == "average":
        share = np.where(used, leads.stop - leads.first, 0).astype(np.float64)
    elif estimator == "weighted":
        share = np.where(used, evidence.leads.weighted_sigma[at] ** -2.0, 0.0) if used.any() else np.zeros(len(leads))
    else:
        share = np.where(used, _trusted_precision(known, rules)[at], 0.0) if used.any() else np.zeros(len(leads))
    upto = np.r_[0.0, np.cumsum(share)]
    low = np.searchsorted(leads.middle, own * rules.stride - 0.5 * rules.window)
    high = np.searchsorted(leads.middle, own * rules.stride + 0.5 * rules.window)
    whole = upto[high] - upto[low]
    return np.minimum(np.divide(share, whole, out=np.zeros(len(share)), where=whole > 0.0), 1.0)


def lead_segments(basis: Basis, facts: LeadFacts, row: int, around: float) -> LeadSegments:
    """The segments of a lead and those ``around`` m either side, with their shares in its height."""
    stretch, leads = basis.stretch, basis.stretch.leads
    first, stop = int(leads.first[row]), int(leads.stop[row])
    low, high = np.searchsorted(stretch.x, (stretch.x[first] - around, stretch.x[stop - 1] + around))
    rows, inside = slice(int(low), int(high)), np.zeros(high - low, bool)
    inside[first - low : stop - low] = True
    published, robust = np.zeros(high - low), np.zeros(high - low)
    h, s = stretch.height[first:stop], stretch.sigma[first:stop]
    weight = np.exp(-(((h - h.min()) / s) ** 2))
    published[inside] = weight / weight.sum()
    robust[inside] = _robust_shares(basis, leads, row, float(facts.heights.robust[row]))
    return LeadSegments(stretch.x[rows], stretch.height[rows], stretch.sigma[rows], inside, published, robust)


def _robust_shares(basis: Basis, leads: Leads, row: int, centre: float) -> F8:
    """Shares of a lead's segments in its robust height ``centre``, as ``processing.core.leads.lead_heights`` has it."""
    part = slice(int(leads.first[row]), int(leads.stop[row]))
    x, h, s = (column[part] for column in (basis.stretch.x, basis.stretch.height, basis.stretch.sigma))
    margin = min(EDGE, 0.25 * (x[-1] - x[0] + basis.segment_length)) - 0.5 * basis.segment_length - 1e-6
    inner = (leads.open_left[row] | (x - x[0] >= margin)) & (leads.open_right[row] | (x[-1] - x >= margin))
    inner = inner if inner.any() else np.ones(len(x), bool)
    precision = s[inner] ** -2
    away = np.abs(h[inner] - weighted_quantile(h[inner], precision, 0.5)) / s[inner]
    birge = max(1.0, 1.4826 * weighted_quantile(away, np.ones(len(away)), 0.5))
    ratio = (h[inner] - centre) / (birge * s[inner]) / BIWEIGHT
    weight = np.where(np.abs(ratio) < 1.0, (1.0 - ratio**2) ** 2, 0.0) * precision
    shares = np.zeros(len(x))
    shares[inner] = weight / weight.sum() if weight.sum() > 0.0 else 0.0
    return shares


def _trusted_precision(known: SeaLevel, rules: Rules) -> F8:
    """What each lead counts in ``robust``, 1/m2: its precision times the trust that its height came to have."""
    leads = known.evidence.leads
    found = np.zeros(len(leads.middle))
    for begin, end in known.pieces.tolist():
        own = (leads.robust_x >= begin - 1.0) & (leads.robust_x <= end + 1.0)
        if own.any():
            part = LeadHeights(*(getattr(leads, field.name)[own] for field in fields(leads)))
            sigma, noise = in_waves(part, rules.window, rules.trust.wave_least)
            trust = lead_levels(part.robust_x, part.robust, sigma, noise, rules.window, rules.stride).trust
            found[own] = trust / sigma**2
    return found


def _holding(basis: Basis, leads: Leads, height: list[float]) -> F8:
    """1 for each lead that has a segment of the given height."""
    pairs = zip(leads.first.tolist(), leads.stop.tolist(), height, strict=True)
    return np.array([float(np.any(basis.stretch.height[a:b] == value)) for a, b, value in pairs])
