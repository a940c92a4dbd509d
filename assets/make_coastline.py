"""Make ``coastline.npz``: polar coastlines from Natural Earth 1:10m land.

Source: the npm package ``world-atlas`` 2.0.2, a TopoJSON redistribution of Natural Earth 4.1 (public domain). Run with
the path of its ``land-10m.json``. The land is projected (EPSG:3413 north of 50 N, EPSG:3031 south of 50 S), simplified
to 600 m and kept as whole hectometres. Natural Earth's Antarctic coast follows the grounded ice and land at the time it
was drawn; ice-shelf fronts move by kilometres, so it orients the eye and measures nothing.

Content: for ``north`` and ``south`` an int32 array of (n, 2) points in units of 100 m, as differences along each ring,
and the int32 number of points of each ring.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon

_UNIT = 100.0
_TOLERANCE = 600.0
_SMALLEST = 4e6
_REGIONS = {"north": ("EPSG:3413", 50.0, 90.0), "south": ("EPSG:3031", -90.0, -50.0)}


def rings(topology: dict) -> list[NDArray[np.float64]]:
    """Outer rings of the land as (n, 2) longitude and latitude."""
    scale, shift = np.array(topology["transform"]["scale"]), np.array(topology["transform"]["translate"])
    arcs = [np.cumsum(np.array(arc), axis=0) * scale + shift for arc in topology["arcs"]]
    found = []
    for geometry in topology["objects"]["land"]["geometries"]:
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        for polygon in polygons:
            parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in polygon[0]]
            found.append(np.concatenate([part[(k > 0) :] for k, part in enumerate(parts)]))
    return found


def project(ring: NDArray[np.float64], crs: str) -> Polygon:
    """The ring in the polar projection; points of the far hemisphere are drawn in to stay finite."""
    transformer = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    north = crs == "EPSG:3413"
    lat = np.clip(ring[:, 1], -20.0 if north else -90.0, 90.0 if north else 20.0)
    return Polygon(np.column_stack(transformer.transform(ring[:, 0], lat)))


def region(found: list[NDArray[np.float64]], crs: str, low: float, high: float) -> list[NDArray[np.int32]]:
    """Simplified rings of one region, in units of 100 m."""
    edge = low if low > 0 else high
    radius = float(np.hypot(*pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(0.0, edge)))
    disc = Point(0, 0).buffer(radius, quad_segs=64)
    kept = []
    for ring in found:
        if ring[:, 1].max() < low or ring[:, 1].min() > high:
            continue
        shape = shapely.make_valid(project(ring, crs)).intersection(disc).simplify(_TOLERANCE)
        parts = [part for part in shapely.get_parts(shape) if isinstance(part, Polygon) and part.area >= _SMALLEST]
        kept += [np.round(np.asarray(part.exterior.coords) / _UNIT).astype(np.int32) for part in parts]
    return kept


def main(source: Path) -> None:
    found = rings(json.loads(source.read_text(encoding="utf-8")))
    content = {}
    for name, (crs, low, high) in _REGIONS.items():
        kept = region(found, crs, low, high)
        steps = [np.diff(ring, axis=0, prepend=[[0, 0]]) for ring in kept]
        content[f"{name}_steps"] = np.concatenate(steps).astype(np.int32)
        content[f"{name}_lengths"] = np.array([len(ring) for ring in kept], np.int32)
    np.savez_compressed(Path(__file__).with_name("coastline.npz"), **content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
