"""Evidence of cloud, shadow and saturation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from processing.core import cloud
from processing.core.shadow import Sun, shadow_zone
from processing.schema import AutoFlag

SHAPE = (40, 40)
LIMITS = cloud.Thresholds(ndsi=0.4, cirrus=0.01)
MISSING = np.full(SHAPE, np.nan, np.float32)


def flags(
    plain: int = 0,
    filtered: int = 0,
    taken: int = 0,
    *,
    shaded: bool = False,
    limits: cloud.Thresholds = LIMITS,
    **bands: NDArray[np.float32] | float,
) -> NDArray[np.uint32]:
    """Flags over an even scene with the given bands, the others missing."""
    planes = {
        name: np.broadcast_to(np.float32(bands.get(name, np.nan)), SHAPE).astype(np.float32)  # type: ignore[arg-type]
        for name in ("green", "swir", "cirrus", "scene_class")
    }
    classes = (np.full(SHAPE, code, np.int8) for code in (plain, filtered, taken))
    return cloud.flags(cloud.Optical(**planes), *classes, np.zeros(SHAPE, bool), np.full(SHAPE, shaded), limits)


def test_snow_index_by_hand() -> None:
    index, swir = cloud.snow_index(np.full(SHAPE, 0.8, np.float32), np.full(SHAPE, 0.2, np.float32))
    assert index == pytest.approx(0.6)
    assert swir == pytest.approx(0.2)
    index, swir = cloud.snow_index(np.full(SHAPE, 0.8, np.float32), MISSING)
    assert np.isnan(index).all()
    assert np.isnan(swir).all()


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        ({"green": 0.85, "swir": 0.10}, 0),
        ({"green": 0.80, "swir": 0.45}, AutoFlag.CLOUD),
        ({"green": 0.06, "swir": 0.03}, 0),
        ({"green": 0.20, "swir": 0.12}, AutoFlag.CLOUD),
        ({"green": 0.85, "swir": 0.10, "cirrus": 0.02}, AutoFlag.CLOUD),
        ({"green": 0.85, "swir": 0.10, "cirrus": 0.005}, 0),
        ({"scene_class": 9.0}, AutoFlag.CLOUD),
        ({"green": 0.85, "swir": 0.08, "scene_class": 9.0}, 0),
        ({"green": 0.85, "swir": 0.08, "scene_class": 10.0}, AutoFlag.CLOUD),
        ({"scene_class": 3.0}, AutoFlag.SHADOW),
        ({"scene_class": 1.0}, AutoFlag.SATURATED),
        ({}, 0),
    ],
    ids=lambda value: None if not isinstance(value, dict) else " ".join(f"{k} {v}" for k, v in value.items()) or "none",
)
def test_evidence_of_the_bands(bands: dict[str, float], expected: int) -> None:
    assert (flags(**bands) == expected).all()


@pytest.mark.parametrize(
    ("classes", "bands", "expected"),
    [
        ((1, 0, 0), {"green": 0.4, "swir": 0.03}, AutoFlag.SHADOW),
        ((1, 0, 1), {}, AutoFlag.CLOUD | AutoFlag.SHADOW),
        ((1, 0, 0), {"green": 0.4, "swir": 0.25}, AutoFlag.CLOUD),
        ((0, 1, 1), {"green": 0.9, "swir": 0.08}, AutoFlag.CLOUD),
        ((0, 1, 0), {"green": 0.9, "swir": 0.08}, 0),
        ((-1, -1, -1), {"green": 0.8, "swir": 0.45}, 0),
    ],
    ids=["lifted and clear", "lifted, no infrared", "lifted and cloudy", "lowered", "lowered but not used", "no data"],
)
def test_no_label_is_changed_by_the_filter_without_a_flag(
    classes: tuple[int, int, int], bands: dict[str, float], expected: int
) -> None:
    assert (flags(*classes, **bands) == expected).all()


def test_shadow_zone_flags_dark_pixels_only() -> None:
    assert (flags(1, 1, 1, shaded=True, green=0.4, swir=0.03) == AutoFlag.SHADOW).all()
    assert (flags(2, 2, 2, shaded=True, green=0.04, swir=0.01) == AutoFlag.SHADOW).all()
    assert (flags(0, 0, 0, shaded=True, green=0.85, swir=0.1) == 0).all()


def test_edge_of_a_floe_is_no_cloud_though_the_infrared_is_blurred() -> None:
    green = np.full(SHAPE, 0.05, np.float32)
    green[:, 20:] = 0.85
    swir = np.full(SHAPE, 0.01, np.float32)
    swir[:, 20:] = 0.10
    swir[:, 18:22] = [0.0325, 0.0325, 0.0775, 0.0775]
    assert (flags(green=green, swir=swir) == 0).all()


def test_veil_is_told_by_the_scene_s_own_snow() -> None:
    veil = {"green": 0.78, "swir": 0.22}
    assert (flags(**veil) == 0).all()
    own = cloud.Thresholds(0.4, 0.01, reference=0.8)
    assert (flags(limits=own, **veil) == AutoFlag.CLOUD).all()


def test_reference_is_the_upper_quartile_and_needs_enough_snow() -> None:
    index = np.r_[np.full(700, 0.3), np.full(1300, 0.805)].astype(np.float32)
    counts = cloud.reference_histogram(index, np.ones(2000, bool))
    assert cloud.snow_reference(counts) == pytest.approx(0.805, abs=0.006)
    assert math.isnan(cloud.snow_reference(cloud.reference_histogram(index[:900], np.ones(900, bool))))


@pytest.mark.parametrize(("azimuth", "shift"), [(180.0, (-1, 0)), (0.0, (1, 0)), (90.0, (0, -1)), (225.0, (-0.7, 0.7))])
def test_shadow_lies_away_from_the_sun_at_the_height_that_fits(azimuth: float, shift: tuple[float, float]) -> None:
    pixel, height, elevation = 160.0, 1600.0, 45.0
    rows, cols = np.indices((120, 120))
    cloudy = np.hypot(rows - 60, cols - 60) < 6
    away = height / pixel
    dark = np.hypot(rows - 60 - away * shift[0], cols - 60 - away * shift[1]) < 6
    dark |= np.random.default_rng(1).random(dark.shape) < 0.02
    zone = shadow_zone(cloudy, dark, np.ones_like(dark), pixel, Sun(azimuth, elevation))
    middle = tuple(round(60 + away * part) for part in shift)
    assert zone[middle]
    assert not (zone & cloudy).any()
    assert np.count_nonzero(zone) < 3 * np.count_nonzero(cloudy)


def test_no_shadow_without_dark_pixels_cloud_or_sun() -> None:
    cloudy = np.zeros((60, 60), bool)
    cloudy[20:30, 20:30] = True
    nothing, known = np.zeros_like(cloudy), np.ones_like(cloudy)
    speckle = np.random.default_rng(2).random(cloudy.shape) < 0.3
    assert not shadow_zone(cloudy, nothing, known, 160.0, Sun(180.0, 20.0)).any()
    assert not shadow_zone(nothing, speckle, known, 160.0, Sun(180.0, 20.0)).any()
    assert not shadow_zone(cloudy, speckle, known, 160.0, Sun(math.nan, math.nan)).any()
    assert not shadow_zone(cloudy, speckle, known, 160.0, Sun(180.0, 1.0)).any()
