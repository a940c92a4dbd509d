"""The autolabel stage on small scenes: labels moved with the ice, scenes in order of time, what is refused."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer
from scipy import ndimage

from processing.errors import InputError, MissingError
from processing.io import tables
from processing.io.figures import figures_path
from processing.io.sentinel2 import identify
from processing.labels import LabelStore
from processing.local.autolabel import autolabel
from processing.local.drift import drift_path
from processing.local.staleness import Staleness
from processing.project import Project
from processing.schema import LABEL, AutoFlag
from processing.stages import Autolabel

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_tracks import TRACK_TIME, write_track

Array = npt.NDArray[np.float64]

GRANULE = "ATL03_20191104195311_05940510_006_01"
SHAPE = (700, 160)
LEFT, TOP = 400_000.0, 2_000_000.0
CRS = "EPSG:3031"


def surface() -> npt.NDArray[np.int8]:
    """Classes: thick ice with aslant bands of water and thin ice."""
    relief = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=SHAPE), 6)
    relief /= relief.std()
    return np.select([relief < -1.4, relief < -0.9], [2, 1], 0).astype(np.int8)


def write_scene(folder: Path, name: str, classes: npt.NDArray[np.int8], valid: slice = slice(None)) -> Path:
    """Four bands as the scenes of the archive hold them: 0.9, 0.3, 0.05 of reflectance by class, 0 for no data."""
    numbers = np.choose(classes, [9000, 3000, 500]).astype(np.uint16)
    kept = np.zeros_like(numbers)
    kept[valid] = numbers[valid]
    path = folder / f"{name}.tif"
    profile = {"driver": "GTiff", "count": 4, "dtype": "uint16", "nodata": 0, "crs": CRS}
    transform = Affine(10, 0, LEFT, 0, -10, TOP)
    with rasterio.open(path, "w", width=SHAPE[1], height=SHAPE[0], transform=transform, **profile) as file:
        file.write(np.stack([kept] * 4))
        file.descriptions = ("B02", "B03", "B04", "B08")
    return path


def add_scene(project: Project, path: Path, minutes: float) -> str:
    time = str(TRACK_TIME + np.timedelta64(round(minutes * 60e9), "ns"))
    found = identify(path, {"time": time, "offset": 0.0})
    assert found is not None
    return project.add_input("scenes", found.ident, found.kind, path, found.details).ident


def track_pixels(col: float) -> tuple[Array, Array]:
    """Rows and columns of 2 m segments from row 20 to row 680, leaning."""
    row = np.arange(20.0, 680.0, 0.2)
    return row, col + 0.03 * row


def write_segments(
    project: Project,
    beam: str,
    col: float,
    shift: tuple[float, float],
    granule: str = GRANULE,
    far: float = 0.0,
    south: float = 0.0,
) -> tuple[Array, Array]:
    """SEGMENT table of a track that saw the ice before it moved by ``shift`` (m in x and y); its pixels then.

    Its places are told ``far`` to the east and ``south``, m.
    """
    row, col_ = track_pixels(col)
    seen = surface()[(row - shift[1] / 10).astype(int), (col_ + shift[0] / 10).astype(int)]
    x, y = LEFT + 10 * col_ + far, TOP - 10 * row - south
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y)
    write_track(project, (granule, beam), np.arange(len(row)), lon, lat, seen, seed=int(col))
    return row, col_


def labels(project: Project, beam: str, granule: str = GRANULE) -> pd.DataFrame:
    return tables.read(project.table_path("autolabels", granule, beam), LABEL).to_pandas()


def flagged(found: pd.DataFrame, flag: AutoFlag) -> npt.NDArray[np.bool_]:
    return (found.auto_flags.to_numpy() & int(flag)) > 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project")


def stage(**values: object) -> Autolabel:
    return Autolabel(**{"cloud_filter": False, "drift_reach": 300.0, **values})


def test_labels_follow_the_ice(project: Project, tmp_path: Path) -> None:
    shift = (120.0, -70.0)
    row, col = write_segments(project, "gt1l", 50.0, shift)
    write_segments(project, "gt1r", 59.0, shift)
    scene = add_scene(project, write_scene(tmp_path, "moved", surface()), 30.0)
    autolabel(project, stage())
    found = labels(project, "gt1l")
    truth = surface()[(row + 7.0).astype(int), (col + 12.0).astype(int)]
    assert (found.label_auto == truth).mean() > 0.97
    assert (found.scene_id == scene).all()
    assert found.drift_x.to_numpy() == pytest.approx(shift[0], abs=5)
    assert found.drift_y.to_numpy() == pytest.approx(shift[1], abs=5)
    assert (found.drift_confidence > 0.9).all()
    assert found.b03.to_numpy() == pytest.approx(np.choose(found.label_auto, [0.9, 0.3, 0.05]))
    assert found.b11.isna().all()
    assert found.time_offset.iloc[0] == pytest.approx(1800.0, abs=0.01)
    assert (found.time_offset.diff().iloc[1:] < 0).mean() > 0.5
    near = found.boundary_distance < 20
    assert (flagged(found, AutoFlag.TRANSITION) == near).all()
    assert 0.02 < near.mean() < 0.6


def test_the_surface_is_kept_with_the_estimate(project: Project, tmp_path: Path) -> None:
    write_segments(project, "gt1l", 50.0, (120.0, -70.0))
    scene = add_scene(project, write_scene(tmp_path, "moved", surface()), 30.0)
    autolabel(project, stage())
    path = drift_path(project, GRANULE, scene)
    with np.load(path) as kept:
        assert kept["correlation"].shape == (61, 61)
        i, j = np.unravel_index(kept["correlation"].argmax(), (61, 61))
        assert (kept["shift_x"][j], kept["shift_y"][i]) == (120.0, -70.0)
    facts = json.loads(path.with_suffix(".json").read_text())
    assert facts["estimate_x"] == pytest.approx(120.0, abs=5)
    assert facts["applied"] is True
    assert facts["beams"] == ["gt1l"]


def test_an_unsure_drift_moves_nothing_and_says_so(project: Project, tmp_path: Path) -> None:
    write_segments(project, "gt1l", 50.0, (120.0, -70.0))
    scene = add_scene(project, write_scene(tmp_path, "white", np.zeros(SHAPE, np.int8)), 30.0)
    autolabel(project, stage())
    found = labels(project, "gt1l")
    assert flagged(found, AutoFlag.DRIFT_UNSURE).all()
    assert not found[["drift_x", "drift_y"]].to_numpy().any()
    assert (found.drift_confidence < 0.5).all()
    assert json.loads(drift_path(project, GRANULE, scene).with_suffix(".json").read_text())["applied"] is False
    autolabel(project, stage(drift=False))
    found = labels(project, "gt1l")
    assert not flagged(found, AutoFlag.DRIFT_UNSURE).any()
    assert found.drift_confidence.isna().all()
    assert not drift_path(project, GRANULE, scene).exists()


def test_the_scene_nearest_in_time_counts_and_the_next_fills_the_rest(project: Project, tmp_path: Path) -> None:
    row, _ = write_segments(project, "gt1l", 50.0, (0.0, 0.0))
    late = add_scene(project, write_scene(tmp_path, "late", surface(), slice(0, 600)), 50.0)
    early = add_scene(project, write_scene(tmp_path, "early", surface(), slice(200, 400)), -20.0)
    never = add_scene(project, write_scene(tmp_path, "never", surface()), 300.0)
    autolabel(project, stage(drift=False))
    found = labels(project, "gt1l")
    wanted = np.select([(row >= 200) & (row < 400), row < 600], [early, late], "")
    assert found.scene_id.tolist() == wanted.tolist()
    outside = found[wanted == ""]
    assert (outside.label_auto == -1).all()
    assert (outside.auto_flags == AutoFlag.OUTSIDE_SCENE).all()
    assert outside[["b03", "time_offset", "boundary_distance"]].isna().all(axis=None)
    assert (found[wanted == early].time_offset < 0).all()
    assert never not in set(found.scene_id)


def test_what_is_current_is_kept_and_what_is_not_is_made_again(project: Project, tmp_path: Path) -> None:
    write_segments(project, "gt1l", 50.0, (0.0, 0.0))
    add_scene(project, write_scene(tmp_path, "only", surface()), 10.0)
    path = project.table_path("autolabels", GRANULE, "gt1l")
    autolabel(project, stage(drift=False))
    first = path.stat().st_mtime_ns
    autolabel(project, stage(drift=False))
    assert path.stat().st_mtime_ns == first
    write_segments(project, "gt1r", 60.0, (0.0, 0.0))
    autolabel(project, stage(drift=False))
    assert path.stat().st_mtime_ns != first
    stamp = tables.read_stamp(path)
    assert stamp is not None
    assert set(stamp.inputs) == {"segments", "segments:gt1r", "scene:only"}


HAND = (123.37, -71.0)
"""No segment moved so comes to lie on the edge between two pixels, where rounding would choose."""


def test_a_shift_by_hand_is_as_if_the_track_lay_there(project: Project, tmp_path: Path) -> None:
    path = write_scene(tmp_path, "only", surface())
    write_segments(project, "gt1l", 50.0, (0.0, 0.0))
    scene = add_scene(project, path, 30.0)
    with LabelStore(project.database_url) as store:
        store.shift(GRANULE, scene, *HAND, "ana")
    other = Project.create(tmp_path / "other")
    write_segments(other, "gt1l", 50.0, (0.0, 0.0), far=HAND[0], south=-HAND[1])
    add_scene(other, path, 30.0)
    autolabel(project, stage())
    autolabel(other, stage(drift=False))
    moved, there = labels(project, "gt1l"), labels(other, "gt1l")
    drifts = ["drift_x", "drift_y", "drift_confidence"]
    pd.testing.assert_frame_equal(moved.drop(columns=drifts), there.drop(columns=drifts))
    assert moved[drifts].drop_duplicates().to_numpy() == pytest.approx(np.array([[*HAND, 1.0]]))
    assert not flagged(moved, AutoFlag.DRIFT_UNSURE).any()


def test_a_shift_by_hand_keeps_what_was_estimated_and_can_be_taken_back(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_segments(project, "gt1l", 50.0, (120.0, -70.0))
    scene = add_scene(project, write_scene(tmp_path, "only", surface()), 30.0)
    autolabel(project, stage())
    project.remember(stage())
    path, facts = project.table_path("autolabels", GRANULE, "gt1l"), drift_path(project, GRANULE, scene)
    first, estimate = labels(project, "gt1l"), json.loads(facts.with_suffix(".json").read_text())
    surface_then = facts.read_bytes()

    def stale() -> str:
        return Staleness(Project(project.root)).of_table(Autolabel, path, (GRANULE, "gt1l"))

    monkeypatch.setattr("processing.local.autolabel.find_drift", None)  # it is not estimated again
    with LabelStore(project.database_url) as store:
        assert stale() == ""
        store.shift(GRANULE, scene, 60.0, 0.0, "ana")
        assert stale() == f"the drift in scene {scene} was set by hand"
        autolabel(project, stage(), [GRANULE])
        assert stale() == ""
        assert (labels(project, "gt1l").drift_x == 60.0).all()
        found = json.loads(facts.with_suffix(".json").read_text())
        assert (found["by_hand"], found["applied"], found["hand_x"]) == (True, False, 60.0)
        for name in ("estimate_x", "estimate_y", "confidence", "pixels"):
            assert found[name] == estimate[name]
        store.shift(GRANULE, scene, 70.0, 0.0, "ana")
        assert stale() == f"the drift in scene {scene} was set anew"
        store.undo("ana")
        assert stale() == ""
        store.undo("ana")
        assert stale() == f"the drift in scene {scene} is the estimate again"
    autolabel(project, stage(), [GRANULE])
    assert stale() == ""
    pd.testing.assert_frame_equal(labels(project, "gt1l"), first)
    assert json.loads(facts.with_suffix(".json").read_text()) == estimate
    assert facts.read_bytes() == surface_then


def test_a_shift_by_hand_concerns_its_granule_alone(project: Project, tmp_path: Path) -> None:
    for granule in (GRANULE, "other"):
        write_segments(project, "gt1l", 50.0, (0.0, 0.0), granule)
    scene = add_scene(project, write_scene(tmp_path, "only", surface()), 30.0)
    autolabel(project, stage(drift=False))
    paths = [project.table_path("autolabels", granule, "gt1l") for granule in (GRANULE, "other")]
    then = [path.stat().st_mtime_ns for path in paths]
    with LabelStore(project.database_url) as store:
        store.shift(GRANULE, scene, *HAND, "ana")
    autolabel(project, stage(drift=False))
    assert [path.stat().st_mtime_ns == at for path, at in zip(paths, then, strict=True)] == [False, True]
    assert labels(project, "gt1l").drift_x.iloc[0] == pytest.approx(HAND[0])


def test_figures_that_were_lost_are_made_again(project: Project, tmp_path: Path) -> None:
    write_segments(project, "gt1l", 50.0, (0.0, 0.0))
    scene = add_scene(project, write_scene(tmp_path, "only", surface()), 30.0)
    autolabel(project, stage(drift=False))
    figures = figures_path(project, GRANULE, scene)
    figures.unlink()
    autolabel(project, stage(drift=False))
    assert figures.exists()


def test_a_track_that_misses_every_scene_is_refused_in_one_line(project: Project, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="leadline resample"):
        autolabel(project, stage())
    write_segments(project, "gt1l", 50.0, (0.0, 0.0), far=150_000.0)
    with pytest.raises(MissingError, match="leadline add"):
        autolabel(project, stage())
    add_scene(project, write_scene(tmp_path, "only", surface()), 10.0)
    with pytest.raises(InputError, match=r"no track meets a scene: .*about 14\d km apart") as caught:
        autolabel(project, stage())
    assert "\n" not in caught.value.line
    write_segments(project, "gt1l", 50.0, (0.0, 0.0))
    with pytest.raises(InputError, match=r"crosses scene only, but 0.2 h apart, more than the 0.1 h"):
        autolabel(project, stage(max_time_offset=0.1))
    with pytest.raises(MissingError, match="granule nowhere has no segments"):
        autolabel(project, stage(), ["nowhere"])
    assert (
        not list((project.root / "autolabels").rglob("*.parquet")) if (project.root / "autolabels").exists() else True
    )


def test_one_granule_off_every_scene_is_told_and_unlabelled(
    project: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_segments(project, "gt1l", 50.0, (0.0, 0.0))
    write_segments(project, "gt1l", 50.0, (0.0, 0.0), "elsewhere", far=150_000.0)
    add_scene(project, write_scene(tmp_path, "only", surface()), 10.0)
    with caplog.at_level(logging.WARNING):
        autolabel(project, stage(drift=False))
    assert [record.message for record in caplog.records if "elsewhere stays unlabelled" in record.message]
    assert (labels(project, "gt1l", "elsewhere").auto_flags == AutoFlag.OUTSIDE_SCENE).all()
    assert (labels(project, "gt1l").label_auto >= 0).all()


def test_a_granule_that_cannot_be_used_does_not_keep_the_others_from_being_done(
    project: Project, tmp_path: Path
) -> None:
    for granule in (GRANULE, "other"):
        write_segments(project, "gt1l", 50.0, (0.0, 0.0), granule)
    add_scene(project, write_scene(tmp_path, "only", surface()), 10.0)
    path = project.table_path("segments", GRANULE, "gt1l")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=f"{GRANULE}.*damaged table") as caught:
        autolabel(project, stage(drift=False))
    assert caught.value.others_done
    assert project.tracks("autolabels") == [("other", "gt1l")]


def test_what_may_need_a_scene_that_cannot_be_used_is_left_as_it_is(
    project: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_segments(project, "gt1l", 50.0, (0.0, 0.0))
    lost = write_scene(tmp_path, "lost", surface(), slice(200, 400))
    for path, minutes in ((lost, 10.0), (write_scene(tmp_path, "late", surface()), 20.0)):
        add_scene(project, path, minutes)
    autolabel(project, stage(drift=False))
    before = labels(project, "gt1l")
    write_segments(project, "gt1l", 50.0, (0.0, 0.0), "new")
    write_segments(project, "gt1l", 50.0, (0.0, 0.0), "lonely", far=150_000.0)
    content = lost.read_bytes()
    lost.write_bytes(content[:100])
    with pytest.raises(InputError, match=r"lost\.tif: not a readable raster file"):
        autolabel(project, stage(drift=False))
    assert sorted(granule for granule, _ in project.tracks("autolabels")) == [GRANULE, "new"]
    assert f"granule {GRANULE} is left as it is: it may need scene lost" in caplog.text
    pd.testing.assert_frame_equal(labels(project, "gt1l"), before)
    assert set(labels(project, "gt1l", "new").scene_id) == {"late"}
    lost.write_bytes(content)
    autolabel(project, stage(drift=False))
    assert set(labels(project, "gt1l", "new").scene_id) == {"late", "lost"}
