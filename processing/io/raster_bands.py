"""Bands of a scene as raster files hold them: where each lies, how numbers become reflectance, windowed reading."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window as RasterWindow

from processing.core.tiles import Window
from processing.cores import available_cores
from processing.errors import InputError
from processing.interrupt import stop_if_asked
from processing.io.found import UnreadableError
from processing.places import raster_name, raster_options

BLOCK_CACHE = 256 << 20
"""Bytes of decoded blocks that the raster library may keep, so that neighbouring tiles do not decode a block twice.

Half of it does for one core, beside which others share the machine's memory."""

SCENE_CLASS = "SCL"
NEEDED = ("B02", "B03", "B04")
"""Bands without which a scene cannot be labelled."""

_STRIP = 1024
_COARSER = 4
"""How many times coarser an overview must be for reading it to outweigh a true mean."""

_BLEED = 2
"""Steps that an image's empty part goes on through zeros towards its edge, where averages mix."""

_MARGIN = 6
"""Pixels of an overview around a window that tell what is empty in it."""

_AGAIN = "the file is damaged or cut short: fetch it again"


@dataclass(frozen=True)
class Band:
    """One band of a scene in its file.

    Attributes
    ----------
    name : ``B02`` ... ``B12``, or ``SCL`` (classes, not reflectance).
    path : raster file.
    index : band number in the file, from 1.
    shape : rows and columns in the file.
    factor : edge of its pixels in pixels of the scene's grid (1, 2 or 6).
    offset : added to a digital number before it is divided by ``quantification``.
    quantification : digital numbers per unit of reflectance.
    nodata : digital number that stands for no data, besides 0 in bands of reflectance; None when there is none.
    saturated : digital number that stands for saturation; None when there is none.
    """

    name: str
    path: Path
    index: int
    shape: tuple[int, int]
    factor: int = 1
    offset: float = 0.0
    quantification: float = 10_000.0
    nodata: float | None = 0.0
    saturated: float | None = 65_535.0


@dataclass(frozen=True)
class Layout:
    """What a scene is, read from its metadata without touching a pixel.

    Attributes
    ----------
    level : ``L1C``, ``L2A`` or empty when unknown.
    baseline : processing baseline such as ``04.00``; empty when unknown.
    time : sensing time, UTC.
    transform, shape : of the grid that every band is read on, that of the green band.
    sun_azimuth, sun_elevation : degrees, at the scene's middle; NaN when unknown.
    notes : what was assumed rather than read, in words.
    synthetic : whether its own metadata say that ``leadline twin`` made it.
    """

    scene_id: str
    path: Path
    level: str
    baseline: str
    time: np.datetime64
    crs: CRS
    transform: Affine
    shape: tuple[int, int]
    bands: Mapping[str, Band]
    sun_azimuth: float = math.nan
    sun_elevation: float = math.nan
    notes: tuple[str, ...] = field(default=())
    synthetic: bool = False


@dataclass(frozen=True)
class Native:
    """Digital numbers of one band on the band's own grid: ``data`` (h, w) fills ``window``."""

    window: Window
    data: NDArray[Any]


def reflectance(band: Band, numbers: NDArray[Any]) -> NDArray[np.float32]:
    """Digital numbers to reflectance, ``(DN + offset) / quantification``; NaN where there is no data.

    0 is no data in every Sentinel-2 band, whatever else a file declares. Classes stay what they are, as float32.
    """
    result = numbers.astype(np.float32)
    if band.name != SCENE_CLASS:
        if band.offset:
            result += np.float32(band.offset)
        if band.quantification != 1.0:
            result /= np.float32(band.quantification)
    for empty in {band.nodata} if band.name == SCENE_CLASS else {0.0, band.nodata}:
        if empty is not None:
            result[numbers == empty] = np.nan
    return result


