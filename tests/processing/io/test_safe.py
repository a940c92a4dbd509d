"""SAFE products: metadata, bands, offsets, damage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from processing.core.tiles import Window
from processing.errors import InputError
from processing.io.safe import carries_offset, read_product, read_safe, read_tile
from processing.io.sentinel2 import identify, open_scene
from processing.project import Input


def digital(rows: int = 120, cols: int = 180) -> dict[str, NDArray[np.uint16]]:
    """Digital numbers that differ everywhere, with a corner of no data."""
    ramp = (2000 + np.arange(rows * cols).reshape(rows, cols) % 5000).astype(np.uint16)
    ramp[:6, :12] = 0
    bands = {name: ramp + np.uint16(10 * k) * (ramp > 0) for k, name in enumerate(("B02", "B03", "B04", "B08"))}
    return bands | {"B11": ramp[::2, ::2].copy(), "B10": ramp[::6, ::6].copy()}


def opened(path: Path) -> Input:
    found = identify(path)
    assert found is not None
    return Input(found.ident, found.kind, found.path, "", found.details)


@pytest.mark.parametrize(
    ("tile", "baseline", "offset", "time", "code"),
    [
        ("T01CCV", "02.12", 0.0, "2019-12-28T21:05:52.062315", 32701),
        ("T33XWJ", "04.00", -1000.0, "2022-04-13T15:08:07.846358", 32633),
    ],
)
def test_real_metadata_gives_offset_and_the_tile_s_own_time(
    shared_data: Path, tile: str, baseline: str, offset: float, time: str, code: int
) -> None:
    safe = next((shared_data / "sentinel2").glob(f"*_{tile}_*.SAFE"))
    product = read_product(safe)
    assert (product.level, product.baseline, product.quantification) == ("L2A", baseline, 10_000.0)
    assert {product.offset(name) for name in ("B02", "B08", "B8A", "B11")} == {offset}
    place = read_tile(next(safe.glob("GRANULE/*/MTD_TL.xml")))
    assert place.time == np.datetime64(time, "ns")
    assert place.crs.to_epsg() == code
    assert place.corners[10][2:] == (10_980, 10_980)
    assert 0 < place.sun_elevation < 90


def test_real_product_without_pixels_is_refused_by_name(shared_data: Path) -> None:
    safe = next((shared_data / "sentinel2").glob("*.SAFE"))
    with pytest.raises(InputError, match="scene without band B02") as error:
        identify(safe)
    assert safe.name in str(error.value)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_bands_of_both_levels_come_back_as_reflectance(made: ModuleType, tmp_path: Path, level: str) -> None:
    bands = digital()
    if level == "L2A":
        bands["SCL"] = np.full((60, 90), 11, np.uint8)
        del bands["B10"]
    with open_scene(opened(made.write_safe(tmp_path, bands, made.Recipe(level=level)))) as scene:
        assert scene.level == level
        assert scene.shape == (120, 180)
        assert set(scene.bands) == set(bands)
        assert scene.time == np.datetime64("2022-04-13T15:08:07.846358", "ns")
        assert scene.crs.to_epsg() == 32633
        assert scene.transform[:6] == (10, 0, made.LEFT, 0, -10, made.TOP)
        found = scene.read(("B03", "B08", "B12"))
        assert np.isnan(found[:2, :6, :12]).all()
        assert np.isnan(found[2]).all()
        expected = (bands["B03"][50:, 50:].astype(np.float64) - 1000.0) / 10_000.0
        assert found[0, 50:, 50:] == pytest.approx(expected, abs=1e-7)
        if level == "L2A":
            assert (scene.read(("SCL",))[0] == 11).all()


@pytest.mark.parametrize(
    ("baseline", "stated", "offset"),
    [("02.12", None, 0.0), ("04.00", -1000.0, -1000.0), ("05.10", None, -1000.0), ("99.99", None, 0.0)],
)
def test_offset_rule(made: ModuleType, tmp_path: Path, baseline: str, stated: float | None, offset: float) -> None:
    safe = made.write_safe(tmp_path, digital(), made.Recipe(baseline=baseline, offset=stated))
    layout = read_safe(safe)
    assert {band.offset for band in layout.bands.values()} == {offset}
    assert bool(layout.notes) == (stated is None and offset != 0)


def test_baseline_that_is_no_number_carries_no_offset() -> None:
    assert not carries_offset("")
    assert not carries_offset("N0400")


def test_coarse_bands_are_bilinear_and_do_not_depend_on_the_window(made: ModuleType, tmp_path: Path) -> None:
    bands = digital()
    rows, cols = np.indices((60, 90))
    bands["B11"] = (1000 + 40 * rows + 20 * cols).astype(np.uint16)
    with open_scene(opened(made.write_safe(tmp_path, bands))) as scene:
        whole = scene.read(("B11", "B10"))
        row, col = np.indices((120, 180)) + 0.5
        expected = (40 * (row / 2 - 0.5) + 20 * (col / 2 - 0.5)) / 10_000
        assert whole[0, 1:-1, 1:-1] == pytest.approx(expected[1:-1, 1:-1], abs=1e-6)
        window = Window(37, 61, 40, 55)
        part = scene.read(("B11", "B10"), window)
        assert np.array_equal(part, whole[:, 37:77, 61:116], equal_nan=True)


def test_reading_outside_gives_nan_and_steps_average(made: ModuleType, tmp_path: Path) -> None:
    bands = digital()
    with open_scene(opened(made.write_safe(tmp_path, bands))) as scene:
        whole = scene.read(("B03",))[0]
        part = scene.read(("B03",), Window(100, 170, 40, 20))[0]
        assert np.array_equal(part[:20, :10], whole[100:, 170:])
        assert np.isnan(part[20:]).all()
        assert np.isnan(part[:, 10:]).all()
        assert np.isnan(scene.read(("B03",), Window(-50, -50, 40, 40))).all()
        coarse = scene.read(("B03", "B11"), Window(-12, 60, 60, 60), step=12)
        assert coarse.shape == (2, 5, 5)
        assert np.isnan(coarse[:, 0]).all()
        assert coarse[0, 2, 3] == pytest.approx(whole[12:24, 96:108].mean(), abs=0.02)
        assert scene.read(("B10",), step=7).shape == (1, 18, 26)


@pytest.mark.parametrize("step", [2, 4, 8])
def test_the_empty_edge_of_a_scene_does_not_darken_what_is_seen_from_afar(
    made: ModuleType, tmp_path: Path, step: int
) -> None:
    rows, cols = np.indices((512, 768))
    numbers = np.where(cols > 200 + rows // 3, 8000, 0).astype(np.uint16)
    recipe = made.Recipe(block=128)
    safe = made.write_safe(tmp_path, dict.fromkeys(("B02", "B03", "B04"), numbers), recipe)
    with open_scene(opened(safe)) as scene:
        seen = scene.read(["B03"], step=step)[0]
        parts = [scene.read(["B03"], Window(0, col, 512, 256), step)[0] for col in (0, 256, 512)]
    assert np.nanmin(seen) > 0.65
    assert np.isfinite(seen).mean() > (numbers > 0).mean() - 0.03
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), seen)


def test_narrow_leads_in_bright_ice_are_no_holes_from_afar(made: ModuleType, tmp_path: Path) -> None:
    rows, cols = np.indices((512, 512))
    water = np.abs((cols + rows // 3) % 64 - 32) < 4 + rows // 64
    numbers = np.where(water, 1010, 11_000).astype(np.uint16)
    safe = made.write_safe(tmp_path, dict.fromkeys(("B02", "B03", "B04"), numbers), made.Recipe(block=128))
    with open_scene(opened(safe)) as scene:
        for step in (2, 4, 8, 16):
            assert np.isfinite(scene.read(["B03"], step=step)).all()


def test_footprint_follows_the_valid_data(made: ModuleType, tmp_path: Path) -> None:
    bands = {name: plane.copy() for name, plane in digital(240, 240).items()}
    for name in ("B02", "B03", "B04", "B08"):
        bands[name][:, 120:] = 0
    with open_scene(opened(made.write_safe(tmp_path, bands))) as scene:
        left, bottom, right, top = scene.outline().bounds
        assert (left, right, bottom, top) == pytest.approx(
            (made.LEFT, made.LEFT + 1200, made.TOP - 2400, made.TOP), abs=20
        )
        x, _ = scene.project(*(np.array(axis) for axis in scene.footprint().exterior.xy))
        assert x.max() == pytest.approx(made.LEFT + 1200, abs=20)
        inside = scene.covers(np.array([15.005, 15.5]), np.array([80.15, 80.15]))
        assert inside.tolist() == [True, False]
        row, col = scene.index(np.array([made.LEFT + 25.0]), np.array([made.TOP - 5.0]))
        assert (row[0], col[0]) == (0.5, 2.5)


def test_footprint_runs_on_across_the_date_line(made: ModuleType, tmp_path: Path) -> None:
    recipe = made.Recipe(epsg=32701)
    bands = {name: np.full((60, 60), 3000, np.uint16) for name in ("B02", "B03", "B04")}
    safe = made.write_safe(tmp_path, bands, recipe)
    tile = next(safe.glob("GRANULE/*/MTD_TL.xml"))
    tile.write_text(tile.read_text().replace(f"<ULX>{made.LEFT:.0f}</ULX>", "<ULX>441300</ULX>"), encoding="utf-8")
    text = tile.read_text().replace(f"<ULY>{made.TOP:.0f}</ULY>", "<ULY>1560000</ULY>")
    tile.write_text(text, encoding="utf-8")
    with open_scene(opened(safe)) as scene:
        outline = scene.footprint()
        assert outline.is_valid
        assert outline.bounds[2] - outline.bounds[0] < 1.0


@pytest.mark.parametrize("missing", ["B02", "B03", "B04"])
def test_scene_without_a_needed_band_is_refused(made: ModuleType, tmp_path: Path, missing: str) -> None:
    bands = digital()
    del bands[missing]
    with pytest.raises(InputError, match=f"scene without band {missing}"):
        identify(made.write_safe(tmp_path, bands))


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.97])
def test_jp2_cut_short_is_told_at_once(made: ModuleType, tmp_path: Path, share: float) -> None:
    safe = made.write_safe(tmp_path, digital())
    file = next(safe.rglob("*_B03.jp2"))
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as error:
        identify(safe)
    assert file.name in error.value.line
    assert "\n" not in error.value.line


def test_jp2_damaged_inside_is_told_when_read(made: ModuleType, tmp_path: Path) -> None:
    safe = made.write_safe(tmp_path, digital())
    item = opened(safe)
    file = next(safe.rglob("*_B03.jp2"))
    content = bytearray(file.read_bytes())
    middle = content.index(b"\xff\x93") + 2
    content[middle : middle + 400] = b"\xff" * 400
    file.write_bytes(bytes(content))
    with open_scene(item) as scene, pytest.raises(InputError, match="band B03 cannot be read") as error:
        scene.read(("B03",))
    assert file.name in error.value.line


@pytest.mark.parametrize(
    ("find", "replacement", "expected"),
    [
        ("<QUANTIFICATION_VALUE", "<NOTHING", "not valid XML"),
        ('none">10000', 'none">0', "no valid QUANTIFICATION_VALUE"),
        ('none">10000', 'none">many', "not a number"),
        ("<RADIO_ADD_OFFSET band_id=", "<RADIO_ADD_OFFSET band=", "unknown band_id"),
    ],
)
def test_damaged_product_metadata_is_one_line(
    made: ModuleType, tmp_path: Path, find: str, replacement: str, expected: str
) -> None:
    safe = made.write_safe(tmp_path, digital())
    file = safe / "MTD_MSIL1C.xml"
    file.write_text(file.read_text().replace(find, replacement, 1), encoding="utf-8")
    with pytest.raises(InputError, match=expected) as error:
        identify(safe)
    assert file.name in error.value.line


def test_incomplete_folders_are_refused(made: ModuleType, tmp_path: Path) -> None:
    safe = made.write_safe(tmp_path, digital())
    tile = next(safe.glob("GRANULE/*/MTD_TL.xml"))
    text = tile.read_text()
    tile.unlink()
    with pytest.raises(InputError, match=r"MTD_TL\.xml: file is not there"):
        identify(safe)
    tile.write_text(text.replace("EPSG:32633", "nowhere"), encoding="utf-8")
    with pytest.raises(InputError, match="not a CRS"):
        identify(safe)
    tile.write_text(text.replace("<SENSING_TIME>2022", "<SENSING_TIME>soon"), encoding="utf-8")
    with pytest.raises(InputError, match=r"SENSING_TIME is 'soon.*not a time"):
        identify(safe)
    tile.write_text(text.replace("<NROWS>120", "<NROWS>121"), encoding="utf-8")
    with pytest.raises(InputError, match="no grid of that size"):
        identify(safe)
    (safe / "MTD_MSIL1C.xml").unlink()
    with pytest.raises(InputError, match="without MTD_MSIL1C"):
        identify(safe)


def test_a_synthetic_product_says_so(made: ModuleType, tmp_path: Path) -> None:
    real = identify(made.write_safe(tmp_path / "real", digital()))
    twin = identify(made.write_safe(tmp_path / "twin", digital(), made.Recipe(spacecraft="Sentinel-2B (synthetic)")))
    assert real is not None
    assert twin is not None
    assert "synthetic" not in real.details
    assert twin.details["synthetic"] is True


def test_given_time_goes_before_the_tile_s(made: ModuleType, tmp_path: Path) -> None:
    safe = made.write_safe(tmp_path, digital())
    item = replace(opened(safe), details={"time": "2022-04-13T16:00:00+01:00"})
    assert open_scene(item).time == np.datetime64("2022-04-13T15:00:00", "ns")
    with pytest.raises(InputError, match="is not a time"):
        open_scene(replace(item, details={"time": "noon"}))
