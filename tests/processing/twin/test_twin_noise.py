"""Lattice noise: reproducible, unit variance, consistent derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.twin.noise import derived, lattice_hash, noise, noise_pair, noise_slope, unit

place = st.floats(-1e5, 1e5, allow_nan=False)


@settings(deadline=None)
@given(place, place, st.integers(0, 2**40))
def test_slope_is_the_derivative_of_the_noise(x: float, y: float, seed: int) -> None:
    value, along, across = noise_slope(x, y, seed)
    step = 1e-5
    assert value == pytest.approx(noise(x, y, seed), abs=1e-9)
    assert along == pytest.approx((noise(x + step, y, seed) - noise(x - step, y, seed)) / (2 * step), abs=1e-2)
    assert across == pytest.approx((noise(x, y + step, seed) - noise(x, y - step, seed)) / (2 * step), abs=1e-2)


def test_noise_has_zero_mean_and_unit_variance_and_pairs_are_independent() -> None:
    rng = np.random.default_rng(1)
    values = np.array([noise_pair(x, y, 5) for x, y in rng.uniform(-500, 500, (20_000, 2))])
    assert np.abs(values.mean(axis=0)).max() < 0.03
    assert values.std(axis=0) == pytest.approx([1.0, 1.0], abs=0.04)
    assert abs(np.corrcoef(values.T)[0, 1]) < 0.03


def test_noise_vanishes_on_the_lattice() -> None:
    assert noise(7.0, -3.0, 11) == 0.0


def test_hashes_are_uniform_and_differ_by_salt() -> None:
    states = [lattice_hash(i, j, 3) for i in range(60) for j in range(-30, 30)]
    values = np.array([[unit(s), derived(s, 1), derived(s, 2)] for s in map(np.uint64, states)])
    assert np.abs(values.mean(axis=0) - 0.5).max() < 0.02
    assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 0.06
