"""Sea level at every lead from all leads around: a smooth surface through them that ice taken for water cannot bend.

The unbiased fifth estimator, ``robust``. Sea level is taken to be a smooth random function of the place with a known
spread and length, a Matern process of order 3/2 (Rasmussen and Williams 2006, *Gaussian Processes for Machine
Learning*, 4.2): the difference of two places grows with their distance and levels off. Its best estimate given the
leads is found by one pass ahead and one back over its height and slope (Kalman filter and smoother of the equivalent
second-order Markov process, Hartikainen and Sarkka 2010, doi 10.1109/MLSP.2010.5589113; Rauch, Tung and Striebel
1965). Leads that disagree with what all others say lose weight by a biweight in repeated passes (iteratively reweighted
least squares; Huber and Ronchetti 2009). The biweight is narrower above than below: a lead that is none, or is too
narrow or too dark against the bright ice in the footprint, is always too high.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from processing.core.leads import Floats, LeadHeights, biweight_of, weighted_quantile

SPREAD = 0.12
"""Standard deviation of sea level about its mean along a piece of track, m."""

LENGTH = 23_000.0
"""Length over which sea level forgets itself, m; places d apart, d well below it, differ by ``SPREAD d / LENGTH``:
2.5 cm in 5 km, 4.6 cm in 10 km.

Between the leads of a real ATL10 granule (Fram Strait, 2022-01-07) sea level gathers 1.8 cm at 4 to 7 km and 3.3 cm at
7 to 13 km, beyond the 2.3 cm by which leads less than 500 m apart differ; on synthetic tracks up to twice as much. A
surface that is held too stiff drops good leads, one too loose only says that it is less sure.
"""

LEVEL_SPREAD = 0.02
"""Departure of a lead from the smooth surface, m, that is no photon noise: swell, waves, what else the lead holds.

The leads of the same granule depart by 1.6 cm.
"""

START_SHARE = 0.25
"""Share of the leads' weight, in a window, below the level that the repeated passes start from."""

UPWARD = 4.685 / 3.2
"""How much narrower the biweight is for leads above the surface: no weight beyond 3.2 scales."""

PASSES = 15


@dataclass(frozen=True)
class LeadLevels:
    """Sea level at each lead.

    Attributes
    ----------
    level, sigma : f8 m, sea level at the lead's place, from all leads, and its standard uncertainty.
    trust : f8, 0 to 1, what the lead's own height counts.
    """

    level: Floats
    sigma: Floats
    trust: Floats


def gathered(distance: npt.ArrayLike) -> Floats:
    """Variance, m2 (f8), of the difference of sea level at places ``distance`` m apart."""
    ratio = np.abs(np.asarray(distance, np.float64)) / LENGTH
    return np.asarray(2.0 * SPREAD**2 * (1.0 - (1.0 + ratio) * np.exp(-ratio)))


def in_waves(leads: LeadHeights, window: float, least: float) -> tuple[Floats, Floats]:
    """``robust_sigma`` and ``robust_noise``, m (f8), of leads among waves.

    The noise of leads too short to tell is at least the mean of what leads within half a ``window`` (m) show, if that
    is ``least`` (m) or more: among short leads waves would look like leads that disagree, of which the lower are
    believed.
    """
    known = np.isfinite(leads.waves)
    upto = np.concatenate([[0.0], np.cumsum(leads.waves[known])])
    low = np.searchsorted(leads.middle[known], leads.middle - 0.5 * window, "left")
    high = np.searchsorted(leads.middle[known], leads.middle + 0.5 * window, "right")
    waves = (upto[high] - upto[low]) / np.maximum(high - low, 1)
    swell = np.where(~known & (waves >= least), waves, 0.0)
    noise = np.maximum(leads.robust_noise, swell)
    return np.sqrt(leads.robust_sigma**2 + (noise**2 - leads.robust_noise**2)), noise


def lead_levels(x: Floats, height: Floats, sigma: Floats, noise: Floats, window: float, stride: float) -> LeadLevels:
    """Sea level at each lead of one piece of track.

    Parameters
    ----------
    x : f8 m, ascending places of the leads.
    height, sigma : f8 m, each lead's height and standard uncertainty.
    noise : f8 m, the part of ``sigma`` that gives a lead leave to stray from the surface; what a narrow lead may be
        wrong by is not in it.
    window, stride : m, of the windows in which the passes start from a low quantile of the heights.
    """
    wander = float(gathered(0.5 * window))
    start = _start_levels(x, height, sigma**2 + wander, window, stride)
    trust = _trusts((height - start) / np.sqrt(noise**2 + wander))
    if not trust.any():
        trust[:] = 1.0
    level, variance = np.empty(len(x)), np.empty(len(x))
    _repeat(x, height, sigma**-2, np.hypot(noise, LEVEL_SPREAD), trust, level, variance)
    return LeadLevels(level, np.sqrt(variance), trust)


