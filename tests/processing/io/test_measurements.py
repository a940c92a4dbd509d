"""Tables of other measurements: formats read the same, times and units, what is left out, one line for bad ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xarray

from processing.errors import InputError
from processing.io.measurements import identify, read
from processing.io.recognise import take_stock

TIMES = np.array(["2019-11-04T19:53:11.25", "2019-11-04T19:53:12.5", "2019-11-04T20:00:00"], "datetime64[ns]")
FRAME = pd.DataFrame(
    {
        "lat": [-74.6, -74.7, -75.0],
        "lon": [188.8, -171.3, -180.0],
        "freeboard": [31.0, 35.0, np.nan],
        "sigma": [4, 5, 6],
    }
)


def as_csv(folder: Path) -> Path:
    frame = FRAME.rename(columns={"freeboard": "freeboard (cm)", "sigma": "sigma [cm]"}).assign(time=TIMES)
    frame.to_csv(folder / "flight.csv", index=False, sep=";", date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    return folder / "flight.csv"


def as_parquet(folder: Path) -> Path:
    stamps = pd.Series(TIMES).dt.tz_localize("UTC").dt.tz_convert("Pacific/Auckland")
    table = pa.Table.from_pandas(FRAME.assign(time=stamps), preserve_index=False)
    kinds = [field.with_metadata({"unit": "cm"}) if field.name == "freeboard" else field for field in table.schema]
    pq.write_table(table.cast(pa.schema(kinds)), folder / "flight.parquet")
    return folder / "flight.parquet"


def as_netcdf(folder: Path, engine: str = "h5netcdf") -> Path:
    since = (TIMES - np.datetime64("2000-01-01", "ns")) / np.timedelta64(1, "s")
    data = xarray.Dataset(
        {
            "latitude": ("n", FRAME["lat"]),
            "longitude": ("n", FRAME["lon"]),
            "time": ("n", since, {"units": "seconds since 2000-01-01 00:00:00"}),
            "snow_freeboard": ("n", FRAME["freeboard"] / 100, {"units": "m"}),
            "snow_freeboard_uncertainty": ("n", FRAME["sigma"].astype(float), {"units": "cm"}),
        }
    )
    packed = {"snow_freeboard": {"dtype": "i2", "scale_factor": 0.01, "_FillValue": -9999}}
    data.to_netcdf(folder / "flight.nc", engine=engine, encoding=packed)
    return folder / "flight.nc"


@pytest.mark.parametrize("write", [as_csv, as_parquet, as_netcdf, lambda folder: as_netcdf(folder, "scipy")])
def test_formats_read_the_same(write, tmp_path: Path) -> None:
    found = read(write(tmp_path))
    assert found.name == "flight"
    assert found.time.tolist() == TIMES[:2].tolist()
    np.testing.assert_allclose(found.lat, [-74.6, -74.7])
    np.testing.assert_allclose(found.lon, [-171.2, -171.3])
    np.testing.assert_allclose(found.values["freeboard"], [0.31, 0.35])
    np.testing.assert_allclose(found.sigmas["freeboard"], [0.04, 0.05])
    assert (found.read, dict(found.refused)) == (3, {"without a value": 1})


def table(folder: Path, text: str, name: str = "t.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "time,lat,lon,thickness,snow_depth\n"
        "2019-11-04T12:00:00,80,10,2.0,0.2\n"
        "2019-11-04T11:00:00+01:00,80,10,2.5,0.2\n"
        "2019-11-04T12:00:00Z,80,10,2.0,0.2\n"
        "2019-11-04,80,10,2.0,0.2\n"
        "2019-11-04T12:00:00,95,10,2.0,0.2\n"
        "2019-11-04T12:00:00,80,400,2.0,0.2\n"
        "2019-11-04T12:00:00,,10,2.0,0.2\n"
        "2019-11-04T12:00:00,90,10,-9999,0.2\n"
        "2019-11-04T12:00:00,90,10,77,0.2\n",
    )
    found = read(path)
    assert found.row.tolist() == [1, 0]
    assert found.values["thickness"].tolist() == [2.5, 2.0]
    assert dict(found.refused) == {
        "without a time": 1,
        "without a position": 1,
        "at impossible positions": 2,
        "without a value": 1,
        "with impossible values": 1,
        "twice": 1,
    }


def test_airborne_layouts(tmp_path: Path) -> None:
    quicklook = table(
        tmp_path,
        "lat, lon, thickness, thickness_unc, mean_fb, fb_unc, snow_depth, snow_depth_unc, date, elapsed\n"
        "82.5, 300.5, 2.5, 0.6, 0.45, 0.08, 0.25, 0.06, 20190408, 86401.5\n",
        "IDCSI4_20190408.txt",
    )
    found = read(quicklook)
    assert found.time.tolist() == [np.datetime64("2019-04-09T00:00:01.5", "ns").astype(int)]
    assert (found.values["freeboard"][0], found.sigmas["freeboard"][0], found.snow_sigma[0]) == (0.45, 0.08, 0.06)
    assert (found.values["thickness"][0], found.sigmas["thickness"][0], found.lon[0]) == (2.5, 0.6, -59.5)
    mapper = table(
        tmp_path,
        "# made for a test\n# unix_time, Latitude(deg), ELongitude(deg), WGS84_Ellipsoid_Height(m)\n"
        "1572897191.5, 74.5, 188.9, -54.25\n",
        "mapper.csv",
    )
    found = read(mapper, {"time": "unix_time"})
    assert found.time[0] == np.datetime64("2019-11-04T19:53:11.5", "ns")
    assert found.values["elevation"].tolist() == [-54.25]


def test_dates_beside_clocks_and_commas_for_points(tmp_path: Path) -> None:
    text = "lat;lon;date;time;freeboard\n80,5;10,5;2019-11-04;12:30:05.5;0,31\n80,5;10,5;2019-11-04;12:31;0,32\n"
    found = read(table(tmp_path, text))
    assert found.values["freeboard"].tolist() == [0.31, 0.32]
    times = ["2019-11-04T12:30:05.500", "2019-11-04T12:31:00.000"]
    assert np.datetime_as_string(found.time, "ms").tolist() == times


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("lat,lon,time", "1,2,2019-11-04T12:00", "lacks a quantity"),
        ("lat,lon,freeboard", "1,2,0.3", "lacks time"),
        ("time,freeboard", "2019-11-04T12:00,0.3", "lacks latitude or lat, longitude or lon"),
        ("lat,lon,time,freeboard", "80,2,12345,0.3", "without a zero of time"),
        ("lat,lon,time,freeboard", "80,2,noon on Tuesday,0.3", "holds no time"),
        ("lat,lon,time,freeboard", "80,2,2019-11-04T12:00,thick", "holds no numbers"),
        ("lat,lon,time,freeboard", "80,2,2019-11-04T12:00,31", "no freeboard in m"),
        ("lat,lon,time,freeboard (ft)", "80,2,2019-11-04T12:00,1", "no length"),
        ("lat,lon,time,freeboard", "80,2,2019-11-04T12:00,", "no row can be used"),
        ("lat,lon,time,radar_freeboard", "80,2,2019-11-04T12:00,0.1", "radar_freeboard must first be made"),
    ],
)
def test_bad_tables_give_one_line(tmp_path: Path, header: str, row: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read(table(tmp_path, f"{header}\n{row}\n"))
    assert "\n" not in caught.value.line


def test_columns_and_units_can_be_said(tmp_path: Path) -> None:
    path = table(tmp_path, "lat,lon,tai,fb_cm\n80,2,600000000,31\n")
    found = read(path, {"time": "tai", "freeboard": "fb_cm"}, {"time": "seconds since 2000-01-01", "freeboard": "cm"})
    assert found.values["freeboard"].tolist() == [0.31]
    assert found.time[0] == np.datetime64("2019-01-05T10:40", "ns")
    for columns, units, words in (
        ({"time": "nowhere"}, {}, "no column 'nowhere'"),
        ({"colour": "tai"}, {}, "no such quantity"),
        ({"time": "tai"}, {"colour": "m"}, "no such quantity"),
    ):
        with pytest.raises(InputError, match=words):
            read(path, {"freeboard": "fb_cm"} | columns, units)


def test_freeboard_of_ice_alone_is_not_that_of_the_surface(tmp_path: Path) -> None:
    path = as_netcdf(tmp_path)
    with xarray.open_dataset(path, engine="h5netcdf") as whole:
        data = whole.rename({"snow_freeboard": "freeboard"}).drop_vars("snow_freeboard_uncertainty").load()
    data["freeboard"].attrs["standard_name"] = "sea_ice_freeboard"
    data.to_netcdf(tmp_path / "ice.nc", engine="h5netcdf")
    assert list(read(tmp_path / "ice.nc").values) == ["ice_freeboard"]
    grid = xarray.Dataset(
        {"freeboard": (("y", "x"), np.zeros((2, 2))), "lat": ("y", [80.0, 81]), "lon": ("x", [1.0, 2])}
    )
    grid["time"] = ("y", [0.0, 1.0], {"units": "seconds since 2019-01-01"})
    grid.to_netcdf(tmp_path / "grid.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="lacks a quantity"):
        read(tmp_path / "grid.nc")


def test_recognised_beside_photons_and_exports(tmp_path: Path) -> None:
    path = as_csv(tmp_path)
    photons = "lat_ph,lon_ph,h_ph,delta_time,x_atc,signal_conf_ph\n80,1,0.1,100,1,4\n80.1,1,0.1,100.1,2,4\n"
    table(tmp_path, photons, "photons_gt1l.csv")
    table(tmp_path, "lat,lon,height,time,x_atc,weight\n80,1,0.1,100,1,90\n80.1,1,0.1,101,2,90\n", "other_gt1l.csv")
    table(tmp_path, "granule_id,beam,segment,time,lat,lon,freeboard\nA,gt1l,1,2019-11-04T12:00,80,1,0.2\n", "own.csv")
    inventory = take_stock((tmp_path,))
    assert sorted((item.kind, item.ident) for item in inventory.found) == [
        ("measurements", "flight"),
        ("photon_table", "other_gt1l"),
        ("photon_table", "photons_gt1l"),
    ]
    summary = next(item.summary for item in inventory.found if item.kind == "measurements")
    assert "2 of 3 rows" in summary
    assert "1 without a value" in summary
    assert identify(path.with_name("own.csv")) is None
