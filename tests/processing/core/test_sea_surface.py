"""Sea-surface estimators: tiny cases by hand, invariances, gaps, interpolation, chunks, and the bias of each."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.freeboard import freeboard_of_track
from processing.core.lead_levels import SPREAD, gathered
from processing.core.leads import find_leads
from processing.core.sea_surface import (
    ESTIMATORS,
    Evidence,
    Rules,
    SeaSurface,
    find_pieces,
    join_evidence,
    join_pieces,
    sea_level_evidence,
    sea_surface_at,
)
from processing.schema import SeaSurfaceSource as Source

MINIMUM, AVERAGE, NEAREST, WEIGHTED, ROBUST = range(5)


def at(*places: float) -> np.ndarray:
    return np.array(places, float)


def evidence(
    x: np.ndarray,
    h: np.ndarray,
    s: np.ndarray,
    water: np.ndarray,
    rules: Rules,
    core: tuple[float, float] = (-np.inf, np.inf),
) -> Evidence:
    leads = find_leads(x, water, rules.minimum_lead_segments, rules.segment_length)
    return sea_level_evidence(x, h, s, leads, rules, core)


def surface(
    x: np.ndarray, h: np.ndarray, s: np.ndarray, water: np.ndarray, rules: Rules, estimator: str = "robust"
) -> SeaSurface:
    return sea_surface_at(x, evidence(x, h, s, water, rules), find_pieces(x, rules.window), rules, estimator)


def made_track(seed: int, segments: int = 4000, gap: bool = True) -> tuple[np.ndarray, ...]:
    """A short synthetic track: x, h, s, water; with a gap of 3 km and missing windows."""
    rng = np.random.default_rng(seed)
    index = np.flatnonzero(rng.random(segments) > 0.05)
    if gap:
        index = index[(index < segments // 2) | (index > segments // 2 + 1500)]
    x = 50_000.0 + 2.0 * index + 1.0
    water = np.repeat(rng.random(len(x) // 10 + 1) < 0.15, 10)[: len(x)]
    h = np.where(water, 0.0, 0.3) + 0.1 * np.sin(x / 900.0) + rng.normal(0, 0.03, len(x))
    return x, h, rng.uniform(0.02, 0.05, len(x)), water


@pytest.mark.kernel
def test_published_estimators_of_one_window_by_hand() -> None:
    # One window, centre 100 m, 0 to 200 m. Two leads of two segments, at 21, 23 m and 151, 153 m.
    x = at(21, 23, 25, 151, 153)
    h = at(0.02, 0.04, 0.50, 0.00, 0.06)
    s = at(0.02, 0.02, 0.02, 0.03, 0.03)
    water = np.array([1, 1, 0, 1, 1], bool)
    found = evidence(x, h, s, water, Rules(window=200.0, stride=100.0), core=(100.0, 101.0)).windows
    assert found.index.tolist() == [1]
    assert found.lead_count.tolist() == [2]
    assert (found.minimum[0], found.minimum_sigma[0]) == (0.0, 0.03)
    assert found.average[0] == pytest.approx(0.03)
    assert found.average_sigma[0] == pytest.approx(np.sqrt(2 * 0.02**2 + 2 * 0.03**2) / 4)
    assert (found.nearest[0], found.nearest_sigma[0]) == (0.0, 0.03), "151 m is the nearest to 100 m"
    v, w = np.exp(-1.0), np.exp(-4.0)
    first, second = 0.02 + 0.02 * v / (1 + v), 0.06 * w / (1 + w)
    b1 = 1 / (0.02**2 * (1 + v**2) / (1 + v) ** 2)
    b2 = 1 / (0.03**2 * (1 + w**2) / (1 + w) ** 2)
    assert found.weighted[0] == pytest.approx((b1 * first + b2 * second) / (b1 + b2))
    assert found.weighted_sigma[0] == pytest.approx((b1 + b2) ** -0.5)


@pytest.mark.kernel
def test_nearest_is_chosen_among_the_ten_lowest() -> None:
    x = 2.0 * np.arange(100) + 1.0
    h = np.full(100, 0.5)
    h[[5, 12, 20, 33, 41, 70, 75, 80, 88, 95]] = 0.01 * np.arange(10)
    found = evidence(x, h, np.full(100, 0.02), np.ones(100, bool), Rules(200.0, 200.0)).windows
    # The lead's middle, 100 m, is in the window 100 m to 300 m around 200 m, and not in the one that ends at 100 m.
    assert found.index.tolist() == [1]
    assert found.nearest[0] == pytest.approx(0.09), "segment 95 at 191 m, nearest to 200 m"


def test_thin_ice_never_stands_in_for_leads() -> None:
    x = 2.0 * np.arange(3000) + 1.0
    found = freeboard_of_track(
        x, np.zeros(3000), np.full(3000, 0.1), np.full(3000, 9), np.zeros(3000, bool), Rules(), "robust"
    )
    assert np.isnan(found.sea.surface).all()
    assert np.isnan(found.freeboard).all()
    assert (found.sea.source == Source.NONE).all()
    assert (found.lead_id == -1).all()


def test_windows_without_water_are_interpolated_and_say_so() -> None:
    # Leads at 1 km (height 0) and 41 km (height 0.2); windows of 10 km every 5 km.
    x = np.arange(0.0, 42_000.0, 2.0) + 1.0
    water = (np.abs(x - 1000) < 50) | (np.abs(x - 41_000) < 50)
    h = np.where(water, 0.2 * (x > 20_000), 0.5)
    found = surface(x, h, np.full(len(x), 0.02), water, Rules())
    # The first lead is in the windows around 0 and 5 km, the second in those around 40 and 45 km.
    expected = np.interp(x, [5000, 40_000], [0.0, 0.2])
    assert found.surface[AVERAGE] == pytest.approx(expected, abs=1e-6)
    at_leads = found.surface[ROBUST, [np.argmin(np.abs(x - place)) for place in (1000, 21_000, 41_000)]]
    assert at_leads == pytest.approx([0.0, 0.1, 0.2], abs=2e-3)
    assert np.diff(found.surface[ROBUST]).min() > -1e-6
    leads = found.source == Source.LEADS
    assert leads.tolist() == ((x < 7500) | (x >= 37_500)).tolist()
    assert (found.source[~leads] == Source.INTERPOLATED).all()
    middle, near = np.argmin(np.abs(x - 21_000)), np.argmin(np.abs(x - 1000))
    assert found.sigma[near] < 0.01
    assert np.sqrt(gathered(20_000)) / 2.0 < found.sigma[middle] < 1.5 * SPREAD


def test_nothing_reaches_across_a_gap_longer_than_the_window() -> None:
    rules = Rules(window=1000.0, stride=500.0)
    left, right = np.arange(0.0, 3000.0, 2.0) + 1.0, np.arange(4100.0, 7000.0, 2.0) + 1.0
    x = np.concatenate([left, right])
    water = np.abs(x - 2000) < 50
    apart = surface(x, np.where(water, -0.2, 0.3), np.full(len(x), 0.02), water, rules)
    assert np.isfinite(apart.surface[:, x < 3000]).all()
    assert np.isnan(apart.surface[:, x > 4000]).all()
    assert (apart.source[x > 4000] == Source.NONE).all()
    assert np.isnan(apart.sigma[x > 4000]).all()
    shorter = np.concatenate([left, right - 102.0])
    joined = surface(shorter, np.where(water, -0.2, 0.3), np.full(len(x), 0.02), water, rules)
    assert np.isfinite(joined.surface).all(), "a gap as long as the window is bridged"


def test_the_surface_is_continuous_within_a_piece() -> None:
    x, h, s, water = made_track(3, gap=False)
    rules = Rules(window=1000.0, stride=500.0)
    fine = np.linspace(x[0], x[-1], 100_001)
    known = evidence(x, h, s, water, rules)
    found = sea_surface_at(fine, known, find_pieces(x, rules.window), rules, "weighted")
    assert np.abs(np.diff(found.surface, axis=1)).max() < 2e-3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-50, 50), st.sampled_from(ESTIMATORS))
def test_a_shift_of_all_heights_shifts_every_estimate_and_leaves_freeboard(
    seed: int, shift: float, estimator: str
) -> None:
    x, h, s, water = made_track(seed)
    rules, count = Rules(window=1000.0, stride=500.0), np.full(len(x), 8)
    plain = freeboard_of_track(x, h, s, count, water, rules, estimator)
    moved = freeboard_of_track(x, h + shift, s, count, water, rules, estimator)
    np.testing.assert_allclose(moved.sea.surface, plain.sea.surface + np.float32(shift), atol=2e-5)
    np.testing.assert_allclose(moved.freeboard, plain.freeboard, atol=2e-5)
    np.testing.assert_allclose(moved.freeboard_sigma, plain.freeboard_sigma, rtol=1e-5)
    assert (moved.sea.source == plain.sea.source).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_every_estimate_lies_between_the_lowest_and_the_highest_water(seed: int) -> None:
    x, h, s, water = made_track(seed)
    rules = Rules(window=1000.0, stride=500.0)
    windows = evidence(x, h, s, water, rules).windows
    assert len(windows)
    for k in range(len(windows)):
        near = water & (np.abs(x - windows.index[k] * 500.0) <= 500.0 + 100.0)
        estimates = np.array([windows.minimum[k], windows.average[k], windows.nearest[k], windows.weighted[k]])
        assert h[near].min() - 1e-12 <= estimates.min() == windows.minimum[k]
        assert estimates.max() <= h[near].max() + 1e-12
    found = surface(x, h, s, water, rules)
    for begin, end in find_pieces(x, rules.window):
        here = (x >= begin) & (x <= end)
        robust = found.surface[ROBUST, here]
        reach = 0.1 * np.ptp(h[here & water]) + 1e-6  # a smooth surface may swing beyond its outermost leads
        assert robust.min() >= h[here & water].min() - reach
        assert robust.max() <= h[here & water].max() + reach
    assert (found.sigma > 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_track_flown_the_other_way_gives_the_same_surface(seed: int) -> None:
    x, h, s, water = made_track(seed)
    rules = Rules(window=1001.0, stride=500.0)  # odd, so that no lead's middle falls on a window's end
    ahead = surface(x, h, s, water, rules)
    back = surface(-x[::-1], h[::-1].copy(), s[::-1].copy(), water[::-1].copy(), rules)
    rows = [MINIMUM, AVERAGE, WEIGHTED, ROBUST]  # of two equally near, NEAREST takes the lower
    np.testing.assert_allclose(back.surface[rows][:, ::-1], ahead.surface[rows], atol=1e-5)
    np.testing.assert_allclose(back.sigma[::-1], ahead.sigma, rtol=1e-4)
    assert np.mean(back.source[::-1] == ahead.source) > 0.999, "but for segments halfway between two windows"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.booleans())
def test_chunks_with_a_halo_give_the_whole_track_exactly(seed: int, chunks: int, long_leads: bool) -> None:
    x, h, s, water = made_track(seed, 8000)
    if long_leads:
        water |= (x > 52_000) & (x < 55_700)
    rules = Rules(window=1000.0, stride=500.0, minimum_lead_segments=3)
    edges = np.linspace(x[0], x[-1] + 1.0, chunks + 1).round()
    edges[0], edges[-1] = -np.inf, np.inf
    parts: list[Evidence] = []
    pieces = []
    for start, stop in pairwise(edges):
        near = (x >= start - rules.halo) & (x < stop + rules.halo)
        parts.append(evidence(x[near], h[near], s[near], water[near], rules, core=(start, stop)))
        pieces.append(find_pieces(x[(x >= start) & (x < stop)], rules.window))
    whole, joined = evidence(x, h, s, water, rules), join_evidence(parts)
    for table in ("leads", "windows"):
        one, other = getattr(whole, table), getattr(joined, table)
        for field in fields(one):
            np.testing.assert_array_equal(getattr(other, field.name), getattr(one, field.name), str(field.name))
    all_pieces = find_pieces(x, rules.window)
    np.testing.assert_array_equal(join_pieces(pieces, rules.window), all_pieces)
    half = x[: len(x) // 2]
    found = sea_surface_at(half, joined, all_pieces, rules, "robust")
    expected = sea_surface_at(x, whole, all_pieces, rules, "robust")
    np.testing.assert_array_equal(found.surface, expected.surface[:, : len(half)])
    np.testing.assert_array_equal(found.sigma, expected.sigma[: len(half)])


def noisy_leads(seed: int, fraction_wrong: float = 0.0) -> tuple[np.ndarray, ...]:
    """Synthetic 400 km over a flat sea at 0 m: a lead of 30 to 200 m each kilometre, ice at 0.3 m, five photons a
    segment; some ice segments are taken for water."""
    rng = np.random.default_rng(seed)
    x = np.arange(0.0, 400_000.0, 2.0) + 1.0
    width = np.repeat(rng.uniform(30.0, 200.0, 400), 500)
    water = (x % 1000.0) < width
    count = rng.poisson(5.0, len(x)) + 1
    mean = np.where(water, 0.0, 0.3) + rng.normal(0, 0.1, len(x)) / np.sqrt(count)
    spread = 0.1 * np.sqrt(rng.chisquare(np.maximum(count - 1, 1)) / count) * (count > 1)
    label = water | (rng.random(len(x)) < fraction_wrong)
    return x, mean, spread, count, label


def test_robust_is_unbiased_where_the_published_ones_are_not() -> None:
    x, h, spread, count, water = noisy_leads(7)
    found = freeboard_of_track(x, h, spread, count, water, Rules(), "robust").sea.surface
    bias = {name: float(found[row].mean()) for row, name in enumerate(ESTIMATORS)}
    assert abs(bias["robust"]) < 0.002
    assert bias["minimum"] < -0.10
    assert bias["nearest"] < -0.05
    assert bias["weighted"] < -0.02
    assert float(np.sqrt((found[ROBUST] ** 2).mean())) < 0.004


def test_robust_withstands_ice_taken_for_water() -> None:
    x, h, spread, count, water = noisy_leads(8, fraction_wrong=0.03)
    found = freeboard_of_track(x, h, spread, count, water, Rules(), "robust")
    assert abs(float(found.sea.surface[ROBUST].mean())) < 0.005
    assert float(found.sea.surface[AVERAGE].mean()) > 0.05
    error = found.sea.surface[ROBUST] / found.sea.sigma
    assert 0.1 < float(np.sqrt((error**2).mean())) < 1.5, "the uncertainty is of the size of the error"


def test_a_stride_beyond_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="stride"):
        Rules(window=1000.0, stride=2000.0)
