"""Means along the track and on polar grids against brute force; parts added up are the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.along_means import (
    OverIce,
    cells_along,
    count_in,
    freeboard_of_ice,
    means,
    root_mean_square,
    share,
)
from processing.core.mean_freeboard import COMMON_HEIGHT, group_means
from processing.core.polar_grid import GridSums, grid_maps, track_sums

CELL = 100.0


def over_ice(rng: np.random.Generator, n: int) -> OverIce:
    value = np.where(rng.random(n) < 0.2, np.nan, rng.normal(0.3, 0.1, n))
    return OverIce(value, rng.uniform(0.02, 0.1, n), rng.uniform(0.01, 0.03, n), rng.uniform(0.1, 0.2, n))


def made_sums(seed: int, n: int) -> GridSums:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-300, 300, (2, n))
    classed = rng.random(n) < 0.9
    water = rng.random(n) < 0.1
    length = rng.uniform(2.0, 4.0, n)
    both = over_ice(rng, n), over_ice(rng, n)
    return track_sums(x, y, np.arange(n) * 2.0, CELL, *both, length, water, classed, 10_000.0)


@pytest.mark.kernel
def test_means_along_equal_brute_force() -> None:
    rng = np.random.default_rng(0)
    x = np.sort(rng.choice(5000, 2000, replace=False)) * 2.0 + 1.0
    what = over_ice(rng, len(x))
    cells = cells_along(x, 500.0)
    found = means(what, x, cells, 10_000.0, 0.05, 70)
    which = np.floor(x / 500.0)
    assert len(cells) == len(np.unique(which))
    for i, number in enumerate(np.unique(which)):
        rows = (which == number) & np.isfinite(what.value)
        assert found.count[i] == rows.sum()
        if rows.sum() < 70:
            assert np.isnan(found.mean[i])
            continue
        value, noise = what.value[rows], (what.random[rows] ** 2).sum() / rows.sum() ** 2
        assert found.mean[i] == pytest.approx(value.mean())
        assert found.median[i] == pytest.approx(np.median(value))
        assert found.spread[i] == pytest.approx(value.std())
        common = what.common[rows].mean()
        assert found.sigma[i] == pytest.approx(np.sqrt(noise + what.surface[rows].mean() ** 2 + common**2))
        assert found.sigma_common[i] == pytest.approx(common)
        inside = [np.sum((value >= v) & (value <= v + 0.05)) for v in value]
        assert np.sum(np.abs(value - found.mode[i]) <= 0.05) >= max(inside)
    assert (found.count < 70).any()


def test_errors_of_the_sea_surface_become_independent_far_apart() -> None:
    x = np.arange(10_000) * 10.0
    n = len(x)
    what = freeboard_of_ice(np.full(n, 0.3), np.zeros(n), np.full(n, 0.02), np.zeros(n, np.int8))
    assert means(what, x, cells_along(x, 1e6), 10_000.0, 0.05, 1).sigma == pytest.approx(
        np.hypot(0.02 / np.sqrt(10), COMMON_HEIGHT), rel=1e-3
    )
    close = means(what, x, cells_along(x, 1000.0), 10_000.0, 0.05, 1)
    groups = np.arange(n) // 100
    np.testing.assert_allclose(close.sigma, group_means(what.value, what.random, what.surface, groups, 100)[1])


def test_shares_and_counts() -> None:
    x = np.array([1.0, 3, 5, 101, 103, 301])
    cells = cells_along(x, CELL)
    assert cells.x.tolist() == [50.0, 150.0, 350.0]
    water = np.array([1, 0, 0, 0, 1, 0], bool)
    length = np.array([4.0, 2, 2, 2, 2, 2])
    assert share(water, cells, x > 0, length) == pytest.approx([0.5, 0.5, 0.0])
    assert share(water, cells, x < 200, length).tolist()[:2] == pytest.approx([0.5, 0.5])
    assert np.isnan(share(water, cells, x < 200, length)[2])
    assert count_in(np.array([0.0, 99, 100, 320]), cells, CELL).tolist() == [2, 1, 1]
    rms = root_mean_square(np.array([10.0, 20, 350]), np.array([3.0, 4, 2]), cells, CELL)
    assert rms[[0, 2]].tolist() == pytest.approx([np.sqrt(12.5), 2.0])
    assert np.isnan(rms[1])
    assert len(cells_along(np.zeros(0), CELL)) == 0


@pytest.mark.kernel
def test_grid_equals_brute_force() -> None:
    rng = np.random.default_rng(3)
    n = 3000
    x, y = rng.uniform(-250, 250, (2, n))
    what, water, classed = over_ice(rng, n), rng.random(n) < 0.1, rng.random(n) < 0.9
    x[:20] = np.nan
    length = rng.uniform(2.0, 4.0, n)
    sums = track_sums(x, y, np.arange(n) * 2.0, CELL, what, what, length, water, classed, 1e9)
    found = grid_maps(sums, 3413, CELL, 5)
    assert found.x.tolist() == [-250.0, -150.0, -50.0, 50.0, 150.0, 250.0]
    assert found.y.tolist() == found.x.tolist()[::-1]
    for row, top in enumerate(found.y):
        for column, left in enumerate(found.x):
            inside = (np.abs(x - left) < CELL / 2) & (np.abs(y - top) < CELL / 2)
            ice = inside & np.isfinite(what.value)
            at = {name: layer[row, column] for name, layer in found.maps.items()}
            assert at["segments"] == ice.sum()
            assert at["tracks"] == 1
            assert at["freeboard"] == pytest.approx(what.value[ice].mean(), rel=1e-5)
            assert at["freeboard_spread"] == pytest.approx(what.value[ice].std(), rel=1e-4)
            assert at["lead_fraction"] == pytest.approx(
                length[water & classed & inside].sum() / length[classed & inside].sum()
            )


def test_errors_of_two_tracks_are_independent_but_those_of_snow_are_not() -> None:
    def one(seed: int) -> GridSums:
        n = 100
        what = OverIce(np.full(n, 1.5), np.zeros(n), np.full(n, 0.2), np.full(n, 0.3))
        spot = np.full(n, 50.0)
        return track_sums(spot, spot, np.arange(n) * 2.0, CELL, what, what, spot, spot < 0, spot > 0, 1e9)

    maps = grid_maps(one(0) + one(1), 3031, CELL, 1).maps
    assert maps["tracks"].tolist() == [[2.0]]
    assert maps["thickness_sigma"][0, 0] == pytest.approx(np.sqrt(0.2**2 / 2 + 0.3**2))
    assert maps["thickness_sigma_common"][0, 0] == pytest.approx(0.3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), min_size=1, max_size=5), st.randoms())
def test_parts_added_in_any_order_are_the_whole(parts: list[tuple[int, int]], random: object) -> None:
    sums = [made_sums(*part) for part in parts]
    forward = sum(sums, GridSums.empty())
    random.shuffle(sums)  # type: ignore[attr-defined]
    middle = len(sums) // 2
    other = sum(sums[:middle], GridSums.empty()) + sum(sums[middle:], GridSums.empty())
    np.testing.assert_array_equal(forward.column, other.column)
    np.testing.assert_array_equal(forward.row, other.row)
    np.testing.assert_allclose(forward.sums, other.sums, rtol=1e-12, atol=1e-12)


def test_nothing_makes_an_empty_map() -> None:
    found = grid_maps(GridSums.empty(), 3413, CELL, 1)
    assert found.maps["freeboard"].shape == (0, 0)
    assert found.layers["freeboard"].unit == "m"
