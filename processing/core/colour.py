"""Colour of a scene to surface classes, and the thin-cloud and shadow filter.

Method of Iqrah et al. 2023 (arXiv 2303.12719): thresholds on the HSV value of an 8-bit true-colour image, after a
filter that compares each pixel with the brightness around it. The filter's few whole-image figures (Otsu's threshold,
the extremes that two normalisations stretch) are kept in a :class:`FilterStatistics` made from a histogram, so that an
image may be worked on in tiles and come out exactly as if it had been one.

What the filter amounts to: water is set aside; any other pixel becomes thick ice when its grey level lies within some
60 of the local background (the median of its 1.5 km surroundings), and thin ice when it does not. A veil or a shadow
wider than about half that window is lifted to thick ice, which is its purpose. By the same token a sheet of real thin
ice wider than that is lifted too, and a bright floe amid thin ice is turned into thin ice.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from processing.schema import SurfaceClass

DILATION = 7
"""Edge of the dilation before the background's median, pixels (arXiv 2303.12719)."""

TRUNCATION = 235
"""Grey level above which the normalised filter image is cut (arXiv 2303.12719)."""

WHITE = 255

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int64]


def filter_margin(size: int) -> int:
    """Pixels beyond a tile that the filter with a median window of ``size`` looks at."""
    return DILATION // 2 + odd(size) // 2


def odd(size: int) -> int:
    """The window length used for ``size``: itself, or one more when it is even."""
    return size | 1


def coarser(size: int, step: int) -> int:
    """A window of ``size`` pixels on an image of which each pixel stands for ``step``: odd, at least one."""
    return odd(max(1, round(size / step))) if step > 1 else size


def to_rgb8(reflectance: NDArray[np.float32], white: float) -> Bytes:
    """8-bit image of reflectance, 255 standing for ``white``; NaN and negative values become 0.

    Parameters
    ----------
    reflectance : (3, h, w) float32, in any order of red, green and blue.

    Returns
    -------
    (3, h, w) uint8, same order, rounded to the nearest level
    """
    scaled = reflectance * np.float32(WHITE / white) + np.float32(0.5)
    np.nan_to_num(scaled, copy=False, nan=0.0)
    return np.clip(scaled, 0, WHITE, out=scaled).astype(np.uint8)


