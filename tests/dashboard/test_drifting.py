"""The drift set by hand: what it would do to the labels, that it is recorded, and that the labels follow it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import small_project
from small_project import BEAMS, GRANULE, SCENE, START

from dashboard.data import Workspace
from dashboard.drifting import FARTHEST, Drifting, Evidence
from dashboard.place import Place, median_drift
from dashboard.relabel import DONE, FAILED, STOPPED, Relabeller
from dashboard.state import State
from dashboard.tracks import AUTO
from processing.labels import LabelStore
from processing.local.autolabel import autolabel
from processing.local.drift import Drift, drift_path, keep
from processing.project import Project
from processing.stages import Autolabel

BEAM = next(iter(BEAMS))
BY = (137.0, -63.0)
STRETCH = (START + 400.0, START + 2400.0)


class _Messages:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def tell(self, text: str, level: str = "info") -> None:
        self.told.append((level, text))

    @contextmanager
    def guard(self, _: str) -> Iterator[None]:
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project labelled by the stage itself, without an estimate of the drift and without the filter.

    What depends on the whole corridor then does not change with the shift.
    """
    project = small_project.make(tmp_path_factory.mktemp("drifting") / "own")
    stage = Autolabel(drift=False, cloud_filter=False)
    project.remember(stage)
    autolabel(project, stage)
    return project.root


@pytest.fixture
def place(made: Path) -> Iterator[Place]:
    """The first beam, drifting back where it was when the test is over."""
    workspace = Workspace(made)
    state = State(granule=GRANULE, beam=BEAM, x=START + 1400.0, span=2000.0, analyst="ana", page="review")
    found = Place(workspace, state, _Messages())
    found.refresh(found.look())
    yield found
    with LabelStore(workspace.project.database_url) as store:
        if store.shifts():
            store.shift(GRANULE, SCENE, None, None, "ana")
    autolabel(workspace.project, workspace.project.stage(Autolabel), [GRANULE])
    workspace.book.close()


def _warm(drifting: Drifting) -> None:
    """Ask for a preview and wait until it is worked out."""
    assert drifting.preview(BEAM, *STRETCH) is None
    drifting.place.workspace.painter.codes.previews.submit(int).result()


def _labels(place: Place) -> np.ndarray:
    workspace = place.workspace
    x = workspace.track(GRANULE, BEAM).x_atc
    return workspace.classes(GRANULE, BEAM, AUTO)[(x >= STRETCH[0]) & (x <= STRETCH[1])]


def test_the_preview_is_what_the_stage_makes_of_it(place: Place) -> None:
    drifting, before = place.drifting, _labels(place)
    edits = place.state.edits
    _warm(drifting)
    assert place.state.edits == edits + 1
    still = drifting.preview(BEAM, *STRETCH)
    assert still is not None
    assert np.array_equal(still, before)
    drifting.nudge(*BY)
    moved = drifting.preview(BEAM, *STRETCH)
    assert moved is not None
    assert (moved != before).mean() > 0.02
    (event,) = drifting.apply("one-gesture")
    assert (event.shift_x, event.shift_y, event.scene_id, event.analyst) == (*BY, SCENE, "ana")
    run = drifting.run
    assert run is not None
    assert run.wait(60)
    assert run.state == DONE, run.text
    assert np.array_equal(_labels(place), moved)
    assert (place.state.drifting, place.state.shift) == (False, None)
    assert drifting.shift == BY
    assert place.shift_of(BEAM) == pytest.approx(BY)
    assert drifting.apply("one-gesture") == [event]
    run = drifting.run
    assert run is not None
    assert run.wait(60)
    _warm(drifting)
    again = drifting.preview(BEAM, *STRETCH)
    assert again is not None
    assert np.array_equal(again, moved)


def test_undoing_a_shift_labels_anew_and_so_does_the_estimate(place: Place) -> None:
    drifting, before = place.drifting, _labels(place)
    drifting.set(*BY)
    drifting.apply()
    assert place.desk.undo()
    run = drifting.run
    assert run is not None
    assert run.wait(60)
    assert np.array_equal(_labels(place), before)
    assert drifting.shift == (0.0, 0.0)
    drifting.set(*BY)
    drifting.apply()
    (event,) = drifting.revert()
    assert event.shift_x is None
    assert drifting.by_hand is None
    run = drifting.run
    assert run is not None
    assert run.wait(60)
    assert np.array_equal(_labels(place), before)


