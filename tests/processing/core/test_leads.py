"""Leads: which segments make one, and its height by hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.leads import (
    NARROW_SPREAD,
    PHOTON_SPREAD,
    RELIEF,
    SECTION,
    biweight,
    find_leads,
    height_sigma,
    lead_heights,
    lead_numbers,
    weighted_quantile,
)

pytestmark = pytest.mark.kernel


def segments(*windows: int) -> np.ndarray:
    return 2.0 * np.array(windows, float) + 1.0


def test_height_sigma_pools_the_usual_spread_with_the_photons() -> None:
    # n = 1: the spread is the usual one. n = 4, s = 0.2: (4 * 0.04 + 4 * 0.0144) / 7 / 4 = 0.0077714.
    found = height_sigma([0.0, 0.2, 0.0], [1, 4, 10_000_000], median=False)
    assert found == pytest.approx(np.hypot(RELIEF, [PHOTON_SPREAD, np.sqrt(0.0077714), 0.0]), abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 10, 40])
def test_a_median_is_less_sure_than_a_mean_as_normal_heights_say(count: int) -> None:
    spread = np.random.default_rng(count).normal(size=(40_000, count))
    ratio = np.median(spread, axis=1).std() / spread.mean(axis=1).std()
    mean, median = (height_sigma([0.3], [count], median=kind)[0] ** 2 - RELIEF**2 for kind in (False, True))
    assert np.sqrt(median / mean) == pytest.approx(ratio, rel=0.02)


def test_a_lead_ends_at_ice_and_at_a_distance_of_more_than_a_footprint() -> None:
    x = segments(0, 1, 2, 3, 5, 12, 13, 14)
    #            w  w  i  w  w   w   i   w     5 to 12 is 14 m, more than 11 + 2; 3 to 5 is 4 m
    water = np.array([1, 1, 0, 1, 1, 1, 0, 1], bool)
    leads = find_leads(x, water, 1, 2.0)
    assert leads.first.tolist() == [0, 3, 5, 7]
    assert leads.stop.tolist() == [2, 5, 6, 8]
    assert leads.middle.tolist() == [2.0, 9.0, 25.0, 29.0]
    assert lead_numbers(leads, x, 2.0).tolist() == [0, 0, -1, 3, 3, 12, -1, 14]


def test_short_runs_are_no_leads() -> None:
    x, water = segments(0, 1, 2, 3, 4, 5), np.array([1, 0, 1, 1, 0, 1], bool)
    leads = find_leads(x, water, 2, 2.0)
    assert leads.first.tolist() == [2]
    assert lead_numbers(leads, x, 2.0).tolist() == [-1, -1, 2, 2, -1, -1]


def test_a_long_lead_is_cut_at_fixed_places_and_knows_its_open_ends() -> None:
    x = segments(*range(450, 1050))  # 900 m to 2100 m: cut at 1000 m and 2000 m
    leads = find_leads(x, np.ones(len(x), bool), 1, 2.0)
    assert x[leads.first].tolist() == [901.0, 1001.0, 2001.0]
    assert leads.open_left.tolist() == [False, True, True]
    assert leads.open_right.tolist() == [True, True, False]
    whole = find_leads(segments(*range(450, 450 + int(SECTION / 2))), np.ones(500, bool), 1, 2.0)
    assert len(whole) == 1, "a lead as long as a section stays whole"


def test_weighted_lead_is_the_published_formula() -> None:
    # h - h_min = 0, 0.1; s = 0.1, 0.2: w = 1, exp(-(0.1 / 0.2)^2) = exp(-0.25), the square inside the exponential.
    h, s = np.array([0.5, 0.6]), np.array([0.1, 0.2])
    w = np.exp(-0.25)
    leads = find_leads(segments(0, 1), np.ones(2, bool), 1, 2.0)
    found = lead_heights(segments(0, 1), h, s, leads, 2.0)
    assert found.weighted[0] == pytest.approx(0.5 + 0.1 * w / (1 + w))
    assert found.weighted_sigma[0] == pytest.approx(np.sqrt(0.1**2 + (w * 0.2) ** 2) / (1 + w))


def test_robust_lead_ignores_its_mixed_edges_and_an_outlier() -> None:
    x = segments(*range(12))  # 24 m: everything within 6 m of a border, three segments a side, is left out
    h = np.array([0.3, 0.2, 0.1, 0, 0, 0, 0, 0, 9.0, 0.1, 0.2, 0.3])
    leads = find_leads(x, np.ones(12, bool), 1, 2.0)
    found = lead_heights(x, h, np.full(12, 0.02), leads, 2.0)
    assert found.robust[0] == pytest.approx(0.0, abs=1e-9)
    assert found.robust_x[0] == pytest.approx(x[3:8].mean())
    assert found.robust_sigma[0] == pytest.approx(0.02 / np.sqrt(5))


def test_a_narrow_lead_is_uncertain() -> None:
    x = segments(0)
    leads = find_leads(x, np.ones(1, bool), 1, 2.0)
    found = lead_heights(x, np.array([0.25]), np.array([0.03]), leads, 2.0)
    assert found.robust[0] == 0.25
    assert found.robust_sigma[0] == pytest.approx(np.hypot(0.03, NARROW_SPREAD * (1 - 2 / 22)))


def test_scatter_beyond_photon_noise_widens_the_uncertainty() -> None:
    x, rng = segments(*range(100)), np.random.default_rng(1)
    leads = find_leads(x, np.ones(100, bool), 1, 2.0)
    calm = lead_heights(x, rng.normal(0, 0.01, 100), np.full(100, 0.01), leads, 2.0)
    rough = lead_heights(x, rng.normal(0, 0.05, 100), np.full(100, 0.01), leads, 2.0)
    assert rough.robust_sigma[0] > 5 * calm.robust_sigma[0]


def test_weighted_quantile_by_hand() -> None:
    h, w = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0])
    assert weighted_quantile(h, w, 0.5) == 2.0
    assert weighted_quantile(h, w, 0.25) == 1.5, "just between two values: halfway"
    assert weighted_quantile(h, w, 0.9) == 3.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_weighted_quantile_agrees_with_a_sort_and_takes_any_order(values: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    h, w = np.array(values), rng.uniform(0.1, 1.0, len(values))
    order = np.argsort(h, kind="stable")
    below = np.cumsum(w[order])
    expected = h[order][np.searchsorted(below, 0.37 * w.sum())]
    assert weighted_quantile(h, w, 0.37) == expected
    shuffled = rng.permutation(len(values))
    assert weighted_quantile(h[shuffled], w[shuffled], 0.37) == expected


def test_biweight_stays_at_its_mode() -> None:
    h = np.array([0.0, 0.01, -0.01, 1.0, 1.01, 0.99, 1.0])
    scale, weight = np.full(7, 0.02), np.ones(7)
    assert biweight(h, scale, weight, 0.005) == pytest.approx(0.0, abs=1e-12)
    assert biweight(h, scale, weight, 5.0) == 5.0
