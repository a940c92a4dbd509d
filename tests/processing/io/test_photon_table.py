"""Photon tables as other tools write them."""

from __future__ import annotations

import gc
import logging
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from made_granules import Recipe, make_granule

from processing.errors import InputError
from processing.io.atl03 import Atl03Source
from processing.io.photon_columns import along_track, read_columns
from processing.io.photon_table import PhotonTableSource, identify
from processing.local.resample import segment_tables
from processing.schema import Quality
from processing.stages import Resample


def granule_table(path: Path) -> pd.DataFrame:
    """Photons of a made granule as a table with the commonest names."""
    import h5py

    with h5py.File(path) as file:
        heights = {name: data[:] for name, data in file["gt1r/heights"].items()}
        start = file["gt1r/geolocation/segment_dist_x"][:]
        count = file["gt1r/geolocation/segment_ph_cnt"][:]
    heights["signal_conf_ph"] = heights["signal_conf_ph"][:, 2]
    heights["x_atc"] = np.repeat(start, count) + heights["dist_ph_along"]
    heights["segment_dist"] = np.repeat(start, count)
    return pd.DataFrame(heights)


def resampled(path: Path, beam: str = "gt1r") -> pd.DataFrame:
    source = PhotonTableSource(path, "T", beam)
    return pa.concat_tables(segment_tables(source, source.beams[0], Resample())).to_pandas()


@pytest.fixture(scope="module")
def granule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Pieces begin on the grid of 20 m into which tables are sorted, so that both sources share their segments.
    recipe = Recipe(pieces=((9_000_000.0, 30), (9_004_000.0, 12)))
    return make_granule(tmp_path_factory.mktemp("granule") / "g.h5", recipe)


@pytest.fixture(scope="module")
def photons(granule: Path) -> pd.DataFrame:
    return granule_table(granule)


def test_table_gives_the_granules_windows(granule: Path, photons: pd.DataFrame, tmp_path: Path) -> None:
    """Without corrections in the table: the same photons, positions, shots and spread; heights above the ellipsoid."""
    path = tmp_path / "photons_gt1r.csv.gz"
    photons.drop(columns=["dist_ph_along", "segment_dist", "weight_ph"]).to_csv(path, index=False)
    table = resampled(path)
    source = Atl03Source(granule, "G")
    expected = pa.concat_tables(segment_tables(source, "gt1r", Resample())).to_pandas()
    source.close()
    both = expected.merge(table, on="segment", suffixes=("", "_table"))
    assert len(both) == len(expected)
    clear = both["photon_count"] == both["photon_count_table"]
    assert clear.mean() > 0.9
    both = both[clear]
    np.testing.assert_allclose(both["height_ellipsoid_table"], both["height_ellipsoid"], atol=2e-3)
    np.testing.assert_allclose(both["height_std_table"], both["height_std"], atol=2e-3)
    np.testing.assert_allclose(both["lat_table"], both["lat"], atol=5e-7)
    assert (both["pulse_count_table"] == both["pulse_count"]).mean() > 0.98
    assert (both["height_mean_table"] == both["height_ellipsoid_table"]).all()
    assert both["reference_height_table"].isna().all()
    assert (both["quality_table"] & int(Quality.NO_REFERENCE_HEIGHT)).all()


def test_names_of_other_tools(photons: pd.DataFrame, tmp_path: Path) -> None:
    plain = tmp_path / "a_gt1r.parquet"
    photons.to_parquet(plain)
    expected = resampled(plain)
    stamps = pd.Timestamp("2018-01-01") + pd.to_timedelta(np.rint(photons["delta_time"] * 1e9).astype("int64"))
    points = shapely.points(photons["lon_ph"], photons["lat_ph"])
    other = pd.DataFrame(
        {
            "time": stamps,
            "height": photons["h_ph"],
            "geometry": shapely.to_wkb(points),
            "segment_dist": photons["segment_dist"],
            "x_atc": photons["dist_ph_along"],
            "atl03_cnf": photons["signal_conf_ph"],
            "quality_ph": photons["quality_ph"],
            "yapc_score": photons["weight_ph"],
            "gt": 20,
        }
    ).set_index("time")
    other.to_parquet(tmp_path / "other.parquet")
    found = resampled(tmp_path / "other.parquet", beam="")
    assert set(found["beam"]) == {"gt1r"}
    for name in ("segment", "photon_count", "photon_count_high", "pulse_count"):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    np.testing.assert_allclose(found["height_mean"], expected["height_mean"], atol=1e-6)
    np.testing.assert_allclose(found["lon"], expected["lon"], atol=1e-9)


