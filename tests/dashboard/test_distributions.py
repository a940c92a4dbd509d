"""Distributions of freeboard, parted in every way, add up to the whole."""

from __future__ import annotations

import numpy as np
import pytest
from small_project import BEAMS, GRANULE, START

from dashboard import statistics
from dashboard.data import Workspace
from dashboard.distributions import Distributions, Wanted
from dashboard.live_level import levels_of
from processing.core.mean_freeboard import COMMON_HEIGHT

RUN = "lstm-v0001"


def _wanted(workspace: Workspace, scope: str, by: str, ends: tuple[float, float] | None = None) -> Wanted:
    settings = levels_of(workspace).settings(GRANULE, "gt1l", RUN)
    return Wanted(GRANULE, "gt1l", RUN, settings, "truth", scope, by, ends)


def test_classes_of_a_stretch_are_those_of_its_segments(workspace: Workspace) -> None:
    ends = (START + 500.0, START + 1500.0)
    found = Distributions(workspace).of(_wanted(workspace, "stretch", "class", ends))
    level, track = workspace.sea_level(GRANULE, "gt1l", RUN), workspace.track(GRANULE, "gt1l")
    inside = (track.x_atc >= ends[0]) & (track.x_atc <= ends[1])
    told = statistics.summary(level.freeboard[inside])
    assert found.stacked
    assert found.whole.count == told.count == 500
    assert found.whole.mean == pytest.approx(told.mean)
    assert found.whole.median == pytest.approx(told.median, abs=0.005)
    assert found.whole.spread == pytest.approx(told.spread, abs=1e-6)
    assert sum(part.told.count for part in found.parts) == 500
    assert sum(int(part.counts.sum()) for part in found.parts) == 500


@pytest.mark.parametrize(
    ("scope", "by", "keys"),
    [
        ("beam", "beam", set(BEAMS)), ("granule", "beam", set(BEAMS)), ("project", "granule", {GRANULE}),
        ("beam", "run", {RUN}), ("project", "run", {RUN}),
    ],
)  # fmt: skip
def test_parts_add_up(workspace: Workspace, scope: str, by: str, keys: set[str]) -> None:
    found = Distributions(workspace).of(_wanted(workspace, scope, by))
    assert {part.key for part in found.parts} == keys
    assert not found.stacked
    assert sum(part.told.count for part in found.parts) == found.whole.count
    mean = sum(part.told.count * part.told.mean for part in found.parts) / found.whole.count
    assert found.whole.mean == pytest.approx(mean)
    assert all(len(part.counts) == len(found.edges) - 1 for part in found.parts)


def test_a_stretch_without_segments_has_no_figures(workspace: Workspace) -> None:
    found = Distributions(workspace).of(_wanted(workspace, "stretch", "class", (START + 2510.0, START + 2600.0)))
    assert found.whole.count == 0
    assert found.parts == ()
    assert len(found.edges) > 2


def test_the_mean_of_a_stretch_has_the_uncertainty_of_its_blocks() -> None:
    x = START + 1.0 + 2.0 * np.arange(100)
    flat = np.full(100, 0.05, np.float32)
    sea = np.full(100, 0.04, np.float32)
    columns = statistics.StretchColumns(
        x, np.full(100, 0.3, np.float32), flat, np.full(100, -0.1, np.float32), sea, np.ones(100, np.int8),
        np.r_[np.full(40, -1), np.full(60, 7)].astype(np.int32), np.zeros(100, np.int8),
    )  # fmt: skip
    found = statistics.stretch_figures(columns, 2.0, 10_000.0)
    height = np.sqrt(float(flat[0]) ** 2 - float(sea[0]) ** 2)
    assert found.sigma == pytest.approx(np.sqrt(height**2 / 100.0 + 0.04**2 + COMMON_HEIGHT**2), rel=1e-5)
    halves = statistics.mean_sigma(columns, 100.0)
    assert halves == pytest.approx(np.sqrt(height**2 / 100.0 + 0.04**2 / 2.0 + COMMON_HEIGHT**2), rel=1e-5)
    assert (found.length, found.segments, found.leads) == (pytest.approx(200.0), 100, 1)
    assert found.classes.keys() == {0}
    assert found.sources[1] == 1.0
    assert found.sea_surface == pytest.approx(-0.1)
