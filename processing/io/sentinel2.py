"""Sentinel-2 scenes, whatever they are stored in: windowed reflectance on one grid, time, place, footprint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.features import shapes
from shapely import Polygon, segmentize, unary_union
from shapely.geometry import shape as to_geometry

from processing.core.tiles import Window
from processing.errors import InputError
from processing.io.found import Found
from processing.io.geotiff import looks_like_scene, read_geotiff
from processing.io.raster_bands import SCENE_CLASS, Band, BandReader, Layout, Native, on_grid
from processing.io.safe import is_safe, read_safe
from processing.io.scene_time import given_time
from processing.project import Input

__all__ = ["Scene", "Window", "describe", "identify", "open_scene"]

_OUTLINE_PIXELS = 256
_EDGE = 5_000.0


class Scene:
    """A scene open for reading. Nothing is read until asked for; reading is safe from several threads.

    Attributes
    ----------
    layout : everything the metadata says, see :class:`Layout`.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._reader = BandReader()
        self._forward = Transformer.from_crs("EPSG:4326", layout.crs, always_xy=True)

    @property
    def scene_id(self) -> str:
        return self.layout.scene_id

    @property
    def time(self) -> np.datetime64:
        """Sensing time, UTC, nanoseconds."""
        return self.layout.time

    @property
    def crs(self) -> CRS:
        return self.layout.crs

    @property
    def transform(self) -> Affine:
        """Pixel corner (col, row) to x, y in metres of the scene's CRS."""
        return self.layout.transform

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid every band is read on, that of the green band (10 m)."""
        return self.layout.shape

    @property
    def pixel(self) -> float:
        """Edge of a grid pixel, m."""
        return float(self.layout.transform.a)

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands present, such as ``B02``, and ``SCL`` in an L2A product."""
        return tuple(self.layout.bands)

    @property
    def level(self) -> str:
        """``L1C``, ``L2A`` or empty when unknown."""
        return self.layout.level

    def read(self, bands: Sequence[str], window: Window | None = None, step: int = 1) -> NDArray[np.float32]:
        """Reflectance of a window on the scene's grid.

        Parameters
        ----------
        bands : names; ``SCL`` gives class codes. A band the scene does not have comes back as NaN.
        window : in grid pixels, the whole scene when None; it may reach outside, where all is NaN.
        step : whole-number decimation through the file's overviews, fastest for powers of two. Output pixel (i, j) is
            the mean over the block that begins at (window.row + i * step, window.col + j * step); blocks that begin
            outside are NaN.

        Returns
        -------
        (len(bands), ceil(height / step), ceil(width / step)) float32, NaN where there is no data. Bands of 20 and 60 m
        are interpolated bilinearly to the grid when ``step`` is 1.

        Raises InputError, naming the file, when it cannot be decoded.
        """
        window = window or Window(0, 0, *self.shape)
        if step == 1:
            planes = [self.expand(name, self.native(name, window), window) for name in bands]
        else:
            planes = [self._decimated(name, window, step) for name in bands]
        return np.stack(planes)

    def native(self, name: str, window: Window) -> Native:
        """Digital numbers of a band's own pixels for a window of the grid; keep them to :meth:`expand` later."""
        band = self.layout.bands.get(name)
        if band is None:
            return Native(Window(0, 0, 0, 0), np.zeros((0, 0), np.uint16))
        return self._reader.native(band, window, self.shape)

    def expand(self, name: str, native: Native, window: Window) -> NDArray[np.float32]:
        """Reflectance on the grid from a band's own pixels: (window.height, window.width) float32."""
        band = self.layout.bands.get(name)
        if band is None:
            return np.full(window.shape, np.nan, np.float32)
        return on_grid(band, native, window, self.shape)

    def saturation(self, name: str) -> float:
        """Reflectance that stands for a saturated pixel of a band; infinite when the format has no such mark."""
        band = self.layout.bands.get(name)
        if band is None or band.saturated is None:
            return np.inf
        return (band.saturated + band.offset) / band.quantification

    def footprint(self) -> Polygon:
        """Outline of the valid data in longitude and latitude, degrees.

        Longitudes run on across the date line (they may pass 180), so that the outline is one simple polygon; use
        :meth:`covers` to ask for points. Resolved to 1/128 of the scene or finer.
        """
        back = Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        ring = np.asarray(segmentize(self.outline(), _EDGE).exterior.coords)
        lon, lat = back.transform(ring[:, 0], ring[:, 1])
        return Polygon(np.column_stack([np.rad2deg(np.unwrap(np.deg2rad(lon))), lat]))

    def outline(self) -> Polygon:
        """Outline of the valid data in the scene's CRS, m. Holes are filled; several parts become their hull.

        Raises InputError when the scene holds no valid pixel.
        """
        step = 1 << max(0, math.ceil(math.log2(max(self.shape) / _OUTLINE_PIXELS)))
        valid = np.isfinite(self.read(("B03",), step=step)[0])
        edge = step * self.pixel
        place = Affine(edge, 0.0, self.transform.c, 0.0, -edge, self.transform.f)
        parts = [to_geometry(part) for part, _ in shapes(valid.astype(np.uint8), valid, transform=place)]
        if not parts:
            raise InputError("scene without a valid pixel", where=self.layout.path)
        whole = unary_union(parts)
        if not isinstance(whole, Polygon):
            whole = whole.convex_hull
        outline = Polygon(whole.exterior).simplify(edge)
        return outline.intersection(Polygon.from_bounds(*self.bounds))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of the grid in the scene's CRS, m."""
        left, top = self.transform.c, self.transform.f
        return left, top - self.shape[0] * self.pixel, left + self.shape[1] * self.pixel, top

    def covers(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points lie on the scene's grid (valid data or not); safe across the date line and the pole."""
        row, col = self.index(*self.project(lon, lat))
        return (row >= 0) & (row < self.shape[0]) & (col >= 0) & (col < self.shape[1])

    def project(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Longitude and latitude to x, y in the scene's CRS, m; infinite where the projection has no image."""
        x, y = self._forward.transform(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
        return np.asarray(x, np.float64), np.asarray(y, np.float64)

    def index(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """x, y in the scene's CRS to row, col; a pixel's centre is at .5, its number the integer part."""
        col = (np.asarray(x, np.float64) - self.transform.c) / self.pixel
        row = (self.transform.f - np.asarray(y, np.float64)) / self.pixel
        return row, col

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        self._reader.close()

    def __enter__(self) -> Scene:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decimated(self, name: str, window: Window, step: int) -> NDArray[np.float32]:
        size = (-(-window.height // step), -(-window.width // step))
        result = np.full(size, np.nan, np.float32)
        band = self.layout.bands.get(name)
        first = max(0, -(window.row // step)) if window.row < 0 else 0
        left = max(0, -(window.col // step)) if window.col < 0 else 0
        row, col = window.row + first * step, window.col + left * step
        inside = Window(row, col, window.row_stop - row, window.col_stop - col).clip(self.shape)
        if band is None or inside.empty:
            return result
        part = self._coarse(band, inside, step)
        result[first : first + part.shape[0], left : left + part.shape[1]] = part
        return result

    def _coarse(self, band: Band, window: Window, step: int) -> NDArray[np.float32]:
        factor = band.factor
        if step % factor:
            fine = on_grid(band, self._reader.native(band, window, self.shape), window, self.shape)
            return fine[::step, ::step]
        height, width = -(-window.height // factor), -(-window.width // factor)
        own = Window(window.row // factor, window.col // factor, height, width).clip(band.shape)
        return self._reader.decimated(band, own, step // factor)


def open_scene(item: Input) -> Scene:
    """Open a scene of a project.

    ``item.kind`` is ``safe`` or ``geotiff``; ``item.details`` may carry ``time``, ``band_map``, ``offset``,
    ``quantification``, ``level`` and ``baseline``. Raises InputError when the scene cannot be used.
    """
    return Scene(_layout(item.path, item.kind, item.ident, item.details))


def _layout(path: Path, kind: str, ident: str, details: Mapping[str, Any]) -> Layout:
    if kind == "safe":
        time = str(details.get("time", ""))
        return read_safe(path, ident, given_time(path, time) if time else None)
    if kind == "geotiff":
        return read_geotiff(path, ident, details)
    raise InputError(f"kind {kind!r} is not a scene", where=path, mend="safe or geotiff")


def identify(path: Path, given: Mapping[str, Any] | None = None) -> Found | None:
    """What scene a file or folder is, for ``leadline add``; None when it is none.

    Parameters
    ----------
    given : what the user says about it: ``time``, ``band_map``, ``offset``, ``quantification``.

    Raises InputError when it is a scene that cannot be used: a band missing, a file cut short, no time, a coordinate
    system other than projected metres.
    """
    given = dict(given or {})
    if is_safe(path):
        kind = "safe"
    elif looks_like_scene(path) or (given.get("band_map") and path.suffix.lower() in (".tif", ".tiff")):
        kind = "geotiff"
    else:
        return None
    layout = _layout(path, kind, "", given)
    return Found("scenes", layout.scene_id, kind, path, _details(layout, kind), describe(layout))


def _details(layout: Layout, kind: str) -> dict[str, Any]:
    """What opening the scene again needs, as JSON values: a copy in a project has lost its name and its neighbours."""
    details: dict[str, Any] = {
        "time": f"{np.datetime_as_string(layout.time, unit='us')}Z",
        "level": layout.level,
        "baseline": layout.baseline,
    }
    if layout.synthetic:
        details["synthetic"] = True
    if kind == "geotiff":
        green = layout.bands["B03"]
        details["band_map"] = {name: band.index for name, band in layout.bands.items()}
        details["offset"] = green.offset
        details["quantification"] = green.quantification
    return details


def describe(layout: Layout) -> str:
    """One line for a person: level, bands, size, time, CRS, baseline, offset and what was assumed."""
    names = " ".join(name for name in layout.bands if name != SCENE_CLASS)
    names += f" and {SCENE_CLASS}" if SCENE_CLASS in layout.bands else ""
    code = layout.crs.to_epsg()
    parts = [
        f"Sentinel-2 {layout.level}".rstrip(),
        names,
        f"{layout.shape[0]} x {layout.shape[1]} pixels of {layout.transform.a:g} m",
        f"{np.datetime_as_string(layout.time, unit='s')}Z",
        f"EPSG:{code}" if code else layout.crs.name,
        f"baseline {layout.baseline}" if layout.baseline else "",
        "" if any("offset" in note for note in layout.notes) else f"offset {layout.bands['B03'].offset:g}",
        *layout.notes,
    ]
    return ", ".join(part for part in parts if part)
