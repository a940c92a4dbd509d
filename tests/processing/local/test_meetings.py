"""Which scenes a track meets: across the date line, by distance, by time."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from processing.io import tables
from processing.io.sentinel2 import identify
from processing.local.meetings import Course, Miss, courses, distance, frame, meet, miss, nearest_miss
from processing.project import Input, Project
from processing.schema import SEGMENT

sys.path.insert(0, str(Path(__file__).parents[1]))
from made_tracks import write_track


@pytest.fixture(autouse=True)
def short_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROW_GROUP", 300)


def scene(folder: Path, crs: str, left: float, top: float) -> Input:
    """60 x 40 pixels of 100 m, one hour after segment 0 of a track."""
    path = folder / "scene_a.tif"
    profile = {"driver": "GTiff", "count": 4, "dtype": "uint16", "nodata": 0, "crs": crs, "height": 60, "width": 40}
    with rasterio.open(path, "w", transform=Affine(100, 0, left, 0, -100, top), **profile) as file:
        file.write(np.full((4, 60, 40), 5000, np.uint16))
        file.descriptions = ("B02", "B03", "B04", "B08")
    found = identify(path, {"time": "2019-11-04T20:53:11", "offset": 0.0})
    assert found is not None
    return Input(found.ident, found.kind, path, "", found.details)


def course(folder: Path, crs: str, x: np.ndarray, y: np.ndarray) -> Course:
    """A track in a table of several row groups, 0.285 ms a segment."""
    project = Project.create(folder / "project")
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    write_track(project, ("G", "gt1l"), np.arange(len(x)), lon, lat, np.zeros(len(x), np.int8), seed=0)
    [found] = courses(project, "G", ["gt1l"])
    return found


PLACES = [("EPSG:3031", -2000.0, -1_900_000.0), ("EPSG:3413", -2000.0, 3000.0), ("EPSG:32601", 298_000.0, 8_400_000.0)]
PLACE_NAMES = ["date line", "pole", "edge of a UTM zone"]


@pytest.mark.parametrize(("crs", "left", "top"), PLACES, ids=PLACE_NAMES)
def test_rows_on_the_grid_and_no_others(tmp_path: Path, crs: str, left: float, top: float) -> None:
    x = np.linspace(left - 3000.5, left + 7000.2, 5001)
    line = course(tmp_path, crs, x, np.full(len(x), top - 2000.0))
    [meeting] = meet([line], [frame(scene(tmp_path, crs, left, top))], 7200.0)
    inside = (x > left) & (x < left + 4000)
    np.testing.assert_array_equal(meeting.rows["gt1l"], np.flatnonzero(inside))
    assert meeting.offset == pytest.approx(3600.0, abs=6)


def test_rows_of_a_track_that_leaves_the_grid_and_comes_back(tmp_path: Path) -> None:
    crs, left, top = "EPSG:3031", 400_000.0, 1_500_000.0
    x = left + 2000 + 3000.3 * np.sin(np.linspace(0, 20, 3001))
    line = course(tmp_path, crs, x, np.full(len(x), top - 2000.0))
    [meeting] = meet([line], [frame(scene(tmp_path, crs, left, top))], 7200.0)
    inside = np.flatnonzero(np.abs(x - left - 2000) < 2000)
    np.testing.assert_array_equal(meeting.rows["gt1l"], inside)
    assert meeting.count == len(inside)
    assert len(meeting.runs["gt1l"]) > 5


def test_only_rows_within_the_time_limit(tmp_path: Path) -> None:
    crs, left, top = "EPSG:3031", 400_000.0, 1_500_000.0
    x = np.linspace(left + 100, left + 3900, 1001)
    line = course(tmp_path, crs, x, np.full(len(x), top - 2000.0))
    frames = [frame(scene(tmp_path, crs, left, top))]
    [meeting] = meet([line], frames, 3599.8576)
    np.testing.assert_array_equal(meeting.rows["gt1l"], np.arange(500, 1001))
    assert meet([line], frames, 1000.0) == []
    missed = miss("G", [line], frames[0])
    assert (missed.distance, missed.seconds) == (0.0, pytest.approx(3599.715))
    assert "1.0 h apart, more than the 0.278 h" in nearest_miss([missed, Miss(9e5, 0.0, "G", "far")], 1000.0)


@pytest.mark.parametrize(("crs", "left", "top"), PLACES, ids=PLACE_NAMES)
def test_only_row_groups_near_a_scene_in_place_and_time_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crs: str, left: float, top: float
) -> None:
    x = left + np.linspace(-40_003.3, 44_004.1, 4201)
    line = course(tmp_path, crs, x, np.full(len(x), top - 2000.0))
    read: list[tuple[int, int]] = []

    def reads(_path: Path, _schema: object, _names: object, start: int, stop: int, _command: str) -> object:
        read.append((start, stop))
        return read_rows(_path, SEGMENT, ("lon", "lat", "time"), start, stop)

    read_rows = tables.read_rows
    monkeypatch.setattr(tables, "read_rows", reads)
    frames = [frame(scene(tmp_path, crs, left, top))]
    assert meet([line], frames, 3000.0) == []
    assert read == []
    [meeting] = meet([line], frames, 7200.0)
    inside = np.flatnonzero((x > left) & (x < left + 4000))
    np.testing.assert_array_equal(meeting.rows["gt1l"], inside)
    assert sum(stop - start for start, stop in read) < len(x) / 2
    far = course(tmp_path / "far", crs, x + 2e5, np.full(len(x), top - 2000.0))
    assert miss("G", [far], frames[0]).distance == pytest.approx(2e5 - 42_000 - 3600, abs=8000)


def test_a_footer_that_does_not_tell_excludes_nothing(tmp_path: Path) -> None:
    crs, left, top = "EPSG:3031", 400_000.0, 1_500_000.0
    line = course(tmp_path, crs, np.linspace(left + 100, left + 3900, 1001), np.full(1001, top - 2000.0))
    whole = pq.read_table(line.table)
    pq.write_table(whole, line.table, row_group_size=300, write_statistics=["segment"])
    [silent] = courses(Project(tmp_path / "project"), "G", ["gt1l"])
    assert np.isinf(silent.radius).all()
    [meeting] = meet([silent], [frame(scene(tmp_path, crs, left, top))], 7200.0)
    np.testing.assert_array_equal(meeting.rows["gt1l"], np.arange(1001))


def test_distance_is_that_of_the_sphere() -> None:
    found = distance(179.5, 0.0, np.array([-179.5, 179.5, 179.5]), np.array([0.0, 90.0, 0.0]))
    np.testing.assert_allclose(found, [111_195, 10_007_543, 0], rtol=1e-5)
