"""Polar maps as GeoTIFF with one named band a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from processing.core.polar_grid import GridMaps
from processing.io.atomic import aside


def write_map_raster(out: Path, maps: GridMaps, facts: dict[str, str] | None = None) -> None:
    """Write the maps as float32 bands, whole or not at all; NaN where there is nothing.

    Each band carries its name, unit and meaning, the file the ``facts`` as tags.
    """
    transform = Affine(maps.cell, 0.0, maps.x[0] - 0.5 * maps.cell, 0.0, -maps.cell, maps.y[0] + 0.5 * maps.cell)
    options = {
        "driver": "GTiff",
        "width": len(maps.x),
        "height": len(maps.y),
        "count": len(maps.maps),
        "dtype": "float32",
        "nodata": np.nan,
        "crs": f"EPSG:{maps.epsg}",
        "transform": transform,
        "compress": "deflate",
        "predictor": 3,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
    }
    with aside(out) as temporary, rasterio.open(temporary, "w", **options) as target:
        target.update_tags(**(facts or {}))
        for band, (name, values) in enumerate(maps.maps.items(), 1):
            target.write(values, band)
            target.set_band_description(band, name)
            target.set_band_unit(band, maps.layers[name].unit)
            target.update_tags(band, meaning=maps.layers[name].meaning)
