"""GeoParquet 1.1: Parquet with a point for every row, which maps and geographic libraries open as it is.

The layout follows the GeoParquet 1.1.0 specification of the Open Geospatial Consortium.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from processing.io.atomic import aside
from processing.io.exported import Exported, Parts, layout

GEOMETRY = "geometry"
_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])
"""Well-known binary of a point, little endian, 21 bytes (OGC 06-103r4, 8.2)."""

F8 = npt.NDArray[np.float64]


def write_geoparquet(out: Path, what: Exported, parts: Parts) -> int:
    """Write GeoParquet 1.1, whole or not at all, and return the rows; a row without a place has no point.

    Points are longitude and latitude on WGS84 (OGC:CRS84). Columns, units and provenance are as in Parquet.
    """
    described = what.described
    schema = described.append(
        pa.field(GEOMETRY, pa.binary(), metadata={"unit": "degree", "meaning": "longitude and latitude, WGS84"})
    )
    box = _Box()
    rows = 0
    with aside(out) as temporary, pq.ParquetWriter(temporary, schema, **layout(what.fields)) as writer:
        for part in parts:
            lon, lat = part["lon"].to_numpy(), part["lat"].to_numpy()
            box.add(lon, lat)
            columns = [*part.cast(described).columns, points(lon, lat)]
            writer.write_table(pa.table(columns, schema=schema))
            rows += part.num_rows
        writer.add_key_value_metadata({"geo": json.dumps(_geo(box))})
    return rows


def points(lon: F8, lat: F8) -> pa.Array:
    """Points in well-known binary from (n,) longitudes and latitudes, degree; null where either is not finite."""
    known = np.isfinite(lon) & np.isfinite(lat)
    made = np.zeros(np.count_nonzero(known), _POINT)
    made["order"], made["kind"], made["x"], made["y"] = 1, 1, lon[known], lat[known]
    ends = np.concatenate([[0], np.cumsum(known)]).astype(np.int64) * _POINT.itemsize
    bits = pa.py_buffer(np.packbits(known, bitorder="little"))
    large = pa.Array.from_buffers(
        pa.large_binary(), len(lon), [bits, pa.py_buffer(ends), pa.py_buffer(made)], int(np.count_nonzero(~known))
    )
    return large.cast(pa.binary())


class _Box:
    """Bounds of all points, the shorter way around the Earth where they cross the date line."""

    def __init__(self) -> None:
        self._plain = [np.inf, np.inf, -np.inf, -np.inf]
        self._turned = list(self._plain)

    def add(self, lon: F8, lat: F8) -> None:
        known = np.isfinite(lon) & np.isfinite(lat)
        if known.any():
            self._plain = _wider(self._plain, lon[known], lat[known])
            self._turned = _wider(self._turned, lon[known] % 360.0, lat[known])

    @property
    def bounds(self) -> list[float] | None:
        """West, south, east, north, degree; west is greater than east across the date line. None without points."""
        west, south, east, north = self._plain
        if west > east:
            return None
        if self._turned[2] - self._turned[0] < east - west:
            west, east = ((value + 180.0) % 360.0 - 180.0 for value in (self._turned[0], self._turned[2]))
        return [float(value) for value in (west, south, east, north)]


def _wider(box: list[float], lon: F8, lat: F8) -> list[float]:
    return [min(box[0], lon.min()), min(box[1], lat.min()), max(box[2], lon.max()), max(box[3], lat.max())]


def _geo(box: _Box) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "crs": CRS("OGC:CRS84").to_json_dict(),
    }
    if box.bounds is not None:
        column["bbox"] = box.bounds
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
