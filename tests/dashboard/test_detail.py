from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import detail


@given(st.lists(st.tuples(st.floats(0, 99.9), st.floats(-5, 5, width=32) | st.just(np.nan)), max_size=40))
def test_gather_equals_a_loop_over_bins(points: list[tuple[float, float]]) -> None:
    points.sort(key=lambda point: point[0])
    x = np.array([point[0] for point in points])
    y = np.array([point[1] for point in points], np.float32)
    found = detail.gather(x, y, 10.0, 90.0, 8)
    for k in range(8):
        inside = (x >= 10 + 10 * k) & (x < 20 + 10 * k) & np.isfinite(y)
        inside |= (x == 90.0) & (k == 7) & np.isfinite(y)
        assert found.count[k] == inside.sum()
        if inside.any():
            assert np.isclose(found.mean[k], y[inside].astype(float).mean())
            assert (found.low[k], found.high[k]) == (y[inside].min(), y[inside].max())
        else:
            assert np.isnan(found.mean[k])


def test_a_rare_class_keeps_its_colour_among_many() -> None:
    x, y = np.full(1001, 5.0), np.full(1001, 0.5, np.float32)
    rank = np.full(1001, 2, np.int8)
    rank[500] = 4
    top = detail.highest(x, y, rank, detail.View((0, 10), (0, 1), 10, 4))
    assert top[2, 5] == 4
    assert np.count_nonzero(top) == 1


def test_columns_show_the_highest_rank_and_empty_columns_nothing() -> None:
    x = np.array([0.5, 1.5, 1.7, 3.5])
    rank = np.array([2, 2, 4, 1], np.int8)
    assert detail.column_ranks(x, rank, 0.0, 4.0, 4).tolist() == [2, 4, 0, 1]


@given(st.floats(1e3, 1e7), st.floats(10, 1e6), st.integers(10, 3000))
def test_bins_hold_whole_segments_and_cover_the_stretch(start: float, length: float, most: int) -> None:
    left, right, count = detail.cells(start, start + length, 2.0, most)
    width = (right - left) / count
    assert left <= start
    assert right >= start + length
    assert count <= most + 1
    assert abs(width / 2.0 - round(width / 2.0)) < 1e-6
    assert abs(left / 2.0 - round(left / 2.0)) < 1e-6


def test_a_point_grows_to_a_square_and_does_not_wrap() -> None:
    top = np.zeros((5, 5), np.int64)
    top[0, 4] = 3
    grown = detail.thicken(top, 1)
    assert grown[:2, 3:].tolist() == [[3, 3], [3, 3]]
    assert grown.sum() == 12


def test_limits_stay_put_under_small_changes_and_hold_the_data() -> None:
    rng = np.random.default_rng(3)
    heights = rng.normal(0.3, 0.1, 4000).astype(np.float32)
    low, high = detail.comfortable(heights)
    assert low < heights.min() < heights.max() < high
    assert detail.comfortable(heights + np.float32(0.001)) == (low, high)
    assert detail.comfortable(np.full(3, np.nan, np.float32)) == (-0.5, 1.5)


@given(st.floats(1e-6, 1e6))
def test_nice_steps_are_next_above(value: float) -> None:
    step = detail.nice_step(value)
    assert value * (1 - 1e-6) <= step <= 2.5 * value


@pytest.mark.kernel
def test_columns_hold_the_mean_and_skip_what_is_missing() -> None:
    x = np.array([0.5, 1.2, 1.8, 2.1, 4.0])
    values = np.array([3.0, 1.0, 2.0, np.nan, -5.0], np.float32)
    assert np.array_equal(detail.column_means(x, values, 0.0, 4.0, 4), [3.0, 1.5, np.nan, -5.0], equal_nan=True)


@pytest.mark.kernel
def test_one_pass_draws_what_the_drawing_library_draws() -> None:
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-2, 12, 3000), rng.uniform(-0.5, 1.5, 3000).astype(np.float32)
    y[::50] = np.nan
    rank = rng.integers(1, 5, 3000).astype(np.int8)
    view = detail.View((0.0, 10.0), (0.0, 1.0), 37, 11)
    assert np.array_equal(detail.raster(x, y, rank, view), detail.highest(x, y, rank, view))