def test_corrections_in_the_table_are_used(photons: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "a_gt1r.parquet"
    photons.assign(geoid=12.0, geoid_free2mean=-0.25, tide_ocean=0.5, dac=0.125, background_rate=2e6).to_parquet(path)
    found = resampled(path)
    np.testing.assert_allclose(found["height_ellipsoid"] - found["height_mean"], 11.75 + 0.5 + 0.125, atol=1e-5)
    assert not found["quality"].any()
    assert (found["background_rate"] == 2e6).all()


def test_incomplete_rows_are_counted_and_left_out(
    photons: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, whole = tmp_path / "a_gt1r.csv", tmp_path / "b_gt1r.csv"
    torn = photons.copy()
    torn.loc[5:9, "h_ph"] = np.nan
    torn.loc[20, "lat_ph"] = np.nan
    torn.to_csv(path, index=False)
    torn.drop(index=[*range(5, 10), 20]).to_csv(whole, index=False)
    with caplog.at_level(logging.WARNING):
        found = resampled(path)
    assert f"6 of {len(photons)} rows" in caplog.text
    pd.testing.assert_frame_equal(found, resampled(whole))
    identified = identify(path)
    assert identified is not None
    assert "6 incomplete rows" in identified.summary


EPOCH_NS = 1_514_764_800_000_000_000


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda seconds: seconds.astype("int64"), "delta_time"),
        (lambda seconds: np.rint(seconds * 1e9).astype("int64") + EPOCH_NS, "time_ns"),
        (lambda seconds: (np.rint(seconds * 1e9).astype("int64") + EPOCH_NS).astype(float), "time"),
        (lambda seconds: pd.to_datetime(np.rint(seconds * 1e9).astype("int64") + EPOCH_NS), "time_ns"),
    ],
    ids=["whole seconds", "nanoseconds", "nanoseconds as floats", "stamps"],
)
@pytest.mark.parametrize("index", [False, True])
def test_times_of_every_kind(change: object, name: str, index: bool, photons: pd.DataFrame, tmp_path: Path) -> None:
    some = photons.head(300).drop(columns="delta_time")
    times = change(photons["delta_time"].head(300))  # type: ignore[operator]
    some = some.assign(**{name: times})
    (some.set_index(name) if index else some).to_parquet(tmp_path / "a_gt1r.parquet")
    found = read_columns(tmp_path / "a_gt1r.parquet", "gt1r").time
    atol = 1.0 if times.dtype == "int64" and name == "delta_time" else 1e-6
    np.testing.assert_allclose(found, photons["delta_time"].head(300), rtol=0, atol=atol)


def test_fill_and_rows_without_a_beam_are_left_out(photons: pd.DataFrame, tmp_path: Path) -> None:
    """The products' fill values are finite numbers, and a row without a beam is of none."""
    some = photons.head(400).drop(columns=["segment_dist", "dist_ph_along"]).assign(beam="gt1r")
    some = some.astype({"beam": object})
    for row, column, value in ((3, "lat_ph", 3.4028235e38), (5, "lat_ph", 95.0), (8, "delta_time", 1.8e307)):
        some.loc[row, column] = value
    some.loc[10:12, "beam"] = None
    some.loc[14, "x_atc"] = 1.7976931348623157e308
    some.to_parquet(tmp_path / "a.parquet")
    source = PhotonTableSource(tmp_path / "a.parquet", "T")
    assert (source.beams, source.dropped) == (("gt1r",), 7)
    assert source.photon_count("gt1r") == 393
    assert np.abs(source.layout("gt1r").lat).max() < 90
    pair = photons.head(400).assign(track=1.0, pair=1.0)
    pair.loc[10:12, "pair"] = np.nan
    pair.to_parquet(tmp_path / "b.parquet")
    assert PhotonTableSource(tmp_path / "b.parquet", "T").beams == ("gt1r",)
    assert read_columns(tmp_path / "b.parquet").dropped == 3