def test_a_failure_is_told_and_leaves_the_table(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place.workspace.project.table_path("autolabels", GRANULE, BEAM)
    before = path.stat().st_mtime_ns
    monkeypatch.setattr("processing.local.autolabel.open_scene", _broken)
    place.drifting.set(*BY)
    place.drifting.apply()
    run = place.drifting.run
    assert run is not None
    assert run.wait(60)
    assert (run.state, run.text) == (FAILED, "the disk is full")
    assert place.tell.__self__.told == [("error", "the labels could not be made anew: the disk is full")]  # type: ignore[attr-defined]
    assert path.stat().st_mtime_ns == before
    assert place.state.shift == BY


def _broken(_: object) -> None:
    raise OSError("the disk is full")


def test_a_run_can_be_stopped_and_a_newer_one_stops_it(place: Place) -> None:
    relabeller = Relabeller(place.workspace.root)
    with relabeller._turn:
        first = relabeller.start(GRANULE)
        second = relabeller.start(GRANULE)
        assert first.stop.is_set()
        second.cancel()
    assert first.wait(60)
    assert second.wait(60)
    assert (first.state, second.state) == (STOPPED, STOPPED)
    heard: list[str] = []
    second.listen(lambda: heard.append(second.state))
    assert heard == [STOPPED]


@pytest.mark.parametrize("elsewhere", [{"granule": "another"}, {"scene": "another"}])
def test_a_shift_that_is_tried_out_does_not_go_along_elsewhere(place: Place, elsewhere: dict[str, str]) -> None:
    place.drifting.set(*BY)
    place.state.move(beam="gt2l")
    assert place.state.shift == BY
    place.state.move(**elsewhere)
    assert (place.state.drifting, place.state.shift) == (False, None)


def test_a_shift_stays_within_reason_and_begins_where_it_is(place: Place) -> None:
    drifting = place.drifting
    drifting.begin()
    assert (place.state.drifting, place.state.shift) == (True, (0.0, 0.0))
    drifting.nudge(10.0, -50.0)
    assert drifting.shift == (10.0, -50.0)
    drifting.set(1e9, -1e9)
    assert drifting.shift == (FARTHEST, -FARTHEST)
    drifting.leave()
    assert (place.state.drifting, place.state.shift) == (False, None)


def test_long_stretches_and_scenes_without_a_mask_have_no_preview(place: Place, workspace: Workspace) -> None:
    assert place.drifting.preview(BEAM, START, START + 20_001.0) is None
    other = Place(workspace, State(granule=GRANULE, beam=BEAM), _Messages())
    other.refresh(other.look())
    assert other.drifting.preview(BEAM, *STRETCH) is None


def _evidence(place: Place) -> Evidence:
    found = place.drifting.evidence
    assert found is not None
    return found


def test_the_surface_that_was_kept_is_told(place: Place) -> None:
    with pytest.raises(AssertionError):
        _evidence(place)
    axis = np.arange(-30.0, 31.0, 10.0, dtype=np.float32)
    facts = {"estimate_x": 12.0, "estimate_y": -7.0, "sigma_x": 2.0, "sigma_y": float("nan"), "confidence": 0.8}
    drift = Drift(12.0, -7.0, 0.8, False, np.eye(7, dtype=np.float32), axis, -axis, facts | {"applied": True})
    path = drift_path(Project(place.workspace.root), GRANULE, SCENE)
    keep(path, drift, {"time_offset": 719.0})
    found = _evidence(place)
    assert (found.estimate, found.confidence, found.applied) == ((12.0, -7.0), 0.8, True)
    assert np.isnan(found.sigma[1])
    assert found.minutes == pytest.approx(719.0 / 60)
    assert found.shift_y[0] == 30.0


def test_the_drift_of_a_beam_is_that_of_its_part_in_the_scene() -> None:
    inside, outside = [120.0, -30.0, 0.9, 600.0], [0.0, 0.0, np.nan, np.nan]
    rows = np.array([inside, outside, outside], np.float32).T
    facts = dict(zip(("drift_x", "drift_y", "drift_confidence", "time_offset"), rows, strict=True))
    found = median_drift(facts)
    assert found is not None
    assert (found.x, found.y, found.confidence, found.minutes) == pytest.approx((120.0, -30.0, 0.9, 10.0))
    assert median_drift({name: values[1:] for name, values in facts.items()}) is None
