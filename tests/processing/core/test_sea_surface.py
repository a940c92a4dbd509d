"""Sea-surface estimators: tiny cases by hand, invariances, gaps, interpolation, chunks, and the bias of each."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.freeboard import freeboard_of_track
from processing.core.leads import NARROW_SPREAD
from processing.core.sea_surface import (
    ESTIMATORS,
    GROWTH,
    Rules,
    SeaSurface,
    Windows,
    find_pieces,
    join_pieces,
    join_windows,
    sea_surface_at,
    sea_surface_windows,
)
from processing.schema import SeaSurfaceSource as Source

MINIMUM, AVERAGE, NEAREST, WEIGHTED, ROBUST = range(5)


def at(*places: float) -> np.ndarray:
    return np.array(places, float)


def surface(x: np.ndarray, h: np.ndarray, s: np.ndarray, water: np.ndarray, rules: Rules) -> SeaSurface:
    windows = sea_surface_windows(x, h, s, water, rules)
    return sea_surface_at(x, windows, find_pieces(x, rules.window), rules, "robust")


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
def test_five_estimators_of_one_window_by_hand() -> None:
    # One window, centre 100 m, 0 to 200 m. Two leads of two segments, at 21, 23 m and 151, 153 m.
    x = at(21, 23, 25, 151, 153)
    h = at(0.02, 0.04, 0.50, 0.00, 0.06)
    s = at(0.02, 0.02, 0.02, 0.03, 0.03)
    water = np.array([1, 1, 0, 1, 1], bool)
    rules = Rules(window=200.0, stride=100.0)
    windows = sea_surface_windows(x, h, s, water, rules, core=(100.0, 101.0))
    assert windows.index.tolist() == [1]
    assert windows.lead_count.tolist() == [2]
    found, sigma = windows.surface[:, 0], windows.sigma[:, 0]
    assert found[MINIMUM] == 0.0
    assert sigma[MINIMUM] == 0.03
    assert found[AVERAGE] == pytest.approx(0.03)
    assert sigma[AVERAGE] == pytest.approx(np.sqrt(2 * 0.02**2 + 2 * 0.03**2) / 4)
    assert found[NEAREST] == 0.0, "151 m is the nearest to 100 m of the (fewer than ten) lowest"
    v, w = np.exp(-1.0), np.exp(-4.0)
    first, second = 0.02 + 0.02 * v / (1 + v), 0.06 * w / (1 + w)
    b1 = 1 / (0.02**2 * (1 + v**2) / (1 + v) ** 2)
    b2 = 1 / (0.03**2 * (1 + w**2) / (1 + w) ** 2)
    assert found[WEIGHTED] == pytest.approx((b1 * first + b2 * second) / (b1 + b2))
    assert sigma[WEIGHTED] == pytest.approx((b1 + b2) ** -0.5)
    # Both leads are 4 m wide: their inner halves are all of both segments, heights 0.03 and 0.03.
    assert found[ROBUST] == pytest.approx(0.03)
    assert windows.place[0] == pytest.approx(np.average([22, 152], weights=windows_precision()))


def windows_precision() -> list[float]:
    """1 / s^2 of the two leads: photon noise, scatter beyond it (the second's 0.03 m is 1.48 of its noise), width."""
    narrow = NARROW_SPREAD * (1 - 4 / 22)
    excess = 1 + (1.4826**2 - 1) * 2
    return [1 / (0.02**2 / 2 + narrow**2), 1 / (0.03**2 / 2 * excess + narrow**2)]


@pytest.mark.kernel
def test_nearest_is_chosen_among_the_ten_lowest() -> None:
    x = 2.0 * np.arange(100) + 1.0
    h = np.full(100, 0.5)
    h[[5, 12, 20, 33, 41, 70, 75, 80, 88, 95]] = 0.01 * np.arange(10)
    windows = sea_surface_windows(x, h, np.full(100, 0.02), np.ones(100, bool), Rules(200.0, 200.0), core=(-1e9, 1e9))
    # The window around 200 m holds nothing, that around 0 m the lead's middle at 100 m is outside (half-open).
    assert windows.index.tolist() == [1]
    assert windows.surface[NEAREST, 0] == pytest.approx(0.09), "segment 95 at 191 m, nearest to 200 m"


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
    # Leads at 1 km (height 0) and 41 km (height 0.4); windows of 10 km every 5 km.
    x = np.arange(0.0, 42_000.0, 2.0) + 1.0
    water = (np.abs(x - 1000) < 50) | (np.abs(x - 41_000) < 50)
    h = np.where(water, 0.4 * (x > 20_000), 0.5)
    found = surface(x, h, np.full(len(x), 0.02), water, Rules())
    # The first lead is in the windows around 0 and 5 km, the second in those around 40 and 45 km.
    expected = np.interp(x, [5000, 40_000], [0.0, 0.4])
    assert found.surface[AVERAGE] == pytest.approx(expected, abs=1e-6)
    assert found.surface[ROBUST] == pytest.approx(np.interp(x, [1000, 41_000], [0.0, 0.4]), abs=1e-6)
    leads = found.source == Source.LEADS
    assert leads.tolist() == ((x < 7500) | (x >= 37_500)).tolist()
    assert (found.source[~leads] == Source.INTERPOLATED).all()
    middle, near = np.argmin(np.abs(x - 21_000)), np.argmin(np.abs(x - 1000))
    assert found.sigma[near] < 0.01
    assert found.sigma[middle] ** 2 == pytest.approx(0.5 * found.sigma[near] ** 2 + GROWTH * 10_000, rel=1e-3)


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
    fine = np.linspace(x[0], x[-1], 100_001)
    rules = Rules(window=1000.0, stride=500.0)
    windows = sea_surface_windows(x, h, s, water, rules)
    found = sea_surface_at(fine, windows, find_pieces(x, rules.window), rules, "weighted")
    assert np.abs(np.diff(found.surface, axis=1)).max() < 2e-3


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-50, 50))
def test_a_shift_of_all_heights_shifts_every_estimate_and_leaves_freeboard(seed: int, shift: float) -> None:
    x, h, s, water = made_track(seed)
    rules = Rules(window=1000.0, stride=500.0)
    before = sea_surface_windows(x, h, s, water, rules)
    after = sea_surface_windows(x, h + shift, s, water, rules)
    assert after.surface - before.surface == pytest.approx(shift, abs=1e-9)
    assert after.sigma == pytest.approx(before.sigma, rel=1e-6)
    assert after.place == pytest.approx(before.place, abs=1e-3)
    count = np.full(len(x), 8)
    plain = freeboard_of_track(x, h, s, count, water, rules, "robust")
    moved = freeboard_of_track(x, h + shift, s, count, water, rules, "robust")
    np.testing.assert_allclose(moved.freeboard, plain.freeboard, atol=2e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_every_estimate_lies_between_the_lowest_and_highest_water_of_its_window(seed: int) -> None:
    x, h, s, water = made_track(seed)
    rules = Rules(window=1000.0, stride=500.0)
    windows = sea_surface_windows(x, h, s, water, rules)
    assert len(windows)
    for k in range(len(windows)):
        near = water & (np.abs(x - windows.index[k] * 500.0) <= 500.0 + 100.0)
        low, high = h[near].min() - 1e-12, h[near].max() + 1e-12
        assert ((windows.surface[:, k] >= low) & (windows.surface[:, k] <= high)).all()
        assert (windows.surface[MINIMUM, k] <= windows.surface[:, k] + 1e-12).all()
    assert (windows.sigma > 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_track_flown_the_other_way_gives_the_same_windows(seed: int) -> None:
    x, h, s, water = made_track(seed)
    rules = Rules(window=1001.0, stride=500.0)  # odd, so that no lead's middle falls on a window's end
    ahead = sea_surface_windows(x, h, s, water, rules)
    back = sea_surface_windows(-x[::-1], h[::-1].copy(), s[::-1].copy(), water[::-1].copy(), rules)
    assert back.index[::-1].tolist() == (-ahead.index).tolist()
    rows = [MINIMUM, AVERAGE, WEIGHTED, ROBUST]  # of two equally near, NEAREST takes the lower
    np.testing.assert_allclose(back.surface[rows][:, ::-1], ahead.surface[rows], atol=1e-9)
    np.testing.assert_allclose(back.place[::-1], -ahead.place, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.booleans())
def test_chunks_with_a_halo_give_the_whole_track_exactly(seed: int, chunks: int, long_leads: bool) -> None:
    x, h, s, water = made_track(seed, 8000)
    if long_leads:
        water |= (x > 52_000) & (x < 55_700)
    rules = Rules(window=1000.0, stride=500.0, minimum_lead_segments=3)
    edges = np.linspace(x[0], x[-1] + 1.0, chunks + 1).round()
    edges[0], edges[-1] = -np.inf, np.inf
    parts: list[Windows] = []
    pieces = []
    for start, stop in pairwise(edges):
        near = (x >= start - rules.halo) & (x < stop + rules.halo)
        parts.append(sea_surface_windows(x[near], h[near], s[near], water[near], rules, core=(start, stop)))
        pieces.append(find_pieces(x[(x >= start) & (x < stop)], rules.window))
    whole = sea_surface_windows(x, h, s, water, rules)
    joined = join_windows(parts)
    for field in fields(Windows):
        np.testing.assert_allclose(getattr(joined, field.name), getattr(whole, field.name), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(join_pieces(pieces, rules.window), find_pieces(x, rules.window))


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
    assert abs(bias["robust"]) < 0.001
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
    assert 0.2 < float(np.sqrt((error**2).mean())) < 2.0, "the uncertainty is of the size of the error"


def test_three_leads_far_apart_in_height_give_the_lowest() -> None:
    x = np.concatenate([2.0 * np.arange(30) + 1.0 + start for start in (0, 200, 400)])
    h = np.repeat([1.0, 0.0, 2.0], 30)
    windows = sea_surface_windows(x, h, np.full(90, 0.02), np.ones(90, bool), Rules(2000.0, 1000.0))
    assert windows.surface[ROBUST] == pytest.approx(0.0, abs=1e-9)
    assert windows.place == pytest.approx(230.0)


def test_a_stride_beyond_the_window_is_refused() -> None:
    with pytest.raises(ValueError, match="stride"):
        Rules(window=1000.0, stride=2000.0)