def test_one_beam_at_a_time_is_kept_in_order(photons: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "many.parquet"
    pd.concat([photons.assign(beam="gt2l"), photons.assign(beam="gt3r", h_ph=photons["h_ph"] + 1)]).to_parquet(path)
    source = PhotonTableSource(path, "T")
    first = weakref.ref(source._beam("gt2l"))
    x = float(photons["x_atc"].iloc[0])
    high = source.window("gt3r", x, x + 50, Resample())
    gc.collect()
    assert first() is None
    low = source.window("gt2l", x, x + 50, Resample())
    np.testing.assert_allclose(high.height - low.height, 1.0, atol=1e-5)


def test_several_beams(photons: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "many.parquet"
    pd.concat([photons.assign(beam="GT2L"), photons.assign(beam="gt3r")]).to_parquet(path)
    source = PhotonTableSource(path, "T")
    assert source.beams == ("gt2l", "gt3r")
    assert source.photon_count("gt2l") == source.photon_count("gt3r") == len(photons)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns=["h_ph", "delta_time"]), "lacks h_ph or height, delta_time or time"),
        (lambda t: t.drop(columns=["signal_conf_ph", "weight_ph"]), "signal_conf_ph or weight_ph"),
        (lambda t: t.drop(columns=["x_atc", "segment_dist"]), "x_atc"),
        (lambda t: t.drop(columns=["signal_conf_ph"]).assign(weight_ph=3000), "beyond 255"),
        (lambda t: t.assign(h_ph="high"), "not numbers"),
        (lambda t: t.assign(track=0, pair=1), "track 0 with pair 1 is no beam"),
        (lambda t: t.drop(columns="dist_ph_along").assign(x_atc=1.7976931348623157e308), "no complete row"),
        (lambda t: t.drop(columns="dist_ph_along").head(0), "no complete row"),
        (lambda t: t.assign(lat_ph=np.nan), "no complete row"),
        (lambda t: t.assign(granule_id=np.where(t.index % 2, "A", "B")), "several granules"),
    ],
)
def test_tables_refused(change: object, words: str, photons: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "bad_gt1r.csv"
    change(photons.head(50)).to_csv(path, index=False)  # type: ignore[operator]
    with pytest.raises(InputError, match=words) as error:
        identify(path)
    assert "bad_gt1r.csv" in error.value.line
    assert "\n" not in error.value.line


def test_beam_must_be_known(photons: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "ross.csv"
    photons.head(50).to_csv(path, index=False)
    with pytest.raises(InputError, match="--beam"):
        identify(path)
    found = identify(path, "gt2l")
    assert found is not None
    assert found.details == {"beam": "gt2l", "beams": ["gt2l"]}


def test_other_tables_are_not_photons(tmp_path: Path) -> None:
    pq.write_table(pa.table({"station": [1, 2], "snow": [0.1, 0.2]}), tmp_path / "snow.parquet")
    assert identify(tmp_path / "snow.parquet") is None


def test_along_track_is_recovered_from_rounded_distances() -> None:
    rng = np.random.default_rng(0)
    start = 9_180_867.3 + 20.0057 * np.arange(30)
    owner = np.sort(rng.integers(0, 30, 4000))
    along = rng.uniform(0, 20, 4000)
    exact = start[owner] + along
    rounded = exact.astype(np.float32).astype(float)
    assert np.abs(rounded - exact).max() > 0.4
    assert np.abs(along_track(rounded, None, along) - exact).max() < 0.03
    np.testing.assert_array_equal(along_track(exact, None, along), exact)
    np.testing.assert_allclose(along_track(start[owner], None, along), exact)
    np.testing.assert_allclose(along_track(along, start[owner], None), exact)
    np.testing.assert_allclose(along_track(exact, start[owner], None), exact)


def test_real_pairs(shared_data: Path) -> None:
    """Shots lie 0.71 m apart once distances are mended, and the two stretches of one track stay apart."""
    paths = sorted((shared_data / "coincident").glob("*/photons.csv.gz"))
    found = [identify(path) for path in paths]
    assert len({item.ident for item in found if item}) == 7
    assert [item.details["beam"] for item in found if item] == [path.parent.name[-4:] for path in paths]
    table = resampled(paths[5], "gt3r")
    assert len(table) == 398
    assert table["pulse_count"].mean() == pytest.approx(2 / 0.71, rel=0.01)
    assert table["height_median"].median() == pytest.approx(27.9, abs=0.2)
    expected = Quality.SIGNAL_FROM_WEIGHT | Quality.NO_BACKGROUND | Quality.NO_REFERENCE_HEIGHT
    assert set(table["quality"]) == {int(expected | Quality.NO_OCEAN_TIDE | Quality.NO_DAC)}