def levels_at(places: Floats, x: Floats, height: Floats, sigma: Floats, found: LeadLevels) -> tuple[Floats, Floats]:
    """Sea level and its standard uncertainty, m (f8), at ascending ``places``, from leads whose levels were found."""
    both = np.concatenate([places, x])
    order = np.argsort(both, kind="stable")
    heights = np.concatenate([np.zeros(len(places)), height])[order]
    weight = np.concatenate([np.zeros(len(places)), found.trust * sigma**-2])[order]
    level, variance = np.empty(len(both)), np.empty(len(both))
    _krige(both[order], heights, weight, level, variance, np.empty((len(both), 2, 5)), np.empty((2, len(both))))
    own = order < len(places)
    return level[own], np.sqrt(variance[own])


def held_windows(
    x: Floats, sigma: Floats, trust: Floats, window: float, stride: float, limit: float
) -> npt.NDArray[np.int64]:
    """Numbers of the windows whose leads together fix the surface to ``limit`` (m) or better."""
    if len(x) == 0:
        return np.empty(0, np.int64)
    reach = int(np.ceil(0.5 * window / stride)) + 1
    near = np.unique(np.floor(x / stride).astype(np.int64))
    index = np.unique(near[:, None] + np.arange(-reach, reach + 1))
    known = np.concatenate([[0.0], np.cumsum(trust / sigma**2)])
    low = np.searchsorted(x, index * stride - 0.5 * window, "left")
    high = np.searchsorted(x, index * stride + 0.5 * window, "left")
    return index[known[high] - known[low] >= limit**-2]


def _start_levels(x: Floats, height: Floats, variance: Floats, window: float, stride: float) -> Floats:
    """The low quantile of the heights in the window nearest to each lead."""
    own = np.floor(x / stride + 0.5).astype(np.int64)
    numbers, begin = np.unique(own, return_index=True)
    low = np.searchsorted(x, numbers * stride - 0.5 * window)
    high = np.searchsorted(x, numbers * stride + 0.5 * window, "right")
    levels = [weighted_quantile(height[a:b], 1.0 / variance[a:b], START_SHARE) for a, b in zip(low, high, strict=True)]
    return np.repeat(np.array(levels), np.diff(begin, append=len(x)))


@njit(cache=True)
def _trust(residual: float) -> float:
    return biweight_of(residual * UPWARD if residual > 0.0 else residual)


@njit(cache=True)
def _trusts(residual: Floats) -> Floats:
    out = np.empty(len(residual))
    for i in range(len(residual)):
        out[i] = _trust(residual[i])
    return out


@njit(cache=True)
def _repeat(x: Floats, h: Floats, full: Floats, scale: Floats, trust: Floats, level: Floats, variance: Floats) -> None:
    weight, fresh, states, ones = np.empty(len(x)), np.empty(len(x)), np.empty((len(x), 2, 5)), np.empty((2, len(x)))
    for _ in range(PASSES):
        for i in range(len(x)):
            weight[i] = full[i] * trust[i]
        _krige(x, h, weight, level, variance, states, ones)
        left = 0.0
        for i in range(len(x)):
            # Without the lead itself: what all others say at its place, and how surely.
            others = max(1.0 - weight[i] * variance[i], 1e-9)
            apart = (h[i] - level[i]) / others
            fresh[i] = _trust(apart / np.sqrt(scale[i] ** 2 + variance[i] / others))
            left += fresh[i]
        if left == 0.0:
            return
        trust[:] = fresh


