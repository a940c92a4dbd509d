"""Features by hand, free of labels, the same by chunks, blind to beam strength and sun."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.core import features as core
from processing.core.features import COLUMNS, HALO, MAX_STEP, NAMES, running_quantile, segment_features, window_index
from processing.schema import SEGMENT

EXACT = [1, 2, 4, 6, 7, 8]
"""Columns that no running quantile enters."""


def track(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A track with gaps, noise and a slope."""
    rng = np.random.default_rng(seed)
    segment = np.cumsum(rng.choice([1, 1, 1, 2, 15, 4000], count, p=[0.9, 0.03, 0.03, 0.03, 0.009, 0.001]))
    height = 0.3 + 0.1 * rng.standard_normal(count) + np.sin(segment / 3000)
    photons = rng.integers(1, 9, count)
    values = {
        "segment": segment.astype(np.int64),
        "x_atc": segment * 2.0 + 1.0,
        "height_mean": height,
        "height_median": height + 0.02,
        "height_std": 0.1 + 0.05 * rng.random(count),
        "height_min": height - 0.2 * rng.random(count),
        "height_max": height + 0.3 * rng.random(count),
        "photon_count": photons,
        "photon_count_high": photons // 2,
        "photon_rate": photons / 3,
        "background_rate": 1e6 * (1 + rng.random(count)),
    }
    return {name: values[name] if name == "segment" else values[name].astype(float) for name in COLUMNS}


def feature(columns: dict[str, np.ndarray], name: str) -> np.ndarray:
    return segment_features(columns)[:, NAMES.index(name)]


@pytest.mark.kernel
def test_features_by_hand() -> None:
    columns = {name: np.ones(3) for name in COLUMNS} | {
        "segment": np.array([0, 1, 2]),
        "x_atc": np.array([1.0, 3.0, 5.0]),
        "height_mean": np.array([0.1, 0.5, 0.3]),
        "height_median": np.array([0.1, 0.4, 0.35]),
        "height_std": np.array([0.0, 0.2, 0.1]),
        "height_min": np.array([0.1, 0.2, 0.2]),
        "height_max": np.array([0.1, 0.9, 0.45]),
        "photon_count": np.array([4, 8, 2]),
        "photon_count_high": np.array([4, 2, 0]),
        "photon_rate": np.array([1.0, 2.0, 4.0]),
        "background_rate": np.array([4e5, 4e5, np.nan]),
    }
    # Windows 0 0 0 1 2, 0 0 1 2 2, 0 1 2 2 2: steady heights 0.1, 0.3, 0.3, of which 0.1 is the low one.
    expected = [
        [0.0, 0.0, 0.0, np.log(1 / 2), 1.0, 0.0, 0.0, 0.0, np.log(4.0)],
        [0.4, 0.2, 0.1, 0.0, 0.25, 0.0, 0.4, 0.3, np.log(8.0)],
        [0.2, 0.1, -0.05, np.log(2.0), 0.0, 0.0, 0.15, 0.1, np.log(2.0)],
    ]
    # Running quantiles are known to the width of a bin: 5 mm, 1 % of a rate.
    np.testing.assert_allclose(segment_features(columns), expected, atol=0.0101)
    np.testing.assert_allclose(segment_features(columns)[:, EXACT], np.array(expected)[:, EXACT], atol=1e-6)


@pytest.mark.kernel
@given(st.integers(1, 60), st.integers(0, 10**6), st.floats(0, 1), st.floats(0.5, 40))
@settings(max_examples=60, deadline=None)
def test_running_quantile_is_the_order_statistic_to_a_bin(count: int, seed: int, quantile: float, reach: float) -> None:
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.random(count) * 3)
    values = np.where(rng.random(count) < 0.2, np.nan, rng.standard_normal(count))
    found = running_quantile(x, values, quantile, reach, 0.01)
    for i in range(count):
        near = np.sort(values[(np.abs(x - x[i]) <= reach) & np.isfinite(values)])
        if len(near) == 0:
            assert np.isnan(found[i])
        else:
            assert abs(found[i] - near[int(quantile * (len(near) - 1))]) <= 0.0101


@given(st.integers(0, 50), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_chunk_with_halo_equals_whole(seed: int, start: float, stop: float) -> None:
    columns = track(3000, seed)
    whole = segment_features(columns)
    x = columns["x_atc"]
    low, high = np.quantile(x, sorted((start, stop)))
    inside = (x >= low) & (x <= high)
    reach = (x >= low - HALO) & (x <= high + HALO)
    part = segment_features({name: values[reach] for name, values in columns.items()})
    np.testing.assert_array_equal(part[inside[reach]], whole[inside])


def test_only_segment_columns_are_read_and_no_label() -> None:
    assert set(COLUMNS) <= set(SEGMENT.names)
    assert list(inspect.signature(segment_features).parameters) == ["columns"]
    columns = track(200)
    columns["label"] = np.full(200, 2.0)
    np.testing.assert_array_equal(segment_features(columns), segment_features(track(200)))


def test_strength_of_beam_sun_and_level_of_sea_do_not_matter() -> None:
    columns = track(2000)
    stronger = columns | {
        "photon_rate": 4 * columns["photon_rate"],
        "height_mean": columns["height_mean"] - 7.0,
        "height_median": columns["height_median"] - 7.0,
        "height_min": columns["height_min"] - 7.0,
        "height_max": columns["height_max"] - 7.0,
    }
    np.testing.assert_allclose(segment_features(stronger), segment_features(columns), atol=0.0151)
    lower_sun = columns | {"background_rate": 0.5 * (columns["background_rate"] + core.DARK_RATE) - core.DARK_RATE}
    np.testing.assert_allclose(segment_features(lower_sun), segment_features(columns), atol=0.0151)


def test_night_background_says_nothing() -> None:
    dark = track(500)
    dark["background_rate"] = 1e3 * np.random.default_rng(1).random(500)
    assert np.abs(feature(dark, "background_rate")).max() < 0.02


def test_missing_background_is_neutral_and_missing_height_is_seen() -> None:
    columns = track(300)
    columns["background_rate"][:] = np.nan
    assert (feature(columns, "background_rate") == 0).all()
    columns["height_mean"][7] = np.nan
    assert np.isnan(segment_features(columns)[7, 0])
    assert np.isfinite(np.delete(segment_features(columns), 7, axis=0)).all()


def test_windows_by_hand() -> None:
    segment = np.array([10, 11, 12, 20, 20 + MAX_STEP + 1, 60])
    expected = [
        [0, 0, 0, 1, 2],
        [0, 0, 1, 2, 3],
        [0, 1, 2, 3, 3],
        [1, 2, 3, 3, 3],
        [4, 4, 4, 4, 4],
        [5, 5, 5, 5, 5],
    ]
    np.testing.assert_array_equal(window_index(segment), expected)
    assert window_index(np.array([], np.int64)).shape == (0, 5)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60))
def test_windows_never_cross_a_gap(steps: list[int]) -> None:
    segment = np.cumsum(steps)
    index = window_index(segment)
    piece = np.cumsum(np.diff(segment, prepend=segment[0]) > MAX_STEP)
    assert (piece[index] == piece[:, None]).all()
    assert (index[:, 2] == np.arange(len(segment))).all()
    assert (np.diff(index, axis=1) >= 0).all()
    assert (np.diff(index, axis=1) <= 1).all()
