"""Snow depth and densities from numbers and grids; grids that cannot be used say so in one line."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from affine import Affine

from processing.errors import InputError, MissingError
from processing.io.gridded import Quantity, value_at

SNOW = Quantity("snow depth", "m", ("snow_depth", "sisnthick"), "surface_snow_thickness", 0.0, 5.0)
LON, LAT = np.array([-179.99, 179.99, 10.0]), np.array([75.0, 75.0, 90.0])


def netcdf(path: Path, scale: float = 1.0, name: str = "depth") -> Path:
    """Snow of 0.1 m and 1 mm more a degree of latitude beyond 70, on whole degrees."""
    lon, lat = np.arange(-179.5, 180.0), np.arange(60.5, 90.0)
    with h5py.File(path, "w") as file:
        file["lon"], file["lat"] = lon, lat
        depth = np.broadcast_to(0.1 + 0.001 * (lat[:, None] - 70.0), (len(lat), len(lon)))
        file.create_dataset(name, data=scale * depth).attrs["standard_name"] = np.bytes_("surface_snow_thickness")
        file["other"] = np.zeros_like(depth)
    return path


def test_a_number_holds_everywhere() -> None:
    assert value_at("0.25", SNOW, LON, LAT).tolist() == [0.25] * 3
    assert np.isnan(value_at("", SNOW, LON, LAT)).all()


def test_a_grid_is_known_by_its_standard_name_and_goes_round(tmp_path: Path) -> None:
    found = value_at(str(netcdf(tmp_path / "snow.nc")), SNOW, LON, LAT)
    assert found[:2] == pytest.approx(0.105, abs=1e-9)
    assert np.isnan(found[2])  # beyond the last middle of a cell


def test_a_polar_raster_holds_the_pole(tmp_path: Path) -> None:
    path = tmp_path / "snow.tif"
    options = {"driver": "GTiff", "height": 4, "width": 4, "count": 1, "dtype": "float32"}
    with rasterio.open(path, "w", crs="EPSG:3413", transform=Affine(1e6, 0, -2e6, 0, -1e6, 2e6), **options) as target:
        target.write(np.full((4, 4), 0.3, np.float32), 1)
    assert value_at(str(path), SNOW, LON, np.array([85.0, 85.0, 90.0])) == pytest.approx([0.3] * 3)


def test_bad_grids_tell_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="snow-depth grid is not there"):
        value_at(str(tmp_path / "none.tif"), SNOW, LON, LAT)
    with pytest.raises(InputError, match=r"snow depth of 10\.5 is not within 0 to 5 m; give it in m"):
        value_at(str(netcdf(tmp_path / "cm.nc", 100.0)), SNOW, LON, LAT)
    with pytest.raises(InputError, match="snow depth of -1 is not"):
        value_at("-1", SNOW, LON, LAT)
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(InputError, match="not a raster that can be read"):
        value_at(str(tmp_path / "text.tif"), SNOW, LON, LAT)
