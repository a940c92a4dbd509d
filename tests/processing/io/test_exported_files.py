"""Files of every format give back what was written: values, units, gaps, times, text, tracks without rows."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from shapely import from_wkb

from processing.core.polar_grid import GridMaps
from processing.io import cf
from processing.io.exported import PROVENANCE, Exported, write_csv, write_parquet
from processing.io.geoparquet import points, write_geoparquet
from processing.io.netcdf import write_netcdf
from processing.io.netcdf_grid import write_grid

TRACKS = (("A", "gt1l"), ("A", "gt2r"), ("B", "gt1l"))
TIME = np.datetime64("2019-11-04T19:53:11.123456789", "ns")
FIELDS = pa.schema(
    [
        pa.field(name, kind, metadata={"unit": unit, "meaning": f"the {name}"})
        for name, kind, unit in (
            ("granule_id", pa.string(), ""),
            ("beam", pa.string(), ""),
            ("segment", pa.int64(), "1"),
            ("x_atc", pa.float64(), "m"),
            ("time", pa.timestamp("ns", tz="UTC"), ""),
            ("lat", pa.float64(), "degree"),
            ("lon", pa.float64(), "degree"),
            ("label", pa.int8(), "1"),
            ("sea_surface_robust", pa.float32(), "m"),
            ("sea_surface_sigma", pa.float32(), "m"),
            ("sea_surface_source", pa.int8(), "1"),
            ("freeboard", pa.float32(), "m"),
            ("freeboard_sigma", pa.float32(), "m"),
            ("lead_id", pa.int32(), "1"),
            ("flags", pa.uint32(), "1"),
            ("cut", pa.bool_(), "1"),
            ("analyst", pa.string(), ""),
        )
    ]
)
WHAT = Exported("Made rows", FIELDS, TRACKS, json.dumps({"software": "leadline", "links": []}), synthetic=True)


def part(track: tuple[str, str], rows: int, first: int) -> pa.Table:
    number = np.arange(first, first + rows)
    values = {
        "granule_id": [track[0]] * rows,
        "beam": [track[1]] * rows,
        "segment": number,
        "x_atc": 2.0 * number + 1.0,
        "time": pa.array(TIME + 285_714 * number, pa.timestamp("ns")).cast(pa.timestamp("ns", tz="UTC")),
        "lat": 74.0 + 1e-5 * number,
        "lon": 179.9999 + 1e-5 * number - 360.0 * (number > 7),
        "label": (number % 4 - 1).astype(np.int8),
        "sea_surface_robust": np.full(rows, 0.1),
        "sea_surface_sigma": np.full(rows, 0.01),
        "sea_surface_source": np.ones(rows, np.int8),
        "freeboard": np.where(number % 3 == 0, np.nan, 0.1 * number - 0.3),
        "freeboard_sigma": np.full(rows, 0.05),
        "lead_id": np.where(number % 4 == 3, 5, -1),
        "flags": number % 2,
        "cut": number % 2 == 0,
        "analyst": [("", "Ann B.", "C")[each % 3] for each in number],
    }
    return pa.table([pa.array(values[name]).cast(FIELDS.field(name).type) for name in FIELDS.names], schema=FIELDS)


def parts() -> list[pa.Table]:
    return [part(TRACKS[0], 5, 0), part(TRACKS[1], 0, 0), part(TRACKS[2], 7, 5)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported")
    for name, write in (
        ("rows.parquet", write_parquet),
        ("rows.geo.parquet", write_geoparquet),
        ("rows.csv", write_csv),
        ("rows.nc", write_netcdf),
    ):
        assert write(out / name, WHAT, iter(parts())) == 12
    maps = {name: np.full((3, 2), 0.3, np.float32) for name in ("freeboard", "freeboard_sigma", "thickness")}
    maps["freeboard"][0, 1] = np.nan
    x, y = np.array([-2e5, -1e5]), np.array([-1.6e6, -1.7e6, -1.8e6])
    for name, epsg in (("north.nc", 3413), ("south.nc", 3031)):
        write_grid(out / name, GridMaps(epsg, 1e5, x, y, maps), WHAT.provenance, synthetic=True)
    return out


def test_parquet_keeps_values_units_and_provenance(folder: Path) -> None:
    found = pq.read_table(folder / "rows.parquet")
    whole = pa.concat_tables(parts())
    assert found.drop_columns("freeboard").equals(whole.drop_columns("freeboard"))
    np.testing.assert_array_equal(found["freeboard"].to_numpy(), whole["freeboard"].to_numpy())
    assert found.schema.field("freeboard").metadata == {b"unit": b"m", b"meaning": b"the freeboard"}
    assert json.loads(found.schema.metadata[PROVENANCE.encode()]) == json.loads(WHAT.provenance)
    assert found.schema.metadata[b"synthetic"] == b"true"


def test_geoparquet_opens_with_points_and_crs(folder: Path) -> None:
    found = geopandas.read_parquet(folder / "rows.geo.parquet")
    whole = pa.concat_tables(parts())
    assert found.crs == "OGC:CRS84"
    np.testing.assert_array_equal(found.geometry.x, whole["lon"].to_numpy())
    np.testing.assert_array_equal(found.geometry.y, whole["lat"].to_numpy())
    np.testing.assert_array_equal(found["freeboard"], whole["freeboard"].to_numpy())
    geo = json.loads(pq.read_metadata(folder / "rows.geo.parquet").metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], column["encoding"], column["geometry_types"]) == ("1.1.0", "WKB", ["Point"])
    west, south, east, north = column["bbox"]
    assert (south, north) == (74.0, 74.0 + 1e-5 * 11)
    assert (west, east) == pytest.approx((179.9999, -179.99999)), "the shorter way, across the date line"
    assert column["crs"]["id"] == {"authority": "OGC", "code": "CRS84"}


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90) | st.just(float("nan"))), max_size=20))
def test_points_are_those_of_well_known_binary(places: list[tuple[float, float]]) -> None:
    lon, lat = (np.array([place[axis] for place in places], np.float64) for axis in (0, 1))
    for one, x, y in zip(points(lon, lat).to_pylist(), lon, lat, strict=True):
        if np.isnan(y):
            assert one is None
        else:
            assert from_wkb(one).coords[0] == (x, y)


def test_csv_tells_times_in_utc_to_the_nanosecond_and_leaves_gaps(folder: Path) -> None:
    lines = (folder / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].replace('"', "").split(",") == FIELDS.names
    assert "2019-11-04 19:53:11.123456789Z" in lines[1]
    found = pyarrow.csv.read_csv(folder / "rows.csv")
    assert found["analyst"].to_pylist()[:3] == ["", "Ann B.", "C"]
    np.testing.assert_allclose(
        np.asarray(found["freeboard"], np.float32), pa.concat_tables(parts())["freeboard"].to_numpy(), rtol=1e-6
    )


def test_netcdf_gives_back_every_track(folder: Path) -> None:
    whole = pa.concat_tables(parts())
    with xr.open_dataset(folder / "rows.nc", engine="h5netcdf") as found:
        assert found.row_size.values.tolist() == [5, 0, 7]
        assert found.trajectory_id.values.tolist() == ["A/gt1l", "A/gt2r", "B/gt1l"]
        for name in ("segment", "x_atc", "lat", "lon", "label", "freeboard", "freeboard_sigma", "flags"):
            np.testing.assert_array_equal(found[name].values, whole[name].to_numpy())
        exact = whole["time"].to_numpy()
        apart = np.abs((found.time.values - exact).astype(np.int64))
        assert apart.max() <= 500, "times to the nearest microsecond"
        np.testing.assert_array_equal(np.isnan(found.lead_id.values), whole["lead_id"].to_numpy() == -1)
        assert found.freeboard.encoding["_FillValue"] != found.freeboard.encoding["_FillValue"], "NaN"
        meanings = found.analyst.attrs["flag_meanings"].split()
        assert [meanings[code] for code in found.analyst.values[:3]] == ["none", "Ann_B.", "C"]
        assert found.cut.values.tolist() == whole["cut"].to_pylist()


def test_netcdf_says_what_everything_is(folder: Path) -> None:
    with xr.open_dataset(folder / "rows.nc", engine="h5netcdf") as found:
        freeboard, label = found.freeboard.attrs, found.label.attrs
        assert (freeboard["standard_name"], freeboard["units"]) == ("sea_ice_freeboard", "m")
        assert freeboard["ancillary_variables"] == "freeboard_sigma sea_surface_source flags"
        assert found.freeboard_sigma.attrs["standard_name"] == "sea_ice_freeboard standard_error"
        assert label["flag_values"].tolist() == [-1, 0, 1, 2]
        assert label["flag_meanings"] == "unlabelled thick_ice thin_ice open_water"
        assert found.flags.attrs["flag_meanings"].split()[0] == "negative"
        assert found.flags.attrs["flag_masks"].dtype == np.uint32
        assert found.sea_surface_robust.attrs["standard_name"] == "sea_surface_height_above_geoid"
        assert found.attrs["Conventions"] == "CF-1.11"
        assert found.attrs["title"] == "SYNTHETIC: Made rows"
        assert json.loads(found.attrs["provenance"])["software"] == "leadline"
        assert found.crs.attrs["grid_mapping_name"] == "latitude_longitude"


def test_a_file_without_any_row_is_whole(tmp_path: Path) -> None:
    for name, write in (("a.parquet", write_geoparquet), ("a.nc", write_netcdf), ("a.csv", write_csv)):
        assert write(tmp_path / name, WHAT, iter([])) == 0
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as found:
        assert (found.sizes["obs"], found.row_size.values.tolist()) == (0, [0, 0, 0])
    assert len(geopandas.read_parquet(tmp_path / "a.parquet")) == 0


@pytest.mark.parametrize("write", [write_parquet, write_geoparquet, write_csv, write_netcdf])
def test_what_is_interrupted_leaves_the_former_file_and_nothing_else(write: object, tmp_path: Path) -> None:
    def stopped() -> Iterator[pa.Table]:
        yield parts()[0]
        raise KeyboardInterrupt

    (tmp_path / "out").write_text("former", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out", WHAT, stopped())  # type: ignore[operator]
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_text(encoding="utf-8") == "former"


def test_grids_have_projected_coordinates(folder: Path) -> None:
    with xr.open_dataset(folder / "south.nc", engine="h5netcdf") as found:
        assert found.x.attrs["standard_name"] == "projection_x_coordinate"
        assert found.crs.attrs["grid_mapping_name"] == "polar_stereographic"
        assert found.crs.attrs["latitude_of_projection_origin"] == -90.0
        assert float(found.lat[0, 0]) == pytest.approx(-75.1, abs=0.2)
        assert found.freeboard.attrs["ancillary_variables"] == "freeboard_sigma"
        assert np.isnan(found.freeboard.values).tolist() == [[False, True], [False, False], [False, False]]


def test_files_pass_a_checker_of_the_cf_conventions(folder: Path) -> None:
    """One check of the checker (domain variables) fails by itself on every ragged array, so it is left out."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("compliance-checker")),
            *("--test", cf.CONVENTIONS.lower().replace("-", ":"), "--criteria", "strict"),
            *("--skip-checks", "check_domain_variables"),
            *(str(folder / name) for name in ("rows.nc", "north.nc", "south.nc")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert done.stdout.count("All tests passed!") == 3, done.stdout[-3000:]
