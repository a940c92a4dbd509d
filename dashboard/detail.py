"""Level of detail: what of a long track is worth drawing in a view of so many pixels. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import datashader
import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class View:
    """A rectangle of data and the pixels it is drawn on."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int
    height: int


@dataclass(frozen=True)
class Bins:
    """A track gathered in equal bins along x; ``count`` 0 marks an empty bin, whose values are NaN."""

    centre: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    count: NDArray[np.int64]
    width: float


def rows_in(x: NDArray[np.float64], start: float, end: float) -> slice:
    """Rows of a sorted column that lie in [start, end]."""
    return slice(int(np.searchsorted(x, start, "left")), int(np.searchsorted(x, end, "right")))


def gather(x: NDArray[np.float64], y: NDArray[np.float32], start: float, end: float, bins: int) -> Bins:
    """Mean, least and greatest of ``y`` in ``bins`` equal bins of sorted ``x`` in [start, end]; NaN is skipped."""
    inside = rows_in(x, start, end)
    chosen = np.isfinite(y[inside])
    x, values = x[inside][chosen], y[inside][chosen].astype(np.float64)
    width = (end - start) / bins
    index = np.clip(((x - start) / width).astype(np.int64), 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    filled = np.flatnonzero(count)
    mean, low, high = (np.full(bins, np.nan) for _ in range(3))
    if len(filled):
        first = np.searchsorted(index, filled)
        mean[filled] = np.add.reduceat(values, first) / count[filled]
        low[filled] = np.minimum.reduceat(values, first)
        high[filled] = np.maximum.reduceat(values, first)
    centre = np.asarray(start + (np.arange(bins) + 0.5) * width, np.float64)
    return Bins(centre, mean, low, high, count, width)


def highest(x: NDArray[np.float64], y: NDArray[np.float32], rank: NDArray[np.int8], view: View) -> NDArray[np.int64]:
    """Points drawn on the pixels of ``view``: the highest ``rank`` that falls on each, 0 where none does.

    Row 0 is the lowest. A rare class keeps its colour this way, however many others share the pixel.
    """
    canvas = datashader.Canvas(plot_width=view.width, plot_height=view.height, x_range=view.x, y_range=view.y)
    frame = pd.DataFrame({"x": x, "y": y, "rank": rank.astype(np.int32)}, copy=False)
    drawn = canvas.points(frame, "x", "y", datashader.max("rank"))
    return np.nan_to_num(drawn.to_numpy(), nan=0.0).astype(np.int64)


def thicken(top: NDArray[np.integer], pixels: int) -> NDArray[np.uint8]:
    """Each point grown to a square ``2 * pixels + 1`` wide; the highest rank wins. Ranks are below 256."""
    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    return np.asarray(cv2.dilate(top.astype(np.uint8), square), np.uint8)


def cells(start: float, end: float, cell: float, most: int) -> tuple[float, float, int]:
    """Bins over [start, end] that no segment of length ``cell`` falls between: start, end and number, at most ``most``.

    Their edges are those of segments and their width is a whole number of segments, so that a segment never leaves a
    bin beside it empty.
    """
    width = cell * max(1.0, np.ceil((end - start) / cell / (most - 1)))
    first, last = np.floor(start / width), np.ceil(end / width)
    return float(first * width), float(last * width), int(last - first)


def column_ranks(
    x: NDArray[np.float64], rank: NDArray[np.int8], start: float, end: float, bins: int
) -> NDArray[np.int64]:
    """Highest rank in each of ``bins`` equal bins of sorted ``x``; 0 where no row falls. Ranks are below 128."""
    inside = rows_in(x, start, end)
    result = np.zeros(bins, np.int64)
    _raise_columns(x[inside], rank[inside], start, bins / (end - start), result)
    return result


def column_means(
    x: NDArray[np.float64], values: NDArray[np.float32], start: float, end: float, bins: int
) -> NDArray[np.float32]:
    """Mean of ``values`` in each of ``bins`` equal bins of sorted ``x``; NaN is skipped and marks an empty bin."""
    inside = rows_in(x, start, end)
    total, count = np.zeros(bins), np.zeros(bins, np.int64)
    _sum_columns(x[inside], values[inside], start, bins / (end - start), total, count)
    return np.divide(total, count, out=np.full(bins, np.nan), where=count > 0).astype(np.float32)


def raster(x: NDArray[np.float64], y: NDArray[np.float32], rank: NDArray[np.int8], view: View) -> NDArray[np.uint8]:
    """What ``highest`` gives, as u1 (height, width), made in one pass for points that are drawn anew at every edit."""
    result = np.zeros((view.height, view.width), np.uint8)
    (left, right), (low, high) = view.x, view.y
    _raise_pixels(x, y, rank, (left, view.width / (right - left), low, view.height / (high - low)), result)
    return result


def warm() -> None:
    """Compile what draws, so that the first look does not wait for it."""
    x, y, rank = np.zeros(2), np.zeros(2, np.float32), np.ones(2, np.int8)
    view = View((0.0, 1.0), (0.0, 1.0), 8, 8)
    highest(x, y, rank, view)
    raster(x, y, rank, view)
    column_ranks(x, rank, 0.0, 1.0, 2)
    column_means(x, y, 0.0, 1.0, 2)


@numba.njit(cache=True)
def _raise_columns(x, rank, start, scale, result):  # type: ignore[no-untyped-def]
    last = len(result) - 1
    for row in range(len(x)):
        column = min(int((x[row] - start) * scale), last)
        result[column] = max(result[column], rank[row])


@numba.njit(cache=True)
def _sum_columns(x, values, start, scale, total, count):  # type: ignore[no-untyped-def]
    last = len(total) - 1
    for row in range(len(x)):
        if not np.isnan(values[row]):
            column = min(int((x[row] - start) * scale), last)
            total[column] += values[row]
            count[column] += 1


@numba.njit(cache=True)
def _raise_pixels(x, y, rank, mapping, result):  # type: ignore[no-untyped-def]
    left, across, low, up = mapping
    height, width = result.shape
    for row in range(len(x)):
        column, line = (x[row] - left) * across, (y[row] - low) * up
        if 0.0 <= column < width and 0.0 <= line < height and rank[row] > result[int(line), int(column)]:
            result[int(line), int(column)] = rank[row]


def comfortable(values: NDArray[np.float32], least: float = 1.0) -> tuple[float, float]:
    """Limits that hold all but stray values, rounded outwards to a step that stays put while a view moves a little."""
    good = values[np.isfinite(values)]
    if len(good) == 0:
        return -0.5, 1.5
    low, high = np.percentile(good[:: max(1, len(good) // 20_000)], (0.3, 99.7))
    room = max(float(high - low), least)
    middle = (float(low) + float(high)) / 2
    step = nice_step(room / 4)
    bottom = np.floor((min(float(low), middle - least / 2) - 0.08 * room) / step) * step
    top = np.ceil((max(float(high), middle + least / 2) + 0.08 * room) / step) * step
    return float(bottom), float(top)


def nice_step(value: float) -> float:
    """The 1, 2, 2.5 or 5 times a power of ten next above ``value``."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(nice * power for nice in NICE if nice * power >= value * (1 - 1e-9)))