def on_grid(band: Band, native: Native, window: Window, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Reflectance of a band on the scene's grid.

    Coarse bands are interpolated bilinearly between pixel centres (classes: nearest). Weights follow from whole numbers
    alone, so a pixel's value does not depend on the window it is read in. A pixel beside missing data is missing.

    Parameters
    ----------
    native : what :meth:`BandReader.native` gave for this band and window.
    shape : rows and columns of the scene.

    Returns
    -------
    (window.height, window.width) float32, NaN without data and outside the scene
    """
    result = np.full(window.shape, np.nan, np.float32)
    inside = window.clip(shape)
    if inside.empty or native.window.empty:
        return result
    if band.factor == 1:
        fine = reflectance(band, native.data[inside.within(native.window)])
    else:
        fine = _refine(band, reflectance(band, native.data), native.window, inside)
    result[inside.within(window)] = fine
    return result


def _refine(band: Band, values: NDArray[np.float32], have: Window, want: Window) -> NDArray[np.float32]:
    rows = np.arange(want.row, want.row_stop)
    cols = np.arange(want.col, want.col_stop)
    if band.name == SCENE_CLASS:
        return values[np.ix_(_nearest(rows, band, 0) - have.row, _nearest(cols, band, 1) - have.col)]
    top, bottom, down = _neighbours(rows, band, 0)
    left, right, across = _neighbours(cols, band, 1)
    tall = _mix(values[top - have.row], values[bottom - have.row], down[:, None])
    return _mix(tall[:, left - have.col], tall[:, right - have.col], across[None, :])


def _mix(first: NDArray[np.float32], second: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    second -= first
    second *= weight
    second += first
    return second


def _nearest(at: NDArray[np.int64], band: Band, axis: int) -> NDArray[np.int64]:
    return np.minimum(at // band.factor, band.shape[axis] - 1)


def _neighbours(
    at: NDArray[np.int64], band: Band, axis: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Native pixels either side of each fine pixel's centre, and the weight of the second."""
    twice = 2 * at + 1 - band.factor
    first, rest = np.divmod(twice, 2 * band.factor)
    last = band.shape[axis] - 1
    weight = (rest / (2 * band.factor)).astype(np.float32)
    return np.clip(first, 0, last), np.clip(first + 1, 0, last), weight


class BandReader:
    """Reads windows of bands. Files open at the first read; several threads may read at once.

    One dataset is kept per file, behind a lock, so that its decoded blocks serve every thread.
    """

    def __init__(self) -> None:
        self._open: dict[Path, Any] = {}
        self._locks: dict[Path, threading.Lock] = {}
        self._guard = threading.Lock()
        # Asked of the thread that opens the scene: those that read do not know how many cores the work may use.
        self._cache = BLOCK_CACHE if available_cores() > 1 else BLOCK_CACHE // 2

    def native(self, band: Band, window: Window, shape: tuple[int, int]) -> Native:
        """Digital numbers of the band's own pixels that a window of the scene's grid needs."""
        have = _native_window(band, window.clip(shape))
        if have.empty:
            return Native(have, np.zeros(have.shape, np.float32))
        return Native(have, self._read(band, have, have.shape))

    def decimated(self, band: Band, window: Window, step: int) -> NDArray[np.float32]:
        """Mean reflectance of ``step`` x ``step`` of the band's own pixels over a window of the band's own grid.

        The file's overviews do most of it. Those of JPEG 2000 are wavelet averages centred near the first pixel of each
        block, up to half an output pixel up and left of the block's middle. Where no overview's factor goes well into
        ``step``, the nearest pixel of the closest overview stands for the mean.
        """
        size = (-(-window.height // step), -(-window.width // step))
        result = np.full(size, np.nan, np.float32)
        deep = self._overview(band, step)
        lines = max(1, _STRIP * deep // step)
        for row in range(0, size[0], lines):
            stop = min(size[0], row + lines)
            height = min(stop * step, window.height) - row * step
            part = Window(window.row + row * step, window.col, height, window.width)
            result[row:stop] = _block_mean(band, self._coarse(band, part, deep), step // deep)
        return result

    def _coarse(self, band: Band, window: Window, deep: int) -> NDArray[Any]:
        """Digital numbers of the overview by ``deep``."""
        mixes = deep > 1 and band.name != SCENE_CLASS and band.path.suffix.lower() == ".jp2"
        wide = window.expand(_MARGIN * deep).clip(band.shape) if mixes else window
        numbers = self._read(band, wide, (-(-wide.height // deep), -(-wide.width // deep)))
        if not mixes:
            return numbers
        top, left = (window.row - wide.row) // deep, (window.col - wide.col) // deep
        return _unmixed(numbers)[top : top + -(-window.height // deep), left : left + -(-window.width // deep)]

    def close(self) -> None:
        """Close every file."""
        with self._guard:
            for dataset in self._open.values():
                dataset.close()
            self._open.clear()

    def _overview(self, band: Band, step: int) -> int:
        with self._lock(band.path), _environment(band.path, self._cache):
            factors = self._dataset(band.path).overviews(band.index)
        even = max((factor for factor in factors if step % factor == 0), default=1)
        deepest = max((factor for factor in factors if factor <= step), default=1)
        return even if deepest < _COARSER * even else step

    def _read(self, band: Band, window: Window, size: tuple[int, int]) -> NDArray[Any]:
        stop_if_asked()
        area = RasterWindow(window.col, window.row, window.width, window.height)
        try:
            with self._lock(band.path), _environment(band.path, self._cache):
                return np.asarray(self._dataset(band.path).read(band.index, window=area, out_shape=size))
        except RasterioError as error:
            raise InputError(f"band {band.name} cannot be read", where=band.path, mend=_AGAIN) from error

    def _lock(self, path: Path) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(path, threading.Lock())

    def _dataset(self, path: Path) -> Any:
        if path not in self._open:
            self._open[path] = _open(path)
        return self._open[path]


@contextmanager
def raster(path: Path) -> Iterator[Any]:
    """A raster file open for reading in the block; raises UnreadableError when it is missing or not readable."""
    with rasterio.Env(**raster_options(path)), _open(path) as dataset:
        yield dataset


def _open(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(raster_name(path))
    except RasterioError as error:
        what = "file is not there" if not path.exists() else "not a readable raster file"
        raise UnreadableError(what, where=path, mend="" if not path.exists() else _AGAIN) from error


def _environment(path: Path, cache: int) -> Any:
    # One decoding thread inside the library: with more, a block that fails to decode comes back as zeros and no error.
    return rasterio.Env(GDAL_NUM_THREADS="1", GDAL_CACHEMAX=cache, **raster_options(path))


def _native_window(band: Band, window: Window) -> Window:
    if band.factor == 1 or window.empty:
        return window
    row, col = window.row // band.factor, window.col // band.factor
    height = -(-window.row_stop // band.factor) - row
    width = -(-window.col_stop // band.factor) - col
    return Window(row, col, height, width).expand(1).clip(band.shape)


def _unmixed(numbers: NDArray[Any]) -> NDArray[Any]:
    """Wavelet averages with 0 where they mix an image with its empty edge, and nowhere else.

    Beside bright ice the averages of water may swing down to 0, in spots; the empty part of an image is larger.
    """
    zero, near = (numbers == 0).astype(np.uint8), np.ones((3, 3), np.uint8)
    empty = cv2.morphologyEx(zero, cv2.MORPH_OPEN, near)
    for _ in range(_BLEED):
        empty |= zero & cv2.dilate(empty, near)
    edge = cv2.dilate(empty, near)
    return np.where(edge > 0, 0, np.maximum(numbers, 1)).astype(numbers.dtype)


def _block_mean(band: Band, numbers: NDArray[Any], step: int) -> NDArray[np.float32]:
    """Mean over the valid pixels of each ``step`` x ``step`` block; the first pixel for classes."""
    values = reflectance(band, numbers)
    if step == 1 or band.name == SCENE_CLASS:
        return values[::step, ::step]
    rows, cols = np.arange(0, values.shape[0], step), np.arange(0, values.shape[1], step)
    known = np.isfinite(values)
    total = np.add.reduceat(np.add.reduceat(np.where(known, values, 0), rows, axis=0), cols, axis=1)
    count = np.add.reduceat(np.add.reduceat(known.astype(np.int32), rows, axis=0), cols, axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
