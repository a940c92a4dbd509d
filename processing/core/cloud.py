"""Evidence of cloud, cloud shadow and saturation in a scene, as AutoFlag bits.

Five kinds of evidence, used as far as the scene has the bands for them:

- short-wave infrared: snow and ice absorb at 1.6 um, water cloud does not, so the snow index
  ``(B03 - B11) / (B03 + B11)`` of a cloud is low. A thin veil lowers it less; what counts as low follows the scene's
  own snow (:func:`snow_reference`).
- cirrus band B10 (L1C): water vapour hides the ground, high ice cloud shines.
- the L2A scene classification. Over sea ice it takes snow for cloud now and then, so its cloud classes do not count
  where the short-wave infrared shows clear snow.
- the thin-cloud filter: where it lifts thin ice to thick ice, something wide and even has darkened or greyed the
  image. That may be a veil, a shadow, or thin ice wider than the filter's window; brightness alone cannot tell. So
  wherever the filter changes a label, the label is flagged.
- geometry: dark pixels that lie down-sun of cloud within reach of its shadow (:mod:`processing.core.shadow`).

Flags mark what deserves a look. None of them says that the label is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from processing.core.colour import coarser
from processing.schema import AutoFlag, SurfaceClass

MARGIN = 8
"""Pixels beyond a tile that the evidence looks at: mean over 5 x 5, then 7 x 7 growth."""

MEAN_SIZE = 5
GROWTH = 7

SWIR_BRIGHT = 0.05
"""Reflectance at 1.6 um below which a pixel is too dark there to be cloud, whatever the index."""

VEIL_DROP = 0.2
"""How far below the scene's own snow the index of a veiled pixel lies."""

CLEAR_DROP = 0.1
"""How far below the scene's own snow the index of clear snow may lie."""

CLEAR_INDEX = 0.7
"""Index of clear snow where the scene has no snow to learn it from."""

REFERENCE_QUANTILE = 0.75
REFERENCE_BINS = 200
REFERENCE_LEAST = 1000

SCENE_SATURATED, SCENE_SHADOW = 1, 3
SCENE_CLOUDS = (8, 9)
SCENE_CIRRUS = 10

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Optical:
    """Bands that tell cloud from snow, each (h, w) float32 reflectance on one grid, NaN where there is none.

    ``scene_class`` holds L2A scene classification codes as float32.
    """

    green: Image
    swir: Image
    cirrus: Image
    scene_class: Image


@dataclass(frozen=True)
class Thresholds:
    """Limits of the evidence.

    Attributes
    ----------
    ndsi : snow index below which a pixel bright at 1.6 um is cloud.
    cirrus : B10 reflectance above which a pixel is cloud.
    reference : typical snow index of the scene; NaN when unknown.
    """

    ndsi: float
    cirrus: float
    reference: float = math.nan

    @property
    def veil(self) -> float:
        """Index below which a pixel counts as veiled."""
        return self.ndsi if math.isnan(self.reference) else max(self.ndsi, self.reference - VEIL_DROP)

    @property
    def clear(self) -> float:
        """Index above which the short-wave infrared shows clear snow or ice."""
        return CLEAR_INDEX if math.isnan(self.reference) else max(self.ndsi, self.reference - CLEAR_DROP)


def snow_index(green: Image, swir: Image, step: int = 1) -> tuple[Image, Image]:
    """Snow index of the 5 x 5 pixels around each, and the mean short-wave infrared reflectance.

    Means over 50 m make the two bands comparable: one is sharp to 10 m, the other to 20 m, and the difference
    along every floe edge would pass for cloud. Sums are of whole ten-thousandths, so a tile gives the image's result.
    On an image decimated by ``step`` fewer pixels make up those 50 m.

    Returns
    -------
    index, swir : (h, w) float32, NaN where no pixel nearby has both bands
    """
    both = np.isfinite(green) & np.isfinite(swir)
    size = coarser(MEAN_SIZE, step)
    green_sum, swir_sum = _box_sum(green, both, size), _box_sum(swir, both, size)
    count = _box_sum(both.astype(np.float32), both, size) // 10_000
    total = (green_sum + swir_sum).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(total > 0, (green_sum - swir_sum).astype(np.float32) / total, np.float32(np.nan))
        mean = np.where(count > 0, swir_sum.astype(np.float32) / (count * np.float32(10_000)), np.float32(np.nan))
    return index.astype(np.float32), mean.astype(np.float32)