def valid_pixels(reflectance: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(h, w) bool: pixels where every plane of (n, h, w) holds a number."""
    return np.asarray(np.isfinite(reflectance).all(axis=0))


def value(rgb: Bytes) -> Bytes:
    """HSV value of a (3, h, w) uint8 image: the largest of the three, (h, w) uint8."""
    return np.max(rgb, axis=0)


def classify(brightness: Bytes, valid: NDArray[np.bool_], water: int, thick: int) -> NDArray[np.int8]:
    """Classes by brightness: water up to ``water``, thick ice from ``thick``, thin ice between (arXiv 2303.12719).

    Parameters
    ----------
    brightness : (h, w) uint8 HSV value.
    valid : (h, w) bool; the rest becomes UNLABELLED.

    Returns
    -------
    (h, w) int8 codes of SurfaceClass
    """
    table = np.full(256, SurfaceClass.THIN_ICE, np.int8)
    table[thick:] = SurfaceClass.THICK_ICE
    table[: water + 1] = SurfaceClass.OPEN_WATER
    classes = table[brightness]
    classes[~valid] = SurfaceClass.UNLABELLED
    return classes


def filter_grey(rgb: Bytes, brightness: Bytes, valid: NDArray[np.bool_], water: int) -> Bytes:
    """Grey image that the filter starts from: luma, with water and pixels without data set to white.

    White is the filter's neutral level: where most of the surroundings are water or missing the background is white and
    a pixel's difference from it is its own darkness.

    Parameters
    ----------
    rgb : (3, h, w) uint8, planes red, green, blue.

    Returns
    -------
    (h, w) uint8
    """
    grey = np.asarray(cv2.cvtColor(cv2.merge(list(rgb)), cv2.COLOR_RGB2GRAY), np.uint8)
    grey[(brightness <= water) | ~valid] = WHITE
    return grey


def background(grey: Bytes, size: int, step: int = 1) -> Bytes:
    """Local background: median over ``size`` x ``size`` pixels of the image dilated 7 x 7.

    Edges are replicated, so a tile's result holds :func:`filter_margin` pixels inside the edge of what was given. On an
    image decimated by ``step`` both windows shrink by it.
    """
    growth = coarser(DILATION, step)
    dilated = cv2.dilate(grey, np.ones((growth, growth), np.uint8))
    return np.asarray(cv2.medianBlur(dilated, odd(coarser(size, step))), np.uint8)


def likeness(grey: Bytes, ground: Bytes) -> Bytes:
    """255 - |grey - background|: how like its surroundings each pixel is, uint8."""
    return WHITE - np.asarray(cv2.absdiff(grey, ground), np.uint8)


def histogram(image: Bytes, where: NDArray[np.bool_]) -> Counts:
    """Count of each level among the pixels of a uint8 image that ``where`` marks: (256,) int64."""
    return np.bincount(image[where], minlength=256).astype(np.int64)


def otsu(counts: Counts) -> int:
    """Otsu's threshold of a histogram of 256 levels; a pixel is foreground when it is above the threshold.

    The lowest threshold with the greatest between-class variance (Otsu 1979), 0 for an image of one level.
    """
    share = counts / max(int(counts.sum()), 1)
    below = np.cumsum(share)
    moment = np.cumsum(share * np.arange(256))
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (moment[-1] * below - moment) ** 2 / (below * (1.0 - below))
    tiny = np.finfo(np.float32).eps
    variance[(below < tiny) | (below > 1.0 - tiny)] = 0.0
    return int(np.argmax(variance))


@dataclass(frozen=True)
class FilterStatistics:
    """Whole-image result of the filter's first pass.

    Attributes
    ----------
    threshold : Otsu's threshold of the likeness image.
    levels : (256,) uint8, the filtered brightness for each level of likeness.
    """

    threshold: int
    levels: Bytes

    @classmethod
    def from_histogram(cls, counts: Counts) -> FilterStatistics:
        """Masking, normalising, truncating and normalising again, worked out on the levels that occur.

        A histogram with one level or none leaves the levels as they are: there is nothing to stretch.
        """
        present = counts > 0
        levels = np.arange(256, dtype=np.uint8)
        if np.count_nonzero(present) < 2:
            return cls(0, levels)
        threshold = otsu(counts)
        levels[: threshold + 1] = 0
        levels = _stretch(levels, present)
        levels = _stretch(np.minimum(levels, TRUNCATION).astype(np.uint8), present)
        return cls(threshold, levels)

    def apply(self, alike: Bytes) -> Bytes:
        """Filtered brightness of a likeness image, uint8."""
        return self.levels[alike]


def _stretch(levels: Bytes, present: NDArray[np.bool_]) -> Bytes:
    """Map levels linearly so that those present span 0 to 255."""
    low, high = int(levels[present].min()), int(levels[present].max())
    if low == high:
        return levels
    scaled = (levels.astype(np.float64) - low) * (WHITE / (high - low))
    return np.clip(np.rint(scaled), 0, WHITE).astype(np.uint8)


def classify_filtered(
    brightness: Bytes, filtered: Bytes, valid: NDArray[np.bool_], water: int, thick: int
) -> NDArray[np.int8]:
    """Classes after the filter: water by the plain brightness, thick ice from ``thick`` in the filtered image.

    What was not water before the filter is ice after it, however dark the filtered image is there: the normalisation
    always stretches the least alike pixels to 0.
    """
    table = np.full(256, SurfaceClass.THIN_ICE, np.int8)
    table[thick:] = SurfaceClass.THICK_ICE
    classes = table[filtered]
    classes[brightness <= water] = SurfaceClass.OPEN_WATER
    classes[~valid] = SurfaceClass.UNLABELLED
    return classes


def boundary_distance(classes: NDArray[np.int8], pixel: float, cap: float) -> NDArray[np.float32]:
    """Distance from each pixel's centre to the centre of the nearest pixel of another class, m.

    Unlabelled pixels are no class: they neither make a boundary nor have a distance.

    Parameters
    ----------
    classes : (h, w) int8 codes of SurfaceClass.
    pixel : edge of a pixel, m.
    cap : greatest distance told, m; exact below it when the array reaches that far beyond the pixels used.

    Returns
    -------
    (h, w) float32, NaN where unlabelled
    """
    distance = np.full(classes.shape, np.nan, np.float32)
    for code in (SurfaceClass.THICK_ICE, SurfaceClass.THIN_ICE, SurfaceClass.OPEN_WATER):
        own = classes == code
        if own.any():
            other = (classes >= 0) & ~own
            distance[own] = _distance_to(other, pixel, cap)[own]
    return distance


def _distance_to(target: NDArray[np.bool_], pixel: float, cap: float) -> NDArray[np.float32]:
    if not target.any():
        return np.full(target.shape, cap, np.float32)
    steps = np.asarray(cv2.distanceTransform((~target).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    # Its last digit depends on the number of threads and the size of the image; squares of distances are whole.
    steps = np.sqrt(np.rint(steps * steps))
    return np.minimum(steps * np.float32(pixel), np.float32(cap))
