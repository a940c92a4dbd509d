"""Maps on a polar grid as NetCDF-4 with CF conventions: projected coordinates, their mapping, and degrees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
from pyproj import Transformer

from processing.core.polar_grid import GridMaps
from processing.io import cf
from processing.io.atomic import aside

_STORED = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
_MOST_CHUNK = 512
_STANDARD = {
    "freeboard": "sea_ice_freeboard",
    "freeboard_sigma": "sea_ice_freeboard standard_error",
    "thickness": "sea_ice_thickness",
    "thickness_sigma": "sea_ice_thickness standard_error",
}
_MEANS = ("freeboard", "thickness")


def write_grid(
    out: Path, maps: GridMaps, provenance: str = "{}", *, synthetic: bool = False, institution: str = ""
) -> None:
    """Write polar maps (EPSG:3413 or 3031), whole or not at all.

    ``provenance`` is JSON as ``Lineage.to_json`` gives it. Cells without a value are NaN.
    """
    title = "Sea-ice freeboard from ICESat-2 photons on a polar stereographic grid"
    with aside(out) as temporary, h5netcdf.File(temporary, "w") as file:
        facts = cf.global_attributes(title, provenance, synthetic=synthetic, institution=institution)
        for name, value in facts.items():
            file.attrs[name] = value
        file.dimensions = {"y": len(maps.y), "x": len(maps.x)}
        _write_coordinates(file, maps)
        for name, values in maps.maps.items():
            _write_layer(file, maps, name, values)


def _write_coordinates(file: Any, maps: GridMaps) -> None:
    crs = file.create_variable("crs", (), np.int32)
    crs[...] = 0
    crs.attrs.update({"long_name": "coordinate reference system", **cf.mapping_attributes(maps.epsg)})
    for name, values in (("x", maps.x), ("y", maps.y)):
        axis = file.create_variable(name, (name,), np.float64, data=np.asarray(values, np.float64))
        axis.attrs.update(
            {
                "long_name": f"{name} coordinate of cell centres",
                "standard_name": f"projection_{name}_coordinate",
                "units": "m",
                "axis": name.upper(),
            }
        )
    east, north = np.meshgrid(maps.x, maps.y)
    to_degrees = Transformer.from_crs(maps.epsg, 4326, always_xy=True)
    for name, values, standard, units in zip(
        ("lon", "lat"),
        to_degrees.transform(east, north),
        ("longitude", "latitude"),
        ("degrees_east", "degrees_north"),
        strict=True,
    ):
        place = file.create_variable(name, ("y", "x"), np.float64, data=values, chunks=_chunks(maps), **_STORED)
        place.attrs.update({"long_name": f"{standard} of cell centres", "standard_name": standard, "units": units})


def _write_layer(file: Any, maps: GridMaps, name: str, values: Any) -> None:
    layer = maps.layers[name]
    variable = file.create_variable(
        name, ("y", "x"), np.float32, fillvalue=np.float32(np.nan), chunks=_chunks(maps), **_STORED
    )
    variable[...] = np.asarray(values, np.float32)
    attributes = {
        "long_name": layer.meaning,
        "units": layer.unit,
        "coordinates": "lat lon",
        "grid_mapping": "crs",
    }
    if name in _STANDARD:
        attributes["standard_name"] = _STANDARD[name]
    if name in _MEANS:
        attributes["cell_methods"] = "area: mean"
    if beside := [each for each in maps.maps if each.startswith(f"{name}_sigma")]:
        attributes["ancillary_variables"] = " ".join(beside)
    variable.attrs.update(attributes)


def _chunks(maps: GridMaps) -> tuple[int, int]:
    return min(len(maps.y), _MOST_CHUNK), min(len(maps.x), _MOST_CHUNK)