@njit(cache=True)
def _krige(x: Floats, h: Floats, weight: Floats, level: Floats, variance: Floats, states: Any, ones: Any) -> None:
    """Sea level and its variance at each place, its mean along the track not known beforehand.

    With K the covariance of the process, R that of the leads, the mean by generalized least squares is
    ``1' (K + R)^-1 h / 1' (K + R)^-1 1``. Both follow from smoothing, as ``(K + R)^-1 h = R^-1 (h - smooth of h)``;
    what the smooth of ones lacks of one is the mean's share (universal kriging, Cressie 1993, 3.4). ``ones`` is room.
    """
    for i in range(len(x)):
        ones[0, i] = 1.0
    _smooth(x, ones[0], weight, ones[1], variance, states)
    _smooth(x, h, weight, level, variance, states)
    total, mean = 0.0, 0.0
    for i in range(len(x)):
        total += weight[i] * (1.0 - ones[1, i])
        mean += weight[i] * (h[i] - level[i])
    for i in range(len(x)):
        lacking = 1.0 - ones[1, i]
        level[i] += lacking * mean / total
        variance[i] += lacking**2 / total


@njit(cache=True)
def _smooth(x: Floats, h: Floats, weight: Floats, level: Floats, variance: Floats, states: Any) -> None:
    """Height of the process and its variance at each place, given heights ``h`` of precision ``weight``.

    A state holds height and slope times LENGTH, and the elements 00, 01, 11 of their covariance; ``states`` is room for
    those predicted from the places before, and those that the place's own height corrected.
    """
    prior = SPREAD**2
    m0, m1, p00, p01, p11 = 0.0, 0.0, prior, 0.0, prior
    for i in range(len(x)):
        if i > 0:
            a00, a01, a10, a11 = _step(x[i] - x[i - 1])
            q00, q01, q11 = p00 - prior, p01, p11 - prior
            m0, m1 = a00 * m0 + a01 * m1, a10 * m0 + a11 * m1
            p00 = prior + a00 * a00 * q00 + 2.0 * a00 * a01 * q01 + a01 * a01 * q11
            p01 = a00 * a10 * q00 + (a00 * a11 + a01 * a10) * q01 + a01 * a11 * q11
            p11 = prior + a10 * a10 * q00 + 2.0 * a10 * a11 * q01 + a11 * a11 * q11
        states[i, 0] = m0, m1, p00, p01, p11
        if weight[i] > 0.0:
            whole = 1.0 + weight[i] * p00
            apart = weight[i] * (h[i] - m0) / whole
            m0, m1 = m0 + p00 * apart, m1 + p01 * apart
            p11 -= weight[i] * p01 * p01 / whole
            p00, p01 = p00 / whole, p01 / whole
        states[i, 1] = m0, m1, p00, p01, p11
    for i in range(len(x) - 1, -1, -1):
        if i < len(x) - 1:
            m0, m1, p00, p01, p11 = _back(states[i, 1], states[i + 1, 0], x[i + 1] - x[i], (m0, m1, p00, p01, p11))
        level[i], variance[i] = m0, p00


@njit(cache=True)
def _step(distance: float) -> tuple[float, float, float, float]:
    """How height and slope go on over a distance, row by row."""
    ratio = distance / LENGTH
    fall = np.exp(-ratio)
    return fall * (1.0 + ratio), fall * ratio, -fall * ratio, fall * (1.0 - ratio)


@njit(cache=True)
def _back(own: Any, ahead: Any, distance: float, known: Any) -> tuple[float, float, float, float, float]:
    """The state of a place from that of the next, ``known`` with all heights, by Rauch, Tung and Striebel."""
    a00, a01, a10, a11 = _step(distance)
    c00, c01 = own[2] * a00 + own[3] * a01, own[2] * a10 + own[3] * a11
    c10, c11 = own[3] * a00 + own[4] * a01, own[3] * a10 + own[4] * a11
    whole = ahead[2] * ahead[4] - ahead[3] * ahead[3]
    g00, g01 = (c00 * ahead[4] - c01 * ahead[3]) / whole, (c01 * ahead[2] - c00 * ahead[3]) / whole
    g10, g11 = (c10 * ahead[4] - c11 * ahead[3]) / whole, (c11 * ahead[2] - c10 * ahead[3]) / whole
    d0, d1 = known[0] - ahead[0], known[1] - ahead[1]
    d00, d01, d11 = known[2] - ahead[2], known[3] - ahead[3], known[4] - ahead[4]
    return (
        own[0] + g00 * d0 + g01 * d1,
        own[1] + g10 * d0 + g11 * d1,
        own[2] + g00 * g00 * d00 + 2.0 * g00 * g01 * d01 + g01 * g01 * d11,
        own[3] + g00 * g10 * d00 + (g00 * g11 + g01 * g10) * d01 + g01 * g11 * d11,
        own[4] + g10 * g10 * d00 + 2.0 * g10 * g11 * d01 + g11 * g11 * d11,
    )
