"""What was measured along a track comes out of its tables row for row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_freeboard import A, made_track, make_project

from processing.errors import MissingError
from processing.local.freeboard import freeboard
from processing.local.measured import measured_track, measured_tracks
from processing.project import Project
from processing.stages import Freeboard


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = make_project(tmp_path_factory.mktemp("measured") / "project")
    freeboard(made, Freeboard())
    return made


def test_freeboard_is_height_above_the_sea_surface_that_was_chosen(project: Project) -> None:
    track = measured_track(project, A, "gt1l")
    has = np.isfinite(track.freeboard)
    assert has.any()
    np.testing.assert_allclose(track.freeboard[has], (track.height - track.sea_surface)[has], atol=1e-6)
    spread = np.hypot(track.height_sigma, track.sea_surface_sigma)[has]
    np.testing.assert_allclose(track.freeboard_sigma[has], spread, rtol=1e-5)


def test_classes_are_those_of_the_run(project: Project) -> None:
    made = made_track((A, "gt1l"))
    track = measured_track(project, A, "gt1l")
    np.testing.assert_array_equal(track.segment, made["segment"])
    np.testing.assert_array_equal(track.label, np.where(made["has_class"], made["label"], -1))
    part = track.rows(slice(5, 9))
    assert len(part) == 4
    assert part.x_atc.tolist() == track.x_atc[5:9].tolist()


def test_every_track_of_a_run_or_those_named(project: Project) -> None:
    assert len(list(measured_tracks(project))) == 4
    assert [track.beam for track in measured_tracks(project, granules=[A], beams=["gt1r"])] == ["gt1r"]


def test_what_is_not_there_is_named(project: Project, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no freeboard of granule 'nowhere'"):
        list(measured_tracks(project, granules=["nowhere"]))
    with pytest.raises(MissingError, match="there is no freeboard other"):
        measured_track(project, A, "gt1l", "other")
    with pytest.raises(MissingError, match="leadline freeboard"):
        list(measured_tracks(Project.create(tmp_path / "empty")))
