"""Sea level through the leads: exact cases of the random walk, rejection of what is no lead, which windows are held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.lead_levels import LEVEL_SPREAD, WANDER, held_windows, lead_levels
from processing.io import atl10

WINDOW, STRIDE = 10_000.0, 5000.0


def levels(x: list[float], height: list[float], sigma: list[float], noise: list[float] | None = None):
    arrays = [np.array(values, float) for values in (x, height, sigma, noise or sigma)]
    return lead_levels(*arrays, WINDOW, STRIDE)


@pytest.mark.kernel
def test_one_lead_gives_its_own_height() -> None:
    found = levels([3000.0], [0.25], [0.04])
    assert (found.level[0], found.trust[0]) == (0.25, 1.0)
    assert found.sigma[0] == pytest.approx(0.04)


@pytest.mark.kernel
def test_two_leads_by_hand() -> None:
    # 40 km apart the walk gathers 1e-7 * 4e4 = 0.0040 m2. Seen from the first, the second's height has variance
    # 0.0009 / trust + 0.0040; heights that agree are trusted fully and need no iteration.
    found = levels([0.0, 40_000.0], [0.1, 0.1], [0.03, 0.03])
    assert found.level.tolist() == [0.1, 0.1]
    precision = 1 / 0.03**2 + 1 / (0.03**2 + WANDER * 40_000.0)
    assert found.sigma == pytest.approx(precision**-0.5)


def test_the_level_minimises_its_own_quadratic_form() -> None:
    # With its final trust the level is the minimum of sum t (h - f)^2 / s^2 + sum (df)^2 / (WANDER dx): solve directly.
    rng = np.random.default_rng(4)
    x = np.cumsum(rng.uniform(50, 4000, 40))
    height, sigma = np.cumsum(rng.normal(0, 0.01, 40)) + rng.normal(0, 0.03, 40), rng.uniform(0.01, 0.1, 40)
    found = lead_levels(x, height, sigma, sigma, WINDOW, STRIDE)
    weight, stiff = found.trust / sigma**2, 1 / (WANDER * np.diff(x))
    matrix = np.diag(weight + np.r_[stiff, 0] + np.r_[0, stiff]) - np.diag(stiff, 1) - np.diag(stiff, -1)
    np.testing.assert_allclose(np.linalg.solve(matrix, weight * height), found.level, atol=2e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(np.linalg.inv(matrix))), found.sigma, rtol=2e-2)


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
    assert (alone.level[0], alone.sigma[0]) == (0.06, pytest.approx(0.25))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20_000), st.floats(-3, 3), st.floats(0.001, 0.5)), min_size=1, max_size=25))
def test_any_leads_give_finite_levels_between_their_heights(drawn: list[tuple[int, float, float]]) -> None:
    x = np.cumsum([float(step) for step, _, _ in drawn])
    height, sigma = np.array([h for _, h, _ in drawn]), np.array([s for _, _, s in drawn])
    found = lead_levels(x, height, sigma, sigma, WINDOW, STRIDE)
    assert np.isfinite(found.level).all()
    assert np.isfinite(found.sigma).all()
    assert (found.sigma > 0).all()
    assert found.level.min() >= height.min() - 1e-9
    assert found.level.max() <= height.max() + 1e-9
    assert ((found.trust >= 0) & (found.trust <= 1)).all()


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
        gathered = float(difference[near].mean()) - nugget
        assert 0.5 < gathered / (WANDER * float(distance[near].mean())) < 2.0
