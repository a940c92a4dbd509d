"""Which scenes a track meets: across the date line, by distance, by time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from processing.io.sentinel2 import identify
from processing.local.meetings import Course, Meeting, Miss, distance, frame, meet, nearest_miss
from processing.project import Input

TIME = np.datetime64("2019-11-04T20:00:00", "ns")


def scene(folder: Path, crs: str, left: float, top: float) -> Input:
    """60 x 40 pixels of 100 m, one hour after TIME."""
    path = folder / "scene_a.tif"
    profile = {"driver": "GTiff", "count": 4, "dtype": "uint16", "nodata": 0, "crs": crs, "height": 60, "width": 40}
    with rasterio.open(path, "w", transform=Affine(100, 0, left, 0, -100, top), **profile) as file:
        file.write(np.full((4, 60, 40), 5000, np.uint16))
        file.descriptions = ("B02", "B03", "B04", "B08")
    found = identify(path, {"time": "2019-11-04T21:00:00", "offset": 0.0})
    assert found is not None
    return Input(found.ident, found.kind, path, "", found.details)


def course(crs: str, x: np.ndarray, y: np.ndarray) -> Course:
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
    return Course("gt1l", lon, lat, TIME + (np.arange(len(x)) * 1_000_000).astype("timedelta64[ns]"))


@pytest.mark.parametrize(
    ("crs", "left", "top"),
    [("EPSG:3031", -2000.0, -1_900_000.0), ("EPSG:3413", -2000.0, 3000.0), ("EPSG:32601", 298_000.0, 8_400_000.0)],
    ids=["date line", "pole", "edge of a UTM zone"],
)
def test_rows_on_the_grid_and_no_others(tmp_path: Path, crs: str, left: float, top: float) -> None:
    x = np.linspace(left - 3000.5, left + 7000.2, 5001)
    line = course(crs, x, np.full(len(x), top - 2000.0))
    meetings, misses = meet("G", [line], [frame(scene(tmp_path, crs, left, top))], 7200.0)
    assert not misses
    inside = (x > left) & (x < left + 4000)
    np.testing.assert_array_equal(meetings[0].rows["gt1l"], np.flatnonzero(inside))
    assert meetings[0].offset == pytest.approx(3600.0, abs=6)


def test_rows_of_a_track_that_leaves_the_grid_and_comes_back(tmp_path: Path) -> None:
    crs, left, top = "EPSG:3031", 400_000.0, 1_500_000.0
    x = left + 2000 + 3000.3 * np.sin(np.linspace(0, 20, 3001))
    line = course(crs, x, np.full(len(x), top - 2000.0))
    (meeting,), _ = meet("G", [line], [frame(scene(tmp_path, crs, left, top))], 7200.0)
    inside = np.flatnonzero(np.abs(x - left - 2000) < 2000)
    np.testing.assert_array_equal(meeting.rows["gt1l"], inside)
    assert meeting.count == len(inside)
    assert len(meeting.runs["gt1l"]) > 5


def test_only_rows_within_the_time_limit(tmp_path: Path) -> None:
    crs, left, top = "EPSG:3031", 400_000.0, 1_500_000.0
    x = np.linspace(left + 100, left + 3900, 1001)
    line = course(crs, x, np.full(len(x), top - 2000.0))
    frames = [frame(scene(tmp_path, crs, left, top))]
    (meeting,), _ = meet("G", [line], frames, 3599.5)
    assert isinstance(meeting, Meeting)
    np.testing.assert_array_equal(meeting.rows["gt1l"], np.arange(500, 1001))
    meetings, (miss,) = meet("G", [line], frames, 1000.0)
    assert not meetings
    assert (miss.distance, round(miss.seconds)) == (0.0, 3599)
    assert "1.0 h apart, more than the 0.278 h" in nearest_miss([miss, Miss(9e5, 0.0, "G", "far")], 1000.0)


def test_distance_is_that_of_the_sphere() -> None:
    found = distance(179.5, 0.0, np.array([-179.5, 179.5, 179.5]), np.array([0.0, 90.0, 0.0]))
    np.testing.assert_allclose(found, [111_195, 10_007_543, 0], rtol=1e-5)
