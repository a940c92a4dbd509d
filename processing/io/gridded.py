"""Quantities that a user supplies as a number or as a grid: GeoTIFF in any CRS, NetCDF on longitude and latitude or
with a CRS. Read by windows, bilinear between the middles of cells; time has no part in them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import h5py
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError
from rasterio.windows import Window

from processing.core.corrections import without_fill
from processing.errors import InputError, MissingError
from processing.io.hdf5 import damage, is_hdf5, open_hdf5, text
from processing.places import place, raster_name, raster_options

F8 = NDArray[np.float64]

_FAR = 256
_X_NAMES = ("lon", "longitude", "x", "easting")
_Y_NAMES = ("lat", "latitude", "y", "northing")


@dataclass(frozen=True)
class Quantity:
    """What a grid holds.

    Attributes
    ----------
    title : in words. unit : of its values.
    names, standard_name : of its variable in a NetCDF file; the first name is the one that is told to the user.
    low, high : values beyond these are no such quantity, or are in another unit.
    """

    title: str
    unit: str
    names: tuple[str, ...]
    standard_name: str = ""
    low: float = -np.inf
    high: float = np.inf


class Grid(Protocol):
    """Cells of a raster, read by block: rows ``row .. row + height``, columns likewise; NaN where there is no data."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def transform(self) -> Affine:
        """Column and row of a cell's corner to x and y."""

    @property
    def crs(self) -> CRS:
        """Reference system of x and y."""

    def block(self, row: int, column: int, height: int, width: int) -> F8:
        """The cells, which lie inside the raster. Raises InputError when they cannot be read."""

    def close(self) -> None:
        """Let go of the file."""


@dataclass(frozen=True)
class Gridded:
    """A quantity anywhere on a grid: ``values = gridded(lon, lat)``."""

    grid: Grid
    to_grid: Transformer

    def __call__(self, lon: F8, lat: F8) -> F8:
        """Bilinear value at longitudes and latitudes (degree); NaN outside the grid and beside missing cells."""
        x, y = map(np.asarray, self.to_grid.transform(np.asarray(lon, float), np.asarray(lat, float)))
        cell = ~self.grid.transform
        column = self._around(cell.a * x + cell.b * y + cell.c - 0.5)
        row = cell.d * x + cell.e * y + cell.f - 0.5
        result = np.full(len(row), np.nan)
        inside = np.isfinite(row) & np.isfinite(column) & (row > -1) & (row < self.grid.shape[0])
        places = np.flatnonzero(inside)
        jumps = (np.abs(np.diff(row[places])) > _FAR) | (np.abs(np.diff(column[places])) > _FAR)
        for run in np.split(places, np.flatnonzero(jumps) + 1):
            if len(run):
                result[run] = self._read(row[run], column[run])
        return result

    def close(self) -> None:
        """Let go of the file."""
        self.grid.close()

    @property
    def _columns_around(self) -> int:
        """Columns in the full circle of longitudes, or 0 for a grid that does not go round."""
        turn = 360.0 / abs(self.grid.transform.a) if self.grid.crs.is_geographic else np.inf
        return round(turn) if turn <= self.grid.shape[1] + 1 else 0

    def _around(self, column: F8) -> F8:
        """Columns of a geographic grid brought into one turn from the grid's first."""
        if not self.grid.crs.is_geographic:
            return column
        turn = 360.0 / abs(self.grid.transform.a)
        return np.where(column < -0.5, column + turn, np.where(column > turn - 0.5, column - turn, column))

    def _read(self, row: F8, column: F8) -> F8:
        top, left = int(np.floor(row.min())), int(np.floor(column.min()))
        height, width = int(np.floor(row.max())) + 2 - top, int(np.floor(column.max())) + 2 - left
        cells = np.full((height, width), np.nan)
        _fill(self.grid, cells, top, left, 0)
        if self._columns_around:
            _fill(self.grid, cells, top, left, self._columns_around)
            _fill(self.grid, cells, top, left, -self._columns_around)
        return _bilinear(cells, row - top, column - left)


