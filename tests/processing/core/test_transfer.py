"""Labels carried from pixels to segments, by hand."""

from __future__ import annotations

import numpy as np

from processing.core.tiles import Window
from processing.core.transfer import Carried, Pixels, carry
from processing.schema import AutoFlag


def two_by_three() -> Pixels:
    """Window at row 10, column 20: thick, thin, water over unlabelled, cloudy thick, water."""
    reflectance = np.arange(30, dtype=np.float32).reshape(5, 2, 3) / 100
    reflectance[4, 0, 1] = np.nan
    return Pixels(
        Window(10, 20, 2, 3),
        np.array([[0, 1, 2], [-1, 0, 2]], np.int8),
        np.array([[0, AutoFlag.SHADOW, AutoFlag.SATURATED], [0, AutoFlag.CLOUD, 0]], np.uint32),
        np.array([[100.0, 20.0, 19.9], [np.nan, 10.0, 500.0]], np.float32),
        reflectance,
    )


def test_each_segment_takes_the_pixel_it_lies_in() -> None:
    row = np.array([10.0, 10.5, 10.99, 11.2, 11.7, 11.0])
    col = np.array([20.0, 21.5, 22.99, 20.5, 21.0, 22.0])
    into = Carried.outside(6)
    assert carry(into, row, col, two_by_three(), 20.0) == 5
    assert into.label.tolist() == [0, 1, 2, -1, 0, 2]
    assert into.flags.tolist() == [
        0,
        AutoFlag.SHADOW,
        AutoFlag.SATURATED | AutoFlag.TRANSITION,
        AutoFlag.OUTSIDE_SCENE,
        AutoFlag.CLOUD | AutoFlag.TRANSITION,
        0,
    ]
    np.testing.assert_allclose(into.reflectance[:, 0], [0.0, 0.06, 0.12, 0.18, 0.24])
    np.testing.assert_allclose(into.reflectance[0], [0.0, 0.01, 0.02, np.nan, 0.04, 0.05])
    assert np.isnan(into.reflectance[4, 1])
    np.testing.assert_allclose(into.boundary_distance, [100, 20, 19.9, np.nan, 10, 500], rtol=1e-6)


def test_segments_outside_the_window_stay_as_they_are() -> None:
    into = Carried.outside(6)
    row, col = np.array([9.99, 12.0, 10.5, 10.5, np.nan, np.inf]), np.array([21.0, 21.0, 19.99, 23.0, 21.0, 21.0])
    assert carry(into, row, col, two_by_three(), 20.0) == 0
    assert (into.label == -1).all()
    assert (into.flags == AutoFlag.OUTSIDE_SCENE).all()
    assert np.isnan(into.reflectance).all()
    assert np.isnan(into.boundary_distance).all()
