"""Other measurements beside our segments: near and far, early and late, at dateline and pole, by every quantity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from made_measured import BEGIN, RUN, G, line_of, write_csv, write_measured
from made_tables import table_of

from processing.core.thickness import thickness
from processing.errors import InputError, MissingError
from processing.io import tables
from processing.io.measurements import read
from processing.io.sentinel2 import identify
from processing.local.against_measurements import check_any, match_table, match_tables
from processing.project import Project
from processing.provenance import Stamp
from processing.schema import LABEL
from processing.stages import Match

HOUR = np.timedelta64(3600, "s")
N = 2000


@pytest.fixture(
    params=[(3413, -1.0e6, 1.0e6), (3031, 0.0, -1.9e6), (3413, -2000.0, 0.0)], ids=["lat", "dateline", "pole"]
)
def place(request: pytest.FixtureRequest) -> tuple[int, float, float]:
    """EPSG code and x, y of the begin of a track along x; those named cross the dateline or the pole."""
    return request.param


def at(place: tuple[int, float, float], metres: float, aside: float = 0.0) -> dict[str, float]:
    """The place at some metres of the plane along a track and beside it."""
    lon, lat = line_of(place[0], np.array([place[1] + metres]), np.array([place[2] + aside]))
    return {"lon": float(lon[0]), "lat": float(lat[0])}


def project_of(root: Path, place: tuple[int, float, float] = (3413, -1.0e6, 1.0e6)) -> Project:
    """Freeboard that rises by 0.1 mm a segment; open water in the last tenth."""
    project = Project.create(root / "project")
    lon, lat = line_of(place[0], place[1] + 2.0 * np.arange(N) + 1.0, np.full(N, place[2]))
    write_measured(project, lon, lat, np.arange(N) * 1e-4, np.where(np.arange(N) >= 0.9 * N, 2, 0))
    return project


def test_a_footprint_is_averaged_wherever_it_lies(tmp_path: Path, place: tuple[int, float, float]) -> None:
    project = project_of(tmp_path, place)
    spots = [at(place, 2000.0), at(place, 1000.0, 80.0), at(place, 3000.0, 5000.0), {"lon": 0.0, "lat": 12.0}]
    columns = {name: [spot[name] for spot in spots] for name in ("lon", "lat")}
    path = write_csv(tmp_path / "t.csv", columns | {"time": BEGIN + HOUR, "freeboard": 0.1})
    found = match_table(project, path)
    assert found.row.tolist() == [0, 1]
    assert found.moved.tolist() == [False, True]
    assert found.segments[0] in {19, 20, 21}
    np.testing.assert_allclose(found.ours, [0.09995, 0.04995], atol=1e-4)
    np.testing.assert_allclose(found.distance, [1.0, 80.0], rtol=0.05)
    np.testing.assert_allclose(found.hours, -1.0, atol=1e-3)
    assert set(found.granule) == {G}
    assert set(found.beam) == {"gt1r"}
    assert (found.run, found.quantity, found.read) == (RUN, "freeboard", 4)
    assert dict(found.refused) == {"with no segment within 100 m and 2 h": 2}


def test_hours_beams_classes_and_least_segments(tmp_path: Path) -> None:
    project, place = project_of(tmp_path), (3413, -1.0e6, 1.0e6)
    lon, lat = line_of(place[0], place[1] + 2.0 * np.arange(N) + 1.0, np.full(N, place[2] + 30.0))
    write_measured(project, lon, lat, np.full(N, 0.5), track=(G, "gt1l"), begin=BEGIN + 3 * HOUR)
    times = [BEGIN, BEGIN + 3 * HOUR, BEGIN + 1.5 * HOUR, BEGIN + 9 * HOUR]
    columns = {"time": np.array(times, "datetime64[ns]"), "freeboard": 0.2, "sigma": 0.05}
    path = write_csv(tmp_path / "t.csv", at(place, 3800.0, 15.0) | columns)
    found = match_table(project, path, stage=Match(footprint=60.0))
    assert found.tracks.tolist() == [1, 2, 1]
    np.testing.assert_allclose(found.ours, [0.19, 0.345, 0.5], atol=2e-3)
    assert list(found.by_beam) == ["gt1l", "gt1r"]
    assert found.by_class["open water"].count >= 1
    assert found.normalised.count == 3
    ice = match_table(project, path, stage=Match(footprint=60.0, surface="ice"))
    assert (ice.tracks.tolist(), ice.ours.tolist()) == ([1, 1], [0.5, 0.5])
    none = match_table(project, path, stage=Match(footprint=60.0, least_segments=500))
    assert (len(none), none.agreement.count) == (0, 0)
    assert none.refused["with fewer than 500 segments"] == 3
    with pytest.raises(InputError, match="no measurement is matched"):
        check_any([none], Match())


def test_long_footprints_lie_across_the_way_from_row_to_row(tmp_path: Path) -> None:
    project, place = project_of(tmp_path), (3413, -1.0e6, 1.0e6)
    spots = [at(place, 1000.0 + 300 * k) for k in range(3)]
    columns = {name: [spot[name] for spot in spots] for name in ("lon", "lat")}
    times = BEGIN + np.arange(3) * np.timedelta64(45, "ms")
    path = write_csv(tmp_path / "t.csv", columns | {"time": times, "freeboard": 0.1})
    found = match_table(project, path, stage=Match(footprint_length=100.0, footprint_width=1600.0))
    assert np.abs(found.segments - 50).max() <= 2
    told = match_table(project, path, stage=Match(footprint_length=100.0, footprint_width=1600.0, heading=45.0))
    assert (told.segments != found.segments).all()
    assert told.shared > 1.0


def test_ice_moves_with_the_drift_that_is_given(tmp_path: Path) -> None:
    project, place = project_of(tmp_path, (3413, 0.0, -2.0e6)), (3413, 0.0, -2.0e6)
    # On the meridian of 45 W east and north are the plane's axes, and near 70 N a metre of it is one on the ground.
    columns = at(place, 1000.0 - 360.0, 720.0) | {"time": BEGIN - HOUR, "freeboard": 0.1}
    path = write_csv(tmp_path / "t.csv", columns)
    assert len(match_table(project, path)) == 0
    found = match_table(project, path, stage=Match(drift="given", drift_east=0.1, drift_north=-0.2))
    assert found.ours[0] == pytest.approx(0.05, abs=5e-4)


def test_ice_moves_with_the_drift_that_was_estimated(tmp_path: Path) -> None:
    place = (3413, 0.0, -2.0e6)
    project = project_of(tmp_path, place)
    path = write_csv(tmp_path / "t.csv", at(place, 1000.0, 720.0) | {"time": BEGIN - HOUR, "freeboard": 0.1})
    with pytest.raises(MissingError, match="no drift was estimated"):
        match_table(project, path, stage=Match(drift="estimated"))
    scene = tmp_path / "scene_a.tif"
    profile = {
        "driver": "GTiff",
        "count": 4,
        "dtype": "uint16",
        "nodata": 0,
        "crs": "EPSG:3413",
        "height": 60,
        "width": 40,
    }
    with rasterio.open(scene, "w", transform=Affine(100, 0, place[1], 0, -100, place[2]), **profile) as file:
        file.write(np.full((4, 60, 40), 5000, np.uint16))
        file.descriptions = ("B02", "B03", "B04", "B08")
    item = identify(scene, {"time": "2019-11-04T20:53:11", "offset": 0.0})
    assert item is not None
    project.add_input("scenes", item.ident, item.kind, scene, item.details)
    one = np.ones(5, np.float32)
    labels = {"scene_id": np.full(5, item.ident, object), "time_offset": 1800 * one, "drift_y": -360 * one}
    labels |= {"segment": np.arange(5), "drift_confidence": one}
    made = table_of(LABEL, (G, "gt2l"), labels)
    tables.write(project.table_path("autolabels", G, "gt2l"), LABEL, made, Stamp("autolabel"))
    found = match_table(project, path, stage=Match(drift="estimated"))
    assert found.ours[0] == pytest.approx(0.05, abs=5e-4)
    assert found.drifts[G] == pytest.approx((0.0, -0.2), abs=1e-6)


def test_quantities_are_told_as_ours(tmp_path: Path) -> None:
    project, place = project_of(tmp_path), (3413, -1.0e6, 1.0e6)
    spot = at(place, 2000.0) | {"time": BEGIN}
    several = write_csv(tmp_path / "all.csv", spot | {"elevation": -49.9, "thickness": 0.4, "snow_depth": 0.05})
    found = {each.quantity: each for each in match_tables(project, [read(several)])}
    assert found["elevation"].ours[0] == pytest.approx(-49.9, abs=2e-4)
    assert found["elevation"].ours_sigma[0] < 0.02
    expected = thickness([0.09995], [0.02], [0.05], [0.1])
    assert found["thickness"].ours[0] == pytest.approx(expected.thickness[0], abs=1e-3)
    deeper = match_table(project, several, stage=Match(quantity="thickness", snow_depth=0.09))
    assert deeper.ours[0] == found["thickness"].ours[0], "the table's own snow depth wins"
    with pytest.raises(InputError, match="has no freeboard"):
        match_table(project, several, stage=Match(quantity="freeboard"))


def test_freeboard_of_ice_alone_needs_the_snow(tmp_path: Path) -> None:
    project, place = project_of(tmp_path), (3413, -1.0e6, 1.0e6)
    path = write_csv(tmp_path / "radar.csv", at(place, 2000.0) | {"time": BEGIN, "ice_freeboard": 0.03})
    with pytest.raises(InputError, match="freeboard of the ice alone"):
        match_table(project, path)
    found = match_table(project, path, stage=Match(snow_depth=0.07))
    assert found.theirs.tolist() == [pytest.approx(0.1)]
    assert "snow depth added" in found.remarks[0]


def test_the_track_is_not_read_when_no_measurement_is_in_time(tmp_path: Path) -> None:
    project, place = project_of(tmp_path), (3413, -1.0e6, 1.0e6)
    project.table_path("predictions", G, "gt1r", RUN).unlink()
    project.table_path("freeboard", G, "gt1r", RUN).write_bytes(b"not a table")
    path = write_csv(tmp_path / "t.csv", at(place, 2000.0) | {"time": BEGIN + 30 * HOUR, "freeboard": 0.1})
    assert len(match_table(project, path)) == 0
