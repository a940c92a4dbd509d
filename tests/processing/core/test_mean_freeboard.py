"""Means of freeboard: height errors average out, those of the sea surface do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core.mean_freeboard import COMMON_HEIGHT, group_means


@pytest.mark.kernel
def test_two_groups_by_hand() -> None:
    values = np.array([0.2, 0.4, 0.1, np.nan, 9.0])
    mean, sigma, count = group_means(values, np.full(5, 0.06), np.full(5, 0.01), [0, 0, 2, 0, -1], 3, common=0.0)
    assert count.tolist() == [2, 0, 1]
    assert mean[[0, 2]] == pytest.approx([0.3, 0.1])
    assert sigma[0] == pytest.approx(np.hypot(0.06 / np.sqrt(2.0), 0.01))
    assert sigma[2] == pytest.approx(np.hypot(0.06, 0.01))
    assert np.isnan([mean[1], sigma[1]]).all()


@pytest.mark.kernel
def test_weights_count_and_a_missing_uncertainty_leaves_a_segment_out() -> None:
    mean, sigma, count = group_means(
        [1.0, 4.0, 7.0], [0.1, 0.2, np.nan], [0.0, 0.3, 0.3], [0, 0, 0], 1, [2.0, 1.0, 1.0], common=0.0
    )
    assert (mean[0], count[0]) == (pytest.approx(2.0), 2)
    assert sigma[0] == pytest.approx(np.hypot(np.hypot(2 * 0.1, 0.2), 0.3) / 3.0)
    _, wider, _ = group_means([1.0, 4.0], [0.1, 0.2], [0.0, 0.3], [0, 0], 1, [2.0, 1.0])
    assert wider[0] == pytest.approx(np.hypot(sigma[0], COMMON_HEIGHT))
    assert np.isnan(group_means([], [], [], [], 1)[1][0])
    with pytest.raises(ValueError, match="differ in length"):
        group_means([1.0], [1.0], [1.0, 1.0], [0], 1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 200))
def test_the_quoted_uncertainty_is_the_scatter_that_such_errors_have(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    height, surface = rng.uniform(0.01, 0.2), rng.uniform(0.0, 0.05)
    draws = height * rng.normal(size=(4000, n)) + np.hypot(surface, COMMON_HEIGHT) * rng.normal(size=(4000, 1))
    told = group_means(np.zeros(n), np.full(n, height), np.full(n, surface), np.zeros(n), 1)[1][0]
    assert draws.mean(axis=1).std() == pytest.approx(told, rel=0.08)