def _fill(grid: Grid, cells: F8, top: int, left: int, turn: int) -> None:
    """Copy into ``cells`` what the grid, its columns moved by ``turn``, has there."""
    rows, columns = grid.shape
    first_row, last_row = max(top, 0), min(top + cells.shape[0], rows)
    first, last = max(left - turn, 0), min(left - turn + cells.shape[1], columns)
    if first_row < last_row and first < last:
        block = grid.block(first_row, first, last_row - first_row, last - first)
        start = first + turn - left
        target = cells[first_row - top : last_row - top, start : start + last - first]
        np.copyto(target, block, where=np.isnan(target))


def _bilinear(cells: F8, row: F8, column: F8) -> F8:
    i, j = np.floor(row).astype(int), np.floor(column).astype(int)
    s, t = row - i, column - j
    total = np.zeros(len(row))
    for di, wi in ((0, 1.0 - s), (1, s)):
        for dj, wj in ((0, 1.0 - t), (1, t)):
            weight = wi * wj
            # A neighbour of no weight may be missing.
            total += np.where(weight > 0, weight * cells[i + di, j + dj], 0.0)
    return total


@dataclass(frozen=True)
class _Raster:
    path: Path
    source: Any
    shape: tuple[int, int]
    transform: Affine
    crs: CRS
    # A dataset of the raster library serves one thread at a time.
    lock: Lock = field(default_factory=Lock)

    def block(self, row: int, column: int, height: int, width: int) -> F8:
        try:
            with self.lock, rasterio.Env(**raster_options(self.path)):
                band = self.source.read(1, window=Window(column, row, width, height), masked=True)
        except rasterio.errors.RasterioError:
            raise InputError("the grid is cut short or damaged", where=self.path, mend="fetch it again") from None
        values = without_fill(np.ma.filled(band.astype(np.float64), np.nan))
        return values * self.source.scales[0] + self.source.offsets[0]

    def close(self) -> None:
        self.source.close()


@dataclass(frozen=True)
class _NetCdf:
    path: Path
    file: Any
    values: Any
    fill: float
    scale: float
    offset: float
    shape: tuple[int, int]
    transform: Affine
    crs: CRS

    def block(self, row: int, column: int, height: int, width: int) -> F8:
        cells = (*(0,) * (self.values.ndim - 2), slice(row, row + height), slice(column, column + width))
        with damage(self.path):
            raw = np.asarray(self.values[cells], np.float64)
        return without_fill(np.where(raw == self.fill, np.nan, raw)) * self.scale + self.offset

    def close(self) -> None:
        self.file.close()


def open_grid(path: str | Path, quantity: Quantity) -> Gridded:
    """Open a grid of a quantity, by windows.

    Raises MissingError when the file is not there and InputError when it is no such grid.
    """
    path = place(path)
    if not path.is_file():
        raise MissingError(f"{quantity.title.replace(' ', '-')} grid is not there", where=path)
    netcdf = path.suffix.lower() in {".nc", ".nc4", ".h5", ".hdf5", ".grd"}
    grid = _open_netcdf(path, quantity) if netcdf else _open_raster(path)
    return Gridded(grid, Transformer.from_crs(CRS.from_epsg(4326), grid.crs, always_xy=True))


def value_at(said: str, quantity: Quantity, lon: F8, lat: F8) -> F8:
    """A quantity at places (degree), from a number or the path of a grid; NaN where it is not known.

    Raises InputError where a value is out of the quantity's bounds, and as :func:`open_grid` does.
    """
    try:
        values = np.full(len(lon), float(said or "nan"))
    except ValueError:
        grid = open_grid(said, quantity)
        try:
            values = grid(lon, lat)
        finally:
            grid.close()
    wrong = values[(values < quantity.low) | (values > quantity.high)]
    if len(wrong):
        raise InputError(
            f"{quantity.title} of {wrong[0]:g} is not within {quantity.low:g} to {quantity.high:g} {quantity.unit}",
            where=said,
            mend=f"give it in {quantity.unit}",
        )
    return values


