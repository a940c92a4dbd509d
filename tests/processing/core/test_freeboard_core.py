"""Freeboard of a track: differences, uncertainty, what happens to bad values."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.freeboard import freeboard, freeboard_of_track, sea_level_mask
from processing.core.sea_surface import Rules


@pytest.mark.kernel
def test_freeboard_and_its_uncertainty_by_hand() -> None:
    above, sigma = freeboard(
        np.array([0.5, 0.1, 0.2]),
        np.array([0.03, 0.03, 0.03]),
        np.array([0.2, 0.15, np.nan], np.float32),
        np.array([0.04, 0.0, np.nan], np.float32),
    )
    assert above[:2] == pytest.approx([0.3, -0.05], abs=1e-7), "negative values are kept"
    assert sigma[:2] == pytest.approx([0.05, 0.03])
    assert np.isnan(above[2])
    assert np.isnan(sigma[2])


def test_sea_level_mask_needs_water_a_height_and_enough_probability() -> None:
    label = np.array([2, 2, 1, -1, 2])
    height = np.array([0.0, np.nan, 0.0, 0.0, 0.0])
    p_water = np.array([0.9, 0.9, 0.9, 0.9, 0.4])
    assert sea_level_mask(label, height).tolist() == [True, False, False, False, True]
    assert sea_level_mask(label, height, p_water, 0.5).tolist() == [True, False, False, False, False]


def test_a_height_that_is_missing_spoils_only_its_own_segment() -> None:
    x = 2.0 * np.arange(1000) + 1.0
    height = np.full(1000, 0.3)
    height[500:520] = 0.0
    height[100] = np.nan
    water = sea_level_mask(np.where(height == 0.0, 2, 0), height)
    found = freeboard_of_track(x, height, np.full(1000, 0.1), np.full(1000, 10), water, Rules(), "robust")
    assert np.flatnonzero(np.isnan(found.freeboard)).tolist() == [100]
    assert np.delete(found.freeboard, 100)[:400] == pytest.approx(0.3, abs=1e-6)
    assert found.lead_id[500:520].tolist() == [500] * 20


def test_an_empty_track_gives_empty_arrays() -> None:
    nothing = np.empty(0)
    found = freeboard_of_track(nothing, nothing, nothing, nothing, np.empty(0, bool), Rules(), "weighted")
    assert found.freeboard.shape == (0,)
    assert found.sea.surface.shape == (5, 0)


def test_segments_out_of_order_are_refused() -> None:
    x = np.array([1.0, 5.0, 3.0])
    with pytest.raises(ValueError, match="ascend"):
        freeboard_of_track(x, x, x, x, np.ones(3, bool), Rules(), "robust")
