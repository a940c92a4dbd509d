"""Sea level through the leads: exact cases of the process, rejection of what is no lead, which windows are held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.lead_levels import (
    LENGTH,
    LEVEL_SPREAD,
    SPREAD,
    gathered,
    held_windows,
    in_waves,
    lead_levels,
    levels_at,
)
from processing.core.leads import LeadHeights
from processing.io import atl10

WINDOW, STRIDE = 10_000.0, 5000.0


def levels(x: list[float], height: list[float], sigma: list[float], noise: list[float] | None = None):
    arrays = [np.array(values, float) for values in (x, height, sigma, noise or sigma)]
    return lead_levels(*arrays, WINDOW, STRIDE)


@pytest.mark.kernel
def test_one_lead_gives_its_own_height() -> None:
    found = levels([3000.0], [0.25], [0.04])
    assert (found.level[0], found.trust[0]) == (pytest.approx(0.25), 1.0)
    assert found.sigma[0] == pytest.approx(0.04)


def covariance(x: np.ndarray, other: np.ndarray) -> np.ndarray:
    ratio = np.abs(x[:, None] - other) / LENGTH
    return SPREAD**2 * (1.0 + ratio) * np.exp(-ratio)


@pytest.mark.kernel
def test_what_sea_level_gathers_is_its_slope_at_first_and_twice_its_variance_at_last() -> None:
    assert gathered([0.0, 23.0, 1e7]) == pytest.approx([0.0, (SPREAD * 23.0 / LENGTH) ** 2, 2.0 * SPREAD**2], rel=2e-3)


def test_the_level_is_the_conditional_mean_of_the_process() -> None:
    # Universal kriging solved directly, with the trust that it ends with.
    rng = np.random.default_rng(4)
    x = np.cumsum(rng.uniform(50, 4000, 40))
    height, sigma = 0.1 * np.sin(x / 9000.0) + rng.normal(0, 0.03, 40), rng.uniform(0.01, 0.1, 40)
    found = lead_levels(x, height, sigma, sigma, WINDOW, STRIDE)
    counts = found.trust > 1e-6
    noise = np.diag(sigma[counts] ** 2 / found.trust[counts])
    for places, level, error in (
        (x, found.level, found.sigma),
        (grid := np.arange(0.0, 90_000.0, 700.0), *levels_at(grid, x, height, sigma, found)),
    ):
        inverse = np.linalg.inv(covariance(x[counts], x[counts]) + noise)
        gain = covariance(places, x[counts]) @ inverse
        mean = inverse.sum(axis=0) @ height[counts] / inverse.sum()
        np.testing.assert_allclose(mean + gain @ (height[counts] - mean), level, atol=2e-4)
        left = SPREAD**2 - np.einsum("ij,ji->i", gain, covariance(x[counts], places))
        left += (1.0 - gain.sum(axis=1)) ** 2 / inverse.sum()
        np.testing.assert_allclose(np.sqrt(left), error, rtol=2e-2)


def test_leads_far_from_all_others_are_not_dropped_for_what_sea_level_gathers() -> None:
    x = [0.0, 300.0, 600.0, 30_000.0, 30_300.0]
    found = levels(x, [0.0, 0.0, 0.0, 0.15, 0.15], [0.02] * 5)
    assert found.trust.min() > 0.5
    assert found.level[3:] == pytest.approx(0.15, abs=0.01)
    below = levels([*x[:3], 20_000.0], [0.0, 0.0, 0.0, -0.12], [0.02] * 4)
    assert below.trust[3] > 0.5


def test_what_is_no_lead_loses_its_weight() -> None:
    x = [float(k) * 1000 for k in range(9)]
    height = [0.0, 0.01, 0.3, 0.0, -0.01, 0.25, 0.0, -0.4, 0.01]
    found = levels(x, height, [0.02] * 9)
    assert found.trust[[2, 5, 7]].tolist() == [0.0, 0.0, 0.0]
    assert found.trust[[0, 1, 3, 4, 6, 8]].min() > 0.9
    assert np.abs(found.level).max() < 0.01


def test_leads_that_contradict_each_other_give_the_lower_and_stay_finite() -> None:
    found = levels([0.0, 500.0, 1000.0], [1.0, 0.0, 2.0], [0.02] * 3)
    assert found.level == pytest.approx(0.0, abs=1e-9)
    assert found.trust.tolist() == [0.0, 1.0, 0.0]


def test_a_narrow_lead_is_outweighed_but_serves_where_it_is_alone() -> None:
    wide_and_narrow = levels([0.0, 100.0], [0.0, 0.06], [0.01, 0.25], [0.01, 0.03])
    assert wide_and_narrow.level[0] < 0.001
    alone = levels([0.0], [0.06], [0.25], [0.03])
    assert (alone.level[0], alone.sigma[0]) == (pytest.approx(0.06), pytest.approx(0.25))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20_000), st.floats(-3, 3), st.floats(0.001, 0.5)), min_size=1, max_size=25))
def test_any_leads_give_finite_levels_about_their_heights(drawn: list[tuple[int, float, float]]) -> None:
    x = np.cumsum([float(step) for step, _, _ in drawn])
    height, sigma = np.array([h for _, h, _ in drawn]), np.array([s for _, _, s in drawn])
    found = lead_levels(x, height, sigma, sigma, WINDOW, STRIDE)
    assert np.isfinite(found.level).all()
    assert np.isfinite(found.sigma).all()
    assert (found.sigma > 0).all()
    reach = 0.25 * np.ptp(height) + 1e-9  # a smooth surface may swing beyond its outermost leads
    assert found.level.min() >= height.min() - reach
    assert found.level.max() <= height.max() + reach
    assert ((found.trust >= 0) & (found.trust <= 1)).all()


def test_short_leads_have_leave_to_stray_as_far_as_leads_within_half_a_window_show_waves() -> None:
    middle, waves = np.array([0.0, 4000.0, 9000.0, 20_000.0]), np.array([np.nan, 0.1, np.nan, np.nan])
    columns = [middle, *np.full((3, 4), 0.0), np.full(4, 0.05), np.full(4, 0.03), middle, waves]
    sigma, noise = in_waves(LeadHeights(*columns), WINDOW, 0.02)
    assert noise == pytest.approx([0.1, 0.03, 0.1, 0.03])
    assert sigma**2 - noise**2 == pytest.approx(np.full(4, 0.05**2 - 0.03**2))


def test_windows_held_are_those_whose_leads_fix_the_level() -> None:
    x, sigma, trust = np.array([1000.0, 21_000.0, 22_000.0]), np.array([0.04, 0.06, 0.06]), np.ones(3)
    # 0.04 m alone fixes to 0.05 m; 0.06 m twice does (0.042 m), once it does not.
    assert held_windows(x, sigma, trust, WINDOW, STRIDE, 0.05).tolist() == [0, 1, 4, 5]
    assert held_windows(x, sigma, np.array([0.5, 1, 1]), WINDOW, STRIDE, 0.05).tolist() == [4, 5]
    assert held_windows(x[:0], sigma[:0], trust[:0], WINDOW, STRIDE, 0.05).tolist() == []


def test_the_sea_wanders_as_between_real_leads(shared_data: Path) -> None:
    path = shared_data / "atl10" / "processed_ATL10-01_20220107195849_02531401_006_01.h5"
    apart, squared = [], []
    for beam in atl10.beams(path):
        leads = atl10.read(path, beam).leads
        i, j = np.triu_indices(len(leads), 1)
        apart.append(np.abs(leads.x_atc[i] - leads.x_atc[j]))
        squared.append((leads.height[i] - leads.height[j]) ** 2)
    distance, difference = np.concatenate(apart), np.concatenate(squared)
    nugget = float(difference[distance < 500].mean())
    assert np.sqrt(nugget / 2) == pytest.approx(LEVEL_SPREAD, rel=0.3)
    for low, high in ((4000, 7000), (7000, 13_000), (13_000, 25_000)):
        near = (distance >= low) & (distance < high)
        seen = float(difference[near].mean()) - nugget
        assert 0.25 < seen / float(gathered(distance[near].mean())) < 1.0
