"""Freeboard added up track by track is that of all of it at once."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard import statistics
from dashboard.comparison.freeboard_sums import FreeboardSums, difference, mean_difference, sums, together
from processing.core.agreement import Bootstrap

HOW = Bootstrap(block=10.0, draws=300, least_blocks=3)


def made(values: np.ndarray, truth: np.ndarray | None = None) -> FreeboardSums:
    codes = np.where(values > 0.3, 0, 2).astype(np.int8)
    leads = np.where(codes == 2, np.arange(len(values)) // 50, -1).astype(np.int32)
    source = np.ones(len(values), np.int8)
    return sums(values.astype(np.float32), codes, leads, source, truth)


def test_the_sum_of_tracks_tells_what_all_at_once_would() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(0.35, 0.2, 6000).astype(np.float32)
    values[:7] = np.nan
    found = made(values[:2500]) + made(values[2500:])
    whole, told = statistics.summary(values), found.summary()
    assert (told.count, told.negative) == (whole.count, whole.negative)
    assert told.mean == pytest.approx(whole.mean)
    assert told.spread == pytest.approx(whole.spread)
    assert told.median == pytest.approx(whole.median, abs=0.001)
    assert told.mode == pytest.approx(whole.mode, abs=0.021)
    thick = statistics.summary(values[values > 0.3])
    assert found.summary(0).mean == pytest.approx(thick.mean)
    assert found.summary(1).count == 0
    drawn = found.distribution()
    assert drawn.total.sum() == whole.count
    assert drawn.edges[0] <= np.nanmin(values) <= drawn.edges[1]
    assert found.sources.tolist() == [0, 6000, 0]


def test_truth_gives_bias_and_error() -> None:
    truth = np.array([0.1, 0.2, np.nan, 0.4], np.float32)
    found = made(np.array([0.2, 0.4, 0.3, 0.4], np.float32), truth)
    assert found.bias == pytest.approx(0.1)
    assert found.rmse == pytest.approx(np.sqrt((0.01 + 0.04) / 3))
    assert np.isnan(made(np.array([0.2], np.float32)).bias)


def test_the_mean_difference_is_of_common_segments_and_its_interval_of_blocks() -> None:
    x = np.arange(40.0)
    first, second = np.full(40, 0.3, np.float32), np.full(40, 0.2, np.float32)
    second[20:], first[3] = 0.3, np.nan
    found = together([difference(x, first, second, HOW)])
    told = mean_difference(found, HOW)
    assert told.value == pytest.approx(0.1 * 19 / 39)
    assert told.low < told.value < told.high
    assert found.sums[:, 2].sum() == 19
    few = mean_difference(difference(x[:5], first[:5], second[:5], HOW), HOW)
    assert np.isnan(few.low)
    assert np.isnan(mean_difference(together([]), HOW).value)
