"""Settings that are tried out give what the stage gives, and leads are told as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_project
from small_project import GRANULE, START

from dashboard.data import Workspace
from dashboard.level_leads import lead_facts, lead_segments
from dashboard.live_level import LiveLevels, Settings, lead_rows, levels_of
from dashboard.state import State
from processing.errors import InputError
from processing.local.freeboard import freeboard
from processing.stages import Freeboard

RUN = "lstm-v0001"
TRACK = (GRANULE, "gt1l", RUN)
OWN = Settings("robust", 1_000.0, 500.0, "median")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small project with freeboard made by the stage, windows of 1 km."""
    project = small_project.make(tmp_path_factory.mktemp("live") / "own")
    freeboard(project, Freeboard(window=1_000.0, stride=500.0))
    return project.root


@pytest.fixture
def levels(root: Path) -> LiveLevels:
    return levels_of(Workspace(root))


@pytest.mark.parametrize(
    "other",
    [
        replace(OWN, estimator="weighted"),
        replace(OWN, estimator="nearest", window=700.0, stride=350.0),
        replace(OWN, window=2_000.0, height="mean"),
    ],
)
def test_what_is_tried_out_equals_the_stage_bit_for_bit(tmp_path: Path, levels: LiveLevels, other: Settings) -> None:
    tried = levels.level(*TRACK, other)
    assert tried.live
    made = small_project.make(tmp_path / "made")
    freeboard(made, Freeboard(**vars(other)))
    there = levels_of(Workspace(made.root)).level(*TRACK, other)
    assert not there.live
    assert there.settings == other
    for name, surface in there.sea.surfaces.items():
        np.testing.assert_array_equal(tried.sea.surfaces[name], surface)
    for name in ("sigma", "source", "freeboard", "freeboard_sigma", "lead_id"):
        np.testing.assert_array_equal(getattr(tried.sea, name), getattr(there.sea, name))
    np.testing.assert_array_equal(tried.flags, there.flags)
    np.testing.assert_array_equal(tried.height, there.height)


def test_what_is_in_sight_is_the_same_alone_as_in_the_whole(levels: LiveLevels) -> None:
    other, core = replace(OWN, estimator="average", window=800.0, stride=400.0), (START + 900.0, START + 2_300.0)
    part, whole = levels.near(*TRACK, other, core), levels.level(*TRACK, other)
    x = levels.workspace.track(GRANULE, "gt1l").x_atc
    inside = (x >= core[0]) & (x < core[1])
    assert part.holds(START + 1_000.0, START + 2_000.0)
    assert not part.holds(START, START + 2_000.0)
    assert part.leads is whole.leads
    np.testing.assert_array_equal(part.sea.freeboard[inside], whole.sea.freeboard[inside])
    np.testing.assert_array_equal(part.sea.chosen[inside], whole.sea.chosen[inside])
    np.testing.assert_array_equal(part.sea.source[inside], whole.sea.source[inside])
    np.testing.assert_array_equal(part.flags[inside], whole.flags[inside])


def test_the_run_is_shown_as_it_is_and_kept(levels: LiveLevels) -> None:
    assert levels.settings(*TRACK) == OWN
    assert levels.at_hand(*TRACK, OWN) is None
    level = levels.level(*TRACK, OWN)
    assert not level.live
    assert levels.at_hand(*TRACK, OWN) is level


def test_a_window_takes_its_stride_along_unless_one_is_set() -> None:
    state = State()
    assert OWN.asked(state) == OWN
    state.move(window_km=3.0)
    assert OWN.asked(state) == replace(OWN, window=3_000.0, stride=1_500.0)
    state.move(stride_km=1.0, method="minimum", height="mean")
    assert OWN.asked(state) == Settings("minimum", 3_000.0, 1_000.0, "mean")
    state.move(stride_km=9.0)
    assert OWN.asked(state).stride == 3_000.0


def test_a_command_names_what_differs_from_the_project(levels: LiveLevels) -> None:
    told = levels.command(*TRACK, replace(OWN, estimator="average"))
    assert "--estimator=average" in told
    assert "--window=1000.0" in told
    assert "--height" not in told


def test_a_window_that_cannot_be_is_refused(levels: LiveLevels) -> None:
    with pytest.raises((InputError, ValueError)):
        levels.level(*TRACK, replace(OWN, window=-5.0, stride=500.0))


@pytest.mark.parametrize("estimator", ["minimum", "average", "weighted", "robust"])
def test_weights_are_shares_and_segments_give_their_lead_its_height(levels: LiveLevels, estimator: str) -> None:
    settings = replace(OWN, estimator=estimator)
    facts = lead_facts(levels, *TRACK, settings)
    basis = levels.basis(*TRACK, "median")
    assert len(facts.number) > 3
    assert np.all((facts.weight >= 0.0) & (facts.weight <= 1.0))
    assert facts.weight.max() > 0.0
    assert np.all(facts.photons == 8 * facts.segments)
    for row in range(len(facts.number)):
        found = lead_segments(basis, facts, row, 40.0)
        for shares, height in ((found.published, facts.heights.weighted), (found.robust, facts.heights.robust)):
            assert shares.sum() == pytest.approx(1.0)
            assert np.sum(shares * found.height) == pytest.approx(height[row], abs=1e-6)
        assert found.inside.sum() == facts.segments[row]


def test_leads_are_runs_of_one_number() -> None:
    lead_id = np.array([-1, 5, 5, 7, -1, 9], np.int32)
    x = START + 1.0 + 2.0 * np.arange(6)
    flags = np.array([0, 1, 2, 0, 0, 64], np.uint32)
    leads = lead_rows(np.arange(10, 16), x, lead_id, np.arange(6, dtype=np.float32), flags)
    assert leads.number.tolist() == [11, 13, 15]
    assert leads.height.tolist() == [1.5, 3.0, 5.0]
    assert leads.flags.tolist() == [3, 0, 64]
    assert leads.row(13) == 1
    assert leads.row(12) is None
    assert leads.near(x[1] + 0.4, 0.1) == 0
    assert leads.near(x[0] - 50.0, 10.0) is None
    none = lead_rows(np.arange(2), x[:2], np.full(2, -1, np.int32), np.zeros(2, np.float32), np.zeros(2, np.uint32))
    assert len(none) == 0
    assert none.near(0.0, 1e9) is None
