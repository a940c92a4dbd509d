"""Stacks of bands in one GeoTIFF: band names, offset, time, coordinate system, damage."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray

from processing.core.tiles import Window
from processing.errors import InputError
from processing.io.sentinel2 import identify, open_scene
from processing.project import Input

NAME = "T33XWJ_20220413T150759.tif"


def stack(count: int = 4, low: int = 1030, high: int = 9000) -> NDArray[np.uint16]:
    """(count, 60, 80) digital numbers from ``low`` to ``high``."""
    return np.tile(np.linspace(low, high, 4800).reshape(60, 80), (count, 1, 1)).astype(np.uint16)


@pytest.mark.parametrize(
    ("number", "time"),
    [
        ("01", "2021-07-10T16:09:01"),
        ("02", "2021-07-10T16:09:01"),
        ("03", "2019-06-22T19:49:09"),
        ("04", "2019-06-22T19:49:09"),
        ("05", "2021-07-07T21:50:49"),
        ("06", "2021-07-07T14:17:41"),
        ("07", "2021-07-07T14:17:41"),
    ],
)
def test_real_scenes_open_with_time_and_offset(shared_data: Path, number: str, time: str) -> None:
    file = next((shared_data / "coincident").glob(f"{number}_*/scene.tif"))
    found = identify(file)
    assert found is not None
    assert found.ident == f"{file.parent.name}_scene"
    assert found.details["offset"] == -1000.0
    assert "offset -1000, since the darkest pixels" in found.summary
    with open_scene(Input(found.ident, found.kind, file, "", found.details)) as scene:
        assert scene.time == np.datetime64(time, "ns")
        assert scene.crs.to_epsg() in (32613, 32620, 32627, 32633)
        image = scene.read(("B02", "B03", "B04", "B08", "B11"))
        assert np.isnan(image[4]).all()
        assert 0.0 < np.nanmin(image) < 0.06
        assert 0.6 < np.nanmax(image) < 1.2
        assert scene.footprint().area > 0


def test_details_open_a_copy_that_lost_name_and_neighbours(made: ModuleType, tmp_path: Path) -> None:
    original = made.write_tif(tmp_path / NAME, stack(), names=("blue", "green", "red", "nir"))
    found = identify(original)
    assert found is not None
    copy = tmp_path / "elsewhere" / "a.tif"
    copy.parent.mkdir()
    copy.write_bytes(original.read_bytes())
    scene = open_scene(Input("kept", found.kind, copy, "", found.details))
    assert (scene.scene_id, scene.time) == ("kept", np.datetime64("2022-04-13T15:07:59", "ns"))
    assert scene.read(("B03",))[0, 0, 0] == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("low", "high", "name", "tags", "given", "offset"),
    [
        (1030, 9000, NAME, {}, {}, -1000),
        (40, 9000, NAME, {}, {}, 0),
        (3000, 9000, NAME, {}, {}, -1000),
        (3000, 9000, "T33XWJ_20190413T150759.tif", {}, {}, 0),
        (40, 9000, "S2A_MSIL1C_20220413T150759_N0400_R025_T33XWJ_20220413T160000.tif", {}, {}, -1000),
        (1030, 9000, "S2A_MSIL1C_20190413T150759_N0207_R025_T33XWJ_20190413T160000.tif", {}, {}, 0),
        (1030, 9000, NAME, {"BOA_ADD_OFFSET": "0"}, {}, 0),
        (40, 9000, NAME, {"PROCESSING_BASELINE": "05.09"}, {}, -1000),
        (1030, 9000, NAME, {"BOA_ADD_OFFSET": "-1000"}, {"offset": 0}, 0),
    ],
    ids=[
        "dark-1030",
        "dark-40",
        "bright-2022",
        "bright-2019",
        "name-N0400",
        "name-N0207",
        "tag",
        "baseline-tag",
        "told",
    ],
)
def test_offset_rule(
    made: ModuleType, tmp_path: Path, low: int, high: int, name: str, tags: dict[str, str], given: dict, offset: float
) -> None:
    found = identify(made.write_tif(tmp_path / name, stack(low=low, high=high), tags=tags), given)
    assert found is not None
    assert found.details["offset"] == offset


def test_scale_of_the_file_s_own_is_used(made: ModuleType, tmp_path: Path) -> None:
    import rasterio

    file = made.write_tif(tmp_path / NAME, stack(low=40))
    with rasterio.open(file, "r+") as out:
        out.scales, out.offsets = (0.0001,) * 4, (-0.1,) * 4
    found = identify(file)
    assert found is not None
    scene = open_scene(Input("a", found.kind, file, "", found.details))
    assert scene.read(("B04",))[0, 0, 0] == pytest.approx(0.004 - 0.1, abs=1e-6)


def test_float_is_reflectance_and_nan_or_its_nodata_is_missing(made: ModuleType, tmp_path: Path) -> None:
    planes = np.linspace(0.0, 0.9, 4800).reshape(1, 60, 80).repeat(5, 0).astype(np.float32)
    planes[:, 0, 1] = -9999.0
    names = ("B02", "B03", "B04", "B8A", "B11")
    file = made.write_tif(tmp_path / NAME, planes, names=names, nodata=-9999.0)
    found = identify(file)
    assert found is not None
    with open_scene(Input("a", found.kind, file, "", found.details)) as scene:
        assert scene.bands == ("B02", "B03", "B04", "B11")
        image = scene.read(scene.bands)
        assert np.isnan(image[:, 0, 1]).all()
        assert np.array_equal(image[0, 1:], planes[0, 1:])
        assert scene.read(("B02",), Window(20, 40, 20, 20), step=10)[0, 1, 1] == pytest.approx(
            planes[0, 30:40, 50:60].mean(), rel=1e-5
        )
    big = made.write_tif(tmp_path / "big" / NAME, planes * 10_000 + 1, names=names)
    with pytest.raises(InputError, match="are not reflectance"):
        identify(big)


@pytest.mark.parametrize("kind", ["uint16", "uint16 with nodata", "float32"])
def test_a_border_of_zeros_is_no_data_whatever_is_declared(made: ModuleType, tmp_path: Path, kind: str) -> None:
    planes = np.concatenate([stack(4, low=1030), np.full((1, 60, 80), 6, np.uint16)])
    planes[:, :, :20] = 0
    if kind == "float32":
        planes = np.concatenate([planes[:4].astype(np.float32) / 10_000, planes[4:]]).astype(np.float32)
    profile = {"nodata": 65_535} if "nodata" in kind else {}
    file = made.write_tif(tmp_path / NAME, planes, names=("B02", "B03", "B04", "B08", "SCL"), **profile)
    found = identify(file)
    assert found is not None
    assert found.details["offset"] == (0.0 if kind == "float32" else -1000.0)
    with open_scene(Input("a", found.kind, file, "", found.details)) as scene:
        image = scene.read(("B02", "B03", "B04", "B08"))
        assert np.isnan(image[..., :20]).all()
        assert np.isfinite(image[..., 20:]).all()
        assert np.isnan(scene.read(("B03",), step=4)[0, :, :5]).all()
        assert scene.footprint().area > 0


def test_a_scale_of_zero_is_none(made: ModuleType, tmp_path: Path) -> None:
    import rasterio

    file = made.write_tif(tmp_path / NAME, np.full((4, 60, 80), 0.5, np.float32))
    with rasterio.open(file, "r+") as out:
        out.scales, out.offsets = (0.0,) * 4, (0.25,) * 4
        for index, name in enumerate(("B02", "B03", "B04", "B08"), 1):
            out.set_band_description(index, name)
    found = identify(file)
    assert found is not None
    assert (found.details["offset"], found.details["quantification"]) == (0.25, 1.0)


@pytest.mark.parametrize("name", ["B02.tif", "T33XWJ_20220413T150759_B02_10m.tif"])
def test_one_band_a_file_is_to_be_stacked(made: ModuleType, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"one band of a scene; stack the bands first: gdalbuildvrt -separate"):
        identify(made.write_tif(tmp_path / name, stack(1)))


@pytest.mark.parametrize(
    ("companion", "tags", "time"),
    [
        ({"properties": {"datetime": "2020-03-04T05:06:07.5Z"}}, {}, "2020-03-04T05:06:07.5"),
        ({"deep": [{"scene": "10_T27XWM_20210710T160901_gt1rw.tiff"}]}, {}, "2021-07-10T16:09:01"),
        (
            {"granule": "ATL03_20210710155956_02601204_006_01"},
            {"TIFFTAG_DATETIME": "2020:01:02 03:04:05"},
            "2020-01-02T03:04:05",
        ),
        (None, {"ACQUISITION_TIME": "2018-05-06T07:08:09+02:00"}, "2018-05-06T05:08:09"),
    ],
)
def test_time_is_found(
    made: ModuleType, tmp_path: Path, companion: dict | None, tags: dict[str, str], time: str
) -> None:
    file = made.write_tif(tmp_path / "pair" / "scene.tif", stack(), tags=tags)
    if companion is not None:
        (file.parent / "pair.json").write_text(json.dumps(companion), encoding="utf-8")
    found = identify(file)
    assert found is not None
    assert np.datetime64(found.details["time"][:-1], "ns") == np.datetime64(time, "ns")
    assert found.ident == "pair_scene"


def test_given_time_goes_first_and_none_at_all_is_refused(made: ModuleType, tmp_path: Path) -> None:
    file = made.write_tif(tmp_path / "scene.tif", stack())
    with pytest.raises(InputError, match=r"leadline add --time") as error:
        identify(file)
    assert str(file) in error.value.line
    found = identify(file, {"time": "2020-01-01T00:00:00Z"})
    assert found is not None
    assert found.details["time"].startswith("2020-01-01T00:00:00")
    with pytest.raises(InputError, match="'yesterday' is not a time"):
        identify(file, {"time": "yesterday"})


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({"crs": None}, "no coordinate system"),
        ({"crs": "EPSG:4326", "transform": Affine(1e-4, 0, 15, 0, -1e-4, 80)}, "EPSG:4326 is not projected"),
        ({"crs": "EPSG:2225"}, "not in metres"),
        ({"transform": Affine(10, 1, 0, 1, -10, 0)}, "not square with north up"),
        ({"transform": Affine(10, 0, 0, 0, -20, 0)}, "not square with north up"),
    ],
)
def test_place_that_cannot_be_used_is_one_line(
    made: ModuleType, tmp_path: Path, profile: dict[str, object], expected: str
) -> None:
    file = made.write_tif(tmp_path / NAME, stack(), **profile)
    with pytest.raises(InputError, match=expected) as error:
        identify(file)
    assert file.name in error.value.line
    assert "\n" not in error.value.line


@pytest.mark.parametrize("code", [3031, 3413, 32633])
def test_polar_and_utm_systems_are_read(made: ModuleType, tmp_path: Path, code: int) -> None:
    place = Affine(10, 0, 500_000, 0, -10, 1_500_000)
    found = identify(made.write_tif(tmp_path / NAME, stack(), crs=f"EPSG:{code}", transform=place))
    assert found is not None
    scene = open_scene(Input("a", found.kind, found.path, "", found.details))
    back = np.array(scene.footprint().centroid.coords[0])
    x, y = scene.project(back[:1], back[1:])
    assert (x[0], y[0]) == pytest.approx((500_400, 1_499_700), abs=20)


def test_bands_named_missing_or_mapped(made: ModuleType, tmp_path: Path) -> None:
    without = made.write_tif(tmp_path / "a" / NAME, stack(3), names=("B02", "B04", "B08"))
    with pytest.raises(InputError, match=r"scene without band B03 \(it has B02 B04 B08\)"):
        identify(without)
    unnamed = made.write_tif(tmp_path / "b" / NAME, stack(5))
    with pytest.raises(InputError, match=r"scene without band B02 \(its 5 bands have no names\)"):
        identify(unnamed)
    found = identify(unnamed, {"band_map": {"B02": 3, "B03": 2, "B04": 1, "B11": 5}})
    assert found is not None
    assert found.details["band_map"] == {"B02": 3, "B03": 2, "B04": 1, "B11": 5}
    with pytest.raises(InputError, match="B11 is said to be number 9 of 5"):
        identify(unnamed, {"band_map": {"B02": 3, "B03": 2, "B04": 1, "B11": 9}})
    convention = identify(made.write_tif(tmp_path / "c" / NAME, stack()))
    assert convention is not None
    assert "taken as B02 B03 B04 B08" in convention.summary


def test_what_is_no_scene_is_left_to_others(made: ModuleType, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("S2A", encoding="utf-8")
    assert identify(text) is None
    assert identify(tmp_path) is None
    assert identify(made.write_tif(tmp_path / "mss.tif", np.zeros((1, 5, 5), np.float32))) is None
    picture = made.write_tif(tmp_path / NAME, np.full((4, 9, 9), 200, np.uint8))
    with pytest.raises(InputError, match="a picture, not reflectance"):
        identify(picture)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.95])
def test_geotiff_cut_short_is_told_at_once(made: ModuleType, tmp_path: Path, share: float) -> None:
    file = made.write_tif(tmp_path / NAME, stack())
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as error:
        identify(file)
    assert file.name in error.value.line
    assert "\n" not in error.value.line
