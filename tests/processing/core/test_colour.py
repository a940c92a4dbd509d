"""Colour to classes, the thin-cloud filter, boundary distances."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from processing.core import colour
from processing.schema import SurfaceClass

THICK, THIN, WATER, NONE = 0, 1, 2, -1


def published(rgb: NDArray[np.uint8], water: int, thick: int) -> NDArray[np.int8]:
    """The filter over a whole image with OpenCV's own thresholds and normalisations, step by step as in the paper."""
    bright = rgb.max(axis=2)
    without = rgb.copy()
    without[bright <= water] = 255
    grey = cv2.cvtColor(without, cv2.COLOR_RGB2GRAY)
    ground = cv2.medianBlur(cv2.dilate(grey, np.ones((7, 7), np.uint8)), 155)
    alike = 255 - cv2.absdiff(grey, ground)
    _, mask = cv2.threshold(alike, 0, 255, cv2.THRESH_OTSU + cv2.THRESH_BINARY)
    stretched = cv2.normalize(cv2.bitwise_and(alike, mask), None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    _, cut = cv2.threshold(stretched, 235, 0, cv2.THRESH_TRUNC)
    final = cv2.normalize(cut, None, 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    return np.where(bright <= water, WATER, np.where(final >= thick, THICK, THIN)).astype(np.int8)


def run_filter(rgb: NDArray[np.uint8], size: int = 155) -> NDArray[np.int8]:
    """The same through the functions that tiles use; ``rgb`` is (3, h, w)."""
    bright, valid = colour.value(rgb), np.ones(rgb.shape[1:], bool)
    grey = colour.filter_grey(rgb, bright, valid, 30)
    alike = colour.likeness(grey, colour.background(grey, size))
    statistics = colour.FilterStatistics.from_histogram(colour.histogram(alike, valid))
    return colour.classify_filtered(bright, statistics.apply(alike), valid, 30, 205)


def ice_image(seed: int, size: int = 260) -> NDArray[np.uint8]:
    """(h, w, 3) floes, thin ice, water and a soft shadow, with noise."""
    rng = np.random.default_rng(seed)
    forms = cv2.resize(rng.standard_normal((12, 12)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    shade = cv2.resize(rng.uniform(0.5, 1.0, (4, 4)).astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    level = np.where(forms < -0.8, 15.0, np.where(forms < -0.4, 110.0, 235.0)) * shade
    tint = np.array([0.92, 0.97, 1.0])
    noisy = level[..., None] * tint + rng.normal(0, 4, (size, size, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def test_value_thresholds_of_the_paper() -> None:
    bright = np.array([[0, 30, 31, 204, 205, 255, 120]], np.uint8)
    valid = np.array([[True] * 6 + [False]])
    assert colour.classify(bright, valid, 30, 205).tolist() == [[WATER, WATER, THIN, THIN, THICK, THICK, NONE]]


def test_eight_bit_image_rounds_clips_and_takes_missing_as_black() -> None:
    reflectance = np.array([[[0.85, 0.425, -0.1, np.nan, 1.4, 0.1]]] * 3, np.float32)
    assert colour.to_rgb8(reflectance, 0.85)[0].tolist() == [[255, 128, 0, 0, 255, 30]]
    assert colour.valid_pixels(reflectance).tolist() == [[True, True, True, False, True, True]]


@pytest.mark.parametrize("seed", range(4))
def test_filter_is_the_published_one(seed: int) -> None:
    image = ice_image(seed)
    assert np.array_equal(run_filter(image.transpose(2, 0, 1).copy()), published(image, 30, 205))


@given(st.lists(st.integers(0, 255), min_size=1, max_size=300))
def test_otsu_is_opencv_s(levels: list[int]) -> None:
    image = np.array([levels], np.uint8)
    expected, _ = cv2.threshold(image, 0, 255, cv2.THRESH_OTSU + cv2.THRESH_BINARY)
    found = colour.otsu(np.bincount(image[0], minlength=256))
    assert np.array_equal(image > found, image > expected)


def test_filter_lifts_a_wide_shadow_and_keeps_a_narrow_lead() -> None:
    grey = np.full((400, 400), 235, np.uint8)
    grey[100:300, :] = 120
    grey[:, 198:204] = 40
    classes = run_filter(np.stack([grey] * 3))
    assert (classes[180:220, 20:150] == THICK).all()
    assert (classes[:, 198:204] == THIN).all()


def test_filter_takes_wide_thin_ice_for_shadow_and_a_floe_in_it_for_thin_ice() -> None:
    grey = np.full((400, 400), 100, np.uint8)
    grey[190:210, 190:210] = 235
    classes = run_filter(np.stack([grey] * 3))
    assert (classes[:150] == THICK).all()
    assert (classes[194:206, 194:206] == THIN).all()


def test_water_stays_water_and_its_shore_is_judged_by_its_own_darkness() -> None:
    grey = np.full((300, 300), 10, np.uint8)
    grey[140:160, :100], grey[140:160, 100:200], grey[140:160, 200:] = 240, 150, 252
    classes = run_filter(np.stack([grey] * 3))
    assert (classes[:140] == WATER).all()
    assert (classes[140:160, :100] == THICK).all()
    assert (classes[140:160, 100:200] == THIN).all()


def test_even_image_is_left_as_it_is() -> None:
    statistics = colour.FilterStatistics.from_histogram(np.bincount([255] * 9, minlength=256))
    assert np.array_equal(statistics.levels, np.arange(256))


def test_filter_margin_counts_dilation_and_median() -> None:
    assert colour.filter_margin(155) == 3 + 77
    assert colour.filter_margin(154) == 3 + 77


def test_boundary_distance_by_hand() -> None:
    classes = np.array([[0, 0, 0, 1], [0, 0, 0, 1], [-1, -1, 0, 1]], np.int8)
    found = colour.boundary_distance(classes, 10.0, 25.0)
    expected = [[25, 20, 10, 10], [25, 20, 10, 10], [np.nan, np.nan, 10, 10]]
    assert np.array_equal(found, np.array(expected, np.float32), equal_nan=True)


@pytest.mark.parametrize("seed", range(3))
def test_boundary_distance_is_the_nearest_pixel_of_another_class(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.repeat(rng.integers(-1, 3, (5, 6)), 4, 0), 3, 1).astype(np.int8)
    found = colour.boundary_distance(classes, 10.0, 60.0)
    rows, cols = np.indices(classes.shape)
    for row, col in np.argwhere(classes >= 0):
        other = (classes >= 0) & (classes != classes[row, col])
        steps = np.hypot(rows[other] - row, cols[other] - col).min(initial=6.0)
        assert found[row, col] == pytest.approx(10.0 * min(steps, 6.0), rel=1e-6)
    assert np.isnan(found[classes == SurfaceClass.UNLABELLED]).all()


@pytest.mark.parametrize("size", [90, 400])
def test_boundary_distance_is_the_same_to_the_last_digit_with_any_number_of_threads(size: int) -> None:
    classes = (ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(size, size)), 4) > 0).astype(np.int8)
    exact = np.where(classes == 0, *(ndimage.distance_transform_edt(classes == code) for code in (0, 1)))
    before = cv2.getNumThreads()
    try:
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            found = colour.boundary_distance(classes, 10.0, 500.0)
            assert np.array_equal(found, np.minimum(exact.astype(np.float32) * np.float32(10), np.float32(500)))
    finally:
        cv2.setNumThreads(before)
