"""A scene resampled along a track: the line becomes a straight strip with the image either side of it.

Positions are pixels of an image, rows down and columns right; pixel (i, j) spans [i, i + 1) x [j, j + 1), its centre
lies at .5. An image holds whole numbers, 0 where it has no data.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.uint16]


def left_of(before: tuple[Floats, Floats], after: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Unit vectors to the left of the way from ``before`` to ``after``, each (rows, columns) of n points.

    Left is as seen by a traveller on a map with north up. Where two points coincide the way counts as up the image.

    Returns
    -------
    rows, columns : (n,) float64
    """
    down, right = after[0] - before[0], after[1] - before[1]
    length = np.hypot(down, right)
    still = length == 0
    down, right = np.where(still, -1.0, down), np.where(still, 0.0, right)
    length = np.where(still, 1.0, length)
    return -right / length, down / length


def across(middle: tuple[Floats, Floats], left: tuple[Floats, Floats], offsets: Floats) -> tuple[Floats, Floats]:
    """Where the pixels of a strip lie in the image.

    Parameters
    ----------
    middle : rows and columns of n points of the line. left : unit vectors to its left there.
    offsets : (h,) distances to the left of the line, pixels; those to the right are negative.

    Returns
    -------
    rows, columns : (h, n) float64
    """
    return (
        middle[0] + offsets[:, None] * left[0],
        middle[1] + offsets[:, None] * left[1],
    )


def sample(image: Numbers, rows: Floats, cols: Floats, each: int = 1) -> Numbers:
    """Values of an image at places in it, bilinear between pixel centres and averaged over neighbours.

    A place has data where the pixel it lies in has, so that the edge of the data stays where it is; pixels without data
    do not mix in. Bands are independent.

    Parameters
    ----------
    image : (b, h, w) uint16, 0 without data.
    rows, cols : (m, n * each) float64 places.
    each : how many places side by side are averaged into one value, those without data left out.

    Returns
    -------
    (b, m, n) uint16, rounded; 0 where fewer than half the places have data
    """
    result = np.zeros((image.shape[0], rows.shape[0], rows.shape[1] // each), np.uint16)
    _sample(image, rows, cols, each, result)
    return result


@njit(cache=True, nogil=True)
def _sample(image: Numbers, rows: Floats, cols: Floats, each: int, result: Numbers) -> None:
    for band in range(result.shape[0]):
        for i in range(result.shape[1]):
            for j in range(result.shape[2]):
                total, count = 0.0, 0
                for k in range(j * each, (j + 1) * each):
                    value = _bilinear(image[band], rows[i, k], cols[i, k])
                    if value > 0.0:
                        total += value
                        count += 1
                if 2 * count >= each and count > 0:
                    result[band, i, j] = int(total / count + 0.5)


@njit(cache=True, nogil=True)
def _bilinear(image: Numbers, row: float, col: float) -> float:
    height, width = image.shape
    if not (0.0 <= row < height and 0.0 <= col < width):
        return 0.0
    if image[int(row), int(col)] == 0:
        return 0.0
    top, left = math.floor(row - 0.5), math.floor(col - 0.5)
    down, right = row - 0.5 - top, col - 0.5 - left
    total, weight = 0.0, 0.0
    for i in range(2):
        for j in range(2):
            y, x = top + i, left + j
            if 0 <= y < height and 0 <= x < width and image[y, x] > 0:
                share = (down if i else 1.0 - down) * (right if j else 1.0 - right)
                total += share * image[y, x]
                weight += share
    return total / weight
