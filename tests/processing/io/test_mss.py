"""Mean-sea-surface grids: a plane read back anywhere, whatever the file and its reference system."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
import rasterio
from affine import Affine
from made_granules import Recipe, make_granule
from pyproj import CRS, Transformer

from processing.errors import InputError, MissingError
from processing.io.atl03 import Atl03Source
from processing.io.mss import mean_sea_surface
from processing.local.resample import segment_tables
from processing.schema import Quality
from processing.stages import Resample


def polar_grid(path: Path) -> Path:
    """h = x / 1e6 + y / 2e6 + 5 on EPSG:3413, 5 km cells, a hole of missing cells."""
    rows = cols = 400
    x = -1_000_000 + 5000 * (np.arange(cols) + 0.5)
    y = 1_000_000 - 5000 * (np.arange(rows) + 0.5)
    heights = (x / 1e6 + y[:, None] / 2e6 + 5.0).astype(np.float32)
    heights[10:13, 10:13] = -9999
    transform = Affine(5000, 0, -1_000_000, 0, -5000, 1_000_000)
    options = {"driver": "GTiff", "height": rows, "width": cols, "count": 1, "dtype": "float32", "nodata": -9999}
    with rasterio.open(path, "w", crs="EPSG:3413", transform=transform, **options) as target:
        target.write(heights, 1)
    return path


def global_netcdf(path: Path, first: float = 0.25) -> Path:
    """h = cos(lon) + lat / 100 on half degrees of longitude from ``first`` eastward, packed in 16 bits."""
    lon, lat = first + 0.5 * np.arange(720), -89.75 + 0.5 * np.arange(360)
    heights = np.cos(np.radians(lon)) + lat[:, None] / 100
    with h5py.File(path, "w") as file:
        file["lon"], file["lat"] = lon, lat
        data = file.create_dataset("mss", data=np.rint(heights / 1e-4).astype(np.int16), chunks=(60, 60))
        data.attrs["scale_factor"], data.attrs["_FillValue"] = 1e-4, np.int16(-32768)
    return path


def test_polar_geotiff(tmp_path: Path) -> None:
    surface = mean_sea_surface(polar_grid(tmp_path / "mss.tif"))
    back = Transformer.from_crs(3413, 4326, always_xy=True)
    x, y = np.random.default_rng(0).uniform(-900_000, 900_000, (2, 500))
    lon, lat = back.transform(x, y)
    np.testing.assert_allclose(surface(lon, lat), x / 1e6 + y / 2e6 + 5.0, atol=1e-6)
    outside = surface(*back.transform(np.array([-947_000.0, 1_200_000.0]), np.array([943_000.0, 0.0])))
    assert np.isnan(outside).all()


@pytest.mark.parametrize("first", [0.25, -179.75])
def test_global_netcdf_goes_round(tmp_path: Path, first: float) -> None:
    surface = mean_sea_surface(global_netcdf(tmp_path / "mss.nc", first))
    lon = np.r_[np.linspace(-180, 180, 73), 179.99, -179.99, 0.01, -0.01, 359.99]
    lat = np.full(len(lon), 70.1)
    expected = np.cos(np.radians(lon)) + 0.701
    np.testing.assert_allclose(surface(lon, lat), expected, atol=2e-4)


def test_netcdf_with_a_reference_system(tmp_path: Path) -> None:
    x, y = np.arange(-50.0, 50.0) * 1e4, np.arange(60.0, -60.0, -1.0) * 1e4
    with h5py.File(tmp_path / "polar.nc", "w") as file:
        file["x"], file["y"] = x, y
        data = file.create_dataset("mean_sea_surface", data=x / 1e6 + y[:, None] / 1e6)
        data.attrs["grid_mapping"] = np.bytes_("polar")
        file.create_group("polar").attrs["crs_wkt"] = CRS.from_epsg(3031).to_wkt()
    surface = mean_sea_surface(tmp_path / "polar.nc")
    lon, lat = Transformer.from_crs(3031, 4326, always_xy=True).transform(123_456.0, -234_567.0)
    assert surface(np.array([lon]), np.array([lat]))[0] == pytest.approx(0.123456 - 0.234567, abs=1e-6)


def small_netcdf(path: Path, variables: dict[str, np.ndarray], **standard_names: str) -> Path:
    """Variables on 30 x 40 degrees of the north."""
    with h5py.File(path, "w") as file:
        file["lon"], file["lat"] = np.arange(40.0), 50.0 + np.arange(30.0)
        for name, values in variables.items():
            file[name] = values
        for name, words in standard_names.items():
            file[name].attrs["standard_name"] = words
    return path


def test_the_heights_are_never_guessed(tmp_path: Path) -> None:
    at = np.array([10.0]), np.array([60.0])
    error, height = np.zeros((30, 40)), np.full((30, 40), 25.0)
    two = {"error": error, "surface": height}
    with pytest.raises(InputError, match="which of error, surface") as told:
        mean_sea_surface(small_netcdf(tmp_path / "a.nc", two))
    assert "a.nc" in told.value.line
    standard = "mean_sea_surface_height_above_reference_ellipsoid"
    for k, (variables, names) in enumerate(
        [(two, {"surface": standard}), ({"error": error, "mss": height}, {}), ({"other": height[None]}, {})]
    ):
        surface = mean_sea_surface(small_netcdf(tmp_path / f"{k}.nc", variables, **names))
        assert surface(*at)[0] == 25.0
        surface.close()


@pytest.mark.parametrize("name", ["mss.nc", "mss.tif"])
def test_a_grid_damaged_inside_is_told_when_read(tmp_path: Path, name: str) -> None:
    lon, lat = np.linspace(-50, -40, 500), np.linspace(83, 87, 500)
    path = tmp_path / name
    if name.endswith(".nc"):
        global_netcdf(path)
        with h5py.File(path, "r+") as file:
            data = file["mss"][:]
            del file["mss"]
            packed = file.create_dataset("mss", data=data, chunks=(60, 60), compression="gzip")
            places = [packed.id.get_chunk_info(k) for k in range(packed.id.get_num_chunks())]
        blocks = [(place.byte_offset, place.size) for place in places]
    else:
        polar_grid(path)
        with rasterio.open(path) as source:
            heights, profile = source.read(), source.profile
        with rasterio.open(path, "w", **{**profile, "compress": "deflate"}) as target:
            target.write(heights)
        blocks = [(2000, path.stat().st_size - 4000)]
    with path.open("r+b") as stream:
        for offset, size in blocks:
            stream.seek(offset)
            stream.write(b"\xff" * size)
    surface = mean_sea_surface(path)
    with pytest.raises(InputError, match="damaged") as error:
        surface(lon, lat)
    assert name in error.value.line


def test_the_geoid_stands_in_where_the_grid_ends(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A granule half of which lies outside the grid has no step of the geoid's height in its middle."""
    path = make_granule(tmp_path / "g.h5", Recipe(pieces=((9_000_000.0, 120),)))
    source = Atl03Source(path, "G")
    geoid = pa.concat_tables(segment_tables(source, "gt1r", Resample())).to_pandas()
    edge = float(geoid["lat"].median())
    with h5py.File(tmp_path / "half.nc", "w") as file:
        file["lon"], file["lat"] = np.arange(-180.0, 180.0, 0.5), edge + np.arange(40) * 0.25
        file["mss"] = np.full((40, 720), 7.0)
    stage = Resample(mean_sea_surface=str(tmp_path / "half.nc"))
    found = pa.concat_tables(segment_tables(source, "gt1r", stage)).to_pandas()
    source.window("gt1r", 9_000_100.0, 9_000_200.0, stage)
    source.close()
    inside = found["reference_height"] == 7.0
    assert 0.2 < inside.mean() < 0.8
    beyond = found[~inside].merge(geoid, on="segment", suffixes=("", "_geoid"))
    np.testing.assert_allclose(beyond["reference_height"], beyond["reference_height_geoid"], atol=0.01)
    assert not (found["quality"] & int(Quality.NO_REFERENCE_HEIGHT)).any()
    assert sum("geoid stands in" in record.message for record in caplog.records) == 1


