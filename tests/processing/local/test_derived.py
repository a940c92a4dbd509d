"""Tables that follow from freeboard, and maps of tracks over the pole and the dateline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from made_freeboard import TRACKS, A, B, make_project
from pyproj import Transformer

from processing.errors import InputError, MissingError
from processing.io import tables
from processing.local.derived import DERIVED
from processing.local.freeboard import freeboard
from processing.local.gridding import gridded
from processing.local.measured import measured_track
from processing.local.shape_tables import shapes, summary
from processing.local.shapes import track_thickness
from processing.project import Project
from processing.schema import SEGMENT
from processing.stages import Freeboard


def laid(project: Project, track: tuple[str, str], lon: np.ndarray, lat: np.ndarray) -> None:
    """Lay a track on a line of places; its tables stay otherwise as they are."""
    path = project.table_path("segments", *track)
    table, stamp = tables.read(path, SEGMENT), tables.read_stamp(path)
    assert stamp is not None
    for name, values in (("lon", lon), ("lat", lat)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    tables.write(path, SEGMENT, table, stamp)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two tracks of A over the north pole, B's short one over the dateline in the south."""
    made = make_project(tmp_path_factory.mktemp("derived") / "project")
    freeboard(made, Freeboard())
    for track in TRACKS:
        rows = tables.count_rows(made.table_path("segments", *track))
        if track[0] == A:
            back = Transformer.from_crs(3413, 4326, always_xy=True)
            lon, lat = back.transform(np.linspace(-8000.0, 8000.0, rows), np.full(rows, 10.0))
        else:
            lon, lat = (np.linspace(179.99, 180.01, rows) + 180.0) % 360.0 - 180.0, np.full(rows, -75.0)
        laid(made, track, lon, lat)
    return made


def with_settings(project: Project, **stages: dict[str, object]) -> Project:
    """The same project as if its ``project.toml`` said more."""
    other = Project(project.root)
    other.settings = {**other.settings, "stage": stages}
    return other


@pytest.mark.parametrize("name", DERIVED)
def test_tables_begin_with_the_place_and_tell_their_units(project: Project, name: str) -> None:
    derived = DERIVED[name]
    assert derived.fields.names[:6] == ["granule_id", "beam", "x_atc", "time", "lat", "lon"]
    assert all({b"unit", b"meaning"} <= set(field.metadata) for field in derived.fields)
    for track in TRACKS:
        found = derived.make(project, measured_track(project, *track))
        assert found.schema.equals(derived.fields)
        # gt2l has no segments, gt1r no leads, and no height stands out as a ridge.
        assert (found.num_rows > 0) == (
            name != "ridges" and track[1] != "gt2l" and (track[1] != "gt1r" or name != "leads")
        )
        assert np.all(np.diff(found["x_atc"].to_numpy()) > 0)


def test_every_lead_of_the_freeboard_is_among_the_leads(project: Project) -> None:
    track = measured_track(project, A, "gt1l")
    found = DERIVED["leads"].make(with_settings(project, shape={"least_lead": 0.0}), track)
    x, width = found["x_atc"].to_numpy(), found["width"].to_numpy()
    inside = np.zeros(len(track), bool)
    for middle, wide in zip(x, width, strict=True):
        inside |= np.abs(track.x_atc - middle) <= 0.5 * wide
    assert inside[track.lead_id >= 0].all()
    assert np.abs(found["above_sea_surface"].to_numpy()).max() < 0.5


def test_means_along_are_those_of_the_segments(project: Project) -> None:
    track = measured_track(project, A, "gt1l")
    found = DERIVED["along"].make(with_settings(project, aggregate={"length": 500.0, "least": 10}), track)
    for row in found.slice(0, 12).to_pylist():
        inside = (np.floor(track.x_atc / 500.0) == np.floor(row["x_atc"] / 500.0)) & np.isfinite(track.freeboard)
        ice = inside & (track.label != 2)
        assert row["segments"] == ice.sum()
        assert row["freeboard"] == pytest.approx(float(np.mean(track.freeboard[ice].astype(float))), rel=1e-5)
        assert abs(row["x_atc"] - 250.0) % 500.0 == 0.0


def test_thickness_is_unknown_where_snow_is(project: Project) -> None:
    track = measured_track(project, A, "gt1l")
    known = track_thickness(project, track).thickness
    ice = np.isfinite(track.freeboard) & (track.label != 2)
    np.testing.assert_array_equal(np.isfinite(known), ice)
    assert np.isnan(track_thickness(with_settings(project, thickness={"snow_depth": ""}), track).thickness).all()
    with pytest.raises(InputError, match="density of sea ice of 1030 is not within"):
        track_thickness(with_settings(project, thickness={"ice_density": "1030"}), track)


@pytest.mark.parametrize(("epsg", "granule"), [(3413, A), (3031, B)])
def test_maps_hold_every_segment_over_pole_and_dateline(project: Project, epsg: int, granule: str) -> None:
    maps = gridded(with_settings(project, aggregate={"cell": 1000.0, "least": 1}), epsg)
    tracks = [measured_track(project, *track) for track in TRACKS if track[0] == granule]
    ice = sum(int((np.isfinite(track.freeboard) & (track.label != 2)).sum()) for track in tracks)
    assert np.nansum(maps.maps["segments"]) == ice
    assert np.allclose((maps.x - 500.0) % 1000.0, 0.0)
    assert np.all(np.diff(maps.x) == 1000.0)
    assert np.all(np.diff(maps.y) == -1000.0)
    # 16 km over the pole, some hundred metres over the dateline: no cell lies far off.
    assert len(maps.x) * len(maps.y) <= (16 if epsg == 3413 else 4)


def test_granules_added_up_are_the_whole(project: Project) -> None:
    fine = with_settings(project, aggregate={"cell": 500.0})
    whole, one = gridded(fine, 3413), gridded(fine, 3413, granules=[A], beams=["gt1l"])
    tracks = whole.maps["tracks"]
    assert np.nanmax(tracks) == 1.0  # the other track of the granule has no lead, so no freeboard
    np.testing.assert_array_equal(whole.maps["freeboard"], one.maps["freeboard"])


def test_what_no_map_holds_is_told(project: Project, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="southern hemisphere; choose --epsg 3413"):
        gridded(project, 3031, granules=[A])
    with pytest.raises(MissingError, match="no freeboard of granule"):
        gridded(project, 3031, granules=["other"])
    with pytest.raises(MissingError, match="there are no freeboard yet"):
        gridded(Project.create(tmp_path / "empty"), 3031)


def test_a_summary_tells_every_figure_with_its_unit(project: Project) -> None:
    found = shapes(project, granules=[A])
    rows = summary(found).to_pylist()
    figures = {(row["of"], row["figure"]): row for row in rows}
    widths = found.tables["leads"].filter(pa.compute.invert(found.tables["leads"]["cut"]))["width"].to_numpy()
    assert figures["leads.width", "mean"]["value"] == pytest.approx(widths.mean())
    assert figures["leads.width", "mean"]["count"] == len(widths)
    assert figures["leads", "number a kilometre"]["unit"] == "1/km"
    assert found.thickness.sum() > 0