def opaque(green: Image, swir: Image, ndsi: float) -> Mask:
    """Cloud thick enough to cast a shadow, from bands averaged over coarse pixels: (h, w) bool."""
    with np.errstate(divide="ignore", invalid="ignore"):
        index = (green - swir) / (green + swir)
    return np.asarray((index < ndsi) & (swir >= SWIR_BRIGHT))


def _box_sum(image: Image, where: Mask, size: int) -> NDArray[np.int32]:
    whole = np.where(where, np.rint(image * 10_000), 0).clip(0, 65535).astype(np.uint16)
    summed = cv2.boxFilter(whole, cv2.CV_32S, (size, size), normalize=False, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(summed, np.int32)


def reference_histogram(index: Image, where: Mask) -> NDArray[np.int64]:
    """Histogram of the snow index from -1 to 1 over the pixels marked: (REFERENCE_BINS,) int64."""
    known = index[where & np.isfinite(index)]
    bins = np.clip(((known + 1.0) * (REFERENCE_BINS / 2)).astype(np.int64), 0, REFERENCE_BINS - 1)
    return np.bincount(bins, minlength=REFERENCE_BINS).astype(np.int64)


def snow_reference(counts: NDArray[np.int64]) -> float:
    """Typical index of the scene's clear snow: the upper quartile over bright pixels, NaN when there are too few.

    The quartile holds while no more than three quarters of the bright pixels are cloud.
    """
    if counts.sum() < REFERENCE_LEAST:
        return math.nan
    rank = np.searchsorted(np.cumsum(counts), REFERENCE_QUANTILE * counts.sum())
    return (float(rank) + 0.5) / (REFERENCE_BINS / 2) - 1.0


def flags(
    optical: Optical,
    plain: NDArray[np.int8],
    filtered: NDArray[np.int8],
    taken: NDArray[np.int8],
    saturated: Mask,
    shaded: Mask,
    limits: Thresholds,
    step: int = 1,
) -> NDArray[np.uint32]:
    """AutoFlag CLOUD, SHADOW and SATURATED of each pixel.

    Parameters
    ----------
    plain, filtered, taken : (h, w) int8 classes before and after the thin-cloud filter, and those used as labels.
    saturated : (h, w) bool, the sensor's own mark of saturation.
    shaded : (h, w) bool, pixels that cloud elsewhere can cast its shadow on.
    step : native pixels that a pixel stands for, in an image decimated for an overview.

    Returns
    -------
    (h, w) uint32, right ``MARGIN`` pixels inside the edge of what was given; 0 where unlabelled
    """
    index, swir = snow_index(optical.green, optical.swir, step)
    known = np.isfinite(index)
    clear = known & (index >= limits.clear)
    cloud = known & (index < limits.veil) & (swir >= SWIR_BRIGHT)
    cloud |= optical.cirrus > limits.cirrus
    cloud |= np.isin(optical.scene_class, SCENE_CLOUDS) & ~clear
    cloud |= optical.scene_class == SCENE_CIRRUS
    near = np.ones((coarser(GROWTH, step),) * 2, np.uint8)
    cloud = np.asarray(cv2.dilate(cloud.astype(np.uint8), near)) > 0

    lifted = (plain == SurfaceClass.THIN_ICE) & (filtered == SurfaceClass.THICK_ICE)
    dark = (plain == SurfaceClass.THIN_ICE) | (plain == SurfaceClass.OPEN_WATER)
    shadow = (lifted & ~cloud) | (optical.scene_class == SCENE_SHADOW) | (shaded & dark & ~cloud)
    cloud |= (lifted & ~known) | ((plain == SurfaceClass.THICK_ICE) & (taken == SurfaceClass.THIN_ICE))
    saturated = saturated | (optical.scene_class == SCENE_SATURATED)

    found = cloud * np.uint32(AutoFlag.CLOUD) | shadow * np.uint32(AutoFlag.SHADOW)
    found |= saturated * np.uint32(AutoFlag.SATURATED)
    found[plain == SurfaceClass.UNLABELLED] = 0
    return np.asarray(found, np.uint32)