def _open_raster(path: Path) -> Grid:
    try:
        with rasterio.Env(**raster_options(path)):
            source = rasterio.open(raster_name(path))
    except rasterio.errors.RasterioError:
        raise InputError("not a raster that can be read", where=path, mend="give a GeoTIFF or NetCDF grid") from None
    if source.crs is None:
        raise InputError("the grid has no coordinate reference system", where=path)
    return _Raster(path, source, source.shape, source.transform, CRS.from_user_input(source.crs))


def _open_netcdf(path: Path, quantity: Quantity) -> Grid:
    if not is_hdf5(path):
        raise InputError("not a NetCDF-4 grid", where=path, mend="convert it to NetCDF-4 or GeoTIFF")
    file = open_hdf5(path)
    try:
        with damage(path):
            return _netcdf_grid(file, path, quantity)
    except BaseException:
        file.close()
        raise


def _netcdf_grid(file: Any, path: Path, quantity: Quantity) -> Grid:
    x, y = _axis(file, _X_NAMES, path), _axis(file, _Y_NAMES, path)
    values = _variable(file, (len(y), len(x)), path, quantity)
    dx, dy = _step(x, path), _step(y, path)
    return _NetCdf(
        path=path,
        file=file,
        values=values,
        fill=float(np.ravel(values.attrs.get("_FillValue", values.attrs.get("missing_value", np.nan)))[0]),
        scale=float(np.ravel(values.attrs.get("scale_factor", 1.0))[0]),
        offset=float(np.ravel(values.attrs.get("add_offset", 0.0))[0]),
        shape=(len(y), len(x)),
        transform=Affine(dx, 0.0, x[0] - dx / 2.0, 0.0, dy, y[0] - dy / 2.0),
        crs=_grid_mapping(file, values, path),
    )


def _axis(file: Any, names: tuple[str, ...], path: Path) -> F8:
    for name in names:
        if name in file and file[name].ndim == 1 and len(file[name]) > 1:
            return np.asarray(file[name][:], np.float64)
    raise InputError(f"the grid has no axis {' or '.join(names[:3])}", where=path)


def _variable(file: Any, shape: tuple[int, int], path: Path, quantity: Quantity) -> Any:
    """The values: by a known name, else by the standard name, else the only variable that fits the axes."""
    fitting = {
        name: item
        for name, item in file.items()
        if isinstance(item, h5py.Dataset) and item.shape in (shape, (1, *shape)) and name not in (*_X_NAMES, *_Y_NAMES)
    }
    known = [name for name in quantity.names if name in fitting]
    standard = [
        name
        for name, item in fitting.items()
        if quantity.standard_name and text(item.attrs.get("standard_name")) == quantity.standard_name
    ]
    for names in (known[:1], standard, list(fitting)):
        if len(names) == 1:
            return fitting[names[0]]
    if not fitting:
        raise InputError(f"the grid has no variable of {shape[0]} x {shape[1]} cells", where=path)
    raise InputError(
        f"which of {', '.join(fitting)} is the {quantity.title} is not told",
        where=path,
        mend=f"call it {quantity.names[0]}",
    )


def _step(axis: F8, path: Path) -> float:
    step = (axis[-1] - axis[0]) / (len(axis) - 1)
    if not np.allclose(np.diff(axis), step, rtol=1e-3):
        raise InputError("the grid's axes are not evenly spaced", where=path)
    return float(step)


def _grid_mapping(file: Any, values: Any, path: Path) -> CRS:
    name = text(values.attrs.get("grid_mapping"))
    if not name or name not in file:
        if any(axis in file for axis in _X_NAMES[:2]):
            return CRS.from_epsg(4326)
        raise InputError("the grid names no coordinate reference system", where=path)
    attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in file[name].attrs.items()}
    wkt = attributes.get("crs_wkt") or attributes.get("spatial_ref")
    try:
        return CRS.from_wkt(wkt) if wkt else CRS.from_cf(attributes)
    except (CRSError, KeyError):
        raise InputError(f"grid mapping {name!r} is not understood", where=path) from None
