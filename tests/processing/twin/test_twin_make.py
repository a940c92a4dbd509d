"""A whole small twin on disk: formats, truth, scene, companions, seeds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import h5py
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from processing.errors import InputError
from processing.io import tables
from processing.schema import TRUTH, Cloud
from processing.twin.layout import append
from processing.twin.make import make_twin
from processing.twin.parameters import Twin
from processing.twin.pieces import Piece
from processing.twin.place import BEAMS, beam_nodes
from processing.twin.products import Companion
from processing.twin.surface import spots
from processing.twin.world import World, make_world

PARAMETERS = {"km": 6.0, "granules": 1, "seed": 5, "cloud_thin": 0.15, "cloud_thick": 0.1}
_WHITE, _WATER, _THICK = 0.85, 30, 205


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twin") / "made"
    make_twin(folder, Twin(**PARAMETERS))
    return folder


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(Twin(**PARAMETERS), 0)


def granule(folder: Path) -> Path:
    return next((folder / "granules").glob("ATL03_*.h5"))


def truth(folder: Path, world: World, beam: str) -> dict[str, NDArray[np.generic]]:
    path = folder / "truth" / f"granule={world.place.granule_id}" / f"beam={beam}" / "part-0.parquet"
    table = tables.read(path, TRUTH)
    return {name: table[name].to_numpy() for name in table.column_names if name not in ("granule_id", "beam")}


def band(folder: Path, name: str) -> Path:
    return next((folder / "scenes").glob(f"S2B_MSIL1C_*.SAFE/GRANULE/*/IMG_DATA/*_{name}.jp2"))


def test_datasets_are_those_of_a_real_granule(twin: Path, shared_data: Path) -> None:
    """Same names, types, chunks and compression in the groups that are written."""
    real = next((shared_data / "atl03").glob("*.h5"))
    with h5py.File(real) as theirs, h5py.File(granule(twin)) as ours:
        for group in ("heights", "geolocation", "geophys_corr", "bckgrd_atlas"):
            made = ours[f"gt1l/{group}"]
            for name, data in made.items():
                model = theirs[f"gt1l/{group}/{name}"]
                assert data.dtype == model.dtype, name
                assert data.shape[1:] == model.shape[1:], name
                assert (data.chunks, data.compression, data.shuffle) == (model.chunks, model.compression, model.shuffle)
                assert data.attrs["units"] == model.attrs["units"], name
            assert group == "geolocation" or set(made) == set(theirs[f"gt1l/{group}"])


def test_photons_and_segments_agree(twin: Path, world: World) -> None:
    with h5py.File(granule(twin)) as file:
        assert set(BEAMS) <= set(file)
        assert file["orbit_info/sc_orient"][0] == 1
        assert float(file["ancillary_data/atlas_sdp_gps_epoch"][0]) == 1198800018.0
        for beam in BEAMS:
            heights, segments = file[f"{beam}/heights"], file[f"{beam}/geolocation"]
            count, begin = segments["segment_ph_cnt"][:], segments["ph_index_beg"][:]
            assert count.sum() == heights["h_ph"].shape[0]
            filled = count > 0
            np.testing.assert_array_equal(begin[filled], (np.cumsum(count) - count + 1)[filled])
            assert np.all(begin[~filled] == 0)
            along = heights["dist_ph_along"][:]
            assert along.min() >= 0
            assert along.max() < segments["segment_length"][0]
            x = np.repeat(segments["segment_dist_x"][:], count) + along
            assert np.all(np.diff(x) > -1e-3)
            assert np.all(np.diff(heights["delta_time"][:]) >= 0)
            shot = heights["pce_mframe_cnt"][:].astype(np.int64) * 200 + heights["ph_id_pulse"][:]
            np.testing.assert_allclose(np.diff(shot) * 0.7, np.diff(x), atol=2e-3)


def test_pairs_and_beams_lie_where_they_should(world: World) -> None:
    middle = {beam: beam_nodes(world.place, beam, 10, 1) for beam in BEAMS}

    def apart(one: str, other: str) -> float:
        return float(np.hypot(middle[one].x[0] - middle[other].x[0], middle[one].y[0] - middle[other].y[0]))

    assert apart("gt1l", "gt1r") == pytest.approx(90.0, rel=0.01)
    assert apart("gt1l", "gt2l") == pytest.approx(3300.0, rel=0.01)
    assert apart("gt1l", "gt3l") == pytest.approx(6600.0, rel=0.01)
    heading = world.place.azimuth
    assert 180.0 < heading < 200.0


def test_a_track_may_cross_the_dateline() -> None:
    world = make_world(Twin(km=5.0, longitude=-179.995, floe_scale=2000.0), 0)
    nodes = beam_nodes(world.place, "gt2r")
    lat, lon = nodes.geographic(np.linspace(nodes.x_atc[0], nodes.x_atc[-1], 5000))
    assert (lon > 179.0).any()
    assert (np.abs(lon) > 179.0).all()
    assert np.abs(lon).max() <= 180.0
    assert np.all(np.diff(lat) < 0)


def test_rates_are_those_of_sea_ice(twin: Path) -> None:
    with h5py.File(granule(twin)) as file:
        for beam, low, high in (("gt1r", 3.0, 8.0), ("gt1l", 0.7, 2.0)):
            confidence = file[f"{beam}/heights/signal_conf_ph"][:, 2]
            shots = file[f"{beam}/geolocation/segment_id"].shape[0] * 20.0058 / 0.7
            assert low < np.sum(confidence >= 3) / shots < high
            rate = file[f"{beam}/bckgrd_atlas/bckgrd_rate"][:]
            assert 1e6 < np.median(rate) < 8e6


def test_truth_is_the_surface(twin: Path, world: World) -> None:
    found = truth(twin, world, "gt2r")
    x_atc = (found["segment"][:, None] + (np.arange(5) + 0.5) / 5) * 2.0
    x, y = beam_nodes(world.place, "gt2r").at(x_atc.ravel())
    at = spots(x, y, world.ice)
    np.testing.assert_allclose(found["freeboard"], at.freeboard.reshape(-1, 5).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found["height"] - found["freeboard"], found["sea_surface"], atol=1e-6)
    whole = np.ptp(at.kind.reshape(-1, 5), axis=1) == 0
    np.testing.assert_array_equal(found["label"][whole], at.kind.reshape(-1, 5)[whole, 0])


def test_heights_are_the_truths(twin: Path, world: World) -> None:
    """Strong-beam means over thick ice lie within centimetres of the truth once the corrections are taken off."""
    found = truth(twin, world, "gt3r")
    with h5py.File(granule(twin)) as file:
        heights, count = file["gt3r/heights"], file["gt3r/geolocation/segment_ph_cnt"][:]
        names = ("geoid", "geoid_free2mean", "tide_ocean", "tide_equilibrium", "dac")
        total = sum(file[f"gt3r/geophys_corr/{name}"][:].astype(float) for name in names)
        x = np.repeat(file["gt3r/geolocation/segment_dist_x"][:], count) + heights["dist_ph_along"][:]
        corrected = heights["h_ph"][:] - np.repeat(total, count)
        keep = (heights["signal_conf_ph"][:, 2] >= 4) & (heights["quality_ph"][:] == 0)
    window = np.floor(x[keep] / 2.0).astype(np.int64) - found["segment"][0]
    inside = (window >= 0) & (window < found["segment"].size)
    number = np.bincount(window[inside], minlength=found["segment"].size)
    mean = np.bincount(window[inside], corrected[keep][inside], found["segment"].size) / np.maximum(number, 1)
    good = (number >= 5) & (found["label"] == 0)
    assert abs(np.median((mean - found["height"])[good])) < 0.02


def scene_labels(folder: Path) -> tuple[NDArray[np.int8], rasterio.Affine]:
    """Plain thresholds of the auto-labeller (arXiv 2303.12719): -1 where there is no data."""
    planes = []
    for name in ("B02", "B03", "B04"):
        with rasterio.open(band(folder, name)) as source:
            planes.append(source.read(1).astype(float))
            transform = source.transform
    value = np.clip((np.max(planes, axis=0) - 1000.0) / 1e4 * 255.0 / _WHITE, 0, 255)
    labels = np.where(value <= _WATER, 2, np.where(value >= _THICK, 0, 1)).astype(np.int8)
    return np.where(planes[0] == 0, -1, labels).astype(np.int8), transform


def test_scene_shows_the_ice_where_it_drifted(twin: Path, world: World) -> None:
    labels, transform = scene_labels(twin)
    right, wrong_place = [], []
    for beam in BEAMS:
        found = truth(twin, world, beam)
        x, y = beam_nodes(world.place, beam).at((found["segment"] + 0.5) * 2.0)
        around = [spots(x + 18 * np.cos(a), y + 18 * np.sin(a), world.ice).kind for a in np.arange(0, 6.28, 0.785)]
        inner = np.all([ring == found["label"] for ring in around], axis=0) & (found["cloud"] == Cloud.CLEAR)
        for places, drift in ((right, 1.0), (wrong_place, 0.0)):
            column, row = ~transform @ (x + drift * found["drift_x"], y + drift * found["drift_y"])
            seen = labels[row.astype(int), column.astype(int)]
            places.append((seen == found["label"])[inner & (seen >= 0)])
    assert np.mean(np.concatenate(right)) > 0.97
    assert np.mean(np.concatenate(wrong_place)) < np.mean(np.concatenate(right)) - 0.02


def test_cloud_and_shadow_mislead_plain_thresholds(twin: Path, world: World) -> None:
    labels, transform = scene_labels(twin)
    clear, covered = [], []
    for beam in BEAMS:
        found = truth(twin, world, beam)
        x, y = beam_nodes(world.place, beam).at((found["segment"] + 0.5) * 2.0)
        column, row = ~transform @ (x + world.drift_x, y + world.drift_y)
        right = labels[row.astype(int), column.astype(int)] == found["label"]
        clear.append(right[found["cloud"] == Cloud.CLEAR])
        covered.append(right[found["cloud"] != Cloud.CLEAR])
    assert np.mean(np.concatenate(clear)) > 0.9
    assert np.mean(np.concatenate(covered)) < np.mean(np.concatenate(clear)) - 0.1


def test_scene_is_a_lossless_tiled_pyramid_on_the_sixty_metre_grid(twin: Path, world: World) -> None:
    with rasterio.open(band(twin, "B03")) as ten, rasterio.open(band(twin, "B11")) as twenty:
        assert ten.crs.to_epsg() == world.place.epsg
        assert ten.dtypes == ("uint16",)
        assert ten.shape == tuple(2 * n for n in twenty.shape)
        assert ten.bounds == twenty.bounds
        assert ten.bounds.left % 60 == 0
        assert ten.overviews(1)
    with rasterio.open(band(twin, "B10")) as sixty:
        assert sixty.res == (60.0, 60.0)


def test_companions_follow_the_truth(twin: Path, world: World) -> None:
    heights, freeboards = (next((twin / "references").glob(f"{name}-02_*.h5")) for name in ("ATL07", "ATL10"))
    found = truth(twin, world, "gt1r")
    with h5py.File(heights) as file:
        base = file["gt1r/sea_ice_segments"]
        x, height = base["seg_dist_x"][:], base["heights/height_segment_height"][:]
        length = base["heights/height_segment_length_seg"][:]
        expected = np.interp(x, (found["segment"] + 0.5) * 2.0, found["height"])
        assert 10 < np.median(length) < 60
        assert abs(np.median(height - expected)) < 0.03
        assert set(np.unique(base["heights/height_segment_type"][:])) <= set(range(10))
    with h5py.File(freeboards) as file:
        fill = np.float32(3.4028235e38)
        values = file["gt1r/freeboard_segment/beam_fb_height"][:]
        assert file["gt1r/freeboard_segment/beam_fb_height"].attrs["_FillValue"] == fill
        assert values.size == x.size


def test_units_are_those_of_real_companions(twin: Path, shared_data: Path) -> None:
    real: dict[str, set[bytes]] = {}

    def gather(name: str, data: object) -> None:
        if isinstance(data, h5py.Dataset) and "units" in data.attrs:
            real.setdefault(name.rsplit("/", 1)[-1], set()).add(data.attrs["units"])

    for path in (*(shared_data / "atl07").glob("*.h5"), *(shared_data / "atl10").glob("*.h5")):
        with h5py.File(path) as file:
            file.visititems(gather)
    compared = set()

    def compare(name: str, data: object) -> None:
        if isinstance(data, h5py.Dataset):
            assert data.attrs["units"] in real[name.rsplit("/", 1)[-1]], name
            compared.add(name.rsplit("/", 1)[-1])

    for path in (twin / "references").glob("*.h5"):
        with h5py.File(path) as file:
            file["gt1r"].visititems(compare)
    assert {"latitude", "longitude", "height_segment_type", "backgr_r_200", "photon_rate", "lead_dist_x"} <= compared


def test_a_dataset_without_a_known_unit_says_none(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        append(file, "novelty", np.zeros(3))
        append(file, "latitude", np.zeros(3))
        assert "units" not in file["novelty"].attrs
        assert file["latitude"].attrs["units"] == b"degrees_north"


def test_no_segment_reaches_across_a_gap(world: World) -> None:
    """Photons every 0.5 m, a gap of 500 m after 400 of them: the third group spans it on a strong beam."""
    for beam, groups in (("gt1r", [0, 1, 3, 4]), ("gt1l", [0, 1, 2, 3, 4])):
        x = np.arange(750) * 0.5 + np.where(np.arange(750) < 400, 0.0, 500.0)
        piece = SimpleNamespace(
            confidence=np.full(750, 4),
            x_atc=x,
            corrected=np.zeros(750),
            shot=np.floor(x / 0.7).astype(np.int64),
            heights={"quality_ph": np.zeros(750, np.int8), **dict.fromkeys(("lat_ph", "lon_ph", "delta_time"), x)},
            bckgrd_atlas={"delta_time": x, "bckgrd_rate": np.ones(750)},
        )
        companion = Companion(world)
        companion.take(beam, cast("Piece", piece))
        middle = x.reshape(-1, 150)[:, [0, -1]].mean(axis=1)
        np.testing.assert_array_equal(companion.beam(beam)["x"], middle[groups])


def test_every_product_says_that_it_is_synthetic(twin: Path) -> None:
    granules = [*(twin / "granules").glob("*.h5"), *(twin / "references").glob("*.h5")]
    assert len(granules) == 3
    for path in granules:
        with h5py.File(path) as file:
            assert file.attrs["title"].startswith(b"SYNTHETIC"), path.name
    (scene,) = (twin / "scenes").iterdir()
    assert "(synthetic)</SPACECRAFT_NAME>" in (scene / "MTD_MSIL1C.xml").read_text()
    assert ">SYNTHETIC_" in next(scene.glob("GRANULE/*/MTD_TL.xml")).read_text()
    assert json.loads((twin / "twin.json").read_text())["synthetic"] is True


def test_same_seed_same_content_other_seed_other(tmp_path: Path) -> None:
    small = {"km": 1.0, "granules": 1, "swath": 1000.0}
    for name, seed in (("one", 3), ("same", 3), ("other", 4)):
        make_twin(tmp_path / name, Twin(seed=seed, **small))

    def content(name: str) -> list[NDArray[np.generic]]:
        with h5py.File(granule(tmp_path / name)) as file, rasterio.open(band(tmp_path / name, "B04")) as image:
            return [file["gt2l/heights/h_ph"][:], file["gt3r/heights/signal_conf_ph"][:], image.read(1)]

    for first, second in zip(content("one"), content("same"), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(content("one")[0], content("other")[0])
    record = json.loads((tmp_path / "one" / "twin.json").read_text())
    assert record["synthetic"] is True
    assert record["parameters"]["seed"] == 3


def test_nothing_is_left_of_an_interrupted_twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("processing.twin.make.write_references", stop)
    with pytest.raises(KeyboardInterrupt):
        make_twin(tmp_path / "out", Twin(km=1.0, granules=1, swath=1000.0))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="holds no twin"):
        make_twin(tmp_path, Twin(km=1.0, granules=1))
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_a_twin_is_made_anew_but_nothing_of_the_user_is(twin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def untouched() -> None:
        raise AssertionError("made in a folder that must be refused")

    monkeypatch.setattr("processing.twin.make.make_world", lambda *_: untouched())
    mine = twin / "labels"
    mine.mkdir()
    with pytest.raises(InputError, match="labels"):
        make_twin(twin, Twin(km=1.0, granules=1))
    mine.rmdir()
    for inside in (twin, twin / "granules"):
        monkeypatch.chdir(inside)
        with pytest.raises(InputError, match="working directory"):
            make_twin(Path(os.path.relpath(twin)), Twin(km=1.0, granules=1))
    assert granule(twin).is_file()


def test_northern_twin_in_the_older_baseline(tmp_path: Path) -> None:
    make_twin(tmp_path / "n", Twin(km=1.0, granules=1, swath=1000.0, hemisphere="north", baseline="02.08"))
    scene = next((tmp_path / "n" / "scenes").iterdir())
    assert "_N0208_" in scene.name
    text = (scene / "MTD_MSIL1C.xml").read_text()
    assert "RADIO_ADD_OFFSET" not in text
    with rasterio.open(band(tmp_path / "n", "B02")) as source:
        assert source.crs.to_epsg() // 100 == 326
        image = source.read(1)
    assert 6000 < np.median(image[image > 0]) < 10_000
    with h5py.File(granule(tmp_path / "n")) as file:
        assert file["gt1l/geolocation/reference_photon_lat"][0] > 60
