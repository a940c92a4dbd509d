"""Strips of an image: exact places, no bleeding of missing data, averages."""

from __future__ import annotations

import numpy as np
import pytest

from processing.core.straighten import across, left_of, sample

RAMP = (1000 + 10 * np.arange(40)[:, None] + 1000 * np.arange(30)).astype(np.uint16)[None]


def ramp(row: float, col: float) -> float:
    """What RAMP is at a place; a pixel's centre lies at .5."""
    return 1000 + 10 * (row - 0.5) + 1000 * (col - 0.5)


@pytest.mark.kernel
def test_a_place_is_found_to_a_hundredth_of_a_pixel() -> None:
    rng = np.random.default_rng(1)
    rows, cols = rng.uniform(0.5, 39.5, (3, 50)), rng.uniform(0.5, 29.5, (3, 50))
    found = sample(RAMP, rows, cols)[0]
    wanted = np.vectorize(ramp)(rows, cols)
    assert np.abs(found - wanted).max() / 1000 < 0.01


@pytest.mark.kernel
def test_missing_pixels_stay_where_they_are_and_mix_into_nothing() -> None:
    image = np.full((1, 4, 4), 500, np.uint16)
    image[0, :, 2:] = 0
    cols = np.array([[0.1, 1.5, 1.99, 2.01, 3.9, 4.1, -0.1, np.nan]])
    found = sample(image, np.full_like(cols, 1.7), cols)
    assert found[0, 0].tolist() == [500, 500, 500, 0, 0, 0, 0, 0]


@pytest.mark.kernel
def test_places_side_by_side_are_averaged_without_the_missing() -> None:
    image = np.array([[[100, 200, 300, 0, 0, 0]]], np.uint16)
    cols = np.array([[0.5, 1.5, 2.5, 3.5, 4.5, 5.5]])
    assert sample(image, np.full_like(cols, 0.5), cols, 2)[0, 0].tolist() == [150, 300, 0]


def test_left_is_left_on_the_map() -> None:
    """Northward the left lies west, eastward north; rows count downwards."""
    start = np.zeros(3), np.zeros(3)
    end = np.array([-5.0, 0.0, 0.0]), np.array([0.0, 3.0, 0.0])
    rows, cols = left_of(start, end)
    assert np.allclose(rows, [0, -1, 0])
    assert np.allclose(cols, [-1, 0, -1])
    at = across((np.array([7.0]), np.array([4.0])), (rows[:1], cols[:1]), np.array([2.0, -2.0]))
    assert np.allclose(at[0], [[7], [7]])
    assert np.allclose(at[1], [[2], [6]])
