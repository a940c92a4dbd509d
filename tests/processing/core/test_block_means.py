"""Means over stretches longer than one sea surface reaches."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.block_means import NOTHING, block_sum
from processing.core.mean_freeboard import COMMON_HEIGHT


def test_uncertainty_by_hand() -> None:
    x = np.array([100.0, 200.0, 1100.0, 1200.0, 1300.0])
    found = block_sum(x, [1.0, 3.0, 2.0, np.nan, 4.0], np.full(5, 0.2), np.full(5, 0.1), 1000.0)
    assert (found.count, found.mean) == (4, 2.5)
    variance = 4 * 0.2**2 + (2 * 0.1) ** 2 + (2 * 0.1) ** 2
    assert found.sigma == pytest.approx(np.hypot(np.sqrt(variance) / 4, COMMON_HEIGHT))


def test_beams_add_as_independent() -> None:
    one = block_sum([1.0, 2.0], [0.3, 0.5], [0.0, 0.0], [0.1, 0.1], 1e4)
    both = one.plus(one)
    assert both.mean == pytest.approx(0.4)
    assert both.sigma == pytest.approx(np.hypot(0.1 / np.sqrt(2), COMMON_HEIGHT))
    assert NOTHING.plus(one) == one
    assert np.isnan(NOTHING.mean)
    assert np.isnan(NOTHING.sigma)


def test_nothing_has_no_mean() -> None:
    assert block_sum([], [], [], [], 1e4) == NOTHING