def test_bad_grids(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("no raster")
    with h5py.File(tmp_path / "empty.nc", "w") as file:
        file["lon"] = np.arange(4.0)
    with pytest.raises(MissingError):
        mean_sea_surface(tmp_path / "nowhere.tif")
    with pytest.raises(InputError, match="not a raster"):
        mean_sea_surface(tmp_path / "text.tif")
    with pytest.raises(InputError, match="axis lat"):
        mean_sea_surface(tmp_path / "empty.nc")


def test_segments_over_a_grid(tmp_path: Path) -> None:
    stage = Resample(mean_sea_surface=str(global_netcdf(tmp_path / "mss.nc")))
    source = Atl03Source(make_granule(tmp_path / "g.h5", Recipe(pieces=((9_000_000.0, 40),))), "G")
    table = pa.concat_tables(segment_tables(source, "gt1r", stage)).to_pandas()
    expected = np.cos(np.radians(table["lon"])) + table["lat"] / 100
    np.testing.assert_allclose(table["reference_height"], expected, atol=2e-4)
    assert not (table["quality"] & int(Quality.NO_REFERENCE_HEIGHT)).any()
    source.close()
    elsewhere = Resample(mean_sea_surface=str(polar_grid(tmp_path / "mss.tif")))
    with h5py.File(tmp_path / "g.h5", "r+") as file:
        file["gt1r/geolocation/reference_photon_lat"][:] = -70.0
    south = Atl03Source(tmp_path / "g.h5", "G")
    with pytest.raises(InputError, match="does not cover"):
        next(iter(segment_tables(south, "gt1r", elsewhere)))
    south.close()
